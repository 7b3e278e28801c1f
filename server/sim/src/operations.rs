//! The connection core under any driver that keeps its one rule: operations in any order, and what
//! must hold after each of them.
//!
//! A world is what servers and clients do; here nobody is sensible. Verdicts come late or never,
//! replies twice or with invented tickets, time leaps, and everything ends by being killed.

use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use fezz_proto::{
    Action, Admission, ConnId, HandshakeFault, Hub, Instant, Limits, Notice, PaceLimits, Phase,
    Refusal, Reply, Ticket,
};

use crate::reader::{Reader, date_of};

/// Operations of one run.
const OPERATIONS_MAX: usize = 300;
/// Connections at a time.
const CONNECTIONS_MAX: u32 = 4;
/// Tickets remembered, of which some are void.
const TICKETS_MAX: usize = 16;

/// What peers say, whole or in part: they are put behind each other and cut anywhere.
const PHRASES: [&[u8]; 16] = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    b"POST /k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"\r\n",
    b"GET / HTTP/1.1\r\nHost: ",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n",
    b"hello",
    b"HEAD ",
    b"\0",
];

/// One thing that a driver does. `whom` and `which` are taken modulo what there is.
#[derive(Arbitrary, Clone, Debug)]
pub enum Operation {
    /// A connection comes.
    Accept {
        /// With a handshake first.
        secure: bool,
    },
    /// A connection comes and there is no room.
    Full,
    /// The handshake is over.
    Secure {
        /// Whose.
        whom: u8,
        /// Whether it went well.
        well: bool,
    },
    /// A peer says a phrase; nothing has arrived yet.
    Say {
        /// Who.
        whom: u8,
        /// Which phrase.
        phrase: u8,
    },
    /// Octets that were said arrive.
    Arrive {
        /// Whose.
        whom: u8,
        /// At most so many.
        bytes_max: u16,
    },
    /// Octets that were promised leave.
    Leave {
        /// To whom.
        whom: u8,
        /// At most so many.
        bytes_max: u16,
    },
    /// A peer ends its side.
    End {
        /// Who.
        whom: u8,
    },
    /// A connection breaks.
    Break {
        /// Whose.
        whom: u8,
    },
    /// A head is judged.
    Judge {
        /// Whose.
        whom: u8,
        /// How.
        verdict: Verdict,
    },
    /// A function answers.
    Answer {
        /// Which ticket, void ones included.
        which: u8,
        /// How.
        answer: Answer,
    },
    /// Somebody answers with a ticket that may never have been given.
    Invent {
        /// The place.
        index: u8,
        /// The exchange.
        exchange: u8,
    },
    /// Time passes and deadlines are looked at.
    Wait {
        /// Milliseconds, times sixteen.
        sixteen_ms: u16,
    },
    /// No more new requests.
    Drain,
    /// Everybody goes.
    Kill,
}

/// What a driver says to a head.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Verdict {
    /// A function is asked.
    Admit {
        /// Octets of content that are taken.
        content_bytes_max: u8,
        /// Milliseconds until the answer is late, times sixteen.
        sixteen_ms: u8,
    },
    /// No route.
    Refuse,
    /// Too busy.
    RefuseBusy,
    /// The driver answers itself.
    Answer,
}

/// What a function says.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Answer {
    /// 200 with so many octets of content.
    Content(u8),
    /// 204.
    NoContent,
    /// Its answer broke the contract.
    Broken,
    /// It failed.
    Failed,
}

/// Checks the operations that octets spell.
///
/// # Panics
///
/// When the core breaks its contract.
pub fn check(octets: &[u8]) {
    let mut unstructured = Unstructured::new(octets);
    let mut run = Run::new();
    for _ in 0..OPERATIONS_MAX {
        if unstructured.is_empty() {
            break;
        }
        let Ok(operation) = Operation::arbitrary(&mut unstructured) else { break };
        run.step(&operation);
        run.holds();
    }
    run.end();
}

