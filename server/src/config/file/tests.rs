//! The file as people write it, and what they are told.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::explain::full;
use super::key::{Caption, Card, Header};
use super::value::{Kind, Value};
use super::*;

const SMALLEST: &str = r#"
version = 1
[[listener]]
address = "[::]:8080"
[[function]]
name = "hello"
artifact = "./libhello.so"
[[route]]
path = "/{*rest}"
function = "hello"
"#;

fn base() -> &'static Path {
    Path::new("/etc/fezz")
}

fn load(text: &str) -> Loaded {
    read_text(text, base()).unwrap_or_else(|errors| panic!("{}\n{text}", all(&errors)))
}

fn all(errors: &[ConfigError]) -> String {
    errors.iter().map(|it| format!("{it}\n")).collect()
}

/// Compares with a file of the repository, or writes it where FEZZ_BLESS says so.
fn same(path: &Path, text: &str) -> Option<String> {
    if std::env::var_os("FEZZ_BLESS").is_some() {
        std::fs::write(path, text).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    let differs = || format!("{} differs from\n{text}", path.display());
    (there != text).then(differs)
}

#[test]
fn the_smallest_one() {
    let Loaded { config, origins } = load(SMALLEST);
    assert_eq!(config.functions[0].artifact, Path::new("/etc/fezz/./libhello.so"));
    assert_eq!(config.routes[0].pattern.path, "/{*rest}");
    assert_eq!(config.metrics.listen.unwrap().to_string(), "127.0.0.1:9464");
    assert_eq!(config.limits, super::super::Limits::default());
    assert_eq!(origins.line_of("route[0].path"), Some((Path::new("fezz.toml"), 9)));
    assert_eq!(origins.line_of("limits.body"), None);
}

/// What a key needs beside it to mean anything.
fn companions(section: &str, key: &str) -> &'static str {
    match (section, key) {
        ("listener", "https_port" | "acme_challenges") => "redirect = \"https\"",
        ("listener", "client_auth.ca") => "tls = true",
        ("listener", "client_auth.mode") => "tls = true\nclient_auth.ca = \"ca.pem\"",
        ("function" | "policy", "fallback.body" | "fallback.content_type") => {
            "fallback.status = 503"
        }
        ("function", "version") => "name = \"other\"",
        ("route", "match.header") => "match.value = \"x\"",
        ("route", "match.value") => "match.header = \"x\"",
        ("policy", "auth.file") => "auth.scheme = \"bearer-sha256\"",
        ("policy", "auth.subjects") => "auth.scheme = \"client-certificate\"",
        ("policy", key) if key.starts_with("cors.") && key != "cors.origins" => {
            "cors.origins = [\"https://a.example\"]"
        }
        ("admin", "mode") => "listen = \"unix:/run/fezz/admin.sock\"",
        _ => "",
    }
}

/// A whole file in which a key has a value; the line and column of the value.
fn document(
    caption: &Caption,
    cards: &[&Card],
    card: &Card,
    value: &str,
) -> (String, usize, usize) {
    let mut text = String::from("version = 1\n");
    let mut at = (0, 0);
    let mut put = |text: &mut String, name: &str, value: &str| {
        text.push_str(&format!("{name} = "));
        let line = text.lines().last().unwrap_or_default();
        at = (text.lines().count(), line.chars().count() + 1);
        text.push_str(&format!("{value}\n"));
    };
    if caption.header == Header::Top {
        text = String::new();
        if card.name != "version" {
            text.push_str("version = 1\n");
        }
        put(&mut text, card.name, value);
    }
    text.push_str(
        "[[listener]]\nname = \"first\"\naddress = \"127.0.0.1:1\"\ntls = true\n\
         client_auth.ca = \"ca.pem\"\n\
         [[certificate]]\ncert = \"a.pem\"\nkey = \"a.key\"\n\
         [[function]]\nname = \"orders\"\nversion = \"1.0.0\"\nartifact = \"a.so\"\n\
         [[function]]\nname = \"orders\"\nversion = \"2.1.7\"\nartifact = \"b.so\"\n\
         [policy.partners]\nconcurrency = 7\n\
         [[route]]\npath = \"/first\"\nfunction = \"orders\"\n",
    );
    let header = match caption.header {
        Header::Top => return (text, at.0, at.1),
        Header::Table | Header::Array => caption.title.to_owned(),
        Header::Named => "[policy.tried]".to_owned(),
        Header::Within => "[policy.tried]\nauth = { scheme = \"client-certificate\" }\n\
             [[policy.tried.rate_limit]]"
            .to_owned(),
    };
    text.push_str(&format!("{header}\n{}\n", companions(caption.name, card.name)));
    for other in cards.iter().filter(|it| it.required && it.name != card.name) {
        text.push_str(&format!("{} = {}\n", other.name, other.example));
    }
    if caption.name == "route" && !matches!(card.name, "function" | "split") {
        text.push_str("function = \"orders@2\"\n");
    }
    put(&mut text, card.name, value);
    (text, at.0, at.1)
}

