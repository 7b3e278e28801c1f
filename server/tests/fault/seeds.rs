//! One seed: what fails and how often, who asks meanwhile, and what must be true afterwards.

use std::thread;
use std::time::Duration;

use super::client::{Client, Story};
use super::control::{Call, Canary, Fault, Injected, Odds};
use super::dice::Dice;
use super::server::{PATIENCE, Server, until, within};

/// Requests after the faults, all of which have to be answered.
const AFTER: usize = 20;
/// Those of them over TLS.
const AFTER_SECURED: usize = 2;

/// What nobody notices: less than was wanted, later than was wanted, in another order.
const GENTLE: [(Call, Fault); 14] = [
    (Call::Accept, Fault::Eintr),
    (Call::Accept, Fault::Eagain),
    (Call::Recv, Fault::Eintr),
    (Call::Recv, Fault::Eagain),
    (Call::Recv, Fault::Short),
    (Call::Send, Fault::Eintr),
    (Call::Send, Fault::Eagain),
    (Call::Send, Fault::Short),
    (Call::Writev, Fault::Eintr),
    (Call::Writev, Fault::Eagain),
    (Call::Writev, Fault::Short),
    (Call::EpollWait, Fault::Eintr),
    (Call::EpollWait, Fault::Short),
    (Call::EpollWait, Fault::Order),
];
/// What ends the one connection that it meets.
const DEADLY: [(Call, Fault); 9] = [
    (Call::Accept, Fault::Econnaborted),
    (Call::Accept, Fault::Eproto),
    (Call::Recv, Fault::Econnreset),
    (Call::Send, Fault::Econnreset),
    (Call::Send, Fault::Epipe),
    (Call::Writev, Fault::Econnreset),
    (Call::Writev, Fault::Epipe),
    (Call::EpollCtl, Fault::Enomem),
    (Call::EpollCtl, Fault::Enospc),
];
/// What makes somebody wait.
const SCARCE: [(Call, Fault); 4] = [
    (Call::Accept, Fault::Emfile),
    (Call::Accept, Fault::Enfile),
    (Call::Accept, Fault::Enomem),
    (Call::Accept, Fault::Enobufs),
];
/// Those of them that make idle connections leave.
const SHEDDING: [(Call, Fault); 2] = [(Call::Accept, Fault::Emfile), (Call::Accept, Fault::Enfile)];
/// What clients do not meet.
const BEHIND: [(Call, Fault); 11] = [
    (Call::Thread, Fault::Eagain),
    (Call::LogWrite, Fault::Enospc),
    (Call::LogWrite, Fault::Eio),
    (Call::LogWrite, Fault::Eintr),
    (Call::LogWrite, Fault::Short),
    (Call::Open, Fault::Emfile),
    (Call::Open, Fault::Enfile),
    (Call::Open, Fault::Eacces),
    (Call::Open, Fault::Enospc),
    (Call::Open, Fault::Eintr),
    (Call::Truncate, Fault::Eio),
];

/// Every fault that seeds draw.
pub(crate) fn all() -> impl Iterator<Item = (Call, Fault)> {
    GENTLE.into_iter().chain(DEADLY).chain(SCARCE).chain(BEHIND)
}

/// The chances that a seed draws, of 65,536: half of the kinds are off, and the others are likely
/// or rare by powers of two. One seed in four leaves every connection alive.
pub(crate) fn odds(seed: u64) -> Odds {
    let mut dice = Dice::of(seed, 1);
    let gentle_alone = dice.once_in(4);
    let mut odds = Odds::new();
    let mut draw = |kinds: &[(Call, Fault)], likely: usize, rare: usize, off: usize| {
        for &(call, fault) in kinds {
            if dice.below(off) < off - 1 {
                continue;
            }
            odds.push((call, fault, 1 << (16 - likely - dice.below(rare - likely + 1))));
        }
    };
    draw(&GENTLE, 1, 7, 2);
    if !gentle_alone {
        draw(&DEADLY, 4, 9, 3);
        draw(&SCARCE, 2, 6, 3);
    }
    draw(&BEHIND, 1, 4, 3);
    // Each call gets through once in four times at least.
    for (call, _) in Call::ALL {
        let sum: u64 = odds.iter().filter(|one| one.0 == call).map(|one| one.2).sum();
        if sum > 49_152 {
            odds.iter_mut()
                .filter(|one| one.0 == call)
                .for_each(|one| one.2 = one.2 * 49_152 / sum);
        }
    }
    odds
}

/// What one seed came to.
pub(crate) struct Outcome {
    pub(crate) story: Story,
    pub(crate) injected: Injected,
    /// What should not be, in words.
    pub(crate) wrong: Vec<String>,
}

/// Threads that a server has too many: those that were given up come back and end, soon or, on a
/// busy machine, late, because they have the least priority; two may stand ready.
pub(crate) fn superfluous(server: &Server, calm: &Calm) -> Option<Vec<String>> {
    let threads = server.threads();
    (threads.len() > calm.threads.len() + 2).then_some(threads)
}

/// What a server is like when nobody asks.
pub(crate) struct Calm {
    descriptors: Vec<String>,
    threads: Vec<String>,
    /// Connections that were accepted up to the seed before.
    accepted: u64,
}

