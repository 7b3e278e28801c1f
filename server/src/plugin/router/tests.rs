//! Preference, methods, hosts and conflicts; and the arranged look-up against a list that is
//! walked from the top.

use super::*;

fn route(text: &str) -> Route {
    Route {
        function: FunctionId(0),
        split: Vec::new(),
        when: None,
        policy: None,
        pattern: Pattern::parse(text).unwrap(),
        handler_timeout: Duration::from_secs(30),
        body_bytes_max: 1 << 20,
    }
}

fn router(texts: &[&str]) -> Router {
    Router::build(texts.iter().map(|text| route(text)).collect()).unwrap()
}

fn errors(texts: &[&str]) -> Vec<String> {
    let built = Router::build(texts.iter().map(|text| route(text)).collect());
    built.unwrap_err().iter().map(ToString::to_string).collect()
}

fn taken(id: u32) -> Verdict<'static> {
    Verdict::Route(RouteId(id))
}

#[test]
fn one_catch_all_takes_everything_but_trace() {
    let router = router(&["/{*rest}"]);
    assert!(router.only.is_some());
    for path in ["/", "/a", "/a/b/", "//x", "/a/../b"] {
        assert_eq!(router.resolve("GET", Some("any"), path), taken(0));
        assert_eq!(router.resolve("BREW", None, path), taken(0));
    }
    let refused = Verdict::MethodNotAllowed { allow: ALLOW_ANY };
    assert_eq!(router.resolve("TRACE", None, "/"), refused);
    assert_eq!(router.resolve("OPTIONS", None, "*"), Verdict::ServerOptions { allow: ALLOW_ANY });
    let bad = Verdict::BadPath(canonical::BadPath::AboveRoot);
    assert_eq!(router.resolve("GET", None, "/../x"), bad);
    assert_eq!(router.route(RouteId(0)).unwrap().pattern.path, "/{*rest}");
    assert!(router.route(RouteId(1)).is_none());
}

#[test]
fn the_most_specific_path_wins() {
    let router = router(&["/{*rest}", "/a/{*rest}", "/a/{id}", "/a/b", "/a/{id}/c", "/a/b/{x}"]);
    let cases = [
        ("/", 0),
        ("/x", 0),
        ("/a", 1),
        ("/a/", 1),
        ("/a/b/c/d", 1),
        ("/a/x/y", 1),
        ("/a/x", 2),
        ("/a/b", 3),
        ("/a/x/c", 4),
        ("/a/b/c", 5),
        ("/a/b/", 1),
        ("//a//b", 3),
        ("/x/../%61/b", 3),
        ("/ab", 0),
    ];
    for (path, id) in cases {
        assert_eq!(router.resolve("GET", None, path), taken(id), "{path}");
    }
}

#[test]
fn a_catch_all_takes_its_bare_prefix_unless_another_route_does() {
    let both = router(&["/api/{*rest}"]);
    for path in ["/api", "/api/", "/api/x"] {
        assert_eq!(both.resolve("GET", None, path), taken(0), "{path}");
    }
    for path in ["/", "/apix", "/ap"] {
        assert_eq!(both.resolve("GET", None, path), Verdict::NotFound, "{path}");
    }
    let split = router(&["/api/{*rest}", "/api"]);
    assert_eq!(split.resolve("GET", None, "/api"), taken(1));
    assert_eq!(split.resolve("GET", None, "/api/"), taken(0));
}

#[test]
fn methods_choose_and_refuse() {
    let router = router(&["GET,PUT:/x", "POST:/x", "/any", "DELETE:/any", "GET:/{*rest}"]);
    assert_eq!(router.resolve("GET", None, "/x"), taken(0));
    assert_eq!(router.resolve("HEAD", None, "/x"), taken(0));
    assert_eq!(router.resolve("POST", None, "/x"), taken(1));
    assert_eq!(router.resolve("DELETE", None, "/any"), taken(3));
    assert_eq!(router.resolve("PATCH", None, "/any"), taken(2));
    let x = Verdict::MethodNotAllowed { allow: "GET, HEAD, PUT, POST" };
    assert_eq!(router.resolve("DELETE", None, "/x"), x);
    assert_eq!(router.resolve("get", None, "/x"), x);
    assert_eq!(router.resolve("TRACE", None, "/x"), x);
    let any = Verdict::MethodNotAllowed { allow: ALLOW_ANY };
    assert_eq!(router.resolve("TRACE", None, "/any"), any);
    // RFC 9110 §9.3.2: HEAD comes with GET, and a route may still take it for itself.
    let own = self::router(&["GET:/x", "HEAD:/x"]);
    assert_eq!(own.resolve("HEAD", None, "/x"), taken(1));
}

