//! The plugin boundary.
