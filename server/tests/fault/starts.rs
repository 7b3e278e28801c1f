//! Torture: the n-th call of each kind fails while the server starts, for every n until a start has
//! no such call left. What comes of it is a server that works, or a clear word and an exit code.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::client::Client;
use super::control::{Call, Control, Fault};
use super::folder;
use super::server::{Server, configuration, spawn, within};

/// Starts side by side.
const LANES: usize = 4;
/// How long a start, or its end, may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Exit codes of a start that did not succeed: the configuration (a file cannot be read), the
/// system.
const CODES: [i32; 2] = [1, 71];

/// What a start asks for, and how it is refused. The first way is part of every run, the others of
/// long ones.
const KINDS: [(Call, &[Fault]); 20] = [
    (Call::Open, &[Fault::Emfile, Fault::Enfile, Fault::Enomem, Fault::Eacces, Fault::Eintr]),
    (Call::Read, &[Fault::Eio, Fault::Eintr, Fault::Short]),
    (Call::Stat, &[Fault::Enomem, Fault::Eacces]),
    (Call::Socket, &[Fault::Emfile, Fault::Enfile, Fault::Enobufs, Fault::Enomem]),
    (Call::Bind, &[Fault::Eacces, Fault::Enomem]),
    (Call::Listen, &[Fault::Enomem]),
    (Call::SetSockOpt, &[Fault::Enomem]),
    (Call::EventFd, &[Fault::Emfile, Fault::Enfile, Fault::Enomem]),
    (Call::EpollCreate, &[Fault::Emfile, Fault::Enfile, Fault::Enomem]),
    (Call::EpollCtl, &[Fault::Enospc, Fault::Enomem]),
    (Call::EpollWait, &[Fault::Eintr]),
    (Call::Pipe, &[Fault::Emfile, Fault::Enfile]),
    (Call::Fcntl, &[Fault::Emfile]),
    (Call::Name, &[Fault::Enobufs]),
    (Call::Memfd, &[Fault::Emfile, Fault::Enfile, Fault::Enomem]),
    (Call::Write, &[Fault::Enospc, Fault::Enomem, Fault::Eintr, Fault::Short]),
    (Call::Dlopen, &[Fault::Emfile, Fault::Enomem]),
    (Call::Thread, &[Fault::Eagain]),
    (Call::Rename, &[Fault::Eacces, Fault::Eio]),
    (Call::Change, &[Fault::Eacces]),
];

/// What the standard library says when it has no memory for a thread's signal stack: it ends the
/// process, and nobody can catch that.
const STANDARD_LIBRARY: &str = "failed to allocate an alternative stack";

/// One way in which starts fail: these calls, once or from the n-th on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    call: Call,
    fault: Fault,
    for_good: bool,
}

/// What came of the starts of one way.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    starts: u64,
    served: u64,
    refused: u64,
}

#[test]
fn every_call_of_a_start_may_fail() {
    let all = std::env::var_os("FEZZ_FAULT_TORTURE").is_some();
    let mut ways = Vec::new();
    for (call, faults) in KINDS {
        for (place, fault) in faults.iter().enumerate() {
            if all || place == 0 {
                ways.push(Way { call, fault: *fault, for_good: false });
            }
            // What is interrupted for ever is repeated for ever, and rightly so; and from the n-th
            // call on is the harder case where descriptors and threads are gone.
            let lasts = ![Fault::Eintr, Fault::Short].contains(fault);
            if lasts && (all || matches!(call, Call::Thread | Call::Socket)) {
                ways.push(Way { call, fault: *fault, for_good: true });
            }
        }
    }
    if all {
        ways.push(Way { call: Call::Mmap, fault: Fault::Enomem, for_good: false });
    }
    let (next, tallies) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for lane in 0..LANES {
            let (next, ways, tallies, wrong) = (&next, &ways, &tallies, &wrong);
            scope.spawn(move || {
                let folder = folder(&format!("start-{lane}"));
                std::fs::write(folder.join("fezz.toml"), configuration(&folder, ""))
                    .expect("written");
                while let Some(way) = ways.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match torture(&folder, *way) {
                        Ok(tally) => {
                            eprintln!("{way:?}: {} starts", tally.starts);
                            tallies.lock().expect("sound").insert(*way, tally);
                        }
                        Err(what) => wrong.lock().expect("sound").push(what),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("sound");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{}", table(&tallies.into_inner().expect("sound")));
}

fn table(tallies: &BTreeMap<Way, Tally>) -> String {
    let mut text = "| call | fault | starts | serves | refuses to start |\n".to_owned();
    text += "|---|---|---|---|---|\n";
    for (Way { call, fault, for_good }, Tally { starts, served, refused }) in tallies {
        let (call, fault) = (call.name(), fault.name());
        let from = if *for_good { ", from the n-th on" } else { "" };
        let _always =
            writeln!(text, "| {call} | {fault}{from} | {starts} | {served} | {refused} |");
    }
    text
}

/// Starts until no call is left to fail.
fn torture(folder: &Path, way: Way) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for number in 1.. {
        let control = Control::at(folder.join("control"));
        let last = if way.for_good { u64::MAX } else { number };
        control.count(way.call, way.fault, number, last);
        let child = spawn(folder, &control);
        let mut start = Start { child, control, folder: folder.to_owned() };
        let what = format!("{way:?}, call {number}");
        let served = match start.judge() {
            // Threads begin while it becomes ready: it may have served until then.
            Err(_) if way.call == Call::Mmap && start.said().contains(STANDARD_LIBRARY) => false,
            judged => judged.map_err(|wrong| format!("{what}: {wrong}"))?,
        };
        if start.control.injected().sum() == 0 {
            return if served { Ok(tally) } else { Err(format!("{what}: no fault, no server")) };
        }
        tally.starts += 1;
        tally.served += u64::from(served);
        tally.refused += u64::from(!served);
    }
    Ok(tally)
}

/// A start under way.
struct Start {
    child: Child,
    control: Control,
    folder: PathBuf,
}

impl Start {
    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.join("stderr")).unwrap_or_default()
    }

    /// Whether it serves, or says why not.
    fn judge(&mut self) -> Result<bool, String> {
        let mut status = None;
        let mut addresses = None;
        let began = within(PATIENCE, || {
            status = self.child.try_wait().expect("asked");
            addresses = super::server::ready(&self.folder);
            (status.is_some() || addresses.is_some()).then_some(())
        });
        let said = self.said();
        if began.is_none() {
            return Err(format!("it hangs: {said}"));
        }
        if let Some(status) = status {
            let log = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            let known = status.code().is_some_and(|code| CODES.contains(&code));
            let clear = said.lines().any(|line| line.starts_with("fezz: ") && line.len() > 20);
            let panicked = said.contains("panicked");
            return if known && clear && !panicked {
                Ok(false)
            } else {
                Err(format!("it ends with {status} and says: {said}{log}"))
            };
        }
        self.control.off();
        let Some([plain, secured, _]) = addresses else { return Err("no address".to_owned()) };
        for address in [(plain, false), (secured, true)] {
            let story = Client::honest(0, 0, address.1, PATIENCE).ask_once_at(address.0);
            if story.answered != 1 {
                return Err(format!("it is ready and does not serve: {:?}", story.wrong));
            }
        }
        if said.contains("panicked") {
            return Err(said);
        }
        Ok(true)
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A server whose every thread but the first lacks something at its start says so and ends, in
/// order, when it is told to: nothing above leaves it stuck.
#[test]
fn a_start_that_lacked_nothing_ends_in_order() {
    let server = Server::start(folder("ends"), "");
    assert_eq!(server.end().code(), Some(0));
}
