//! How a server ends, and gives its place to another, while the system fails.

use std::path::Path;
use std::process::Command;
use std::thread;

use super::client::{Client, Story};
use super::control::{Call, Canary, Fault};
use super::dice::Dice;
use super::folder;
use super::lanes::number;
use super::seeds::{odds, unexplained};
use super::server::{PATIENCE, Server, until, within};

/// Seeds of an ordinary run; with more seeds for others there are more of these.
const DRAINS: u64 = 20;

/// The first SIGTERM comes somewhere in the midst of it. Nobody's answer is wrong or cut without a
/// fault, and the process ends in order.
#[test]
fn a_drain_ends_in_order_whatever_fails() {
    let drains = DRAINS.max(number("FEZZ_FAULT_SEEDS", 0) / 100);
    let (mut answered, mut ended, mut cut) = (0, 0, 0);
    for seed in 0..drains {
        let mut server = Server::start(folder("drain"), "");
        let before = server.control.injected();
        server.control.arm(seed, &odds(seed), Canary::None);
        let enough = 1 + Dice::of(seed, 4).below(60) as u64;
        let clients = 3 + Dice::of(seed, 5).below(5);
        let mut story = Story::default();
        thread::scope(|scope| {
            let server = &server;
            let clients: Vec<_> = (0..clients)
                .map(|number| {
                    let client = Client::new(seed, number, PATIENCE).of_leaving();
                    scope.spawn(move || client.run(server))
                })
                .collect();
            within(PATIENCE, || {
                let over = clients.iter().all(thread::ScopedJoinHandle::is_finished);
                (over || server.control.injected().since(&before).sum() >= enough).then_some(())
            });
            server.signal("TERM");
            for client in clients {
                story.add(client.join().expect("a client does not panic"));
            }
        });
        let status = server.wait();
        let injected = server.control.injected().since(&before);
        server.control.off();
        let mut wrong = story.wrong.clone();
        // Who is idle in a drain may leave; who has begun to answer may not.
        let idle = Story { ended: 0, unserved: 0, ..story.clone() };
        wrong.extend(unexplained(&idle, &injected));
        assert!(wrong.is_empty(), "drain of seed {seed}: {wrong:#?}");
        assert_eq!(status.code(), Some(0), "drain of seed {seed}: {}", said(&server.folder));
        answered += story.answered;
        ended += story.ended;
        cut += story.cut;
    }
    eprintln!("{drains} drains: {answered} answered, {ended} ended before, {cut} cut");
}

fn said(folder: &Path) -> String {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    read("stderr") + &read("server.log")
}

/// What an upgrade asks for, in both processes.
const KINDS: [(Call, Fault); 6] = [
    (Call::SocketPair, Fault::Emfile),
    (Call::Fcntl, Fault::Emfile),
    (Call::Spawn, Fault::Eagain),
    (Call::Memfd, Fault::Emfile),
    (Call::EventFd, Fault::Emfile),
    (Call::Thread, Fault::Eagain),
];

/// The n-th call of each kind fails while another process takes the place, for every n: either it
/// does, or nothing changes and the answer says why.
#[test]
fn an_upgrade_that_fails_changes_nothing() {
    let mut server = Server::start(folder("upgrade"), "");
    let (mut refused, mut done) = (0, 0);
    for (call, fault) in KINDS {
        for number in 1.. {
            let before = server.control.injected();
            server.control.count(call, fault, number, number);
            let (ok, said) = server.order("upgrade format=json timeout=60s");
            server.control.off();
            let injected = server.control.injected().since(&before).sum();
            let what = format!("{call:?} {fault:?} {number}: {said}");
            let honest = Client::honest(number, 0, false, PATIENCE).of_leaving();
            let story = honest.ask_once(&server);
            assert_eq!(story.answered, 1, "{what} {:?}", story.wrong);
            if ok {
                done += 1;
                let (_, status) = server.order("status format=json");
                let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
                let successor = status["pid"].as_u64().expect("a number");
                assert_eq!(server.wait().code(), Some(0), "{what}");
                end(successor);
                server = Server::start(folder("upgrade"), "");
            } else {
                refused += 1;
                assert!(said.contains("\"why\":\"") && injected > 0, "{what}");
                assert!(server.ended().is_none(), "{what}");
            }
            if injected == 0 {
                break;
            }
        }
    }
    assert!(refused > KINDS.len() && done >= KINDS.len(), "{refused} refused, {done} done");
    eprintln!("upgrades: {refused} refused, {done} done");
}

/// Ends a process that is not our child.
fn end(process: u64) {
    let status = Command::new("kill").args(["-s", "KILL", &process.to_string()]).status();
    assert!(status.expect("kill runs").success());
    let gone = until(|| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // Whoever inherited it may not have looked yet.
        let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
        matches!(state, None | Some('Z' | 'X')).then_some(())
    });
    assert!(gone.is_some(), "{process} ends");
}
