//! Real sockets, real artifacts, clients that are not ours.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bad_functions;
mod binary;
mod clients;
mod connections;
mod examples;
mod harness;
mod loading;
mod overload;
mod reload;
mod strays;
mod versions;
