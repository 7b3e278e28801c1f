//! The socket and those who talk over it, with an operator that does nothing.
