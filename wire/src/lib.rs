//! The envelope between host and function: one CBOR map (RFC 8949) in each direction, and nothing
//! else. No clock, no socket, no thread, no `unsafe`, and no opinion about what a request means.
//!
//! # The format in one page
//!
//! ```text
//! request  {"method": text, "scheme": text/null, "authority": text/null, "path_and_query": text,
//!           "headers": [{"name": bytes, "value": bytes} ...],
//!           "meta": {"trace_id": text/null, "deadline_ms": uint/null, "client_ip": text/null,
//!                    ? "version": uint, ? "call": uint,
//!                    ? "principal": text},
//!           "body": bytes}
//! response {"status": uint, "headers": [{"name": bytes, "value": bytes} ...],
//!           "meta": {"panic": bool, "version": uint}, "body": bytes}
//! ```
//!
//! Any CBOR library of any language reads this into a struct or a dictionary. `FORMAT.md` beside
//! this crate is the specification, `format.cddl` its grammar, `tests/golden/` its witnesses.
//!
//! # Writing
//!
//! Writers are deterministic: definite lengths, shortest integers, keys in the order above. Equal
//! requests are equal octets. The body is the last item, so an envelope is a head followed by the
//! body as it came from the socket:
//!
//! ```
//! use fezz_wire::{BodySlot, Meta, RequestHead, RequestView};
//!
//! let head = RequestHead {
//!     method: "POST",
//!     scheme: Some("https"),
//!     authority: Some("example.org"),
//!     path: "/orders",
//!     query: Some("id=7"),
//!     meta: Meta { deadline_ms: Some(30_000), ..Meta::default() },
//!     header_count: 1,
//! };
//! let headers = [(&b"accept"[..], &b"*/*"[..])];
//! let mut buf = Vec::new();
//! let mut layout = fezz_wire::write_request(&mut buf, &head, headers.into_iter(), BodySlot::Open);
//! buf.extend_from_slice(b"arrives ");
//! buf.extend_from_slice(b"later");
//! fezz_wire::close_body(&mut buf, &mut layout);
//! fezz_wire::set_deadline(&mut buf, &mut layout, 29_950);
//!
//! let request = RequestView::decode(layout.envelope(&buf))?;
//! assert_eq!(request.path_and_query(), "/orders?id=7");
//! assert_eq!(request.meta().deadline_ms(), Some(29_950));
//! assert_eq!(request.body(), b"arrives later");
//! # Ok::<(), fezz_wire::WireError>(())
//! ```
//!
//! # Reading
//!
//! Readers are lenient in form and strict in content. Any key order, unknown keys, text or byte
//! strings for names, values and body, header entries as maps or as arrays of two, definite or
//! indefinite lengths, integer keys in declaration order, `null` or absent headers and body are
//! all the same envelope. Everything in [`WireError`] is refused, whole: there is no partial
//! answer. A declared length never reserves memory: it is compared with the octets present.
//!
//! # Before the first request
//!
//! Three more maps are exchanged by functions that export the symbols for them: an [`Offer`] and
//! its [`Answer`] (`fezz_handshake_v1`), a [`SelfCheckSpec`] and its [`SelfCheckVerdict`]
//! (`fezz_selfcheck_v1`), and the operator's settings (`fezz_init_v1`, [`encode_settings`]). They
//! are written once or rarely, so they are owned values.
//!
//! # Version policy
//!
//! The format grows in its maps: a reader skips keys it does not know. [`VERSION`] names the
//! format in handshakes and changes only if an old reader would misread a new envelope.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod check;
mod error;
mod fast;
mod handshake;
mod headers;
mod item;
mod join;
mod key;
mod limits;
mod octets;
#[cfg(any(test, feature = "oracle"))]
pub mod oracle;
mod reader;
mod record;
mod request;
mod request_view;
mod response;
mod response_view;
mod room;
mod self_check;
mod settings;

pub use error::{Kind, Part, Stage, WireError};
pub use fast::UsualResponse;
pub use handshake::{Answer, HANDSHAKE_BYTES_MAX, Offer};
pub use headers::{Headers, PlainHeaders};
pub use join::joined;
pub use limits::WireLimits;
pub use octets::{Segments, Str};
pub use request::{
    BodySlot, Layout, Meta, OPEN_SLOT_BYTES, RequestHead, TRACEPARENT_BYTES, close_body, set_call,
    set_deadline, write_request, write_traced_request,
};
pub use request_view::{MetaView, RequestView};
pub use response::{encode_response, encode_response_in};
pub use response_view::ResponseView;
pub use self_check::{SelfCheckSpec, SelfCheckVerdict};
pub use settings::{decode_settings, encode_settings};

/// The version of this format, as offered in handshakes for the function `handle`.
pub const VERSION: u16 = 2;
