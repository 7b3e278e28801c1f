//! The connection core.
#![no_std]