/// The core, and what its driver knows.
struct Run {
    hub: Hub,
    now: Instant,
    links: Vec<Link>,
    /// Tickets that may be answered, once.
    live: BTreeSet<(u32, u64)>,
    /// Tickets that were given, the latest ones.
    given: Vec<Ticket>,
}

/// One connection of a driver.
struct Link {
    id: ConnId,
    /// Said by the peer and not received.
    said: Vec<u8>,
    /// Sent to the peer.
    sent: Vec<u8>,
    /// For each head that was judged, whether it was HEAD and whether it expected a 100.
    heads: Vec<(bool, bool)>,
    /// The driver judges a head.
    judges: bool,
    /// Requests that are accounted for.
    accounts: u32,
}

impl Run {
    #[expect(clippy::expect_used, reason = "these limits agree")]
    fn new() -> Self {
        let pace = PaceLimits {
            grace_ms: 2_000,
            rate_bytes_per_s_min: 500,
            ceiling_ms: 30_000,
            idle_ms: 3_000,
        };
        let limits = Limits {
            connections_max: CONNECTIONS_MAX,
            requests_per_connection_max: 6,
            connection_age_ms_max: 60_000,
            body_bytes_total_max: 400,
            body_pace: pace,
            write_pace: pace,
            linger_bytes_max: 100,
            backlog_bytes_max: 200,
            timeouts_per_turn_max: 2,
            ..Limits::default()
        };
        let mut hub = Hub::new(limits.check().expect("the limits agree"));
        hub.set_date(date_of(0));
        let (links, live, given) = (Vec::new(), BTreeSet::new(), Vec::new());
        Self { hub, now: Instant::ZERO, links, live, given }
    }

    fn step(&mut self, operation: &Operation) {
        match *operation {
            Operation::Accept { secure } => self.accept(secure),
            Operation::Full => {
                if let Some(id) = self.hub.handle_full(self.now) {
                    self.pump(id);
                }
            }
            Operation::Invent { index, exchange } => {
                let ticket = Ticket { index: u32::from(index), exchange: u64::from(exchange) };
                self.answer(ticket, Answer::Content(1));
            }
            Operation::Answer { which, answer } => {
                let count = self.given.len();
                if let Some(ticket) = self.given.get(usize::from(which) % count.max(1)) {
                    self.answer(*ticket, answer);
                }
            }
            Operation::Wait { sixteen_ms } => {
                self.now = self.now.plus_millis(u64::from(sixteen_ms) * 16);
                self.all(|hub, now, ready| hub.handle_timeouts(now, ready));
            }
            Operation::Drain => self.all(Hub::handle_drain),
            Operation::Kill => self.all(Hub::handle_kill),
            Operation::Secure { whom, .. }
            | Operation::Say { whom, .. }
            | Operation::Arrive { whom, .. }
            | Operation::Leave { whom, .. }
            | Operation::End { whom }
            | Operation::Break { whom }
            | Operation::Judge { whom, .. } => self.step_of(whom, operation),
        }
    }

