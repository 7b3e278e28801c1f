//! From the first octet to the keys: the hello is looked at before anything is paid for it.

use std::sync::Arc;

use fezz_proto::HandshakeFault;
use rustls::server::UnbufferedServerConnection;
use rustls::{Error, HandshakeKind};

use super::{HANDSHAKE_BYTES_MAX, Held, INPUT_BYTES, Scratch, Session, Stage, Step};
use crate::tls::{self, Gate, Look, Secured, Settled, Wishes};
use crate::transport::{Moved, SHORT_MEANS_BLOCKED, Shaken, Stream, plain};

/// RFC 8446 §6: a fatal alert in a record of its own, before there are keys.
const fn alert(description: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, description]
}
/// RFC 6066 §3.
const UNRECOGNIZED_NAME: [u8; 7] = alert(112);
/// RFC 8446 §6.2: no version of the client's is spoken here.
const PROTOCOL_VERSION: [u8; 7] = alert(70);
/// RFC 8446 §6.2: the hello is out of all bounds.
const DECODE_ERROR: [u8; 7] = alert(50);

/// What somebody reads who forgot the "s" of "https".
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
    content-length: 47\r\nconnection: close\r\n\r\n\
    this port speaks TLS: use https instead of http";

impl Session {
    /// Goes on with the handshake as far as the stream allows. A short read does not end it where
    /// the peer's end is announced behind.
    pub(crate) fn shake(
        &mut self,
        stream: &mut impl Stream,
        readable: &mut bool,
        end_announced: bool,
        scratch: &mut Scratch,
    ) -> Shaken {
        scratch.warm_up();
        loop {
            if let Some(shaken) = self.go_on(scratch) {
                return shaken;
            }
            if !self.is_handshaking() {
                // What is left to say, tickets, leaves with the first reply or when there is none.
                return Shaken::Secured;
            }
            match self.flush(stream) {
                Moved::Bytes(_) => {}
                Moved::Blocked => return Shaken::Stuffed,
                Moved::Eof | Moved::Gone => return Shaken::Gone,
            }
            if !*readable {
                return Shaken::Starved;
            }
            let space = scratch.input.get_mut(..INPUT_BYTES).unwrap_or_default();
            match plain::receive(stream, space) {
                Moved::Bytes(bytes) => {
                    self.drained = bytes < INPUT_BYTES && SHORT_MEANS_BLOCKED;
                    *readable = !self.drained || end_announced;
                    self.input.extend_from_slice(scratch.input.get(..bytes).unwrap_or_default());
                }
                Moved::Blocked => *readable = false,
                Moved::Eof => return Shaken::Eof,
                Moved::Gone => return Shaken::Gone,
            }
            if self.input.len() > HANDSHAKE_BYTES_MAX {
                return self.fail(HandshakeFault::Malformed, &DECODE_ERROR);
            }
        }
    }

    /// Deals with what arrived; a verdict when there is one.
    fn go_on(&mut self, scratch: &mut Scratch) -> Option<Shaken> {
        if let Stage::Hello(gate) = &self.stage {
            let gate = gate.clone();
            if let Some(shaken) = self.greet(&gate, scratch) {
                return Some(shaken);
            }
        }
        if !matches!(self.stage, Stage::Handshake { .. }) {
            return None;
        }
        let mut input = std::mem::take(&mut self.input);
        let (taken, step) = self.step(&mut input, &mut [].as_mut_slice());
        input.drain(..taken);
        self.input = input;
        match step {
            Step::Starved | Step::Full => {}
            Step::Closed => self.peer_closed = true,
            Step::Failed(error) => return Some(Shaken::Failed(self.blame(&error))),
        }
        match &self.rustls {
            Some(rustls) if !rustls.is_handshaking() => self.settle(),
            _ if self.peer_closed => return Some(Shaken::Eof),
            _ => {}
        }
        None
    }

