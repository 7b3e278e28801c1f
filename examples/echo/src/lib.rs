//! A mirror: shows what arrived, and answers with any status and at any pace that is asked for.
//!
//! | target | methods | answer |
//! |---|---|---|
//! | `/` | GET, HEAD | a line of text |
//! | `/echo` | any | the body, octet for octet, with the content type of the request |
//! | `/status/N` | GET, HEAD | status N, 200 to 599 |
//! | `/host` | GET, HEAD | host and port the request is for |
//! | `/headers` | GET, HEAD | the fields that arrived, a line each |
//! | `/delay/N` | GET, HEAD | the same as always, N milliseconds later (60000 at most) |
//!
//! Anything else is 404, another method 405. OPTIONS tells the methods.
use std::time::Duration;

use fezz::{Request, Response};

/// Longest pause, in milliseconds: a worker is busy for so long.
const DELAY_MS_MAX: u64 = 60_000;

#[fezz::function]
fn echo(request: Request) -> Response {
    let Some(found) = resource(request.path()) else { return Response::not_found() };
    match (found, request.method()) {
        (Resource::Echo, _) => mirror(request),
        (_, "OPTIONS") => Response::new(204).header("allow", found.allow()),
        (Resource::Server, _) => Response::not_found(),
        (_, "GET" | "HEAD") => show(found, request),
        _ => Response::method_not_allowed(found.allow()),
    }
}

#[derive(Clone, Copy)]
enum Resource {
    /// The server as a whole: `OPTIONS *`.
    Server,
    Root,
    Echo,
    Host,
    Headers,
    Status(u16),
    Delay(u64),
}

impl Resource {
    fn allow(self) -> &'static str {
        match self {
            Self::Server | Self::Echo => "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }
}

fn resource(path: &str) -> Option<Resource> {
    match path {
        "*" => return Some(Resource::Server),
        "/" => return Some(Resource::Root),
        "/echo" => return Some(Resource::Echo),
        "/host" => return Some(Resource::Host),
        "/headers" => return Some(Resource::Headers),
        _ => {}
    }
    if let Some(status) = path.strip_prefix("/status/") {
        let status = u16::try_from(number(status)?).ok()?;
        return (200..=599).contains(&status).then_some(Resource::Status(status));
    }
    number(path.strip_prefix("/delay/")?).map(|delay| Resource::Delay(delay.min(DELAY_MS_MAX)))
}

/// Digits and nothing else; `parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|octet| octet.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn mirror(request: Request) -> Response {
    let content_type = request.header_octets("content-type").unwrap_or(b"application/octet-stream");
    Response::bytes(request.body().to_vec()).header("content-type", content_type.to_vec())
}

fn show(resource: Resource, request: Request) -> Response {
    match resource {
        Resource::Server | Resource::Root | Resource::Echo => {
            Response::text("This is Fezz. POST something to /echo.\n")
        }
        Resource::Host => Response::text(request.authority().unwrap_or_default().to_owned()),
        Resource::Headers => Response::text(fields(request)),
        Resource::Status(status @ (204 | 304)) => Response::new(status),
        Resource::Status(status) => Response::text(format!("status {status}\n")).status(status),
        Resource::Delay(delay_ms) => {
            std::thread::sleep(Duration::from_millis(delay_ms));
            Response::text(format!("delay {delay_ms}\n"))
        }
    }
}

fn fields(request: Request) -> String {
    let line = |(name, value): (&[u8], &[u8])| {
        format!("{}: {}\n", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
    };
    request.headers().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{echo, resource};
    use fezz::testing::{Reply, request};

    fn get(target: &str) -> Reply {
        request("GET", target).call(echo)
    }

    #[test]
    fn a_body_comes_back_octet_for_octet() {
        let octets: Vec<u8> = (0..=255).cycle().take(65_536).collect();
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "GET", "BREW"] {
            let reply = request(method, "/echo?x=1").body(octets.clone()).call(echo);
            assert_eq!((reply.status(), reply.body()), (200, &octets[..]));
            assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
        }
        let reply = request("POST", "/echo").header("Content-Type", "x/y").body("z").call(echo);
        assert_eq!((reply.header("content-type"), reply.text()), (Some("x/y"), "z"));
        assert_eq!(request("POST", "/echo").call(echo).body(), b"");
    }

    #[test]
    fn statuses_come_as_ordered() {
        for status in [200, 201, 204, 304, 404, 418, 500, 599] {
            let reply = get(&format!("/status/{status}"));
            assert_eq!(reply.status(), status);
            assert_eq!(reply.body().is_empty(), matches!(status, 204 | 304));
        }
        for target in ["/status/199", "/status/600", "/status/+204", "/status/", "/status/70000"] {
            assert_eq!(get(target).status(), 404, "{target}");
        }
    }

    #[test]
    fn the_request_is_shown() {
        assert_eq!(get("/").status(), 200);
        let host = request("GET", "/host").authority("two.example:81").call(echo);
        assert_eq!(host.text(), "two.example:81");
        let headers = request("GET", "/headers").header("X-A", "b").call(echo);
        assert_eq!(headers.text(), "host: localhost\nX-A: b\n");
        assert_eq!(get("/delay/1").text(), "delay 1\n");
        assert!(matches!(resource("/delay/99999999"), Some(super::Resource::Delay(60_000))));
    }

    #[test]
    fn methods_and_paths_it_does_not_have_are_refused() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "get"] {
            let reply = request(method, "/").call(echo);
            assert_eq!((reply.status(), reply.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
        }
        for target in ["/nowhere", "/echo/", "/echo%00.html", "//", "*x", "/delay/-1"] {
            assert_eq!(get(target).status(), 404, "{target}");
        }
        assert_eq!(request("HEAD", "/").call(echo).status(), 200);
    }

    #[test]
    fn options_tells_the_methods() {
        for (target, allow) in
            [("/", "GET, HEAD, OPTIONS"), ("*", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")]
        {
            let reply = request("OPTIONS", target).call(echo);
            assert_eq!((reply.status(), reply.header("allow")), (204, Some(allow)));
        }
    }
}
