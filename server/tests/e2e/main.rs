//! Real sockets, real artifacts, clients that are not ours.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod bad_functions;
mod binary;
mod check;
mod clients;
mod configuration;
mod connections;
mod endings;
mod examples;
mod fallback;
mod harness;
mod hostile;
mod life;
mod loading;
mod logs;
mod metrics;
mod overload;
mod peer;
mod policies;
mod records;
mod reload;
mod settle;
mod strays;
mod supervisor;
mod tls;
mod versions;