/// The values that a key has in a file, whichever item they are in.
fn values(text: &str, caption: &Caption, card: &Card) -> Vec<Value> {
    let table = DeTable::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut nodes = vec![DeValue::Table(table.into_inner())];
    let mut down = |name: &str, named: bool| {
        let mut next = Vec::new();
        for node in &nodes {
            let DeValue::Table(table) = node else { continue };
            for (key, value) in table.iter() {
                if named || *key.get_ref() == name {
                    match value.get_ref() {
                        DeValue::Array(items)
                            if !matches!(card.kind, Kind::List { .. })
                                || name != card.name.rsplit('.').next().unwrap_or_default() =>
                        {
                            next.extend(items.iter().map(|it| it.get_ref().clone()));
                        }
                        other => next.push(other.clone()),
                    }
                }
            }
        }
        nodes = next;
    };
    for name in caption.name.split('.').filter(|name| !name.is_empty()) {
        down(name, false);
        if name == "policy" {
            down("", true);
        }
    }
    for name in card.name.split('.') {
        down(name, false);
    }
    nodes.iter().filter_map(|node| card.kind.read(node, base()).ok()).collect()
}

fn read_alone(card: &Card, text: &str) -> Value {
    let table = DeTable::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let (_, node) = table.get_ref().iter().next().unwrap();
    card.kind.read(node.get_ref(), base()).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
}

/// Every key: what is written reaches the configuration, from which it is shown again.
#[test]
fn every_key_reaches_its_place() {
    for (caption, cards) in table::all() {
        for card in &cards {
            if matches!((caption.name, card.name), ("", "version" | "include")) {
                continue;
            }
            let (text, ..) = document(&caption, &cards, card, card.example);
            let wanted = read_alone(card, &format!("x = {}", card.example));
            let shown = show(&load(&text));
            let found = values(&shown, &caption, card);
            assert!(found.contains(&wanted), "{}.{}:\n{shown}", caption.name, card.name);
            let again =
                read_text(&shown, Path::new("/")).unwrap_or_else(|it| panic!("{}", all(&it)));
            assert_eq!(again.config, load(&text).config, "{shown}");
        }
    }
}

/// Every key: the default that is documented is the one that holds.
#[test]
fn every_default_is_the_one_that_holds() {
    for (caption, cards) in table::all() {
        for card in cards.iter().filter(|card| !card.default.is_empty()) {
            assert!(card.default != card.example || card.name == "mode", "{}", card.name);
            let (with, ..) = document(&caption, &cards, card, card.default);
            let (without, ..) = document(&caption, &cards, card, card.default);
            let line = format!("{} = {}\n", card.name, card.default);
            let without = without.replacen(&line, "", 1);
            assert_ne!(with, without);
            if ["access_log", "audit_log", "admin"].contains(&caption.name) {
                // The section itself says something.
                continue;
            }
            let name = format!("{}.{}", caption.name, card.name);
            assert_eq!(load(&with).config, load(&without).config, "{name}");
        }
    }
}

/// A value that this kind never takes.
fn wrong_values(kind: &Kind) -> &'static [&'static str] {
    match kind {
        Kind::Time { .. } => &["10", "\"10\"", "\"10 s\"", "\"10y\"", "\"\"", "true", "[]"],
        Kind::Size { .. } => &["10", "\"10\"", "\"1MB\"", "\"0B\"", "\"9999GiB\"", "{}"],
        Kind::Rate { .. } => &["10", "\"10\"", "\"10B\"", "\"0B/s\"", "false"],
        Kind::Count { .. } => &["\"1\"", "0", "-1", "1.5", "99999999999", "\"many\""],
        Kind::Flag => &["\"true\"", "1", "\"yes\""],
        Kind::Word(_) => &["\"no-such-word\"", "7", "true"],
        Kind::Text { .. } => &["7", "true", "[\"a\"]"],
        Kind::Path { .. } => &["7", "\"\"", "[\"a\"]"],
        Kind::List { single: false, .. } => &["\"a\"", "7", "[7]"],
        Kind::List { single: true, .. } => &["7", "[7]", "[]"],
        Kind::Pairs { .. } => &["\"a\"", "7", "[\"a\"]", "{ a = [] }"],
    }
}

