//! Flags about who may tell the server what, and what it gives up.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Admin, Sandbox};

#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "Process")]
pub(super) struct LifeFlags {
    /// Answer `fezz status|reload|drain|upgrade` on a Unix socket at PATH
    #[arg(long, value_name = "PATH")]
    admin: Option<PathBuf>,
    /// Become this user once addresses, keys and the operator's socket are open
    ///
    /// Root has to be asked for by name; whoever names the present user gives up capabilities.
    #[arg(long, value_name = "NAME|UID")]
    user: Option<String>,
    /// Open no other files than those that are named here and those that every program needs
    ///
    /// Functions are bound by that, too.
    #[arg(long)]
    landlock: bool,
}

impl LifeFlags {
    pub(super) fn admin(&self) -> Admin {
        Admin { socket: self.admin.clone() }
    }

    pub(super) fn sandbox(&self) -> Sandbox {
        Sandbox { user: self.user.clone(), landlock: self.landlock }
    }
}