#[test]
fn the_most_exact_host_wins_and_hides_nothing() {
    let router = router(&[
        "/{*rest}",
        "api.example.org/{*rest}",
        "*.example.org/{*rest}",
        "*.b.example.org/deep",
        "[::1]/six",
    ]);
    let cases = [
        (None, "/", 0),
        (Some("other"), "/", 0),
        (Some("api.example.org"), "/", 1),
        (Some("API.Example.ORG."), "/", 1),
        (Some("x.example.org"), "/", 2),
        (Some("x.y.example.org"), "/", 2),
        (Some("a.b.example.org"), "/deep", 3),
        (Some("a.b.example.org"), "/", 2),
        (Some("b.example.org"), "/deep", 2),
        (Some("example.org"), "/", 0),
        (Some("[::1]"), "/six", 4),
        (Some("[::1]"), "/", 0),
    ];
    for (host, path, id) in cases {
        assert_eq!(router.resolve("GET", host, path), taken(id), "{host:?} {path}");
    }
    assert_eq!(router.resolve("GET", Some(&"h".repeat(300)), "/"), taken(0));
}

#[test]
fn hosts_alone_make_the_rest_misdirected() {
    let router = router(&["example.org/a"]);
    assert_eq!(router.resolve("GET", Some("example.org"), "/a"), taken(0));
    assert_eq!(router.resolve("GET", Some("example.org"), "/b"), Verdict::NotFound);
    assert_eq!(router.resolve("GET", Some("example.com"), "/a"), Verdict::Misdirected);
    assert_eq!(router.resolve("GET", None, "/a"), Verdict::NotFound);
}

#[test]
fn all_conflicts_are_reported_at_once() {
    let found = errors(&["/{*a}", "/{*b}", "GET,PUT:/x/{a}", "PUT:/x/{b}", "POST:/x/{c}"]);
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("'/{*a}' and '/{*b}'"), "{}", found[0]);
    assert!(found[1].contains("'GET,PUT:/x/{a}' and 'PUT:/x/{b}'"), "{}", found[1]);
    assert_eq!(errors(&["a.org/", "A.org./"]).len(), 1);
}

/// Preference in the most literal way: every route that takes the path, the one whose segments
/// compare first.
fn walk(patterns: &[&str], path: &str) -> Option<u32> {
    let wanted: Vec<&str> = path.split('/').skip(1).collect();
    let rank = |pattern: &str| -> Option<Vec<u8>> {
        let segments: Vec<&str> = pattern.split('/').skip(1).collect();
        let mut ranks = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            if segment.starts_with("{*") {
                ranks.push(2);
                return Some(ranks);
            }
            match wanted.get(index)? {
                it if it == segment => ranks.push(0),
                it if segment.starts_with('{') && !it.is_empty() => ranks.push(1),
                _ => return None,
            }
        }
        let bare = segments.len() == wanted.len();
        bare.then_some(ranks)
    };
    let bare = |pattern: &str| {
        let prefix = pattern.strip_suffix("/{*rest}")?;
        // "/a" is taken by "/a/{*rest}" as the catch-all with nothing below.
        rank(prefix).filter(|_| !prefix.is_empty()).map(|mut ranks| {
            ranks.push(2);
            ranks
        })
    };
    let ranked = patterns.iter().zip(0_u32..).filter_map(|(pattern, id)| {
        rank(pattern).or_else(|| bare(pattern)).map(|ranks| (ranks, id))
    });
    ranked.min().map(|(_, id)| id)
}

