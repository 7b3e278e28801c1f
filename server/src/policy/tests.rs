//! Whole policies on heads: the order of judgement, and what outlives a reload.

use std::time::Duration;

use super::*;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn with_head<T>(fields: &str, ask: impl FnOnce(&Head<'_>) -> T) -> T {
    let octets = format!("GET / HTTP/1.1\r\nhost: h\r\n{fields}\r\n");
    let mut index = fezz_parser::Index::new();
    let limits = fezz_parser::HeadLimits::default();
    let mut resume = fezz_parser::Resume::default();
    fezz_parser::parse_head(octets.as_bytes(), &limits, &mut resume, &mut index).unwrap().unwrap();
    ask(&Head::new(octets.as_bytes(), &index))
}

fn limit(key: RateKey, burst: u32) -> RateLimit {
    RateLimit { key, requests: 1, per: Duration::from_hours(1), burst, dry_run: false }
}

fn policy(rate_limits: Vec<RateLimit>) -> PolicyConfig {
    PolicyConfig { name: "p".to_owned(), rate_limits, ..PolicyConfig::default() }
}

/// How many of ten requests pass.
fn passes(policy: &Policy, meters: &[Meter]) -> usize {
    let now = Instant::from_micros(1);
    (0..10).filter(|_| policy.grant(meters, CLIENT, None, now).is_ok()).count()
}

#[test]
fn each_wall_stands_before_the_next() {
    let subject = Auth::ClientCertificate { subjects: vec!["CN=b".to_owned(), "CN=a".to_owned()] };
    let mut strict = Policy::read(&PolicyConfig {
        deny: vec!["192.0.2.1/32".parse().unwrap()],
        auth: Some(subject),
        concurrency: Some(1),
        ..policy(vec![limit(RateKey::ClientIp, 0)])
    })
    .unwrap();
    let other: IpAddr = "192.0.2.2".parse().unwrap();
    let asks = |client, certificate| {
        with_head("", |head| strict.identify(head, client, certificate).map(Option::unwrap))
    };
    assert_eq!(asks(CLIENT, Some("CN=a")), Err(Denial::Address));
    assert_eq!(asks(other, None), Err(Denial::Certificate));
    assert_eq!(asks(other, Some("CN=c")), Err(Denial::Certificate));
    assert_eq!(asks(other, Some("CN=b")), Ok("CN=b"));
    let counts = strict.counts();
    assert_eq!((counts.acl, counts.auth, counts.rate), (1, 2, 0));
    let meters = strict.meters("/", "f");
    let now = Instant::from_micros(1);
    let held = strict.grant(&meters, other, Some("CN=b"), now).unwrap();
    assert!(held.is_some());
    let micros = 3_600_000_000;
    let early = strict.grant(&meters, other, Some("CN=b"), now).unwrap_err();
    assert_eq!(early, Denial::TooEarly { micros }, "rate before number");
    assert_eq!(strict.grant(&meters, CLIENT, None, now).unwrap_err(), Denial::Full);
    drop(held);
    assert_eq!(strict.counts().under_way, 0);
}

#[test]
fn cells_of_routes_that_are_gone_are_forgotten() {
    let config = policy(vec![limit(RateKey::Route, 1)]);
    let mut before = Policy::read(&config).unwrap();
    for route in ["/a", "/b"] {
        let meters = before.meters(route, "f");
        assert_eq!(passes(&before, &meters), 2);
    }
    let mut after = Policy::read(&config).unwrap();
    after.follow(&before);
    let meters = after.meters("/a", "f");
    after.tidy();
    assert_eq!(passes(&after, &meters), 0, "goes on");
    let mut last = Policy::read(&config).unwrap();
    last.follow(&after);
    let meters = last.meters("/b", "f");
    last.tidy();
    assert_eq!(passes(&last, &meters), 2, "begins anew: it was away");
}

#[test]
fn limits_are_told_from_each_other_by_their_terms() {
    let config = policy(vec![limit(RateKey::ClientIp, 1), limit(RateKey::Function, 9)]);
    let mut before = Policy::read(&config).unwrap();
    let meters = before.meters("/", "f");
    assert_eq!(passes(&before, &meters), 2);
    // In another order, one of them only looking on.
    let looks = RateLimit { dry_run: true, ..limit(RateKey::ClientIp, 1) };
    let mut after = Policy::read(&policy(vec![limit(RateKey::Function, 9), looks])).unwrap();
    let mut tallies = BTreeMap::new();
    after.tally_with(&mut tallies);
    after.follow(&before);
    let meters = after.meters("/", "f");
    assert_eq!(passes(&after, &meters), 8, "two of the function's ten were spent");
    assert_eq!((after.counts().rate, after.counts().dry_run), (2, 8));
    assert_eq!(counts(&[Arc::new(after)], &tallies)["p"].dry_run, 8);
}
