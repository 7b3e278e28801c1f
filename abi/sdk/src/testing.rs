//! Test a function without a server: what goes in is an envelope, what comes out was decoded with
//! the host's own rules.
//!
//! ```
//! use fezz::{Request, Response, testing};
//!
//! fn greet(request: Request) -> Response {
//!     match request.header("x-name") {
//!         Some(name) => Response::text(format!("hello {name}")),
//!         None => Response::not_found(),
//!     }
//! }
//!
//! let reply = testing::request("GET", "/").header("X-Name", "Ada").call(greet);
//! assert_eq!(reply.status(), 200);
//! assert_eq!(reply.text(), "hello Ada");
//! assert_eq!(testing::request("GET", "/").call(greet).status(), 404);
//! ```
//!
//! A panic in the function is caught as it is in the server: see [`Reply::panicked`].

use std::time::Duration;

use fezz_abi::LogLevel;
use fezz_abi::guest::guarded;
use fezz_wire::{BodySlot, Meta, RequestHead, ResponseView, WireLimits};

use crate::call::serve_in_call;
use crate::hooks::{Init, IntoOutcome, SelfCheck};
use crate::octets::Octets;
use crate::outcome::IntoResponse;
use crate::request::Request;

mod scene;

use scene::{Scene, Stage};

/// Runs the function that `init = ...` names with these settings.
///
/// # Errors
/// Its reason to refuse them.
pub fn init<O: IntoOutcome>(
    start: impl FnOnce(&Init) -> O,
    settings: &[(&str, &str)],
) -> Result<(), String> {
    start(&Init::of(settings)).into_outcome()
}

/// Runs the function that `selfcheck = ...` names, and tells what failed.
#[must_use]
pub fn self_check(check: impl FnOnce(&mut SelfCheck)) -> Vec<String> {
    SelfCheck::run(check).failures
}

/// Begins a request with this method and target (path, and query if any).
#[must_use]
pub fn request(method: &str, target: &str) -> RequestBuilder {
    RequestBuilder {
        method: method.to_owned(),
        target: target.to_owned(),
        scheme: "http".to_owned(),
        authority: "localhost".to_owned(),
        trace_id: None,
        deadline_ms: None,
        client_ip: "127.0.0.1".to_owned(),
        principal: None,
        scene: Scene::default(),
        fields: Vec::new(),
        body: Octets::default(),
    }
}

/// A request in the making: over `http`, to `localhost`, from 127.0.0.1, unless told otherwise.
#[derive(Clone, Debug)]
pub struct RequestBuilder {
    method: String,
    target: String,
    scheme: String,
    authority: String,
    trace_id: Option<String>,
    deadline_ms: Option<u64>,
    client_ip: String,
    principal: Option<String>,
    scene: Scene,
    fields: Vec<(String, Octets)>,
    body: Octets,
}

impl RequestBuilder {
    /// Adds a field; duplicates are kept. `host` and `content-length` are added by themselves.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Octets>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Octets>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the scheme: `http` or `https`.
    #[must_use]
    pub fn scheme(mut self, scheme: &str) -> Self {
        scheme.clone_into(&mut self.scheme);
        self
    }

    /// Sets host and port the request is for.
    #[must_use]
    pub fn authority(mut self, authority: &str) -> Self {
        authority.clone_into(&mut self.authority);
        self
    }

    /// Sets the trace id.
    #[must_use]
    pub fn trace_id(mut self, trace_id: &str) -> Self {
        self.trace_id = Some(trace_id.to_owned());
        self
    }

    /// Sets the time left for the answer, in milliseconds.
    #[must_use]
    pub fn deadline_ms(mut self, deadline_ms: u64) -> Self {
        self.deadline_ms = Some(deadline_ms);
        self
    }

    /// Sets the address of the client.
    #[must_use]
    pub fn client_ip(mut self, client_ip: &str) -> Self {
        client_ip.clone_into(&mut self.client_ip);
        self
    }

    /// Sets who asks, as a host with proof of it would.
    #[must_use]
    pub fn principal(mut self, principal: &str) -> Self {
        self.principal = Some(principal.to_owned());
        self
    }

