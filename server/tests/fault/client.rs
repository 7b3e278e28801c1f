//! A strict client: it asks what its script says, and judges every octet of what comes back.
//!
//! A connection that ends is not wrong by itself, the kernel may have ended it: that is counted,
//! and compared with what was injected. What is wrong is an octet that should be another, an answer
//! to somebody else's question, an answer that is whole although it was cut, and silence.

use std::net::SocketAddr;
use std::time::Duration;

use super::dice::Dice;
use super::line::{Ask, Broken, Due, Line, is_end, is_silence};
use super::server::{LATE_MS, Server};

/// What a client saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    /// Whole answers, and right.
    pub(crate) answered: u64,
    /// Whole answers that a worker was missing, or its call was given up.
    pub(crate) unserved: u64,
    /// Connections that ended before the first octet of an answer.
    pub(crate) ended: u64,
    /// Connections that ended in the middle of one.
    pub(crate) cut: u64,
    /// What should never be seen.
    pub(crate) wrong: Vec<String>,
}

impl Story {
    pub(crate) fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.unserved += other.unserved;
        self.ended += other.ended;
        self.cut += other.cut;
        self.wrong.extend(other.wrong);
    }
}

/// A client of a seed, with all that it will do.
pub(crate) struct Client {
    secured: bool,
    /// Whether it asks for an answer that takes long where a loop makes the call.
    may_keep_loops: bool,
    /// Whether the server may be about to leave: it may be gone, and its answers may be the last
    /// of their connections.
    leaving: bool,
    tag: String,
    dice: Dice,
    patience: Duration,
}

impl Client {
    pub(crate) fn new(seed: u64, number: usize, patience: Duration) -> Self {
        let mut dice = Dice::of(seed, 1_000 + number as u64);
        let secured = dice.once_in(5);
        let may_keep_loops = seed % 64 == 1;
        Self {
            secured,
            may_keep_loops,
            leaving: false,
            tag: format!("{seed}-{number}"),
            dice,
            patience,
        }
    }

    /// A client that asks once for itself, when all is well.
    pub(crate) fn honest(seed: u64, number: usize, secured: bool, patience: Duration) -> Self {
        let dice = Dice::of(seed, 2_000 + number as u64);
        let tag = format!("{seed}-after-{number}");
        Self { secured, may_keep_loops: false, leaving: false, tag, dice, patience }
    }

    /// One whose server may leave meanwhile.
    pub(crate) fn of_leaving(self) -> Self {
        Self { leaving: true, ..self }
    }

    /// Asks once, over a connection of its own.
    pub(crate) fn ask_once(self, server: &Server) -> Story {
        let address = self.address(server);
        self.ask_once_at(address)
    }

    /// The same, of whoever listens there.
    pub(crate) fn ask_once_at(mut self, address: SocketAddr) -> Story {
        let ask = self.plain_ask(0, "worker");
        let mut story = Story::default();
        self.converse(address, &[vec![ask]], &mut story);
        story
    }

    fn address(&self, server: &Server) -> SocketAddr {
        if self.secured { server.secured } else { server.plain }
    }

    /// Goes through its script, over as many connections as that takes.
    pub(crate) fn run(mut self, server: &Server) -> Story {
        let mut story = Story::default();
        for connection in 0..1 + self.dice.below(3) {
            let batches: Vec<Vec<Ask>> = (0..1 + self.dice.below(5))
                .map(|batch| {
                    let room = if self.dice.once_in(2) { 1 } else { 1 + self.dice.below(5) };
                    let mut asks = Vec::new();
                    for number in 0..room {
                        let number = connection * 1_000 + batch * 10 + number;
                        asks.push(self.ask(number, room > 1));
                        if asks.last().is_some_and(|ask: &Ask| ask.closes) {
                            break;
                        }
                    }
                    asks
                })
                .collect();
            self.converse(self.address(server), &batches, &mut story);
            if !story.wrong.is_empty() {
                break;
            }
        }
        story
    }

    fn plain_ask(&mut self, number: usize, way: &str) -> Ask {
        let tag = format!("{}-{number}", self.tag);
        let head = format!(
            "GET /headers HTTP/1.1\r\nHost: localhost\r\nX-Way: {way}\r\nX-Tag: {tag}\r\n\r\n"
        );
        let content = format!("Host: localhost\nX-Way: {way}\nX-Tag: {tag}\n").into_bytes();
        Ask { octets: head.into_bytes(), due: Due::Content(content), closes: false }
    }

