//! A seed or a row of octets becomes a plan: limits, clients, faults and *their probabilities*.
//!
//! Every world draws how often each thing goes wrong, not only whether it does now: some worlds
//! have no fault but one-octet writes, others reset everything. That is what finds what a fixed mix
//! would hide.

use fezz_proto::{Limits, PaceLimits};

use crate::request::{self, Request, Sizes, Want};
use crate::rng::Rng;

/// Everything that decides a world.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seed of what is drawn while the world runs.
    pub seed: u64,
    /// The core's limits.
    pub limits: Limits,
    /// How the driver and the streams behave.
    pub odds: Odds,
    /// The clients.
    pub scripts: Vec<Script>,
    /// When the server drains, in microseconds.
    pub drain_us: Option<u64>,
    /// When it kills what is left.
    pub kill_us: Option<u64>,
    /// Whether all deadlines are far away, so that only a client's own faults can pass them.
    pub generous: bool,
    /// A bug that is planted in the driver.
    pub canary: Option<Canary>,
}

/// How the driver and the streams behave. Probabilities are per mille.
#[derive(Clone, Copy, Debug)]
pub struct Odds {
    /// Most octets a write takes.
    pub write_bytes_max: usize,
    /// Most octets a read yields.
    pub read_bytes_max: usize,
    /// Octets on their way in one direction before the sender blocks.
    pub pipe_bytes: usize,
    /// A stream says "would block" though it would not; an event follows.
    pub blocked: u32,
    /// An event comes for nothing.
    pub spurious: u32,
    /// A reset is reported at once, not at the next read or write.
    pub gone_seen: u32,
    /// A reset destroys what the peer has not read yet.
    pub reset_destroys: u32,
    /// The clock leaps in a turn.
    pub leap: u32,
    /// A worker sends a reply with a ticket that was never given, or is old.
    pub invented: u32,
    /// A job whose ticket became void is not run.
    pub forgotten_unrun: u32,
    /// Connections accepted in one turn.
    pub accepts_per_turn: usize,
    /// Octets moved for one connection in one turn.
    pub pump_bytes_max: usize,
    /// Jobs that wait or run.
    pub jobs_max: usize,
    /// Whether the driver reads before it writes.
    pub reads_first: bool,
    /// Most microseconds between two turns while something moves.
    pub turn_us_max: u64,
}

/// One client.
#[derive(Clone, Debug)]
pub struct Script {
    /// When it connects, in microseconds.
    pub starts_us: u64,
    /// What comes before the first octet.
    pub handshake: Handshake,
    /// What it asks.
    pub requests: Vec<Request>,
    /// Whether it sends the next request before the reply to this one.
    pub pipelined: bool,
    /// Whether it waits for a 100 before it sends content that expects one.
    pub waits_to_continue: bool,
    /// How it sends.
    pub sends: Tempo,
    /// How it reads.
    pub reads: Tempo,
    /// How it ends.
    pub ending: Ending,
    /// Whether it closes its side when the server has closed its own.
    pub closes_back: bool,
}

/// How octets move at the client.
#[derive(Clone, Copy, Debug)]
pub struct Tempo {
    /// Most octets at a time.
    pub bytes_max: usize,
    /// Microseconds between.
    pub gap_us: u64,
    /// After so many octets nothing moves for so many microseconds.
    pub stall: Option<(usize, u64)>,
}

/// What comes before the first octet of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Nothing.
    None,
    /// TLS, done after so many microseconds.
    Done(u64),
    /// TLS that never ends.
    Never,
}

/// How a client ends, apart from the end of what it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It waits for the server to close.
    Waits,
    /// It ends its side behind the last request.
    HalfCloses,
    /// It closes when everything is answered.
    ClosesAnswered,
    /// It ends its side after so many octets.
    EndsAt(usize),
    /// It closes after so many octets.
    ClosesAt(usize),
    /// It resets after so many octets.
    ResetsAt(usize),
    /// It resets after it has read so many octets.
    ResetsReading(usize),
}

/// A bug planted in the driver, to prove that the oracle would see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// An octet of a reply gets lost now and then.
    LostOctet,
    /// Octets of a reply are sent twice now and then.
    RepeatedOctets,
    /// A worker answers somebody else now and then.
    WrongTicket,
    /// The tail of a reply is written anew when the server drains in the middle of it.
    ChangedTail,
    /// An octet of a request's content is changed now and then.
    ChangedContent,
    /// An event is forgotten now and then.
    LostEvent,
    /// The driver does not arm deadlines.
    UnarmedDeadline,
    /// The driver does not remove what is closed.
    LeakedConnection,
    /// An exchange that is over is not told of now and then.
    LostExchange,
}