impl Calm {
    /// After everything was used once.
    pub(crate) fn of(server: &mut Server) -> Self {
        for seed in 0..3 {
            let outcome = ask(server, seed, PATIENCE);
            assert_eq!(outcome.wrong, Vec::<String>::new(), "without any fault");
            assert_eq!(outcome.ended + outcome.cut, 0, "without any fault");
        }
        let mut last = (Vec::new(), Vec::new());
        let mut looks = 0;
        let still = until(|| {
            thread::sleep(Duration::from_millis(20));
            let now = (server.descriptors(), distinct(server.threads()));
            looks = if now == last { looks + 1 } else { 0 };
            last = now;
            (looks == STILL_LOOKS).then_some(())
        });
        assert!(still.is_some(), "an idle server is still");
        let (descriptors, threads) = last;
        Self { descriptors, threads, accepted: 0 }
    }
}

/// Looks that see the same before a server counts as still.
const STILL_LOOKS: u32 = 20;

/// The names alone: whoever was given up, and is not back yet, has its successor's.
fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.dedup();
    names
}

/// Lets the clients of a seed ask.
fn ask(server: &Server, seed: u64, patience: Duration) -> Story {
    let clients = 3 + Dice::of(seed, 2).below(5);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients)
            .map(|number| scope.spawn(move || Client::new(seed, number, patience).run(server)))
            .collect();
        let mut story = Story::default();
        for client in clients {
            story.add(client.join().expect("a client does not panic"));
        }
        story
    })
}

/// Runs one seed against a server, and looks whether all is well afterwards.
pub(crate) fn run(
    server: &mut Server,
    calm: &mut Calm,
    seed: u64,
    canary: Canary,
    patience: Duration,
) -> Outcome {
    let before = server.control.injected();
    server.control.arm(seed, &odds(seed), canary);
    if Dice::of(seed, 3).once_in(8) {
        server.signal("USR1");
    }
    let story = ask(server, seed, patience);
    server.control.off();
    let injected = server.control.injected().since(&before);
    let mut wrong = story.wrong.clone();
    let unexplained = unexplained(&story, &injected);
    if !unexplained.is_empty() && server.ended().is_none() {
        // How the server says that connections ended, since its start.
        let page = server.metrics();
        let told = |line: &&str| line.starts_with("fezz_connections_") && !line.ends_with(" 0");
        wrong.extend(page.text().lines().filter(told).map(str::to_owned));
    }
    wrong.extend(unexplained);
    if let Some(status) = server.ended() {
        wrong.push(format!("the server ended: {status}"));
    } else if wrong.is_empty() {
        wrong.extend(aftermath(server, calm, seed, patience));
    }
    Outcome { story, injected, wrong }
}

/// Ends of connections for which nothing is to blame.
pub(crate) fn unexplained(story: &Story, injected: &Injected) -> Vec<String> {
    let sum = |kinds: &[(Call, Fault)]| kinds.iter().map(|it| injected.of(it.0, it.1)).sum::<u64>();
    let (deadly, shedding) = (sum(&DEADLY), sum(&SHEDDING));
    let mut wrong = Vec::new();
    if story.cut > deadly {
        wrong.push(format!("{} answers were cut, by {deadly} faults", story.cut));
    }
    if shedding == 0 && story.cut + story.ended > deadly {
        let both = story.cut + story.ended;
        wrong.push(format!("{both} connections ended early, by {deadly} faults"));
    }
    if story.unserved > 0 {
        wrong.push(format!("{} requests were refused", story.unserved));
    }
    wrong
}

/// What is wrong when nothing fails any more.
fn aftermath(server: &mut Server, calm: &mut Calm, seed: u64, patience: Duration) -> Vec<String> {
    let mut story = Story::default();
    for number in 0..AFTER {
        let secured = number < AFTER_SECURED;
        story.add(Client::honest(seed, number, secured, patience).ask_once(server));
    }
    let mut wrong = story.wrong;
    if story.answered != AFTER as u64 {
        wrong.push(format!("afterwards {} of {AFTER} requests are answered", story.answered));
    }
    let mut left = String::new();
    let settled = within(patience, || {
        left = match unsettled(server, calm) {
            Some(left) => left,
            None => return Some(()),
        };
        server.ended().map(drop)
    });
    if settled.is_none() || server.ended().is_some() {
        wrong.push(left);
    }
    wrong
}

/// What is not as it was before, or does not add up.
fn unsettled(server: &Server, calm: &mut Calm) -> Option<String> {
    let descriptors = server.descriptors();
    if descriptors != calm.descriptors {
        return Some(format!("descriptors {descriptors:?} instead of {:?}", calm.descriptors));
    }
    let threads = server.threads();
    if let Some(lost) = calm.threads.iter().find(|name| !threads.contains(name)) {
        return Some(format!("no thread {lost} among {threads:?}"));
    }
    let metrics = server.metrics();
    let sum = |name: &str| metrics.sum(name);
    let accepted = sum("fezz_connections_accepted_total");
    let closed = sum("fezz_connections_closed_total");
    // A page is the same for a moment.
    let asked = calm.accepted + AFTER as u64;
    if accepted < asked {
        return Some(format!("{accepted} connections were accepted, and there were {asked}"));
    }
    if accepted != closed || sum("fezz_connections_active") != 0 {
        return Some(format!("{accepted} connections were accepted and {closed} ended"));
    }
    let nothing = [
        "fezz_buffered_bytes",
        "fezz_queue_length",
        "fezz_forbidden_total",
        "fezz_log_dropped_total",
        "fezz_event_loops_stuck",
    ];
    if metrics.sum_without("fezz_http_timeouts_total", "phase=\"handle\"") != 0 {
        let lines =
            metrics.text().lines().filter(|line| line.starts_with("fezz_http_timeouts_total"));
        return Some(lines.collect());
    }
    if let Some(found) = nothing.into_iter().find(|name| sum(name) != 0) {
        return Some(format!("{found} is {}", sum(found)));
    }
    calm.accepted = accepted;
    None
}
