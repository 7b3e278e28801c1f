//! What a supervisor such as systemd tells this process when it starts it, and what it wants to
//! hear: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3), as a page of our own.

mod inherited;
mod notify;
mod watchdog;

pub use inherited::InheritedFault;
pub(crate) use inherited::{Inherited, READY_VARIABLE};
pub(crate) use notify::Notify;
pub use watchdog::feed_while_loops_turn;
