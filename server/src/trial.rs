//! What a fuzzer outside of this crate may reach: octets into a transport, and nothing else.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, OnceLock};

use crate::config::{Config, ListenerConfig, Tls};
use crate::tls::{Gate, Gates};
use crate::transport::{Beginning, Moved, Scratch, Session, Shaken, Stream, Transport};

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
