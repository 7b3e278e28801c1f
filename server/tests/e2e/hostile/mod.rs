//! The gallery of broken functions (`examples/hostile`), each served beside a healthy one: what the
//! client sees, which stage was counted, what was given back, and that nobody else noticed.

mod answers;
mod begin;
mod crash;
mod late;
mod log;
mod odd;
mod panics;
mod process;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use fezz_server::config::Config;

use super::harness::{Client, Running, example, route, serving, statuses};

/// Requests that the healthy function answers on one connection before its client opens another.
const HEALTHY_PER_CONNECTION: u32 = 40;

/// What the sick function is called, whatever it is.
const SICK: &str = "sick";

/// A function of the gallery; all of them are built once.
fn artifact(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
        let status = Command::new("make")
            .args(["--silent", "-j2", "-C"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hostile"))
            .arg(format!("OUT={}", out.display()))
            .status()
            .expect("make runs");
        assert!(status.success(), "the gallery builds");
        out
    });
    directory.join(format!("libhostile_{name}.so"))
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// A client of the healthy function: every answer must be right, from the first to the last.
struct Healthy {
    enough: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    asking: Option<JoinHandle<()>>,
}

impl Healthy {
    /// Begins to ask, and waits for the first answer.
    fn ask(address: SocketAddr) -> Self {
        let (enough, answers) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (told, answered) = (Arc::clone(&enough), Arc::clone(&answers));
        let asking = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                let mut client = Client::to(address);
                for round in 0..HEALTHY_PER_CONNECTION {
                    client.send(&get("/hello"));
                    let (head, content) = client.reply();
                    assert!(head.starts_with("HTTP/1.1 200 "), "round {round}: {head}");
                    assert_eq!(content, b"hello", "round {round}");
                    answered.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        let healthy = Self { enough, answers, asking: Some(asking) };
        healthy.another();
        healthy
    }

    /// Waits for an answer that comes after this.
    fn another(&self) {
        let before = self.answers.load(Ordering::Relaxed);
        let asking = || self.asking.as_ref().is_some_and(|asking| !asking.is_finished());
        while asking() && self.answers.load(Ordering::Relaxed) == before {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends after one more answer; fails if any answer was not right.
    fn finish(&mut self) {
        self.another();
        self.enough.store(true, Ordering::Relaxed);
        if let Some(asking) = self.asking.take() {
            asking.join().expect("every answer was right");
        }
    }
}

/// A server with a sick function on all paths and a healthy one on `/hello`.
struct Ward {
    server: Running,
    healthy: Healthy,
}

impl Ward {
    fn of(artifact: PathBuf, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = with_healthy(artifact);
        set(&mut config);
        let server = Running::start(&config);
        let healthy = Healthy::ask(server.address);
        Self { server, healthy }
    }

    /// The status that a request on a connection of its own gets, and all that was sent.
    fn ask(&self, path: &str) -> (u16, String) {
        let text = self.server.talk(&get(path));
        let found = statuses(&text);
        assert_eq!(found.len(), 1, "one reply: {text}");
        (found[0], text)
    }

    fn status(&self, path: &str) -> u16 {
        self.ask(path).0
    }

    /// What was counted for the sick function.
    fn sick(&self) -> fezz_server::FunctionCounts {
        let functions = self.server.handle.counted().functions;
        let found = functions.into_iter().find(|(name, _)| name.split('@').next() == Some(SICK));
        found.expect("it is served").1
    }

    /// Waits until these and no other dispatches of the sick function have failed.
    fn failed(&self, stages: &[(&'static str, u64)]) {
        let stages: BTreeMap<_, _> = stages.iter().copied().filter(|one| one.1 > 0).collect();
        for _ in 0..1_000 {
            if self.sick().errors == stages {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(self.sick().errors, stages);
    }

    /// Waits until so many calls of the sick function came back too late.
    fn late(&self, calls: u64) {
        self.server.wait("calls came back late", |counted| {
            counted.functions.values().map(|one| one.late).sum::<u64>() == calls
        });
        assert_eq!(self.sick().late, calls);
    }

    /// What the function itself counted; it answers that as any other request.
    fn ledger(&self) -> BTreeMap<String, u64> {
        let (status, text) = self.ask("/__count");
        assert_eq!(status, 200, "{text}");
        let content = text.split_once("\r\n\r\n").expect("a content").1;
        content
            .lines()
            .map(|line| {
                let (name, count) = line.split_once(' ').expect("a name and a number");
                (name.to_owned(), count.parse().expect("a number"))
            })
            .collect()
    }

    /// What the function counted of its own under this name.
    fn own(&self, name: &str) -> u64 {
        self.ledger().get(name).copied().unwrap_or(0)
    }

    /// Everything that was handed over was given back as the contract says, and every call that
    /// began has returned.
    fn settled(&self, calls: u64) -> BTreeMap<String, u64> {
        let ledger = self.ledger();
        assert_eq!(ledger["outstanding"], 0, "{ledger:?}");
        assert_eq!(ledger["strange"], 0, "{ledger:?}");
        assert_eq!(ledger["allocated"], ledger["freed"], "{ledger:?}");
        assert_eq!((ledger["calls"], ledger["returned"]), (calls, calls), "{ledger:?}");
        ledger
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.healthy.finish();
        }
    }
}

/// A configuration with the artifact on all paths but `/hello`.
fn with_healthy(artifact: PathBuf) -> Config {
    let mut config = serving(artifact);
    config.functions[0].name = Some(SICK.to_owned());
    config.workers.threads = 3;
    route(&mut config, "hello", example("hello"), "/hello");
    config
}

/// Each function of the folder stands in its table and is served by a test.
#[test]
fn the_gallery_is_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hostile");
    let read = |path: &Path| std::fs::read_to_string(path).expect("a text");
    let table = read(&folder.join("README.md"));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/hostile");
    let files = |folder: &Path| std::fs::read_dir(folder).expect("a folder").flatten();
    let tests: String = files(&tests).map(|file| read(&file.path())).collect();
    let mut functions = 0;
    for path in files(&folder).map(|file| file.path()) {
        if path.extension().is_some_and(|kind| kind == "c" || kind == "cpp") {
            let name = path.file_stem().expect("a name").to_str().expect("text");
            assert!(table.contains(&format!("| `{name}`")), "{name} is not in the table");
            assert!(tests.contains(&format!("\"{name}\"")), "{name} is served by no test");
            functions += 1;
        }
    }
    assert!(functions >= 40, "{functions}");
}
