//! Example function: hello.
