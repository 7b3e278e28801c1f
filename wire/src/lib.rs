//! The CBOR envelope between host and function.
#![no_std]