    /// An operation of one connection, if there is any.
    fn step_of(&mut self, whom: u8, operation: &Operation) {
        let count = self.links.len();
        let Some(link) = self.links.get_mut(usize::from(whom) % count.max(1)) else { return };
        let (id, now) = (link.id, self.now);
        let phase = self.hub.phase(id);
        match *operation {
            Operation::Secure { well, .. } if phase == Some(Phase::Handshake) => {
                if well {
                    self.hub.handle_secured(id, now);
                } else {
                    self.hub.handle_handshake_failed(id, HandshakeFault::ALL[0], now);
                }
            }
            Operation::Say { phrase, .. } => {
                let phrase = PHRASES.get(usize::from(phrase) % PHRASES.len());
                link.said.extend_from_slice(phrase.copied().unwrap_or_default());
            }
            Operation::Arrive { bytes_max, .. } if self.hub.wants_read(id) => {
                let space = self.hub.recv_space(id);
                assert!(!space.is_empty(), "octets are wanted and there is no room");
                let bytes = space.len().min(link.said.len()).min(usize::from(bytes_max));
                space[..bytes].copy_from_slice(&link.said[..bytes]);
                link.said.drain(..bytes);
                self.hub.handle_received(id, bytes, now);
            }
            Operation::Leave { bytes_max, .. } => {
                let unsent = self.hub.unsent(id).concat();
                let bytes = unsent.len().min(usize::from(bytes_max));
                if bytes > 0 {
                    link.sent.extend_from_slice(&unsent[..bytes]);
                    self.hub.handle_sent(id, bytes, now);
                }
            }
            Operation::End { .. } => self.hub.handle_peer_eof(id, now),
            Operation::Break { .. } => self.hub.handle_peer_gone(id, now),
            Operation::Judge { verdict, .. } if phase == Some(Phase::Route) => {
                link.judges = false;
                self.judge(id, verdict);
            }
            _ => return,
        }
        self.pump(id);
    }

    fn accept(&mut self, secure: bool) {
        let Some(id) = self.hub.handle_accepted(secure, self.now) else { return };
        let (said, sent, heads) = (Vec::new(), Vec::new(), Vec::new());
        self.links.push(Link { id, said, sent, heads, judges: false, accounts: 0 });
        self.pump(id);
    }

    fn all(&mut self, happens: impl Fn(&mut Hub, Instant, &mut Vec<ConnId>)) {
        let mut ready = Vec::new();
        happens(&mut self.hub, self.now, &mut ready);
        for id in ready {
            self.pump(id);
        }
    }

    fn judge(&mut self, id: ConnId, verdict: Verdict) {
        match verdict {
            Verdict::Admit { content_bytes_max, sixteen_ms } => {
                let admission = Admission {
                    envelope: b"envelope ".to_vec(),
                    body_bytes_max: u64::from(content_bytes_max),
                    handle_ms_max: 1 + u32::from(sixteen_ms) * 16,
                    late: None,
                };
                self.hub.handle_admitted(id, admission, self.now);
            }
            Verdict::Refuse => self.hub.handle_refused(id, Refusal::NoRoute, None, self.now),
            Verdict::RefuseBusy => self.hub.handle_refused(id, Refusal::Busy, None, self.now),
            Verdict::Answer => self.hub.handle_answered(id, content(3), self.now),
        }
    }