/// Every key: what it does not take is refused at its line and column.
#[test]
fn every_key_refuses_what_it_is_not() {
    for (caption, cards) in table::all() {
        for card in &cards {
            for value in wrong_values(&card.kind) {
                let (text, line, column) = document(&caption, &cards, card, value);
                let errors = read_text(&text, base()).expect_err(&text);
                let here = |error: &&ConfigError| match error {
                    ConfigError::File(it) => {
                        let inner = if value.starts_with("[7") { 1 } else { 0 };
                        it.spot
                            .as_ref()
                            .is_some_and(|spot| (spot.line, spot.column) == (line, column + inner))
                            && !it.fault.remedy().is_empty()
                                | matches!(
                                    it.fault,
                                    Fault::CountRange { .. }
                                        | Fault::SizeRange { .. }
                                        | Fault::Unit { .. }
                                        | Fault::Prefix { .. }
                                        | Fault::NoPath
                                )
                    }
                    _ => false,
                };
                assert!(
                    errors.iter().any(|it| here(&it)),
                    "{value} at {line}:{column} of\n{text}{}",
                    all(&errors)
                );
            }
        }
    }
}

/// Files with mistakes of every sort, and all that is said about each.
#[test]
fn broken_files_are_told_everything_at_once() {
    let directory = Path::new("tests/configuration/broken");
    let entries = std::fs::read_dir(directory).unwrap().map(|it| it.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|it| it.extension().is_some_and(|it| it == "toml")).collect();
    files.sort();
    assert!(files.len() >= 25, "{}", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let errors = read(&file).expect_err("a broken file was taken");
        let text = errors.iter().map(|it| format!("error[{}]: {it}\n\n", it.name()));
        wrong.extend(same(&file.with_extension("txt"), &text.collect::<String>()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_that_are_no_text_at_all() {
    let directory = std::env::temp_dir().join(format!("fezz-config-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let told = |name: &str, octets: &[u8]| {
        let path = directory.join(name);
        std::fs::write(&path, octets).unwrap();
        read(&path).unwrap_err().iter().map(ConfigError::name).collect::<Vec<_>>()
    };
    assert_eq!(told("latin1", b"version = 1\nroot = \"\xe4\"\n"), ["not_text"]);
    assert_eq!(told("nothing", b""), ["empty"]);
    let most = usize::try_from(FILE_BYTES_MAX).unwrap();
    assert_eq!(told("large", &vec![b'#'; most + 1]), ["too_large"]);
    assert_eq!(told("deep", format!("a = {}", "[".repeat(100_000)).as_bytes())[0], "syntax");
    let absent = read(&directory.join("absent")).unwrap_err();
    assert_eq!(absent[0].name(), "unreadable");
    assert_eq!(read(&directory).unwrap_err()[0].name(), "unreadable");
    std::fs::write(directory.join("bom"), format!("\u{feff}{SMALLEST}")).unwrap();
    assert!(read(&directory.join("bom")).is_ok());
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn files_are_included_in_the_order_of_their_names() {
    let loaded = read(Path::new("tests/configuration/good/include.toml"))
        .unwrap_or_else(|it| panic!("{}", all(&it)));
    let names: Vec<&str> =
        loaded.config.functions.iter().filter_map(|it| it.name.as_deref()).collect();
    assert_eq!(names, ["main", "ten", "twenty"]);
    let (file, line) = loaded.origins.line_of("function[2].name").unwrap();
    assert!(file.ends_with("good/conf.d/20-twenty.toml"), "{file:?}");
    assert_eq!(line, 2);
    let artifact = &loaded.config.functions[2].artifact;
    assert!(artifact.is_absolute() && artifact.ends_with("conf.d/twenty.so"), "{artifact:?}");
    assert_eq!(loaded.config.policies.len(), 2);
    assert_eq!(loaded.config.routes[2].policy, Some(1));
}

#[test]
fn the_schema_and_the_page_are_those_of_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = root.join("docs/configuration.md");
    let there = std::fs::read_to_string(&page).unwrap_or_default();
    let front = there.split_once(GENERATED).map_or(there.as_str(), |(front, _)| front);
    let wrong: Vec<String> = [
        same(&root.join("packaging/fezz.schema.json"), &schema()),
        same(&page, &format!("{front}{GENERATED}{}", self::page())),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(wrong.is_empty(), "FEZZ_BLESS=1 writes them: {}", wrong.join("\n"));
}

const GENERATED: &str = "<!-- What follows is generated: \
                         FEZZ_BLESS=1 cargo test -p fezz-server --lib config::file -->\n";

#[test]
fn keys_are_explained() {
    let text = explain("limits.body").unwrap();
    assert!(text.starts_with("limits.body\n  Octets of a request's body"), "{text}");
    assert!(text.contains("default       \"1MiB\""), "{text}");
    assert!(text.contains("--limit-body"), "{text}");
    assert!(text.contains("body_too_large"), "{text}");
    assert_eq!(explain("body").unwrap().matches("\n  written").count(), 4);
    assert!(explain("[limits]").unwrap().contains("header_count"));
    assert_eq!(explain("limits.bdy"), Err(UnknownTerm { nearest: Some("body") }));
    assert_eq!(explain("limts"), Err(UnknownTerm { nearest: Some("limits") }));
    assert_eq!(explain("zzzzzzz"), Err(UnknownTerm { nearest: None }));
    for (caption, cards) in table::all() {
        for card in cards {
            let name = full(&caption, card);
            assert!(explain(&name).is_ok_and(|text| text.starts_with(&name)), "{name}");
            assert!(!card.meaning.ends_with('.'), "{name}: the page sets the full stop");
        }
    }
}

#[test]
fn what_is_seldom_wise_has_a_name() {
    let text = r#"
version = 1
[[listener]]
name = "a"
address = "0.0.0.0:80"
forwarded = "rfc7239"
[[listener]]
name = "b"
address = "0.0.0.0:443"
tls = true
trusted_proxies = ["0.0.0.0/0"]
[tls]
self_signed = true
[limits]
requests_per_connection = "off"
[timeouts]
body_min_rate = "off"
transfer = "off"
[metrics]
listen = "0.0.0.0:9464"
[[function]]
name = "f"
artifact = "f.so"
abi = "v1"
[[route]]
path = "/a"
function = "f"
[[route]]
path = "/b"
function = "f"
policy = "p"
[policy.p]
auth = { scheme = "bearer-sha256", file = "tokens" }
rate_limit = { key = "client_ip", rate = "1/s", dry_run = true }
"#;
    let mut names: Vec<&str> = lints(&load(text)).iter().map(|it| it.fault.name()).collect();
    names.sort_unstable();
    names.dedup();
    let expected = [
        "auth_in_clear",
        "dry_run",
        "earlier_abi",
        "metrics_public",
        "no_hsts",
        "no_rate_limit",
        "off",
        "plain_public",
        "self_signed",
        "trusts_everybody",
        "trusts_nobody",
    ];
    assert_eq!(names, expected);
    assert!(lints(&load(text)).iter().all(|it| it.spot.is_some()));
    assert!(names.iter().all(|it| Lint::NAMES.contains(it)));
}

#[test]
fn the_shipped_examples_are_sound() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("packaging");
    for name in ["smallest.toml", "fezz.toml"] {
        let loaded = read(&packaging.join(name)).unwrap_or_else(|it| panic!("{}", all(&it)));
        let shown = show(&loaded);
        let again = read_text(&shown, Path::new("/")).unwrap_or_else(|it| panic!("{}", all(&it)));
        assert_eq!(again.config, loaded.config);
        if name == "fezz.toml" {
            let found = lints(&loaded);
            assert!(found.is_empty(), "{found:#?}");
        }
    }
    let page = packaging.join("../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    for name in Lint::NAMES {
        assert!(page.contains(&format!("\n| `{name}` |")), "{name} is not on the page");
    }
    let fenced = page.split("   ```toml\n").nth(1).and_then(|it| it.split("   ```").next());
    load(fenced.expect("the page has an example"));
    let readme = std::fs::read_to_string(packaging.join("../README.md")).unwrap();
    let fenced = readme.split("```toml\n").nth(1).and_then(|it| it.split("```").next());
    load(fenced.expect("the first page has an example"));
}
