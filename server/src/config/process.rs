//! What the process may do, and who may tell it what, as plain data.

use std::path::PathBuf;

/// The operator's interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    /// The Unix socket (mode 0600); none if unset.
    pub socket: Option<PathBuf>,
}

/// What the process gives up once everything is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Who it becomes when it was started as root.
    pub user: Option<String>,
    /// Whether it and its functions can no longer open what the configuration does not name.
    pub landlock: bool,
}