    /// Looks at the hello, and lets the handshake begin when it is whole.
    fn greet(&mut self, gate: &Gate, scratch: &mut Scratch) -> Option<Shaken> {
        if self.input.is_empty() {
            return None;
        }
        let hello = match tls::look(&self.input) {
            Look::Incomplete => return None,
            Look::TooLarge => {
                return Some(self.fail(HandshakeFault::HelloTooLarge, &DECODE_ERROR));
            }
            Look::Foreign if speaks_http(&self.input) => {
                return Some(self.fail(HandshakeFault::PlainHttp, SPEAK_TLS));
            }
            // rustls has the right alert for each.
            Look::Foreign => None,
            Look::Whole(hello) => Some(hello),
        };
        if scratch.handshakes_left == 0 {
            return Some(Shaken::Waiting);
        }
        scratch.handshakes_left -= 1;
        let hello = hello.as_deref().unwrap_or_default();
        let said = tls::Hello::read(hello);
        if said.as_ref().is_some_and(tls::Hello::is_outdated) {
            // RFC 8446 §D.2. rustls misses extensions first that such clients do not have.
            return Some(self.fail(HandshakeFault::Incompatible, &PROTOCOL_VERSION));
        }
        let Some(admitted) = gate.admit(said.as_ref()) else {
            return Some(self.fail(HandshakeFault::UnknownName, &UNRECOGNIZED_NAME));
        };
        let Ok(rustls) = UnbufferedServerConnection::new(Arc::clone(&admitted.config)) else {
            return Some(self.fail(HandshakeFault::Ours, &[]));
        };
        self.rustls = Some(Box::new(rustls));
        let wishes = gate.wishes();
        let hello = if wishes == Wishes::Nothing { Box::default() } else { hello.into() };
        self.stage = Stage::Handshake { admitted: Box::new(admitted), hello, wishes };
        None
    }

    /// The handshake is done: what it came to is kept for the driver.
    fn settle(&mut self) {
        let Stage::Handshake { admitted, hello, wishes } =
            std::mem::replace(&mut self.stage, Stage::Open)
        else {
            return;
        };
        let Some(rustls) = &self.rustls else { return };
        let settled = Settled {
            version: rustls.protocol_version(),
            cipher: rustls.negotiated_cipher_suite().map(|suite| suite.suite()),
            protocol: rustls.alpn_protocol(),
            resumed: rustls.handshake_kind() == Some(HandshakeKind::Resumed),
            client: rustls.peer_certificates().and_then(|chain| chain.first()).map(|one| &**one),
        };
        let hello = Some(&*hello).filter(|hello| !hello.is_empty());
        self.secured = Some(Box::new(Secured::of(*admitted, &settled, hello, wishes)));
    }

    /// Gives up with the last words `said`.
    fn fail(&mut self, why: HandshakeFault, said: &[u8]) -> Shaken {
        self.output.push(said);
        self.close_down();
        Shaken::Failed(why)
    }

    /// Nothing that arrives is understood any more.
    pub(super) fn close_down(&mut self) {
        self.stage = Stage::Failed;
        self.rustls = None;
        self.input = Vec::new();
        self.plain = Held::default();
    }

    /// Whose fault it is; the alert is in the output already.
    fn blame(&mut self, error: &Error) -> HandshakeFault {
        self.close_down();
        match error {
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => {
                HandshakeFault::Incompatible
            }
            Error::InvalidCertificate(_) | Error::NoCertificatesPresented => {
                HandshakeFault::ClientCertificate
            }
            Error::AlertReceived(_) => HandshakeFault::PeerAlert,
            Error::FailedToGetRandomBytes | Error::FailedToGetCurrentTime | Error::EncryptError => {
                HandshakeFault::Ours
            }
            _ => HandshakeFault::Malformed,
        }
    }
}

fn speaks_http(input: &[u8]) -> bool {
    let method = input.split(|octet| *octet == b' ').next().unwrap_or_default();
    (3..=10).contains(&method.len()) && method.iter().all(u8::is_ascii_uppercase)
}
