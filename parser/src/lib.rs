//! A strict, resumable HTTP/1.1 parser.
#![no_std]