impl Canary {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::LostOctet,
        Self::RepeatedOctets,
        Self::WrongTicket,
        Self::ChangedTail,
        Self::ChangedContent,
        Self::LostEvent,
        Self::UnarmedDeadline,
        Self::LeakedConnection,
        Self::LostExchange,
    ];
}

impl Plan {
    /// The same with a handshake before every client's first octet.
    #[must_use]
    pub fn secured(mut self) -> Self {
        let scripts = self.scripts.iter_mut();
        for script in scripts.filter(|script| script.handshake == Handshake::None) {
            script.handshake = Handshake::Done(0);
        }
        self
    }
}

impl Script {
    /// Whether nothing the client does on its own can cost it an answer.
    #[must_use]
    pub fn is_prompt(&self) -> bool {
        let ends_well =
            matches!(self.ending, Ending::Waits | Ending::HalfCloses | Ending::ClosesAnswered);
        let moves = self.sends.is_prompt() && self.reads.is_prompt();
        ends_well && moves && self.handshake != Handshake::Never
    }
}

impl Tempo {
    const PROMPT: Self = Self { bytes_max: 1 << 16, gap_us: 0, stall: None };

    fn is_prompt(&self) -> bool {
        self.gap_us == 0 && self.stall.is_none() && self.bytes_max >= 40
    }
}

/// The plan of a seed.
#[must_use]
pub fn from_seed(seed: u64) -> Plan {
    draw(&mut Rng::from_seed(seed ^ 0x5EED))
}

/// The plan that octets spell.
#[must_use]
pub fn from_octets(octets: &[u8]) -> Plan {
    draw(&mut Rng::from_octets(octets))
}

fn draw(rng: &mut Rng) -> Plan {
    let seed = rng.any();
    let generous = rng.below(2) == 0;
    let odds = odds(rng, generous);
    let limits = limits(rng, generous);
    let sizes = Sizes {
        content_bytes_max: if odds.read_bytes_max < 10 { 1_500 } else { 40_000 },
        reply_bytes_max: if odds.write_bytes_max < 10 { 1_500 } else { 40_000 },
        handle_ms_max: if generous { 30_000 } else { rng.pick(&[30_000, 1_000, 20]) },
    };
    let count = rng.size(1, 6);
    let scripts = (0..count).map(|client| script(rng, &sizes, client)).collect();
    let (drain_us, kill_us) = match rng.below(10) {
        7 => (None, Some(moment(rng))),
        8 => (Some(moment(rng)), None),
        9 => {
            let drain_us = moment(rng);
            (Some(drain_us), Some(drain_us + moment(rng)))
        }
        _ => (None, None),
    };
    Plan { seed, limits, odds, scripts, drain_us, kill_us, generous, canary: None }
}

/// Most of what happens in a world happens early.
fn moment(rng: &mut Rng) -> u64 {
    match rng.below(4) {
        0 => rng.below(2_000),
        1 => rng.below(20_000),
        2 => rng.below(200_000),
        _ => rng.below(20_000_000),
    }
}

fn odds(rng: &mut Rng, generous: bool) -> Odds {
    let rarely = |rng: &mut Rng| if rng.chance(300) { rng.pick(&[5, 50, 300]) } else { 0 };
    Odds {
        write_bytes_max: rng.pick(&[5_000, 7, 1]),
        read_bytes_max: rng.pick(&[65_536, 65_536, 300, 7, 1]),
        pipe_bytes: rng.pick(&[65_536, 4_096, 100]),
        blocked: rarely(rng),
        spurious: rarely(rng),
        gone_seen: rng.pick(&[1_000, 500, 0]),
        reset_destroys: rng.pick(&[0, 500, 1_000]),
        leap: if generous || rng.chance(900) { 0 } else { rng.pick(&[1, 10]) },
        invented: rarely(rng),
        forgotten_unrun: rng.pick(&[1_000, 500, 0]),
        accepts_per_turn: rng.pick(&[64, 1]),
        pump_bytes_max: rng.pick(&[1 << 20, 2_000, 50]),
        jobs_max: rng.pick(&[64, 64, 64, 64, 64, 64, 2, 0]),
        reads_first: rng.below(2) == 1,
        turn_us_max: rng.pick(if generous { &[20, 200] } else { &[20, 200, 2_000] }),
    }
}

