//! Pages of other origins, as a browser asks for them: a preflight, the request itself, and what
//! the page may read when that is refused.

use std::time::Duration;

use fezz_server::config::{Auth, Cors, PolicyConfig, RateKey, RateLimit, RouteConfig, Target};
use fezz_server::plugin::pattern::Pattern;

use super::{ask, counted, field, fields, folder, get, guarded, status};
use crate::harness::Running;

const PAGE: &str = "https://page.example";

fn cors() -> Cors {
    Cors {
        origins: vec![PAGE.to_owned(), "http://localhost:3000".to_owned()],
        headers: vec!["authorization".to_owned()],
        expose: vec!["x-own".to_owned()],
        max_age: Some(Duration::from_mins(10)),
        ..Cors::default()
    }
}

fn preflight(server: &Running, path: &str, origin: &str, method: &str) -> String {
    let fields = format!(
        "Origin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n\
         Access-Control-Request-Headers: authorization\r\n"
    );
    ask(server, "OPTIONS", path, &fields).0
}

#[test]
fn a_page_asks_first_and_then_reads() {
    let file = folder("cors").join("tokens");
    let one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed one\n";
    std::fs::write(&file, one).expect("written");
    let policy = PolicyConfig {
        auth: Some(Auth::BearerSha256 { file }),
        cors: Some(cors()),
        ..PolicyConfig::default()
    };
    let mut config = guarded(policy);
    config.routes[0].pattern = Pattern::parse("GET,PUT:/{*rest}").expect("a pattern");
    let server = Running::start(&config);
    let head = preflight(&server, "/a", PAGE, "PUT");
    assert_eq!(status(&head), 204, "without a token: {head}");
    assert_eq!(field(&head, "content-length"), None);
    assert_eq!(fields(&head, "access-control-allow-origin"), [PAGE]);
    assert_eq!(fields(&head, "access-control-allow-methods"), ["GET, PUT"]);
    assert_eq!(fields(&head, "access-control-allow-headers"), ["authorization"]);
    assert_eq!(fields(&head, "access-control-max-age"), ["600"]);
    assert!(field(&head, "vary").is_some_and(|it| it.starts_with("Origin, ")), "{head}");
    let token = format!("Origin: {PAGE}\r\nAuthorization: Bearer one\r\n");
    let (head, _) = ask(&server, "PUT", "/a", &format!("{token}Content-Length: 0\r\n"));
    assert_eq!(status(&head), 200);
    assert_eq!(fields(&head, "access-control-allow-origin"), [PAGE], "the function's is left out");
    assert_eq!(fields(&head, "access-control-expose-headers"), ["x-own"]);
    assert_eq!(fields(&head, "vary"), ["Accept", "Origin"]);
    assert_eq!(field(&head, "x-own"), Some("1"));
    // What is refused can be read as well, or a page would not know why.
    let (head, _) = get(&server, "/a", &format!("Origin: {PAGE}\r\n"));
    assert_eq!(status(&head), 401);
    assert_eq!(fields(&head, "access-control-allow-origin"), [PAGE]);
    // Others get answers that their browsers keep from them.
    for stranger in ["Origin: https://evil.example\r\n", "Origin: null\r\n", ""] {
        let (head, _) = get(&server, "/a", &format!("{stranger}Authorization: Bearer one\r\n"));
        assert_eq!(status(&head), 200);
        assert_eq!(fields(&head, "access-control-allow-origin"), Vec::<&str>::new());
        assert_eq!(fields(&head, "vary"), ["Accept", "Origin"]);
    }
    let head = preflight(&server, "/a", "https://evil.example", "PUT");
    assert_eq!((status(&head), field(&head, "access-control-allow-origin")), (204, None));
    // No preflight is for a method that the route does not take.
    let head = preflight(&server, "/a", PAGE, "DELETE");
    assert_eq!((status(&head), field(&head, "allow")), (405, Some("GET, HEAD, PUT")));
    assert_eq!(status(&ask(&server, "OPTIONS", "/a", &format!("Origin: {PAGE}\r\n")).0), 405);
    server.wait("two preflights", |it| it.answered == 2);
}

#[test]
fn every_answer_of_the_route_can_be_read() {
    let limit = RateLimit {
        key: RateKey::Route,
        requests: 1,
        per: Duration::from_hours(1),
        burst: 4,
        dry_run: false,
    };
    let policy = PolicyConfig {
        cors: Some(cors()),
        rate_limits: vec![limit],
        deny: vec!["10.0.0.0/8".parse().expect("a network")],
        ..PolicyConfig::default()
    };
    let mut config = guarded(policy);
    config.routes[0].handler = Some(Duration::from_millis(50));
    config.routes[0].body_bytes_max = Some(4);
    let server = Running::start(&config);
    let origin = format!("Origin: {PAGE}\r\n");
    let requests = [
        ("GET", "/", "", 200),
        ("GET", "/none", "", 502),
        ("GET", "/slow", "", 504),
        ("POST", "/", "Content-Length: 5\r\n", 413),
        ("POST", "/", "Transfer-Encoding: chunked\r\n\r\n5\r\n", 413),
        ("GET", "/", "", 429),
    ];
    for (method, path, more, expected) in requests {
        let (head, _) = ask(&server, method, path, &format!("{origin}{more}"));
        assert_eq!(status(&head), expected, "{head}");
        assert_eq!(fields(&head, "access-control-allow-origin"), [PAGE], "{head}");
        assert!(fields(&head, "vary").contains(&"Origin"), "{head}");
    }
    assert_eq!(counted(&server).rate, 1);
}

#[test]
fn routes_without_a_policy_leave_it_to_their_functions() {
    let mut config = guarded(PolicyConfig { cors: Some(cors()), ..PolicyConfig::default() });
    let pattern = Pattern::parse("/own").expect("a pattern");
    config.routes.push(RouteConfig::new(pattern, Target::Function(0)));
    let server = Running::start(&config);
    let head = preflight(&server, "/own", PAGE, "GET");
    assert_eq!((status(&head), fields(&head, "access-control-allow-origin")), (200, vec!["*"]));
    let (head, _) = get(&server, "/own", &format!("Origin: {PAGE}\r\n"));
    assert_eq!(fields(&head, "access-control-allow-origin"), ["*"]);
}