    fn ask(&mut self, number: usize, pipelined: bool) -> Ask {
        let inline = self.dice.once_in(3);
        let way = if inline { "inline" } else { "worker" };
        let tag = format!("{}-{number}", self.tag);
        match self.dice.below(40) {
            0..=13 => self.plain_ask(number, way),
            14..=22 => self.post(&tag, way, pipelined, false),
            23..=31 => self.post(&tag, way, pipelined, true),
            32 | 33 => {
                let mut ask = self.plain_ask(number, way);
                if let Due::Content(content) = &ask.due {
                    ask.due = Due::Head(content.len());
                }
                ask.octets.splice(..3, *b"HEAD");
                ask
            }
            34 => {
                // A function that keeps a loop is not asked by loops for a while.
                let way = if self.may_keep_loops { way } else { "worker" };
                let delay = 1 + self.dice.below(4);
                let head = format!(
                    "GET /delay/{delay} HTTP/1.1\r\nHost: localhost\r\nX-Way: {way}\r\n\r\n"
                );
                let content = format!("delay {delay}\n").into_bytes();
                Ask { octets: head.into_bytes(), due: Due::Content(content), closes: false }
            }
            35 => {
                let delay = LATE_MS + 40;
                let head = format!(
                    "GET /delay/{delay} HTTP/1.1\r\nHost: localhost\r\nX-Way: late\r\n\r\n"
                );
                Ask {
                    octets: head.into_bytes(),
                    due: Due::Late(format!("delay {delay}\n").into_bytes()),
                    closes: false,
                }
            }
            36 => {
                let octets = b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_vec();
                Ask { octets, due: Due::Refused, closes: true }
            }
            _ => {
                let mut ask = self.plain_ask(number, way);
                let end = ask.octets.len() - 2;
                ask.octets.splice(end..end, *b"Connection: close\r\n");
                ask.closes = true;
                ask
            }
        }
    }

    /// A body that is nobody else's, and comes back.
    fn post(&mut self, tag: &str, way: &str, pipelined: bool, chunked: bool) -> Ask {
        let most = match self.dice.below(8) {
            0..=3 => 200,
            4..=6 => 6_000,
            _ if pipelined => 12_000,
            _ => 90_000,
        };
        let length = self.dice.below(most);
        let mut body = format!("{tag}:").into_bytes();
        let pattern = |at: usize| u8::try_from((at * 7 + length) % 251).expect("an octet");
        body.extend((0..length).map(pattern));
        let head = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nX-Way: {way}\r\n");
        let mut octets = head.into_bytes();
        if chunked {
            octets.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            let mut rest = body.as_slice();
            while !rest.is_empty() {
                let size = 1 + self.dice.below(rest.len().min(1 + most / 4));
                let (chunk, later) = rest.split_at(size);
                octets.extend(format!("{size:x}\r\n").into_bytes());
                octets.extend(chunk);
                octets.extend(b"\r\n");
                rest = later;
            }
            octets.extend(b"0\r\n\r\n");
        } else {
            octets.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
            octets.extend(&body);
        }
        Ask { octets, due: Due::Content(body), closes: false }
    }

    /// One connection: batches of requests that are sent together.
    fn converse(&mut self, address: SocketAddr, batches: &[Vec<Ask>], story: &mut Story) {
        let mut line = match Line::to(address, self.secured, self.patience) {
            Ok(line) => line,
            Err(Broken::Nobody) if self.leaving => return,
            Err(broken) => return note(story, broken, &self.tag),
        };
        for batch in batches {
            let octets = batch.iter().flat_map(|ask| &ask.octets).copied().collect::<Vec<_>>();
            let cut = if self.dice.once_in(3) { self.dice.below(octets.len()) } else { 0 };
            let (first, rest) = octets.split_at(cut);
            // Who does not get through still hears what was said before.
            let sent = line.send(first).and_then(|()| line.send(rest));
            if let Err(error) = &sent
                && !is_end(error)
            {
                let silent = if is_silence(error) { "silence while " } else { "" };
                let wrong = format!("{silent}sending: {error}");
                return note(story, Broken::Wrong(wrong), &self.tag);
            }
            for ask in batch {
                let answer = match line.answer(ask, self.leaving) {
                    Ok(answer) => answer,
                    Err(broken) => return note(story, broken, &self.tag),
                };
                story.answered += u64::from(answer.served);
                story.unserved += u64::from(!answer.served);
                if answer.closes {
                    if let Err(broken) = line.end() {
                        note(story, broken, &self.tag);
                    }
                    return;
                }
            }
        }
        if self.dice.once_in(6) {
            // Leaves in the middle of something; nobody hears what is said to that.
            drop(
                line.send(
                    b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc",
                ),
            );
        } else if self.dice.once_in(3) {
            line.finish();
            if let Err(broken) = line.end() {
                note(story, broken, &self.tag);
            }
        }
    }
}

fn note(story: &mut Story, broken: Broken, tag: &str) {
    match broken {
        Broken::Nobody => story.wrong.push(format!("client {tag}: nobody listens")),
        Broken::Ended => story.ended += 1,
        Broken::Cut => story.cut += 1,
        Broken::Wrong(what) => story.wrong.push(format!("client {tag}: {what}")),
    }
}
