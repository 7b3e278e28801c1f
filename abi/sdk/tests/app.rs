//! A router as a function: its symbols, its runtime and its panics.
#![cfg(feature = "axum")]
#![expect(unsafe_code, reason = "these tests are the host")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![expect(clippy::panic, reason = "the functions under test panic on purpose")]

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::AppendHeaders;
use axum::routing::{get, post};
use axum::{Extension, Router};
use fezz::testing;
use fezz_abi::{FezzIdentityV1, FezzOwned, FezzSlice};
use fezz_wire::{ResponseView, WireLimits};

static BUILT: AtomicUsize = AtomicUsize::new(0);

#[fezz::app(name = "routed")]
fn app() -> Router {
    BUILT.fetch_add(1, Ordering::SeqCst);
    router()
}

fn router() -> Router {
    Router::new()
        .route("/", get(|| async { "root" }))
        .route("/items/{id}", get(|Path(id): Path<u32>| async move { format!("item {id}") }))
        .route(
            "/query",
            get(|Query(pairs): Query<Vec<(String, String)>>| async move { format!("{pairs:?}") }),
        )
        .route(
            "/echo",
            post(|headers: HeaderMap, body: Bytes| async move {
                ([("x-type", headers["content-type"].clone())], body)
            }),
        )
        .route(
            "/meta",
            get(|Extension(meta): Extension<fezz::Meta>| async move {
                format!("{:?} {:?}", meta.client_ip, meta.deadline)
            }),
        )
        .route("/state", get(|State(state): State<&'static str>| async move { state }))
        .route("/spawn", get(spawned))
        .route(
            "/yield",
            get(|| async {
                tokio::task::yield_now().await;
                "yielded"
            }),
        )
        .route(
            "/cookies",
            get(|| async { AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2")]) }),
        )
        .route("/panic", get(panics))
        .with_state("the state")
}

async fn spawned() -> Result<&'static str, StatusCode> {
    tokio::spawn(async { "spawned" }).await.map_err(|_| StatusCode::IM_A_TEAPOT)
}

async fn panics() -> &'static str {
    tokio::task::yield_now().await;
    panic!("on purpose")
}

unsafe extern "C" {
    fn fezz_handle_v2(request: FezzSlice) -> FezzOwned;
    fn fezz_free_v2(buf: FezzOwned);
    static fezz_identity_v1: FezzIdentityV1;
}

fn status(path: &str) -> (u16, bool) {
    let envelope = testing::request("GET", path).envelope();
    // SAFETY: the slice is lent for the call; the answer is read before it is freed, once.
    unsafe {
        let owned = fezz_handle_v2(FezzSlice::lend(&envelope));
        let octets = std::slice::from_raw_parts(owned.ptr, owned.len);
        let view = ResponseView::decode(octets, &WireLimits::default()).unwrap();
        let status = (view.status(), view.is_panic());
        fezz_free_v2(owned);
        status
    }
}

#[test]
fn the_symbols_serve_one_router_from_every_thread() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert_eq!(status("/"), (200, false));
                    assert_eq!(status("/nowhere"), (404, false));
                }
                // The runtime of this thread survives a panic inside it.
                assert_eq!(status("/panic"), (500, true));
                assert_eq!(status("/spawn"), (200, false));
            });
        }
    });
    assert_eq!(BUILT.load(Ordering::SeqCst), 1);
    // SAFETY: the static is defined by the attribute above and never written.
    assert_eq!(unsafe { fezz_identity_v1.name() }, "routed");
}

#[test]
fn requests_reach_handlers_whole() {
    let get = |target: &str| testing::request("GET", target).deadline_ms(20).call_app(&router());
    assert_eq!(get("/").text(), "root");
    assert_eq!(get("/items/7").text(), "item 7");
    assert_eq!(get("/items/seven").status(), 400);
    assert_eq!(get("/query?a=1&a=2").text(), r#"[("a", "1"), ("a", "2")]"#);
    assert_eq!(get("/meta").text(), r#"Some("127.0.0.1") Some(20ms)"#);
    assert_eq!(get("/state").text(), "the state");
    assert_eq!(get("/spawn").text(), "spawned");
    assert_eq!(get("/yield").text(), "yielded");
    let cookies = get("/cookies");
    let cookies: Vec<_> = cookies.headers().filter(|(name, _)| *name == "set-cookie").collect();
    assert_eq!(cookies, [("set-cookie", &b"a=1"[..]), ("set-cookie", &b"b=2"[..])]);
    let echo = testing::request("POST", "/echo")
        .header("content-type", "x/y")
        .body(vec![0, 255])
        .call_app(&router());
    assert_eq!((echo.body(), echo.header("x-type")), (&[0, 255][..], Some("x/y")));
    let head = testing::request("HEAD", "/").call_app(&router());
    assert_eq!((head.status(), head.body().len()), (200, "root".len()));
    assert_eq!(head.header("content-length"), None);
    let wrong = testing::request("DELETE", "/").call_app(&router());
    assert_eq!((wrong.status(), wrong.header("allow")), (405, Some("GET,HEAD")));
}

#[test]
fn what_http_does_not_know_is_a_400() {
    let target = format!("/{}", "a".repeat(70_000));
    assert_eq!(testing::request("GET", &target).call_app(&router()).status(), 400);
}