#[test]
fn the_tree_agrees_with_a_walk_over_the_list() {
    let segments = ["a", "b", "ab", "{p}"];
    let mut state = 1_u64;
    let mut below = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let (mut taken_paths, mut worlds) = (0, 0);
    while worlds < 3_000 {
        let mut patterns: Vec<String> = Vec::new();
        for _ in 0..=below(7) {
            let mut pattern: String =
                (0..below(4)).map(|_| format!("/{}", segments[below(4)])).collect();
            match below(3) {
                0 => pattern += "/{*rest}",
                1 => pattern += "/",
                _ if pattern.is_empty() => pattern += "/",
                _ => {}
            }
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let router = router(&patterns);
        worlds += 1;
        for _ in 0..40 {
            let mut path: String =
                (0..below(5)).map(|_| format!("/{}", ["a", "b", "ab", "c"][below(4)])).collect();
            if path.is_empty() || below(3) == 0 {
                path.push('/');
            }
            let expected = walk(&patterns, &path);
            let found = match router.resolve("GET", None, &path) {
                Verdict::Route(RouteId(id)) => Some(id),
                verdict => {
                    assert_eq!(verdict, Verdict::NotFound);
                    None
                }
            };
            assert_eq!(found, expected, "{path} among {patterns:?}");
            taken_paths += usize::from(found.is_some());
        }
    }
    assert!(taken_paths > 20_000, "{taken_paths}");
}

fn when(text: &str, field: &str, value: &str) -> Route {
    let when = HeaderMatch { name: field.to_owned(), value: value.to_owned() };
    Route { when: Some(when), ..route(text) }
}

/// The verdict on a head with these field lines.
fn asked(router: &Router, method: &str, path: &str, fields: &str) -> (u16, u32, String) {
    let octets = format!("{method} {path} HTTP/1.1\r\nhost: h\r\n{fields}\r\n");
    let mut index = fezz_parser::Index::new();
    let limits = fezz_parser::HeadLimits::default();
    let mut resume = fezz_parser::Resume::default();
    fezz_parser::parse_head(octets.as_bytes(), &limits, &mut resume, &mut index).unwrap().unwrap();
    match router.resolve_head(&Head::new(octets.as_bytes(), &index)) {
        Verdict::Route(RouteId(id)) => (200, id, String::new()),
        Verdict::MethodNotAllowed { allow } => (405, 0, allow.to_owned()),
        Verdict::NotFound => (404, 0, String::new()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_field_is_preferred_to_none_and_comes_behind_the_path() {
    let routes = vec![
        route("/v/{*rest}"),
        when("/v/{*rest}", "api-version", "2.0"),
        when("/v/{*rest}", "api-version", "2.1"),
        route("GET:/v/x"),
        when("POST:/v/x", "api-version", "2.0"),
    ];
    let router = Router::build(routes).unwrap();
    let taken = |id| (200, id, String::new());
    for (fields, id) in [
        ("", 0),
        ("api-version: 2.0\r\n", 1),
        ("API-Version:  2.1 \r\n", 2),
        ("api-version: 2\r\n", 0),
        ("api-version: 2.0, 2.1\r\n", 0),
        ("api-version: 2.0\r\napi-version: 2.0\r\n", 0),
        ("api-version: 2.0\r\napi-version: 2.1\r\n", 0),
    ] {
        assert_eq!(asked(&router, "GET", "/v/a", fields), taken(id), "{fields}");
    }
    let field = "api-version: 2.0\r\n";
    assert_eq!(asked(&router, "GET", "/v/x", field), taken(3), "the path comes first");
    assert_eq!(asked(&router, "POST", "/v/x", field), taken(4));
    assert_eq!(asked(&router, "POST", "/v/x", ""), (404, 0, String::new()));
    let allow = "GET, HEAD, POST".to_owned();
    assert_eq!(asked(&router, "PUT", "/v/x", field), (405, 0, allow.clone()));
    assert_eq!(asked(&router, "TRACE", "/v/x", field), (405, 0, allow));
}

#[test]
fn a_field_is_preferred_to_a_method() {
    let router = Router::build(vec![route("GET:/a"), when("/a", "x", "1"), route("/a")]).unwrap();
    assert_eq!(asked(&router, "GET", "/a", "x: 1\r\n").1, 1);
    assert_eq!(asked(&router, "HEAD", "/a", "").1, 0);
    assert_eq!(asked(&router, "PUT", "/a", "").1, 2);
    let alone = Router::build(vec![when("/{*rest}", "x", "1")]).unwrap();
    assert!(alone.only.is_none());
    assert_eq!(asked(&alone, "GET", "/", "").0, 404);
    assert_eq!(asked(&alone, "GET", "/", "x: 1\r\n").0, 200);
}

#[test]
fn fields_that_may_both_be_there_are_a_conflict() {
    let conflicts = |routes: Vec<Route>| Router::build(routes).err().map_or(0, |all| all.len());
    assert_eq!(conflicts(vec![when("/a", "x", "1"), when("/a", "x", "2")]), 0);
    assert_eq!(conflicts(vec![when("/a", "x", "1"), route("/a")]), 0);
    assert_eq!(conflicts(vec![when("/a", "x", "1"), when("GET:/a", "x", "1")]), 0);
    assert_eq!(conflicts(vec![when("PUT:/a", "x", "1"), when("GET:/a", "y", "1")]), 0);
    assert_eq!(conflicts(vec![when("/a", "x", "1"), when("/a", "x", "1")]), 1);
    assert_eq!(conflicts(vec![when("/a", "x", "1"), when("/a", "y", "1")]), 1);
    assert_eq!(conflicts(vec![when("/a", "x", "1"), when("GET:/a", "y", "1")]), 1);
    assert_eq!(conflicts(vec![when("HEAD:/a", "x", "1"), when("GET:/a", "y", "1")]), 1);
    let both = Router::build(vec![when("/a", "x", "1"), when("/a", "y", "1")]).unwrap_err();
    assert!(both[0].to_string().contains("the fields 'x' and 'y'"), "{}", both[0]);
}

#[test]
fn a_preflight_finds_the_route_it_is_for() {
    let routes = vec![route("GET:/a"), when("POST:/a", "x", "1"), route("PUT:/b")];
    let router = Router::build(routes).unwrap();
    let octets = b"OPTIONS /a HTTP/1.1\r\nhost: h\r\n\r\n";
    let mut index = fezz_parser::Index::new();
    let limits = fezz_parser::HeadLimits::default();
    let mut resume = fezz_parser::Resume::default();
    fezz_parser::parse_head(octets, &limits, &mut resume, &mut index).unwrap().unwrap();
    let head = Head::new(octets, &index);
    for (method, id) in [("GET", Some(0)), ("POST", Some(1)), ("PUT", None), ("TRACE", None)] {
        assert_eq!(router.resolve_preflight(&head, method), id.map(RouteId), "{method}");
    }
}
