//! Routes that share their requests out, look at fields, and have limits of their own.

use std::time::Duration;

use fezz_server::assemble::Functions;
use fezz_server::config::{
    Config, Fallback, FunctionConfig, FunctionOptions, HeaderMatch, PolicyConfig, RouteConfig,
    Target,
};
use fezz_server::plugin::pattern::Pattern;
use fezz_server::plugin::version::{Selector, Version};

use super::{ask, field, get, guarded, mirror, status};
use crate::harness::{Client, Running, serving};
use crate::versions::{folder, speaking};

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("a selector")
}

fn route(pattern: &str, target: Target) -> RouteConfig {
    RouteConfig::new(Pattern::parse(pattern).expect("a pattern"), target)
}

/// Two versions of `a` that say which they are.
fn versions(name: &str) -> Config {
    let folder = folder(name);
    let mut config = serving(mirror());
    config.event_loops = 2;
    config.functions.clear();
    config.routes.clear();
    for version in ["1.0", "1.1"] {
        let artifact = folder.join(format!("{version}.so"));
        speaking(&artifact, version, "");
        config.functions.push(FunctionConfig {
            name: Some("a".to_owned()),
            version: Some(Version::parse(version).expect("a version")),
            artifact,
            options: FunctionOptions::default(),
        });
    }
    config
}

fn said(server: &Running, path: &str, fields: &str) -> String {
    let (head, content) = get(server, path, fields);
    assert_eq!(status(&head), 200, "{head}");
    String::from_utf8(content).expect("text")
}

#[test]
fn any_hundred_requests_are_shared_out_exactly() {
    let mut config = versions("split");
    let shares = vec![(selector("a@1.1"), 10), (selector("a@1.0"), 90)];
    config.routes.push(route("/{*rest}", Target::Split(shares)));
    let server = Running::start(&config);
    let all: Vec<String> = (0..250).map(|_| said(&server, "/", "")).collect();
    for hundred in all.windows(100) {
        assert_eq!(hundred.iter().filter(|it| *it == "1.1").count(), 10);
    }
    server.wait("all are recorded", |_| server.seen().len() == 250);
    let loops: Vec<u64> = server.seen().iter().map(|one| one.connection >> 32).collect();
    assert!(loops.contains(&0) && loops.contains(&1), "both loops were asked");
    let asked = server.seen().iter().filter_map(|one| one.function.clone()).collect::<Vec<_>>();
    assert_eq!(asked.iter().filter(|it| it.ends_with("1.1")).count(), 25, "{asked:?}");
}

#[test]
fn shares_that_are_no_hundred_are_a_complaint() {
    for shares in [vec![60, 41], vec![0, 100], vec![]] {
        let mut config = versions("no_split");
        let named = ["a@1.0", "a@1.1"].map(selector).into_iter().zip(shares.clone()).collect();
        config.routes.push(route("/{*rest}", Target::Split(named)));
        config.routes.push(route("/0", Target::Function(0)));
        config.routes.push(route("/1", Target::Function(1)));
        let complaints = Functions::load(&config).expect_err("no hundred");
        let names: Vec<&str> = complaints.iter().map(|it| it.name()).collect();
        assert_eq!(names, ["shares"], "{shares:?} {complaints:?}");
    }
}

#[test]
fn a_field_chooses_the_version() {
    let mut config = versions("field");
    config.routes.push(route("/{*rest}", Target::Selector(selector("a@1"))));
    config.routes.push(RouteConfig {
        when: Some(HeaderMatch { name: "api-version".to_owned(), value: "1.0".to_owned() }),
        ..route("GET:/{*rest}", Target::Selector(selector("a@1.0")))
    });
    let server = Running::start(&config);
    assert_eq!(said(&server, "/", ""), "1.1");
    assert_eq!(said(&server, "/", "Api-Version: 1.0\r\n"), "1.0");
    assert_eq!(said(&server, "/", "Api-Version: 1.0\r\nApi-Version: 1.0\r\n"), "1.1");
    let (head, content) = ask(&server, "DELETE", "/", "Api-Version: 1.0\r\n");
    assert_eq!((status(&head), content), (200, b"1.1".to_vec()));
}

