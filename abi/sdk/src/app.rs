//! A whole `axum::Router` as a function: one request in, one collected response out.
//!
//! Each thread that calls has a runtime of its own, so that calls do not wait for each other. It
//! runs while a call runs: a task that was spawned goes on when that thread is called again.

use std::cell::OnceCell;
use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{self, header::CONTENT_LENGTH};
use http_body_util::BodyExt as _;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

use crate::outcome::{Error, IntoResponse as _};
use crate::request::Request;
use crate::response::Response;

/// Longest body that a HEAD request stands for, in octets: what a server accepts by default.
const HEAD_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// What the host says about a request, as an extension of the request a handler gets:
/// `Extension(meta): Extension<fezz::Meta>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// See [`Request::trace_id`].
    pub trace_id: Option<String>,
    /// See [`Request::deadline`].
    pub deadline: Option<Duration>,
    /// See [`Request::client_ip`].
    pub client_ip: Option<String>,
    /// See [`Request::principal`].
    pub principal: Option<String>,
}

/// A router that is built at its first request.
#[doc(hidden)]
pub struct App {
    router: OnceLock<Router>,
}

impl App {
    /// An app that is not built yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "only ever the value of a static")]
    pub const fn new() -> Self {
        Self { router: OnceLock::new() }
    }

    /// Answers a request; `build` is called once, and again only if it panicked.
    pub fn serve(&self, request: Request<'_>, build: impl FnOnce() -> Router) -> Response {
        answer(self.router.get_or_init(build), request)
    }
}

/// Runs one request through the router on this thread's runtime.
pub(crate) fn answer(router: &Router, request: Request<'_>) -> Response {
    let head_only = request.method() == "HEAD";
    let outcome = convert(request).and_then(|request| {
        let respond = async {
            let response = match router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (head, body) = response.into_parts();
            Ok((head, body.collect().await?.to_bytes()))
        };
        on_runtime(|runtime| runtime.block_on(respond))
    });
    match outcome {
        Ok((head, body)) => collected(&head, body, head_only),
        Err(error) => error.into_response(),
    }
}

fn on_runtime<T>(run: impl FnOnce(&Runtime) -> Result<T, Error>) -> Result<T, Error> {
    RUNTIME.with(|cell| match cell.get() {
        Some(runtime) => run(runtime),
        None => {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            run(cell.get_or_init(|| runtime))
        }
    })
}

fn convert(request: Request<'_>) -> Result<http::Request<Body>, Error> {
    let mut head = http::Request::builder().method(request.method()).uri(request.path_and_query());
    for (name, value) in request.headers() {
        head = head.header(name, value);
    }
    let meta = Meta {
        trace_id: request.trace_id().map(str::to_owned),
        deadline: request.deadline(),
        client_ip: request.client_ip().map(str::to_owned),
        principal: request.principal().map(str::to_owned),
    };
    // What the host's parser accepted and `http` does not is rare enough to be the client's doing.
    head.extension(meta)
        .body(Body::from(Bytes::copy_from_slice(request.body())))
        .map_err(|error| Error::new(400, "bad request\n").because(error))
}

fn collected(head: &http::response::Parts, body: Bytes, head_only: bool) -> Response {
    let length = head.headers.get(CONTENT_LENGTH);
    let body = match length.and_then(|value| value.to_str().ok()?.parse().ok()) {
        // axum has taken the body away and left its length. The server measures the body itself
        // before it leaves it out, so that HEAD and GET say the same (RFC 9110 §9.3.2).
        Some(length @ 1..=HEAD_BODY_BYTES_MAX) if head_only && body.is_empty() => vec![0; length],
        _ => Vec::from(body),
    };
    let fields = head.headers.iter().filter(|(name, _)| *name != CONTENT_LENGTH);
    let fields = fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Response::new(head.status.as_u16()).headers(fields).body(body)
}