    /// An answer finds who waits for it, once; everybody else's is dropped.
    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        let reply = match answer {
            Answer::Content(bytes) => Ok(content(usize::from(bytes))),
            Answer::NoContent => {
                let octets = b"HTTP/1.1 204 No Content\r\n".to_vec();
                Ok(Reply { head_bytes: 25, octets, status: 204 })
            }
            Answer::Broken => Err(Refusal::BadHandler),
            Answer::Failed => Err(Refusal::HandlerFailed),
        };
        let waits = self.live.remove(&(ticket.index, ticket.exchange));
        let taken = self.hub.handle_reply(ticket, reply, self.now);
        assert_eq!(taken.is_some(), waits, "a ticket is good once, until it is void");
        if let Some(id) = taken {
            self.pump(id);
        }
    }

    /// Obeys the core until it has nothing more to ask.
    fn pump(&mut self, id: ConnId) {
        while let Some(action) = self.hub.poll_action(id) {
            match action {
                Action::Route => {
                    let Some(head) = self.hub.head(id) else { unreachable!("a head waits") };
                    let asked = (head.method() == "HEAD", head.expects_continue());
                    self.link(id).heads.push(asked);
                    self.link(id).judges = true;
                }
                Action::Dispatch { ticket, envelope, deadline } => {
                    assert!(envelope.starts_with(b"envelope "), "the driver's own is in front");
                    assert!(deadline >= self.now, "late before it begins");
                    let fresh = self.live.insert((ticket.index, ticket.exchange));
                    assert!(fresh && !self.given.contains(&ticket), "a ticket is given once");
                    self.given.push(ticket);
                    if self.given.len() > TICKETS_MAX {
                        self.given.remove(0);
                    }
                }
                Action::Forget { ticket, .. } => {
                    let waited = self.live.remove(&(ticket.index, ticket.exchange));
                    let judged = std::mem::take(&mut self.link(id).judges);
                    assert!(waited || judged, "what is forgotten was waited for");
                }
                Action::Shut => {
                    assert_eq!(self.hub.unsent_bytes(id), 0, "promises are kept before the end");
                }
                Action::Finished(account) => {
                    let before = std::mem::replace(&mut self.link(id).accounts, account.request);
                    assert_eq!(account.request, before + 1, "each request has one account");
                }
                Action::Close { .. } => return self.close(id),
            }
        }
        self.hub.settle(id);
    }

    fn link(&mut self, id: ConnId) -> &mut Link {
        let Some(link) = self.links.iter_mut().find(|link| link.id == id) else {
            unreachable!("the core asks for connections that it was given")
        };
        link
    }

    /// What was sent, whole or cut off, is what a strict reader takes.
    fn close(&mut self, id: ConnId) {
        self.hub.remove(id);
        assert!(self.live.iter().all(|(index, _)| *index != id.index), "nobody waits for the dead");
        let place = self.links.iter().position(|link| link.id == id);
        let Some(place) = place else { unreachable!("a connection closes once") };
        let link = self.links.remove(place);
        let mut reader = Reader::new();
        for (is_head, expects) in link.heads {
            reader.ask(is_head, expects);
        }
        // One more may be refused before its head is whole.
        reader.ask_unsure();
        let read = reader.take(&link.sent);
        assert_eq!(read, Ok(()), "{}", link.sent.escape_ascii());
    }

    fn holds(&mut self) {
        assert_eq!(self.hub.len(), self.links.len(), "connections are neither lost nor invented");
        for Link { id, .. } in &self.links {
            let bytes: usize = self.hub.unsent(*id).iter().map(|octets| octets.len()).sum();
            assert_eq!(bytes as u64, self.hub.unsent_bytes(*id), "promises are counted");
            assert!(self.hub.deadline(*id).is_some(), "nothing waits for ever");
        }
        for &(index, exchange) in &self.live {
            let holder = self.hub.holder(Ticket { index, exchange });
            assert!(holder.is_some_and(|id| id.index == index), "a ticket has its holder");
        }
        let first = self.links.iter().filter_map(|link| self.hub.deadline(link.id)).min();
        let due = self.hub.next_deadline();
        // Deadlines are looked at in ticks.
        let tick = Instant::from_micros(fezz_proto::TICK_US);
        let in_time = first.zip(due).is_none_or(|(first, due)| {
            due.as_micros() <= first.as_micros().max(self.now.as_micros()) + tick.as_micros()
        });
        assert!(in_time && (first.is_none() || due.is_some()), "{due:?} is after {first:?}");
        let (notices, _) = self.hub.notices();
        let forbidden = notices.iter().find(|it| matches!(it, Notice::Forbidden(_)));
        assert_eq!(forbidden, None, "the table holds");
        self.hub.clear_notices();
    }

    /// In the end everybody goes, and nothing is held.
    fn end(mut self) {
        self.all(Hub::handle_kill);
        self.holds();
        assert!(self.hub.is_empty() && self.links.is_empty(), "somebody survived");
        assert!(self.live.is_empty(), "somebody is waited for");
        assert_eq!(self.hub.body_bytes_held(), 0, "content is held for nobody");
    }
}

fn content(bytes: usize) -> Reply {
    let mut octets = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n").into_bytes();
    let head_bytes = u32::try_from(octets.len()).unwrap_or(0);
    octets.resize(octets.len() + bytes, b'c');
    Reply { octets, head_bytes, status: 200 }
}
