//! Load and benchmarks.