    /// Lets [`Call::cancelled`](crate::Call::cancelled) say that nobody waits.
    #[must_use]
    pub fn cancelled(mut self) -> Self {
        self.scene.cancelled = true;
        self
    }

    /// Sets what [`Call::remaining`](crate::Call::remaining) says.
    #[must_use]
    pub fn remaining(mut self, left: Duration) -> Self {
        self.scene.remaining = Some(left);
        self
    }

    /// The envelope a host would send for this request.
    #[must_use]
    pub fn envelope(&self) -> Vec<u8> {
        self.envelope_of(None)
    }

    fn envelope_of(&self, call: Option<u64>) -> Vec<u8> {
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target.as_str(), None),
        };
        let body = self.body.as_slice();
        let length = body.len().to_string();
        let mut fields: Vec<(&[u8], &[u8])> = vec![(b"host", self.authority.as_bytes())];
        fields.extend(self.fields.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())));
        if !body.is_empty() {
            fields.push((b"content-length", length.as_bytes()));
        }
        let head = RequestHead {
            method: self.method.as_str(),
            scheme: Some(&self.scheme),
            authority: Some(&self.authority),
            path,
            query,
            meta: Meta {
                trace_id: self.trace_id.as_deref(),
                deadline_ms: self.deadline_ms,
                client_ip: Some(&self.client_ip),
                principal: self.principal.as_deref(),
                call,
                ..Meta::default()
            },
            header_count: fields.len(),
        };
        let mut buf = Vec::new();
        let slot = BodySlot::Known(body.len() as u64);
        let layout = fezz_wire::write_request(&mut buf, &head, fields.into_iter(), slot);
        buf.extend_from_slice(body);
        layout.envelope(&buf).to_vec()
    }

    /// Calls the function as the server would, with services as the attribute's option `host`
    /// gives them.
    ///
    /// # Panics
    /// If the server would refuse the answer: the test fails with its reason.
    #[track_caller]
    #[must_use]
    pub fn call<R: IntoResponse>(&self, function: impl FnOnce(Request<'_>) -> R) -> Reply {
        let stage = Stage::set(self.scene.clone());
        let envelope = self.envelope_of(Some(stage.call()));
        let mut reply = Reply::read(&guarded(|| serve_in_call(&envelope, function)));
        reply.lines = stage.lines();
        reply
    }

    /// Calls the router as `#[fezz::app]` would. Not from inside an asynchronous test: the app
    /// brings its own runtime.
    ///
    /// # Panics
    /// If the server would refuse the answer: the test fails with its reason.
    #[cfg(feature = "axum")]
    #[track_caller]
    #[must_use]
    pub fn call_app(&self, router: &axum::Router) -> Reply {
        self.call(|request| crate::app::answer(router, request))
    }
}

/// The answer as a host has read it.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    panicked: bool,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    lines: Vec<(LogLevel, String)>,
}

impl Reply {
    #[track_caller]
    fn read(octets: &[u8]) -> Self {
        let response = match ResponseView::decode(octets, &WireLimits::default()) {
            Ok(response) => response,
            #[expect(clippy::panic, reason = "fails the test that called")]
            Err(error) => panic!("the server would answer 502 instead: {error}"),
        };
        let field = |(name, value): (fezz_wire::Str<'_>, fezz_wire::Str<'_>)| {
            (String::from_utf8_lossy(&name.to_vec()).into_owned(), value.to_vec())
        };
        Self {
            status: response.status(),
            panicked: response.is_panic(),
            fields: response.headers().map(field).collect(),
            body: response.body().to_vec(),
            lines: Vec::new(),
        }
    }

    /// The lines the function gave to the log during the call.
    #[must_use]
    pub fn log(&self) -> &[(LogLevel, String)] {
        &self.lines
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the function panicked; the status is 500 then.
    #[must_use]
    pub fn panicked(&self) -> bool {
        self.panicked
    }

    /// The value of the first field with this name (in any case), if it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.next().and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// Names and values of all fields, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is not UTF-8.
    #[track_caller]
    #[must_use]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(&self.body) {
            Ok(text) => text,
            #[expect(clippy::panic, reason = "fails the test that called")]
            Err(error) => panic!("the body is not text: {error}"),
        }
    }
}
