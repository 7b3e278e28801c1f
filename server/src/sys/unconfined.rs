//! Landlock where there is none: its words, so that who asks is told; nothing is given up.

use std::io;
use std::path::Path;

/// What is allowed below a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Reading, listing and executing.
    Read,
    /// That, and writing, making and removing.
    Write,
}

/// What is going to be left. There is none.
#[derive(Debug)]
pub enum Ruleset {}

/// The version of the interface: nothing.
#[must_use]
pub fn version() -> Option<u32> {
    None
}

impl Ruleset {
    /// Nothing is left.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Leaves a right to everything below `path`.
    ///
    /// # Errors
    /// Nobody can ask.
    pub fn leave(&self, _path: &Path, _right: Right) -> io::Result<bool> {
        match *self {}
    }

    /// The calling thread has nothing else from now on.
    ///
    /// # Errors
    /// Nobody can ask.
    pub fn obey(self) -> io::Result<()> {
        match self {}
    }
}
