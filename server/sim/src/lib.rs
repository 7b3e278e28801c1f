//! Seeded worlds around the connection core.
