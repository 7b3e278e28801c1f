//! The connection core: whole exchanges as a driver without a socket makes them, and the wheel.

use std::hint::black_box;

use fezz_proto::{Action, Admission, ConnId, Hub, Instant, Limits, Reply, Wheel};

const GET: &[u8] = b"GET /hello HTTP/1.1\r\nHost: localhost:8080\r\n\
    User-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n";
const ANSWER_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 5\r\n";

/// A hub with one connection, and its time.
struct Driver {
    hub: Hub,
    id: ConnId,
    now: Instant,
    /// Whether the requests it routes are taken.
    admits: bool,
}

impl Driver {
    fn new(admits: bool) -> Self {
        let mut hub = Hub::new(Limits::default().check().expect("the limits agree"));
        // As the server does while nobody looks on.
        hub.set_usual(false);
        let now = Instant::from_micros(1_000_000);
        let id = hub.handle_accepted(false, now).expect("there is room");
        Self { hub, id, now, admits }
    }

    /// One request in, one reply out.
    fn exchange(&mut self, octets: &[u8]) {
        // Ten thousand requests a second.
        self.now = Instant::from_micros(self.now.as_micros() + 100);
        let (mut rest, mut turns) = (octets, 0);
        while !rest.is_empty() {
            let space = self.hub.recv_space(self.id);
            let (first, later) = rest.split_at(rest.len().min(space.len()));
            space[..first.len()].copy_from_slice(first);
            self.hub.handle_received(self.id, first.len(), self.now);
            rest = later;
            self.act();
            turns += 1;
            assert!(turns < 10, "the request is taken");
        }
        assert!(self.send() > 100, "there is a reply");
        self.act();
        self.hub.settle(self.id);
        self.hub.clear_notices();
    }

    fn act(&mut self) {
        while let Some(action) = self.hub.poll_action(self.id) {
            match black_box(action) {
                Action::Route if self.admits => self.admit(),
                Action::Route => {
                    let why = fezz_proto::Refusal::NoRoute;
                    self.hub.handle_refused(self.id, why, None, self.now);
                }
                Action::Dispatch { ticket, envelope, .. } => {
                    self.hub.keep_buffer(envelope);
                    let mut octets = self.hub.buffer();
                    octets.extend_from_slice(ANSWER_HEAD);
                    octets.extend_from_slice(b"hello");
                    let head_bytes = u32::try_from(ANSWER_HEAD.len()).expect("short");
                    let reply = Reply { octets, head_bytes, status: 200 };
                    assert!(self.hub.handle_reply(ticket, Ok(reply), self.now).is_some());
                }
                Action::Finished(_) => {}
                action => assert_eq!(action, Action::Route, "nothing ends"),
            }
        }
    }

    fn admit(&mut self) {
        black_box(self.hub.head(self.id).map(|head| head.path_octets().len()));
        let mut envelope = self.hub.buffer();
        envelope.extend_from_slice(b"an envelope's head");
        let admission =
            Admission { envelope, body_bytes_max: 1 << 20, handle_ms_max: 30_000, late: None };
        self.hub.handle_admitted(self.id, admission, self.now);
    }

    fn send(&mut self) -> usize {
        let bytes = black_box(self.hub.unsent(self.id)).iter().map(|slice| slice.len()).sum();
        self.hub.handle_sent(self.id, bytes, self.now);
        bytes
    }
}

/// A GET that a function answers.
pub(super) fn get() -> Box<dyn FnMut()> {
    let mut driver = Driver::new(true);
    Box::new(move || driver.exchange(black_box(GET)))
}

/// A POST with a KiB of content, all of it in one piece.
pub(super) fn post() -> Box<dyn FnMut()> {
    let mut octets = b"POST /echo HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: 1024\r\n\
        Content-Type: application/octet-stream\r\n\r\n"
        .to_vec();
    octets.resize(octets.len() + 1_024, b'x');
    let mut driver = Driver::new(true);
    Box::new(move || driver.exchange(black_box(&octets)))
}

/// A GET that no route takes.
pub(super) fn refused() -> Box<dyn FnMut()> {
    let mut driver = Driver::new(false);
    Box::new(move || driver.exchange(black_box(GET)))
}

/// A deadline moves away, as after every exchange: the wheel is left as it is.
pub(super) fn rearm_later() -> Box<dyn FnMut()> {
    let (mut wheel, mut micros) = (wheel(), 0);
    Box::new(move || {
        micros += 1;
        wheel.book(black_box(7), Instant::from_micros(5_000_000 + micros));
    })
}

/// A deadline comes nearer and goes: the key moves to another slot, and leaves it.
pub(super) fn rearm_sooner() -> Box<dyn FnMut()> {
    let mut wheel = wheel();
    Box::new(move || {
        wheel.book(black_box(7), Instant::from_micros(5_000_000));
        wheel.book(black_box(7), Instant::from_micros(2_000_000));
        wheel.cancel(black_box(7));
    })
}

/// A wheel with neighbours in it.
fn wheel() -> Wheel {
    let mut wheel = Wheel::new();
    (0..64).for_each(|key| wheel.book(key, Instant::from_micros(5_000_000)));
    wheel
}