#[test]
fn the_methods_of_all_routes_of_a_path_are_allowed() {
    let mut config = versions("methods");
    config.routes.push(route("GET:/x", Target::Function(0)));
    config.routes.push(RouteConfig {
        when: Some(HeaderMatch { name: "v".to_owned(), value: "1".to_owned() }),
        ..route("PUT:/x", Target::Function(1))
    });
    let server = Running::start(&config);
    let (head, _) = ask(&server, "DELETE", "/x", "");
    assert_eq!((status(&head), field(&head, "allow")), (405, Some("GET, HEAD, PUT")));
    assert_eq!(status(&ask(&server, "PUT", "/x", "Content-Length: 0\r\n").0), 404);
    assert_eq!(status(&ask(&server, "PUT", "/x", "v: 1\r\nContent-Length: 0\r\n").0), 200);
}

#[test]
fn a_route_has_limits_of_its_own() {
    let mut config = serving(mirror());
    config.limits.body_bytes_max = 64;
    config.functions[0].options.timeout = Some(Duration::from_secs(20));
    config.routes.push(RouteConfig {
        handler: Some(Duration::from_millis(50)),
        body_bytes_max: Some(128),
        ..route("/own/{*rest}", Target::Function(0))
    });
    let server = Running::start(&config);
    let post = |path: &str, bytes: usize| {
        let mut client = Client::to(server.address);
        let length = format!("Content-Length: {bytes}\r\n");
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\n{length}\r\n").as_bytes());
        client.send("x".repeat(bytes.min(128)).as_bytes());
        status(&client.reply().0)
    };
    assert_eq!([post("/a", 64), post("/a", 65)], [200, 413]);
    assert_eq!([post("/own/a", 128), post("/own/a", 129)], [200, 413]);
    assert_eq!(status(&get(&server, "/slow", "").0), 200);
    assert_eq!(status(&get(&server, "/own/slow", "").0), 504);
}

#[test]
fn the_remedy_of_a_route_is_stronger_than_that_of_its_function() {
    let mut config = versions("remedy");
    let broken = folder("remedy_broken").join("1.2.so");
    speaking(&broken, "1.2", "#define ENTER FezzOwned none = { NULL, 0 }; return none;");
    let sorry = Fallback::Static {
        status: 203,
        content_type: "text/plain".to_owned(),
        body: b"sorry".to_vec(),
    };
    let options = FunctionOptions { fallback: Some(sorry), ..FunctionOptions::default() };
    config.functions.push(FunctionConfig {
        name: Some("a".to_owned()),
        version: Some(Version::parse("1.2").expect("a version")),
        artifact: broken,
        options,
    });
    config.routes.push(route("/own", Target::Function(2)));
    config.routes.push(route("/0", Target::Function(0)));
    for (place, (path, fallback)) in
        [("/before", Fallback::Previous), ("/none", Fallback::FailRequest)].into_iter().enumerate()
    {
        let name = format!("p{place}");
        let policy = PolicyConfig { name, fallback: Some(fallback), ..PolicyConfig::default() };
        config.policies.push(policy);
        config.routes.push(RouteConfig { policy: Some(place), ..route(path, Target::Function(2)) });
    }
    // That 1.1 is reached only where 1.2 fails is no complaint.
    let server = Running::start(&config);
    let (head, content) = get(&server, "/own", "");
    assert_eq!((status(&head), content), (203, b"sorry".to_vec()));
    assert_eq!(said(&server, "/before", ""), "1.1");
    assert_eq!(status(&get(&server, "/none", "").0), 502);
}

#[test]
fn a_directory_is_served_beside_routes() {
    let root = folder("root_beside");
    speaking(&root.join("functions/b/2.0/fezz.so"), "b", "");
    let mut config = guarded(PolicyConfig::default());
    config.routes[0].pattern = Pattern::parse("/own").expect("a pattern");
    config.routes.push(route("/b", Target::Selector(selector("b@2"))));
    config.root = Some(root);
    let server = Running::start(&config);
    assert_eq!(said(&server, "/rpc/b/2.0/x", ""), "b");
    assert_eq!(said(&server, "/b", ""), "b");
    assert_eq!(status(&get(&server, "/own", "").0), 200);
    assert_eq!(status(&get(&server, "/rpc/b/1.0/x", "").0), 404);
}
