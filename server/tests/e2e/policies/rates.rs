//! How often a client may ask, counted over all loops and across reloads.

use std::time::Duration;

use fezz_server::assemble::Functions;
use fezz_server::config::{
    Auth, Config, Forwarded, PolicyConfig, RateKey, RateLimit, RouteConfig, Target,
};
use fezz_server::plugin::pattern::Pattern;

use super::{counted, field, folder, get, guarded, refused, status};
use crate::harness::Running;

/// `burst` and one more an hour.
fn hourly(key: RateKey, burst: u32) -> RateLimit {
    RateLimit { key, requests: 1, per: Duration::from_hours(1), burst, dry_run: false }
}

fn limited(rate_limits: Vec<RateLimit>) -> PolicyConfig {
    PolicyConfig { rate_limits, ..PolicyConfig::default() }
}

/// The statuses of so many requests, each on a connection of its own: both loops have some.
fn many(server: &Running, count: usize, path: &str, fields: &str) -> Vec<u16> {
    (0..count).map(|_| status(&get(server, path, fields).0)).collect()
}

#[test]
fn an_address_has_one_allowance_in_all_loops() {
    let server = Running::start(&guarded(limited(vec![hourly(RateKey::ClientIp, 9)])));
    let all = many(&server, 40, "/", "");
    assert_eq!(all, [[200; 10].as_slice(), &[429; 30]].concat());
    assert_eq!(counted(&server).rate, 30);
    let (head, content) = get(&server, "/", "");
    let seconds: u64 = field(&head, "retry-after").expect("a time").parse().expect("seconds");
    assert!((3_590..=3_600).contains(&seconds), "{seconds}");
    assert_eq!(content, b"too many requests\n");
    refused(&server, "limited", 31);
    let page = server.handle.metrics_page();
    let line = "fezz_requests_limited_total{policy=\"guard\",kind=\"rate\"} 31\n";
    assert!(page.contains(line), "{page}");
    server.wait("all are recorded", |_| server.seen().len() == 41);
    let loops: Vec<u64> = server.seen().iter().map(|one| one.connection >> 32).collect();
    assert!(loops.contains(&0) && loops.contains(&1), "both loops were asked: {loops:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it took is what is tested")]
fn requests_pass_again_when_their_time_has_come() {
    let limit =
        RateLimit { requests: 20, per: Duration::from_secs(1), ..hourly(RateKey::ClientIp, 0) };
    let server = Running::start(&guarded(limited(vec![limit])));
    let began = std::time::Instant::now();
    let mut passed = 0;
    while passed < 5 {
        passed += usize::from(status(&get(&server, "/", "").0) == 200);
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(199), "four steps of 50 ms in {took:?}");
}

#[test]
fn a_dry_run_counts_and_lets_pass() {
    let limit = RateLimit { dry_run: true, ..hourly(RateKey::ClientIp, 1) };
    let config = guarded(limited(vec![limit]));
    let server = Running::start(&config);
    assert_eq!(many(&server, 7, "/", ""), [200; 7]);
    let counts = counted(&server);
    assert_eq!((counts.rate, counts.dry_run), (0, 5));
    let page = server.handle.metrics_page();
    assert!(page.contains("{policy=\"guard\",kind=\"dry_run\"} 5\n"), "{page}");
    // Made earnest, it goes on with what it has seen.
    let mut earnest = config;
    earnest.policies[0].rate_limits[0].dry_run = false;
    server.handle.publish(Functions::load(&earnest).expect("it loads"));
    assert_eq!(many(&server, 2, "/", ""), [429; 2]);
}

#[test]
fn each_principal_has_an_allowance_and_a_stranger_spends_none() {
    // SHA-256 of `one` and `two`.
    let hashes = [
        "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed one",
        "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3 two",
    ];
    let file = folder("rates").join("tokens");
    std::fs::write(&file, hashes.join("\n")).expect("written");
    let server = Running::start(&guarded(PolicyConfig {
        auth: Some(Auth::BearerSha256 { file }),
        ..limited(vec![hourly(RateKey::Principal, 2)])
    }));
    assert_eq!(many(&server, 5, "/", "Authorization: Bearer x\r\n"), [401; 5]);
    for token in ["one", "two"] {
        let fields = format!("Authorization: Bearer {token}\r\n");
        assert_eq!(many(&server, 5, "/", &fields), [200, 200, 200, 429, 429], "{token}");
    }
}

#[test]
fn a_sixty_four_of_ipv6_is_one_client() {
    let mut config = guarded(limited(vec![hourly(RateKey::ClientIp, 1)]));
    config.listeners[0].trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    config.listeners[0].forwarded = Forwarded::XForwardedFor;
    let server = Running::start(&config);
    let from = |address: &str| {
        let fields = format!("X-Forwarded-For: 10.0.0.1, {address}\r\n");
        many(&server, 1, "/", &fields)[0]
    };
    let same = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff:ffff:ffff:ffff"];
    assert_eq!(same.map(from), [200, 200, 429]);
    assert_eq!(["2001:db8:1:3::1"; 3].map(from), [200, 200, 429], "the next one is another");
    assert_eq!(["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"].map(from), [200, 200, 429]);
    assert_eq!(["192.0.2.2"; 3].map(from), [200, 200, 429]);
}

#[test]
fn a_route_and_a_function_have_allowances_of_their_own() {
    let mut config = guarded(limited(vec![
        hourly(RateKey::Route, 1),
        RateLimit { requests: 2, ..hourly(RateKey::Function, 2) },
    ]));
    for pattern in ["/a", "/b", "/c"] {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        let route =
            RouteConfig { policy: Some(0), ..RouteConfig::new(pattern, Target::Function(0)) };
        config.routes.push(route);
    }
    let server = Running::start(&config);
    assert_eq!(many(&server, 3, "/a", ""), [200, 200, 429], "the route's two");
    assert_eq!(many(&server, 3, "/b", ""), [200, 429, 429], "the third of the function's three");
    assert_eq!(many(&server, 3, "/c", ""), [429; 3]);
}

#[test]
fn a_reload_forgets_only_what_has_other_terms() {
    let config = guarded(limited(vec![hourly(RateKey::ClientIp, 2), hourly(RateKey::Route, 9)]));
    let functions = Functions::load(&config).expect("it loads");
    let present = functions.registry.clone();
    let server = Running::with(&config, functions);
    assert_eq!(many(&server, 4, "/", ""), [200, 200, 200, 429]);
    let publish = |config: &Config| {
        server.handle.publish(Functions::reload(config, &present).expect("it loads"));
    };
    publish(&config);
    assert_eq!(many(&server, 1, "/", ""), [429], "the same terms");
    let mut other = config.clone();
    other.policies[0].deny = vec!["10.0.0.0/8".parse().expect("a network")];
    other.policies[0].rate_limits[0].burst = 3;
    publish(&other);
    assert_eq!(many(&server, 5, "/", ""), [200, 200, 200, 200, 429], "begins anew");
    // Ten of the route were spent by seven that passed, and not by those that were refused before.
    other.policies[0].rate_limits.remove(0);
    publish(&other);
    assert_eq!(many(&server, 4, "/", ""), [200, 200, 200, 429], "the other limit went on");
    assert_eq!(counted(&server).rate, 4, "counts are of the name");
    other.policies.clear();
    other.routes[0].policy = None;
    publish(&other);
    assert_eq!(many(&server, 3, "/", ""), [200; 3]);
    assert_eq!(counted(&server).rate, 4, "and outlive the policy");
}
