//! However a conversation is cut into reads and writes, the client receives the same octets.
//!
//! Every one-cut and every two-cut split of short pipelined conversations, with answers that come
//! at once or after everything has arrived, sent whole or octet by octet.
#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail loudly")]

use fezz_proto::{Action, Admission, ConnId, Hub, Instant, Limits, Refusal, Reply, Ticket};

const DATE: [u8; 29] = *b"Sun, 06 Nov 1994 08:49:37 GMT";
const NOW: Instant = Instant::ZERO;

/// When the worker answers.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Answers {
    AtOnce,
    /// When no more can be received without an answer.
    Late,
}

/// A conversation under way.
struct Talk {
    hub: Hub,
    id: ConnId,
    answers: Answers,
    write_bytes_max: usize,
    asked: Vec<(Ticket, Vec<u8>)>,
    received: Vec<u8>,
    closed: bool,
}

impl Talk {
    fn new(answers: Answers, write_bytes_max: usize) -> Self {
        let mut hub = Hub::new(Limits::default().check().expect("the defaults agree"));
        hub.set_date(DATE);
        let id = hub.handle_accepted(false, NOW).expect("there is room");
        let asked = Vec::new();
        Self { hub, id, answers, write_bytes_max, asked, received: Vec::new(), closed: false }
    }

    /// The octets the client receives for `input` in these pieces.
    fn hold(mut self, input: &[u8], cuts: &[usize]) -> Vec<u8> {
        let mut start = 0;
        for &end in cuts.iter().chain([&input.len()]) {
            self.hear(&input[start..end]);
            start = end;
        }
        self.go_on(true);
        self.hub.handle_peer_eof(self.id, NOW);
        self.go_on(true);
        assert!(self.closed, "an ended conversation is over");
        self.received
    }

    /// The piece arrives, in as many reads as the core asks for.
    fn hear(&mut self, mut piece: &[u8]) {
        self.go_on(false);
        while !piece.is_empty() && !self.closed {
            if !self.hub.wants_read(self.id) {
                let before = self.received.len();
                self.go_on(true);
                let moves = self.hub.wants_read(self.id) || self.received.len() > before;
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
                self.received.extend_from_slice(&unsent[..bytes]);
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
                Action::Shut => {}
                Action::Forget(_) => panic!("time stands still"),
            }
        }
    }

    fn judge(&mut self) {
        let head = self.hub.head(self.id).expect("a head waits");
        if head.path() == "/none" {
            return self.hub.handle_refused(self.id, Refusal::NoRoute, None, NOW);
        }
        let envelope = format!("{} {}\n", head.method(), head.path()).into_bytes();
        let admission = Admission { envelope, body_bytes_max: 100, handle_ms_max: 1_000 };
        self.hub.handle_admitted(self.id, admission, NOW);
    }
}

fn echo(envelope: &[u8]) -> Reply {
    let mut octets =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", envelope.len()).into_bytes();
    let head_bytes = u32::try_from(octets.len()).expect("short");
    octets.extend_from_slice(envelope);
    Reply { octets, head_bytes, status: 200 }
}

const CONVERSATIONS: [(&str, &str); 5] = [
    (
        "get, post and chunked post",
        "GET /a HTTP/1.1\r\nhost: h\r\n\r\n\
         POST /b HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello\
         POST /c HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n\
         3;x=\"y\"\r\nabc\r\n2\r\nde\r\n0\r\nt: u\r\n\r\n",
    ),
    (
        "empty lines, head, an empty post, http/1.0 that ends it, and what nobody reads",
        "\r\n\r\nHEAD /a HTTP/1.1\r\nhost: h\r\n\r\n\
         POST /b HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n\
         GET /c HTTP/1.0\r\n\r\nGET /d HTTP/1.1\r\nhost: h\r\n\r\n",
    ),
    (
        "a refusal without content, then a bad chunk",
        "GET /none HTTP/1.1\r\nhost: h\r\n\r\n\
         POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\nz\r\n",
    ),
    (
        "a bad head behind a good one",
        "PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nhost : h\r\n\r\n",
    ),
    (
        "content over the limit of its route, by length",
        "GET /a HTTP/1.1\r\nhost: h\r\n\r\nPUT /b HTTP/1.1\r\nhost: h\r\ncontent-length: 101\r\n\r\n",
    ),
];

#[test]
fn the_uncut_conversation_is_as_expected() {
    let (_, input) = CONVERSATIONS[0];
    let received = Talk::new(Answers::AtOnce, usize::MAX).hold(input.as_bytes(), &[]);
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
    let expected = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n{date}GET /a\n\
         HTTP/1.1 200 OK\r\ncontent-length: 13\r\n{date}POST /b\nhello\
         HTTP/1.1 200 OK\r\ncontent-length: 13\r\n{date}POST /c\nabcde"
    );
    assert_eq!(String::from_utf8_lossy(&received), expected);
    for (name, input) in &CONVERSATIONS[1..] {
        let received = Talk::new(Answers::AtOnce, usize::MAX).hold(input.as_bytes(), &[]);
        assert!(received.starts_with(b"HTTP/1.1 "), "{name}");
        let ends = received.windows(19).any(|octets| octets == b"connection: close\r\n");
        assert!(ends, "{name}");
    }
}

#[test]
fn one_cut_changes_nothing_even_octet_by_octet() {
    for (name, input) in CONVERSATIONS {
        let input = input.as_bytes();
        let whole = Talk::new(Answers::AtOnce, usize::MAX).hold(input, &[]);
        for write_bytes_max in [usize::MAX, 7, 1] {
            for answers in [Answers::AtOnce, Answers::Late] {
                for cut in 0..=input.len() {
                    let received = Talk::new(answers, write_bytes_max).hold(input, &[cut]);
                    assert!(received == whole, "{name}: {answers:?}, cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn two_cuts_change_nothing() {
    for (name, input) in CONVERSATIONS {
        let input = input.as_bytes();
        let whole = Talk::new(Answers::AtOnce, usize::MAX).hold(input, &[]);
        for first in 0..=input.len() {
            for second in first..=input.len() {
                let talk = Talk::new(Answers::AtOnce, usize::MAX);
                let received = talk.hold(input, &[first, second]);
                assert!(received == whole, "{name}: cut at {first} and {second}");
            }
        }
    }
}

#[test]
fn octet_by_octet_changes_nothing() {
    for (name, input) in CONVERSATIONS {
        let input = input.as_bytes();
        let whole = Talk::new(Answers::AtOnce, usize::MAX).hold(input, &[]);
        let cuts = (1..input.len()).collect::<Vec<_>>();
        for answers in [Answers::AtOnce, Answers::Late] {
            let received = Talk::new(answers, 1).hold(input, &cuts);
            assert!(received == whole, "{name}: {answers:?}");
        }
    }
}
