//! The HTTP/1.1 connection core: octets, time and replies go in, actions come out.
//!
//! There is no clock, no socket, no thread and no `unsafe` here. A driver owns the streams and
//! obeys; the same core runs under the event loop, the seeded simulator and the fuzzers.
//!
//! # How a driver uses it
//!
//! ```
//! use fezz_proto::{Action, Admission, Hub, Instant, Limits, Reply};
//!
//! let mut hub = Hub::new(Limits::default().check()?);
//! let now = Instant::ZERO;
//! let id = hub.handle_accepted(false, now).expect("there is room");
//!
//! // Octets land where the core wants them.
//! let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
//! hub.recv_space(id)[..request.len()].copy_from_slice(request);
//! hub.handle_received(id, request.len(), now);
//!
//! // The head is judged by the driver ...
//! assert_eq!(hub.poll_action(id), Some(Action::Route));
//! assert_eq!(hub.head(id).map(|head| head.path()), Some("/"));
//! let envelope = b"GET /".to_vec();
//! let admission = Admission { envelope, body_bytes_max: 0, handle_ms_max: 1_000, late: None };
//! hub.handle_admitted(id, admission, now);
//!
//! // ... and the request goes to a worker, whose reply finds its way back by the ticket.
//! let Some(Action::Dispatch { ticket, .. }) = hub.poll_action(id) else { unreachable!() };
//! let octets = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nhi".to_vec();
//! let reply = Reply { octets, head_bytes: 36, status: 200 };
//! assert_eq!(hub.handle_reply(ticket, Ok(reply), now), Some(id));
//! assert!(hub.unsent(id).concat().ends_with(b"\r\n\r\nhi"));
//! # Ok::<(), fezz_proto::LimitsError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod action;
mod body;
mod conn;
mod exchange;
mod hub;
mod input;
mod limits;
mod notice;
mod output;
mod pace;
mod phase;
mod pool;
mod refusal;
pub mod roster;
mod shared;
mod summary;
mod ticket;
mod time;
mod wheel;

pub use action::{Action, Admission, Opening, Void};
pub use hub::{At, Hub, Outlook, Stage};
pub use limits::{Checked, Limits, LimitsError};
pub use notice::{Cause, HandshakeFault, Notice, Usual};
pub use output::{Reply, SECURED_FIELDS_BYTES_MAX};
pub use pace::{Pace, PaceLimits};
pub use phase::{Act, Event, Forbidden, Phase, next};
pub use refusal::Refusal;
pub use summary::{End, Summary};
pub use ticket::{ConnId, Ticket};
pub use time::Instant;
pub use wheel::{TICK_US, Wheel};
