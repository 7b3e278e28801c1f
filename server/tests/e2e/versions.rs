//! Versions side by side, and others published while requests are under way: nobody is dropped, and
//! everybody is answered by whom admitted them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fezz_server::ImageCounts;
use fezz_server::assemble::Functions;
use fezz_server::config::{
    Config, FunctionConfig, FunctionOptions, ListenerConfig, Placement, RouteConfig, Target,
};
use fezz_server::plugin::pattern::Pattern;
use fezz_server::plugin::registry::Registry;
use fezz_server::plugin::version::{Selector, Version};

use super::harness::{Client, Running, c_function, statuses};

/// A folder of one test, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("versions").join(name);
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Puts a function at `artifact` that says `label`, after 400 ms where the path asks for `/slow`.
pub(crate) fn speaking(artifact: &Path, label: &str, more: &str) {
    let body = format!(
        r#"
{more}
static const uint8_t head[] = "\xa2\x66status\x18\xc8\x64" "body";
static const char label[] = "{label}";
FezzOwned fezz_handle_v2(FezzSlice r) {{
#ifdef ENTER
    ENTER
#endif
    for (size_t at = 0; at + 5 <= r.len; at++)
        if (!memcmp(r.ptr + at, "/slow", 5)) {{
            usleep(400 * 1000);
            break;
        }}
    size_t before = sizeof head - 1, said = sizeof label - 1;
    FezzOwned o = {{ malloc(before + 1 + said), before + 1 + said }};
    memcpy(o.ptr, head, before);
    o.ptr[before] = (uint8_t)(0x40 + said);
    memcpy(o.ptr + before + 1, label, said);
    return o;
}}
void fezz_free_v2(FezzOwned o) {{ free(o.ptr); }}
"#
    );
    let test = artifact.parent().and_then(Path::file_name).expect("a folder of its own");
    let name = format!("speaking-{}-{label}", test.display());
    std::fs::create_dir_all(artifact.parent().expect("a folder")).expect("a folder");
    std::fs::copy(c_function(&name, &body), artifact).expect("the artifact is copied");
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// `a@VERSION` for each of the versions, from `folder`, and `/{*rest}` to the newest 1.x.
fn serving(folder: &Path, versions: &[&str]) -> Config {
    let mut config = Config {
        listeners: vec![ListenerConfig::plain(([127, 0, 0, 1], 0).into())],
        event_loops: 2,
        ..Config::default()
    };
    config.workers.threads = 4;
    config.limits.requests_per_connection_max = u32::MAX;
    for (place, version) in versions.iter().enumerate() {
        config.functions.push(FunctionConfig {
            name: Some("a".to_owned()),
            version: Some(Version::parse(version).expect("a version")),
            artifact: folder.join(format!("{version}.so")),
            options: FunctionOptions::default(),
        });
        connect(&mut config, Target::Function(place), &format!("/only/{version}/{{*rest}}"));
    }
    let newest = Target::Selector(Selector::parse("a@1").expect("a selector"));
    connect(&mut config, newest, "/{*rest}");
    config
}

fn connect(config: &mut Config, target: Target, pattern: &str) {
    let pattern = Pattern::parse(pattern).expect("a pattern");
    config.routes.push(RouteConfig::new(pattern, target));
}

/// The versions of the test `name` as artifacts.
fn versions(name: &str, versions: &[&str]) -> PathBuf {
    let folder = folder(name);
    for version in versions {
        speaking(&folder.join(format!("{version}.so")), version, "");
    }
    folder
}

/// A server, and what it serves.
struct Site {
    server: Running,
    present: Registry,
}

impl Site {
    fn start(config: &Config) -> Self {
        let functions = Functions::load(config).expect("the artifacts load");
        let present = functions.registry.clone();
        Self { server: Running::with(config, functions), present }
    }

    /// Publishes what `config` says; how many were added, retired and kept.
    fn publish(&mut self, config: &Config) -> [usize; 3] {
        let functions = Functions::reload(config, &self.present).expect("the artifacts load");
        let present = functions.registry.clone();
        let report = self.server.handle.publish(functions);
        self.present = present;
        [report.added, report.retired, report.kept].map(|names| names.len())
    }

    fn says(&self, path: &str) -> String {
        let text = self.server.talk(&get(path));
        assert_eq!(statuses(&text), [200], "{text}");
        text.rsplit("\r\n").next().unwrap_or_default().to_owned()
    }

    fn images(&self) -> ImageCounts {
        self.server.handle.counted().images
    }
}

/// Keep-alive connections that ask one after the other.
struct Crowd {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<(BTreeSet<String>, String)>>,
}

impl Crowd {
    fn gather(server: &Running, clients: usize, path: &'static str) -> Self {
        let (over, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let threads = (0..clients).map(|_| {
            let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
            let mut client = Client::to(server.address);
            thread::spawn(move || {
                let mut said = BTreeSet::new();
                loop {
                    let last = over.load(Ordering::Acquire);
                    client.send(&get(path).repeat(2));
                    for _ in 0..2 {
                        let (head, content) = client.reply();
                        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                        answered.fetch_add(1, Ordering::Relaxed);
                        let content = String::from_utf8(content).expect("text");
                        if last {
                            return (said, content);
                        }
                        said.insert(content);
                    }
                }
            })
        });
        let threads = threads.collect();
        Self { over, answered, threads }
    }

    /// Waits until so many more answers came.
    fn go_on(&self, more: usize) {
        let until = self.answered.load(Ordering::Relaxed) + more;
        while self.answered.load(Ordering::Relaxed) < until {
            assert!(!self.threads.iter().any(JoinHandle::is_finished), "a client has failed");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// What was said until now, and what everybody hears who asks from now on.
    fn end(self) -> (BTreeSet<String>, BTreeSet<String>) {
        self.over.store(true, Ordering::Release);
        let (mut said, mut last) = (BTreeSet::new(), BTreeSet::new());
        for thread in self.threads {
            let heard = thread.join().expect("every request is answered");
            said.extend(heard.0);
            last.insert(heard.1);
        }
        (said, last)
    }
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn an_artifact_is_loaded_again_only_if_something_about_it_changed() {
    let folder = versions("reuse", &["1.0", "1.1"]);
    let config = serving(&folder, &["1.0", "1.1"]);
    let first = Functions::load(&config).expect("they load").registry;
    // Which functions of a registry are those of the first.
    let reused = |config: &Config| {
        let registry = Functions::reload(config, &first).expect("they load").registry;
        registry.iter().map(|(_, entry)| first.holds(&entry.function)).collect::<Vec<_>>()
    };
    assert_eq!(reused(&config), [true, true]);
    assert_eq!(reused(&serving(&folder, &["1.1"])), [true]);
    let mut other = config.clone();
    other.functions[0].options.max_in_flight = Some(9);
    assert_eq!(reused(&other), [false, true], "other options");
    let mut other = config.clone();
    other.functions[1].name = Some("b".to_owned());
    connect(&mut other, Target::Function(0), "/unused");
    assert_eq!(reused(&other), [true, false], "another name");
    let mut other = config.clone();
    other.functions[0].version = Some(Version::parse("1.2").expect("a version"));
    assert_eq!(reused(&other), [false, true], "another version");
    let mut other = config.clone();
    other.limits.response_body_bytes_max = 1_000;
    assert_eq!(reused(&other), [false, false], "another limit on answers");
    let elsewhere = folder.join("copy.so");
    std::fs::copy(folder.join("1.0.so"), &elsewhere).expect("a copy");
    let mut other = config.clone();
    other.functions[0].artifact = elsewhere;
    assert_eq!(reused(&other), [false, true], "another file");
    // The same octets, written anew.
    let octets = std::fs::read(folder.join("1.0.so")).expect("the artifact");
    std::fs::write(folder.join("1.0.so"), octets).expect("it is written");
    assert_eq!(reused(&config), [true, true]);
    speaking(&folder.join("1.1.so"), "other", "");
    assert_eq!(reused(&config), [true, false], "other octets");
}

#[test]
fn a_reload_says_everything_that_is_wrong() {
    let folder = versions("wrong", &["1.0", "1.1", "1.2"]);
    let config = serving(&folder, &["1.0", "1.1", "1.2"]);
    let first = Functions::load(&config).expect("they load").registry;
    std::fs::write(folder.join("1.0.so"), "no artifact").expect("it is written");
    std::fs::remove_file(folder.join("1.1.so")).expect("it was there");
    speaking(&folder.join("1.2.so"), "other", "");
    let complaints = Functions::reload(&config, &first).expect_err("two are broken");
    let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("1.0.so") && said[1].contains("1.1.so"), "{said:?}");
}

#[test]
fn versions_stand_side_by_side_and_a_selector_takes_the_newest() {
    let folder = versions("side_by_side", &["1.9", "1.10", "2.0"]);
    let mut site = Site::start(&serving(&folder, &["1.9", "1.10"]));
    assert_eq!(site.says("/only/1.9/x"), "1.9");
    assert_eq!(site.says("/only/1.10/x"), "1.10");
    assert_eq!(site.says("/x"), "1.10");
    assert_eq!(site.publish(&serving(&folder, &["1.9", "1.10", "2.0"])), [1, 0, 2]);
    assert_eq!((site.says("/x"), site.says("/only/2.0/")), ("1.10".into(), "2.0".into()));
    assert_eq!(site.publish(&serving(&folder, &["1.9", "2.0"])), [0, 1, 2]);
    assert_eq!((site.says("/x"), site.says("/only/1.10/")), ("1.9".into(), "1.9".into()));
    assert_eq!(site.images(), ImageCounts { serving: 2, retired: 1 });
    let page = site.server.handle.metrics_page();
    for line in ["fezz_functions{state=\"serving\"} 2\n", "fezz_functions{state=\"retired\"} 1\n"] {
        assert!(page.contains(line), "{page}");
    }
}

#[test]
fn a_directory_gains_a_version_and_loses_one() {
    let folder = folder("root");
    let artifact = |version: &str| folder.join("functions/a").join(version).join("fezz.so");
    for version in ["1.0", "1.1"] {
        speaking(&artifact(version), version, "");
    }
    let mut config = serving(&folder, &[]);
    config.root = Some(folder.clone());
    let mut site = Site::start(&config);
    assert_eq!(site.says("/rpc/a/1.0/x"), "1.0");
    assert_eq!(site.says("/x"), "1.1");
    speaking(&artifact("1.2"), "1.2", "");
    std::fs::remove_dir_all(folder.join("functions/a/1.0")).expect("it was there");
    assert_eq!(site.publish(&config), [1, 1, 1]);
    assert_eq!(site.says("/x"), "1.2");
    assert_eq!(site.says("/rpc/a/1.1/x"), "1.1");
    assert_eq!(site.says("/rpc/a/1.0/x"), "1.2", "it is the catch-all's now");
}

#[test]
fn a_version_is_published_under_load_and_nobody_is_lost() {
    for (name, placement) in [("load_worker", Placement::Worker), ("load_inline", Placement::Auto)]
    {
        let folder = versions(name, &["1.1", "1.2"]);
        let placed = |versions: &[&str]| {
            let mut config = serving(&folder, versions);
            for function in &mut config.functions {
                function.options.placement = Some(placement);
            }
            config
        };
        let mut site = Site::start(&placed(&["1.1"]));
        let crowd = Crowd::gather(&site.server, 6, "/x");
        crowd.go_on(500);
        assert_eq!(site.publish(&placed(&["1.1", "1.2"])), [1, 0, 1]);
        // Sent after the publication: without exception the new one's.
        assert_eq!(site.says("/x"), "1.2");
        crowd.go_on(500);
        let (said, last) = crowd.end();
        assert_eq!((said, last), (set(&["1.1", "1.2"]), set(&["1.2"])));
    }
}

#[test]
fn a_request_that_is_still_arriving_is_answered_by_who_admitted_it() {
    let folder = versions("arriving", &["1.0", "1.1"]);
    let mut site = Site::start(&serving(&folder, &["1.0"]));
    let mut slow = Client::to(site.server.address);
    slow.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    site.server.wait("the head is read", |counted| counted.heads == 1);
    assert_eq!(site.publish(&serving(&folder, &["1.1"])), [1, 1, 0]);
    assert_eq!(site.says("/x"), "1.1");
    // Long after the retired one came to rest.
    thread::sleep(Duration::from_millis(1_500));
    slow.send(b"def");
    assert_eq!(slow.reply().1, b"1.0");
    slow.send(&get("/x"));
    assert_eq!(slow.reply().1, b"1.1", "on the same connection");
}

#[test]
fn requests_of_a_version_that_is_removed_are_answered() {
    let folder = versions("removed", &["1.0", "1.1"]);
    let mut config = serving(&folder, &["1.0", "1.1"]);
    config.workers.threads = 2;
    let mut site = Site::start(&config);
    // More than may run at once: the others wait.
    let mut busy: Vec<Client> = (0..5).map(|_| Client::to(site.server.address)).collect();
    for client in &mut busy {
        client.send(&get("/slow"));
    }
    site.server.wait("they are dispatched", |counted| counted.dispatched == 5);
    assert_eq!(site.publish(&serving(&folder, &["1.0"])), [0, 1, 1]);
    for client in &mut busy {
        assert_eq!(client.reply().1, b"1.1");
        client.send(&get("/x"));
    }
    for client in &mut busy {
        assert_eq!(client.reply().1, b"1.0");
    }
}

#[test]
fn an_artifact_replaced_in_place_serves_and_the_old_one_finishes() {
    let folder = versions("in_place", &["1.0"]);
    let config = serving(&folder, &["1.0"]);
    let mut site = Site::start(&config);
    let mut busy = Client::to(site.server.address);
    busy.send(&get("/slow"));
    site.server.wait("it is dispatched", |counted| counted.dispatched == 1);
    speaking(&folder.join("1.0.so"), "new", "");
    assert_eq!(site.publish(&config), [1, 1, 0]);
    assert_eq!(site.says("/x"), "new");
    assert_eq!(busy.reply().1, b"1.0");
    assert_eq!(site.publish(&config), [0, 0, 1]);
}

#[test]
fn fifty_publications_under_load_lose_nobody() {
    let folder = versions("fifty", &["1.0", "1.1", "1.2"]);
    let mut site = Site::start(&serving(&folder, &["1.0", "1.1"]));
    let crowd = Crowd::gather(&site.server, 4, "/x");
    for round in 0..50 {
        let versions = if round % 2 == 0 { ["1.0", "1.2"] } else { ["1.0", "1.1"] };
        assert_eq!(site.publish(&serving(&folder, &versions)), [1, 1, 1]);
        crowd.go_on(20);
    }
    let (said, last) = crowd.end();
    assert_eq!((said, last), (set(&["1.1", "1.2"]), set(&["1.1"])));
    assert_eq!(site.images(), ImageCounts { serving: 2, retired: 50 });
}

/// Writes down when it begins and comes to an end, and is called between the two or never.
fn with_a_life(journal: &Path, label: &str) -> String {
    format!(
        r#"
#include <fcntl.h>
static int begun;
static void note(const char *line) {{
    int file = open("{journal}", O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (write(file, line, strlen(line)) < 0) abort();
    close(file);
}}
int32_t fezz_init_v1(const FezzHostV1 *host, FezzSlice settings) {{
    (void)host, (void)settings, begun = 1, note("init {label}\n");
    return 0;
}}
void fezz_fini_v1(void) {{ begun = 0, note("fini {label}\n"); }}
#define ENTER if (!begun) abort();
"#,
        journal = journal.display()
    )
}

#[test]
fn who_is_retired_comes_to_an_end_and_begins_again_for_who_was_admitted() {
    let folder = folder("life");
    let journal = folder.join("journal");
    for version in ["1.0", "1.1"] {
        let artifact = folder.join(format!("{version}.so"));
        speaking(&artifact, version, &with_a_life(&journal, version));
    }
    let written = |lines: &[&str]| {
        for _ in 0..1_000 {
            let text = std::fs::read_to_string(&journal).expect("somebody began");
            if text.lines().eq(lines.iter().copied()) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{lines:?} is not {:?}", std::fs::read_to_string(&journal));
    };
    let mut site = Site::start(&serving(&folder, &["1.0"]));
    let mut slow = Client::to(site.server.address);
    slow.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    site.server.wait("the head is read", |counted| counted.heads == 1);
    // It begins, and another one is broken: it ends at once, nothing else does.
    let broken = folder.join("1.2.so");
    std::fs::write(&broken, "no artifact").expect("it is written");
    let both = serving(&folder, &["1.0", "1.1", "1.2"]);
    Functions::reload(&both, &site.present).expect_err("one is broken");
    written(&["init 1.0", "init 1.1", "fini 1.1"]);
    assert_eq!(site.publish(&serving(&folder, &["1.1"])), [1, 1, 0]);
    assert_eq!(site.says("/x"), "1.1");
    written(&["init 1.0", "init 1.1", "fini 1.1", "init 1.1", "fini 1.0"]);
    slow.send(b"def");
    assert_eq!(slow.reply().1, b"1.0");
    let again = ["init 1.0", "init 1.1", "fini 1.1", "init 1.1", "fini 1.0", "init 1.0"];
    written(&[&again[..], &["fini 1.0"]].concat());
}

/// What is known of a function outlives a publication that changes nothing about it.
#[test]
fn a_function_stays_in_quarantine_when_another_one_is_published() {
    let folder = versions("quarantine", &["1.1"]);
    speaking(&folder.join("1.0.so"), "1.0", "");
    let calm = |versions: &[&str]| {
        let mut config = serving(&folder, versions);
        config.functions[0].options.timeout = Some(Duration::from_millis(50));
        config.functions[0].options.abandon_max = 1;
        config.functions[0].options.quarantine = Duration::from_secs(60);
        config
    };
    let mut site = Site::start(&calm(&["1.0"]));
    assert_eq!(statuses(&site.server.talk(&get("/only/1.0/slow"))), [504]);
    site.server.wait("it is given up", |counted| counted.workers.abandoned == 1);
    assert_eq!(statuses(&site.server.talk(&get("/only/1.0/"))), [503]);
    assert_eq!(site.publish(&calm(&["1.0", "1.1"])), [1, 0, 1]);
    assert_eq!(statuses(&site.server.talk(&get("/only/1.0/"))), [503]);
    assert_eq!(site.says("/x"), "1.1");
}
