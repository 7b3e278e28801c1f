//! What a fuzzer outside of this crate may reach: octets into a transport, octets that a function
//! answers, and text as a configuration file.

mod configuration;

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, OnceLock};

use fezz_proto::{Action, Admission, Hub, Instant, Limits, Reply};
use fezz_wire::WireLimits;

use crate::config::{Config, ListenerConfig, Tls};
use crate::envelope;
use crate::peer;
use crate::tls::{Gate, Gates};
use crate::transport::{
    Beginning, Moved, Preface, Prefaced, Scratch, Session, Shaken, Stream, Transport,
};

pub use configuration::config_file;

/// A stream that gives what a peer sent, a few octets at once, and takes everything.
struct Given<'a> {
    left: &'a [u8],
    most: usize,
    taken: usize,
}

impl Read for Given<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes = into.len().min(self.most);
        self.left.read(into.get_mut(..bytes).unwrap_or_default())
    }
}

impl Write for Given<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.taken += octets.len();
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Given<'_> {
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What claims to be the begin of a connection behind a proxy, the header and what follows. However
/// it is cut, the verdict is the same, comes before the buffer is full, and loses no octet.
///
/// # Panics
///
/// When that is not so.
pub fn proxy_header(octets: &[u8]) {
    let Some((most, left)) = octets.split_first() else { return };
    let whole = peer::look(left);
    assert!(left.len() < peer::HEADER_BYTES_MAX || !matches!(whole, Ok(None)), "it is full");
    let mut given = Given { left, most: 1 + usize::from(*most), taken: 0 };
    let mut preface = Preface::new(None);
    // A short read of this stream does not mean that it has no more.
    let agree = match (preface.read(&mut given, &mut true, true), whole) {
        (Prefaced::Whole(source), Ok(Some(announced))) => {
            let mut rest = preface.left().to_vec();
            rest.extend_from_slice(given.left);
            assert_eq!(Some(rest.as_slice()), left.get(announced.bytes..), "octets were lost");
            source == announced.source
        }
        (Prefaced::Failed(in_pieces), Err(fault)) => in_pieces == fault,
        (Prefaced::Starved, Ok(None)) => given.left.is_empty(),
        _ => false,
    };
    assert!(agree, "in pieces it is judged otherwise than {whole:?}");
}

/// Records, or what pretends to be some, from a peer; the first octet says how many arrive at once.
/// Whatever they are, the transport says no more than a flight and an alert, and comes to rest.
///
/// # Panics
///
/// When it does not.
pub fn tls_records(octets: &[u8]) {
    static GATE: OnceLock<Option<Gate>> = OnceLock::new();
    let open = || {
        let listeners = vec![ListenerConfig::tls(([127, 0, 0, 1], 0).into())];
        let tls = Tls { self_signed: true, ..Tls::default() };
        let config = Config { listeners, tls, ..Config::default() };
        Arc::new(Gates::of(&config).ok()??).gate(None)
    };
    let Some(gate) = GATE.get_or_init(open) else { return };
    let Some((most, left)) = octets.split_first() else { return };
    let mut given = Given { left, most: 1 + usize::from(*most) * 16, taken: 0 };
    let mut scratch = Scratch::for_handshakes(1);
    let mut transport = Transport::Tls(Box::new(Session::new(gate.clone())));
    let mut into = [0; 1_000];
    for _ in 0..=octets.len() {
        let Some(Beginning::Handshake(session)) = transport.beginning() else {
            match transport.receive(&mut given, &mut into, &mut scratch) {
                Moved::Bytes(_) => continue,
                Moved::Blocked | Moved::Eof | Moved::Gone => break,
            }
        };
        match session.shake(&mut given, &mut true, false, &mut scratch) {
            Shaken::Failed(_) | Shaken::Eof | Shaken::Gone => {
                assert!(transport.end(&mut given).is_ok(), "the stream takes everything");
                break;
            }
            Shaken::Secured | Shaken::Stuffed | Shaken::Waiting => {}
            Shaken::Starved if given.left.is_empty() => break,
            Shaken::Starved => {}
        }
    }
    assert!(given.taken < 16 * 1024, "a flight and an alert, not {} octets", given.taken);
}

/// A response as it left the server, and what the function meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The request was HEAD.
    pub is_head: bool,
    /// The status that the function said.
    pub status: u16,
    /// The content that it said, as far as the status may have some.
    pub content: Vec<u8>,
    /// Everything that the client received.
    pub sent: Vec<u8>,
}

/// A function answers octets to one of four requests, which the first octet chooses; `None` when
/// the answer breaks the contract and is refused.
///
/// # Panics
///
/// When the core does not ask the function, or does not end.
#[must_use]
pub fn answered(octets: &[u8]) -> Option<Answered> {
    let (&choice, answer) = octets.split_first()?;
    let requests: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ];
    let request = requests[usize::from(choice) % requests.len()];
    let mut reply = Vec::new();
    let judged =
        envelope::judge(Ok(answer), None, &WireLimits::default(), false, &mut reply).ok()?;
    let content = reply.get(judged.head_bytes as usize..).unwrap_or_default().to_vec();
    let (is_head, status) = (request.starts_with(b"HEAD"), judged.status);
    let reply = Reply { octets: reply, head_bytes: judged.head_bytes, status };
    Some(Answered { is_head, status, content, sent: said(request, reply)? })
}

/// What the core sends when the function answers this request so.
fn said(request: &[u8], reply: Reply) -> Option<Vec<u8>> {
    let now = Instant::ZERO;
    let mut hub = Hub::new(Limits::default().check().ok()?);
    hub.set_date(fezz_parser::imf_fixdate(0));
    let id = hub.handle_accepted(false, now)?;
    hub.recv_space(id).get_mut(..request.len())?.copy_from_slice(request);
    hub.handle_received(id, request.len(), now);
    assert_eq!(hub.poll_action(id), Some(Action::Route), "a head is judged");
    let envelope = Vec::new();
    let admission = Admission { envelope, body_bytes_max: 0, handle_ms_max: 1_000, late: None };
    hub.handle_admitted(id, admission, now);
    let Some(Action::Dispatch { ticket, .. }) = hub.poll_action(id) else { return None };
    hub.handle_reply(ticket, Ok(reply), now);
    while hub.poll_action(id).is_some() {}
    Some(hub.unsent(id).concat())
}