fn limits(rng: &mut Rng, generous: bool) -> Limits {
    let mut limits = Limits::default();
    if rng.chance(300) {
        // Room for every sound head of a script, and little more: inboxes that wrap.
        limits.head.request_line_bytes_max = 200;
        limits.head.field_line_bytes_max = 300;
        limits.head.field_section_bytes_max = 1_000;
    }
    limits.requests_per_connection_max = rng.pick(&[1_000, 1_000, 1_000, 1_000, 3, 1]);
    limits.backlog_bytes_max = rng.pick(&[65_536, 65_536, 300, 0]);
    limits.connections_max = rng.pick(&[65_536, 65_536, 65_536, 65_536, 2, 1]);
    limits.body_bytes_total_max = rng.pick(&[1 << 28, 1 << 28, 1 << 28, 1 << 28, 70_000, 1_000]);
    if generous {
        return limits;
    }
    let pace = |rng: &mut Rng| PaceLimits {
        grace_ms: rng.pick(&[20_000, 500]),
        rate_bytes_per_s_min: rng.pick(&[500, 50_000]),
        ceiling_ms: rng.pick(&[300_000, 3_000]).max(20_000),
        idle_ms: rng.pick(&[30_000, 200]),
    };
    limits.body_pace = pace(rng);
    limits.write_pace = pace(rng);
    limits.head_ms_max = rng.pick(&[10_000, 1_000, 30]);
    limits.idle_ms_max = rng.pick(&[75_000, 1_000, 30]);
    limits.handshake_ms_max = rng.pick(&[10_000, 300]);
    limits.handle_ms_max = rng.pick(&[30_000, 300, 10]);
    limits.linger_ms_max = rng.pick(&[2_000, 10]);
    limits.linger_bytes_max = rng.pick(&[256 * 1_024, 1_000, 0]);
    limits.connection_age_ms_max = rng.pick(&[3_600_000, 3_600_000, 100]);
    limits.timeouts_per_turn_max = rng.pick(&[10_000, 1]);
    limits
}

fn script(rng: &mut Rng, sizes: &Sizes, client: usize) -> Script {
    let sends = tempo(rng);
    let reads = tempo(rng);
    let affordable = |tempo: &Tempo| match tempo.bytes_max {
        0..=9 => 400,
        10..=99 => 3_000,
        _ => 40_000,
    };
    let sizes = Sizes {
        content_bytes_max: sizes.content_bytes_max.min(affordable(&sends)),
        reply_bytes_max: sizes.reply_bytes_max.min(affordable(&reads)),
        ..*sizes
    };
    let count = if rng.chance(30) { 0 } else { rng.size(1, 6) };
    let mut requests: Vec<Request> = Vec::new();
    for request in 0..count {
        let drawn = request::draw(rng, &sizes, client, request);
        let ends = drawn.want != Want::Sound;
        requests.push(drawn);
        if ends && rng.chance(700) {
            break;
        }
    }
    let octets = requests.iter().map(|request| request.octets.len()).sum::<usize>();
    Script {
        starts_us: if rng.chance(700) { 0 } else { moment(rng) },
        handshake: match rng.below(12) {
            10 => Handshake::Done(rng.below(20_000)),
            11 if rng.chance(300) => Handshake::Never,
            _ => Handshake::None,
        },
        requests,
        pipelined: rng.below(3) != 2,
        waits_to_continue: rng.below(2) == 0,
        sends,
        reads,
        ending: ending(rng, octets),
        closes_back: rng.below(4) != 3,
    }
}

fn tempo(rng: &mut Rng) -> Tempo {
    let bytes_max = rng.pick(&[1 << 16, 1 << 16, 1_460, 40, 3, 1]);
    match rng.below(8) {
        6 => Tempo { bytes_max, gap_us: rng.below(50_000), ..Tempo::PROMPT },
        7 => {
            let stall_us = rng.pick(&[300_000, 3_000_000, 40_000_000, 400_000_000]);
            let at = match rng.below(3) {
                0 => rng.size(0, 20),
                1 => rng.size(0, 400),
                _ => rng.size(0, 10_000),
            };
            Tempo { bytes_max, gap_us: 0, stall: Some((at, stall_us)) }
        }
        _ => Tempo { bytes_max, ..Tempo::PROMPT },
    }
}

fn ending(rng: &mut Rng, octets: usize) -> Ending {
    match rng.below(16) {
        0..=5 => Ending::Waits,
        6..=8 => Ending::HalfCloses,
        9..=11 => Ending::ClosesAnswered,
        12 => Ending::EndsAt(rng.size(0, octets)),
        13 => Ending::ClosesAt(rng.size(0, octets)),
        14 => Ending::ResetsAt(rng.size(0, octets)),
        _ => Ending::ResetsReading(rng.size(0, 3_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_octets_are_the_simplest_plan() {
        let plan = from_octets(&[]);
        assert_eq!(plan.scripts.len(), 1);
        assert!(plan.generous && plan.scripts[0].is_prompt());
    }

    #[test]
    fn every_plan_has_limits_that_agree() {
        for seed in 0..500 {
            assert!(from_seed(seed).limits.check().is_ok(), "{seed}");
        }
    }
}
