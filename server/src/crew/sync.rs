//! The primitives that seats, berths and the alarm are made of. A model checker brings its own:
//! `tests/interleavings.rs` compiles the same files with those.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
