//! Every word of the program that metrics and logs show stands in the documentation, and the
//! dashboard shows nothing that does not exist.
#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::path::Path;

use fezz_abi::Stage;
use fezz_parser::Error;
use fezz_proto::{Cause, HandshakeFault, Phase, Refusal};
use fezz_server::health::Unready;
use fezz_server::metrics::{FAMILIES, Family, Kind};
use fezz_server::{AcceptFault, Outcome, PolicyCounts, ProxyFault, Rejection};

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The section of a page under the heading that names `label`.
fn section<'p>(page: &'p str, label: &str) -> &'p str {
    let heading = page
        .match_indices("\n### ")
        .find(|(at, _)| page[at + 1..].lines().next().is_some_and(|line| line.contains(label)));
    let (at, _) = heading.unwrap_or_else(|| panic!("no section about {label}"));
    let rest = &page[at + 1..];
    rest[4..].find("\n#").map_or(rest, |end| &rest[..end + 4])
}

fn missing(page: &str, words: impl IntoIterator<Item = &'static str>) -> Vec<&'static str> {
    words.into_iter().filter(|word| !page.contains(&format!("`{word}`"))).collect()
}

#[test]
fn every_refusal_is_in_the_table_with_its_status() {
    let page = read("docs/refusals.md");
    let own = Refusal::OWN.iter().map(|refusal| (refusal.name(), refusal.status()));
    let all: Vec<_> = own.chain(Error::STATUSES.iter().copied()).collect();
    assert_eq!(all.len(), Refusal::OWN.len() + Error::NAMES.len());
    for (word, status) in &all {
        assert!(page.contains(&format!("\n| `{word}` | {status} |")), "{word} {status}");
    }
    let status = |line: &&str| {
        let second = line.split('|').nth(2).unwrap_or_default().trim();
        second.len() == 3 && second.bytes().all(|octet| octet.is_ascii_digit())
    };
    let rows = page.lines().filter(|line| line.starts_with("| `")).filter(status).count();
    assert_eq!(rows, all.len(), "a row of a word that is no more");
}

#[test]
fn every_word_of_a_label_is_in_its_table() {
    let page = read("docs/observability.md");
    let of = |label: &str, words: Vec<&'static str>| {
        let missing = missing(section(&page, label), words);
        assert!(missing.is_empty(), "{label}: {missing:?}");
    };
    of("`state` of connections", Phase::ALL.map(Phase::name).to_vec());
    of("fezz_connections_closed_total", Cause::ALL.map(Cause::name).to_vec());
    of("fezz_connections_rejected_total", Rejection::NAMES.to_vec());
    of("fezz_accept_failures_total", AcceptFault::ALL.map(AcceptFault::name).to_vec());
    of("fezz_proxy_header_faults_total", ProxyFault::ALL.map(ProxyFault::name).to_vec());
    let faults = HandshakeFault::ALL.map(HandshakeFault::name);
    of("fezz_tls_handshake_failures_total", faults.to_vec());
    of("fezz_dispatch_errors_total", Stage::ALL.map(Stage::name).to_vec());
    of("Others", PolicyCounts::default().by_kind().map(|(kind, _)| kind).to_vec());
    of("Others", Outcome::ALL.map(Outcome::name).to_vec());
    let unready = missing(&page, Unready::ALL.map(Unready::name));
    assert!(unready.is_empty(), "{unready:?}");
}

#[test]
fn every_metric_is_in_the_table() {
    let page = read("docs/observability.md");
    for Family { name, kind, labels, help } in FAMILIES {
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        let row = format!("\n| `{name}` | {} | {labels} | {help} |\n", kind.name());
        assert!(page.contains(&row), "the row must be:{row}");
    }
}

/// Everything in a text that looks like a metric of ours.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let ours = ["fezz_", "faas_", "http_server_", "process_"];
    let labels = ["faas_name", "faas_version", "faas_trigger"];
    words
        .filter(|word| ours.iter().any(|prefix| word.starts_with(prefix)))
        .filter(|word| !labels.contains(word))
        .collect()
}

#[test]
fn the_dashboard_uses_metrics_that_exist() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("packaging/grafana/fezz.json")).expect("JSON");
    let exists = |word: &str| {
        FAMILIES.iter().any(|family| match family.kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|suffix| word.strip_suffix(suffix) == Some(family.name)),
            Kind::Counter | Kind::Gauge => word == family.name,
        })
    };
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut used = BTreeSet::new();
    for expression in panels.iter().flat_map(|panel| panel["targets"].as_array()).flatten() {
        let expression = expression["expr"].as_str().expect("an expression");
        let names = metrics(expression);
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            assert!(exists(name), "{name} in {expression}");
            used.insert(name.to_owned());
        }
        let labels = labels_of(expression);
        let known = |label: &String| {
            ["job", "instance", "le"].contains(&label.as_str())
                || FAMILIES.iter().any(|family| family.labels.contains(&label.as_str()))
        };
        assert!(labels.iter().all(known), "{labels:?} in {expression}");
    }
    assert!(used.len() >= 30, "a dashboard of {} metrics", used.len());
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        let names = variable["query"].as_str().map(metrics).unwrap_or_default();
        assert!(names.iter().all(|name| exists(name)), "{names:?}");
    }
}

/// The labels that an expression groups by or selects with.
fn labels_of(expression: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for (at, by) in expression.match_indices("by (") {
        let inside = &expression[at + by.len()..];
        let inside = &inside[..inside.find(')').expect("an end")];
        labels.extend(inside.split(',').map(|label| label.trim().to_owned()));
    }
    for (at, _) in expression.match_indices("=\"").chain(expression.match_indices("=~\"")) {
        let before = expression[..at].trim_end_matches('!');
        let start = before.rfind(|char: char| !char.is_ascii_alphanumeric() && char != '_');
        labels.insert(before[start.map_or(0, |at| at + 1)..].to_owned());
    }
    labels
}
