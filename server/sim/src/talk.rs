//! One conversation on one connection while time stands still: the replies must be the same however
//! it is cut into reads and writes, and a strict reader must accept them.

use fezz_proto::{
    Action, Admission, ConnId, Hub, Instant, Limits, Refusal, Reply, Summary, Ticket,
};

use crate::reader::{Reader, date_of};

const NOW: Instant = Instant::ZERO;
/// Octets of content that every route takes.
pub const CONTENT_BYTES_MAX: u64 = 100;

/// When the worker answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answers {
    /// As soon as it is asked.
    AtOnce,
    /// When no more can be received without an answer.
    Late,
}

/// A conversation under way.
#[derive(Debug)]
pub struct Talk {
    hub: Hub,
    id: ConnId,
    answers: Answers,
    write_bytes_max: usize,
    asked: Vec<(Ticket, Vec<u8>)>,
    held: Held,
    closed: bool,
}

/// What came of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The octets that the client received.
    pub received: Vec<u8>,
    /// For each head that was judged, whether it was HEAD and whether it expected a 100.
    pub heads: Vec<(bool, bool)>,
    /// The exchanges that are over.
    pub finished: Vec<Summary>,
}

impl Talk {
    /// A conversation before its first octet; a write takes at most `write_bytes_max` octets.
    ///
    /// # Panics
    ///
    /// When the core's default limits contradict each other.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the defaults agree, and an empty hub has room")]
    pub fn new(answers: Answers, write_bytes_max: usize) -> Self {
        let mut hub = Hub::new(Limits::default().check().expect("the defaults agree"));
        hub.set_date(date_of(0));
        let id = hub.handle_accepted(false, NOW).expect("there is room");
        let (asked, held) = (Vec::new(), Held::default());
        Self { hub, id, answers, write_bytes_max, asked, held, closed: false }
    }

    /// The client says `input`, cut at `cuts`, which do not go back, and ends.
    ///
    /// # Panics
    ///
    /// When the core gets stuck or answers against its contract.
    #[must_use]
    pub fn hold(mut self, input: &[u8], cuts: &[usize]) -> Held {
        let mut start = 0;
        for &end in cuts.iter().chain([&input.len()]) {
            self.hear(&input[start..end]);
            start = end;
        }
        self.go_on(true);
        self.hub.handle_peer_eof(self.id, NOW);
        self.go_on(true);
        assert!(self.closed, "an ended conversation is over");
        self.held
    }

    /// The piece arrives, in as many reads as the core asks for.
    fn hear(&mut self, mut piece: &[u8]) {
        self.go_on(false);
        while !piece.is_empty() && !self.closed {
            if !self.hub.wants_read(self.id) {
                let before = self.held.received.len();
                self.go_on(true);
                let moves = self.hub.wants_read(self.id) || self.held.received.len() > before;
                assert!(moves || self.closed, "nobody reads on");
                continue;
            }
            let space = self.hub.recv_space(self.id);
            let bytes = piece.len().min(space.len());
            space[..bytes].copy_from_slice(&piece[..bytes]);
            piece = &piece[bytes..];
            self.hub.handle_received(self.id, bytes, NOW);
            self.go_on(false);
        }
    }

    /// Obeys the core; answers what is asked when it is time or when `late`.
    fn go_on(&mut self, late: bool) {
        loop {
            self.act();
            let unsent = self.hub.unsent(self.id).concat();
            if !unsent.is_empty() {
                let bytes = unsent.len().min(self.write_bytes_max);
                self.held.received.extend_from_slice(&unsent[..bytes]);
                self.hub.handle_sent(self.id, bytes, NOW);
            } else if !self.asked.is_empty() && (late || self.answers == Answers::AtOnce) {
                let (ticket, envelope) = self.asked.remove(0);
                let id = self.hub.handle_reply(ticket, Ok(echo(&envelope)), NOW);
                assert_eq!(id, Some(self.id), "the exchange waits");
            } else {
                break;
            }
        }
        self.hub.settle(self.id);
    }

