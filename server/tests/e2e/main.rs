//! Real sockets, real artifacts, clients that are not ours.

mod bad_functions;
mod binary;
mod connections;
mod examples;
mod harness;
mod overload;
