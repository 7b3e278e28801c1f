//! Write a Fezz function in Rust.