    fn act(&mut self) {
        while let Some(action) = self.hub.poll_action(self.id) {
            match action {
                Action::Route => self.judge(),
                Action::Dispatch { ticket, envelope, .. } => self.asked.push((ticket, envelope)),
                Action::Close { .. } => self.closed = true,
                Action::Finished(mut summary) => {
                    if summary.refusal.is_some() {
                        // How much of what nobody wants has arrived is for the cuts to say.
                        summary.received_bytes = 0;
                    }
                    self.held.finished.push(summary);
                }
                Action::Shut => {}
                Action::Forget { .. } => unreachable!("time stands still"),
            }
        }
    }

    fn judge(&mut self) {
        let Some(head) = self.hub.head(self.id) else { unreachable!("a head waits") };
        let content = head.framing() != fezz_parser::Framing::None;
        self.held.heads.push((head.method() == "HEAD", content && head.expects_continue()));
        if head.path() == "/none" {
            return self.hub.handle_refused(self.id, Refusal::NoRoute, None, NOW);
        }
        let envelope = format!("{} {}\n", head.method(), head.path()).into_bytes();
        let admission = Admission {
            envelope,
            body_bytes_max: CONTENT_BYTES_MAX,
            handle_ms_max: 1_000,
            late: None,
        };
        self.hub.handle_admitted(self.id, admission, NOW);
    }
}

fn echo(envelope: &[u8]) -> Reply {
    let mut octets =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", envelope.len()).into_bytes();
    let head_bytes = u32::try_from(octets.len()).unwrap_or(0);
    octets.extend_from_slice(envelope);
    Reply { octets, head_bytes, status: 200 }
}

/// Checks any octets: the first one says how many cuts follow, the rest is said by a client.
///
/// # Panics
///
/// When the replies depend on the cuts, or are not what a strict reader takes.
pub fn check(octets: &[u8]) {
    let (cuts, input) = split(octets);
    let whole = Talk::new(Answers::AtOnce, usize::MAX).hold(input, &[]);
    for (answers, write_bytes_max) in [(Answers::AtOnce, 3), (Answers::Late, usize::MAX)] {
        let cut = Talk::new(answers, write_bytes_max).hold(input, &cuts);
        assert_eq!(cut.heads, whole.heads, "the heads depend on the cuts");
        let (cut, whole) = (final_octets(&cut), final_octets(&whole));
        assert_eq!(cut, whole, "the replies depend on the cuts");
    }
    read(&whole);
}

/// The cuts and the input that octets spell.
#[must_use]
pub fn split(octets: &[u8]) -> (Vec<usize>, &[u8]) {
    let (count, rest) = octets.split_first().map_or((0, octets), |(&count, rest)| (count, rest));
    let (places, input) = rest.split_at(usize::from(count).min(rest.len()));
    let mut at = 0;
    let cuts = places.iter().map(|&step| {
        at = input.len().min(at + usize::from(step));
        at
    });
    (cuts.collect(), input)
}

/// Without interim responses: whether content has arrived with its head is for the cuts to say.
fn final_octets(held: &Held) -> Vec<u8> {
    const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut octets = Vec::new();
    let mut rest = held.received.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(INTERIM) {
            rest = behind;
        } else {
            octets.push(*first);
            rest = behind;
        }
    }
    octets
}

fn read(held: &Held) {
    let mut reader = Reader::new();
    for &(is_head, expects) in &held.heads {
        reader.ask(is_head, expects);
    }
    // One more may be refused before its head is whole.
    reader.ask_unsure();
    let read = reader.take(&held.received);
    assert_eq!(read, Ok(()), "{}", held.received.escape_ascii());
    assert!(reader.is_between(), "a response is cut off");
    let answered = reader.responses().len();
    let asked = held.heads.len();
    assert!(answered >= asked.saturating_sub(1) && answered <= asked + 1, "{answered} of {asked}");
}
