//! Seeded worlds of one session: a client of rustls at the other end of a stream that takes and
//! gives as little as the seed wants.

mod worlds;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use super::*;
use crate::config::{Config, ListenerConfig, Tls};
use crate::tls::Gates;
use crate::transport::Shaken;

/// The client takes any certificate: who it is, is not what is tested.
#[derive(Debug)]
pub(super) struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519]
    }
}

fn gate() -> Gate {
    static GATE: OnceLock<Gate> = OnceLock::new();
    let open = || {
        let listeners = vec![ListenerConfig::tls(([127, 0, 0, 1], 0).into())];
        let tls = Tls { self_signed: true, ..Tls::default() };
        let config = Config { listeners, tls, ..Config::default() };
        Arc::new(Gates::of(&config).unwrap().unwrap()).gate(None).unwrap()
    };
    GATE.get_or_init(open).clone()
}

fn client(old: bool) -> ClientConnection {
    static CONFIGS: OnceLock<[Arc<ClientConfig>; 2]> = OnceLock::new();
    let configs = CONFIGS.get_or_init(|| {
        [&[&rustls::version::TLS13], &[&rustls::version::TLS12]].map(|versions| {
            let provider = crate::tls::provider();
            let config = ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(versions)
                .unwrap()
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody))
                .with_no_client_auth();
            Arc::new(config)
        })
    });
    let name = ServerName::try_from("localhost").unwrap();
    ClientConnection::new(Arc::clone(&configs[usize::from(old)]), name).unwrap()
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % most.max(1) as u64).unwrap()
    }
}

/// The server's end of the stream.
struct Pipe {
    inward: VecDeque<u8>,
    outward: Vec<u8>,
    dice: Dice,
    /// Octets that one call moves at most.
    most: usize,
    ended: bool,
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.inward.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let most = 1 + self.dice.below(self.most);
        let bytes = into.len().min(most);
        self.inward.read(&mut into[..bytes])
    }
}

impl Write for Pipe {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.dice.below(4) == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes = octets.len().min(1 + self.dice.below(self.most));
        self.outward.extend_from_slice(&octets[..bytes]);
        Ok(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.write(slices.iter().find(|slice| !slice.is_empty()).map_or(&[], |slice| slice))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Pipe {
    fn end(&mut self) -> io::Result<()> {
        self.ended = true;
        Ok(())
    }
}

struct World {
    pipe: Pipe,
    session: Session,
    scratch: Scratch,
    client: ClientConnection,
    /// What the client has received.
    received: Vec<u8>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let most = [1, 7, 300, 5_000, 100_000][dice.below(5)];
        let client = client(dice.below(2) == 0);
        let pipe = Pipe { inward: VecDeque::new(), outward: Vec::new(), dice, most, ended: false };
        let scratch = Scratch::for_handshakes(1);
        Self { pipe, session: Session::new(gate()), scratch, client, received: Vec::new() }
    }

    /// Everything that is under way arrives.
    fn exchange(&mut self) {
        let mut some = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut some).unwrap();
        }
        self.pipe.inward.extend(some);
        let outward = std::mem::take(&mut self.pipe.outward);
        let mut rest = outward.as_slice();
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).unwrap();
            self.client.process_new_packets().unwrap();
            let mut plain = [0; 40_000];
            while let Ok(bytes @ 1..) = self.client.reader().read(&mut plain) {
                self.received.extend_from_slice(&plain[..bytes]);
            }
        }
    }

    fn shake(&mut self) {
        for _ in 0..100_000 {
            self.exchange();
            let shaken = self.session.shake(&mut self.pipe, &mut true, false, &mut self.scratch);
            match shaken {
                Shaken::Secured => {
                    assert!(self.session.take_secured().is_some());
                    break;
                }
                Shaken::Starved | Shaken::Stuffed => {}
                other => panic!("{other:?}"),
            }
        }
        // The last flight waits for company; here there is none.
        while self.session.flush(&mut self.pipe) != Moved::Bytes(0) {
            self.exchange();
        }
        self.exchange();
        assert!(!self.client.is_handshaking());
    }
}

#[test]
fn what_is_said_arrives_however_the_stream_behaves() {
    for seed in 0..400 {
        let mut world = World::new(seed);
        world.shake();
        let length = [0, 1, 16_384, 16_385, 70_000, 200_000][world.pipe.dice.below(6)];
        let length = length.min(world.pipe.most * 300);
        let said: Vec<u8> = (0..length).map(|at: usize| (at % 251).to_le_bytes()[0]).collect();
        // There: the client says it all, the server takes what it has room for.
        let mut heard = Vec::new();
        let mut unsaid = said.as_slice();
        while heard.len() < said.len() {
            unsaid = &unsaid[world.client.writer().write(unsaid).unwrap()..];
            world.exchange();
            let mut room = vec![0; 1 + world.pipe.dice.below(20_000)];
            match world.session.receive(&mut world.pipe, &mut room, &mut world.scratch) {
                Moved::Bytes(bytes) => heard.extend_from_slice(&room[..bytes]),
                Moved::Blocked => {}
                other => panic!("seed {seed}: {other:?}"),
            }
            if world.pipe.dice.below(50) == 0 && world.client.protocol_version() == TLS13 {
                world.client.refresh_traffic_keys().unwrap();
            }
        }
        assert!(heard == said, "seed {seed}");
        // And back, from four slices.
        let mut unsent = said.as_slice();
        while !unsent.is_empty() {
            let cut = unsent.len().min(100);
            let slices = [&[], &unsent[..cut], &unsent[cut..], &[][..]];
            match world.session.send(&mut world.pipe, slices, &mut world.scratch) {
                Moved::Bytes(bytes) => unsent = &unsent[bytes..],
                Moved::Blocked => {}
                other => panic!("seed {seed}: {other:?}"),
            }
            world.exchange();
        }
        assert!(world.received == said, "seed {seed}: all that was sent has left");
        world.session.end(&mut world.pipe).unwrap();
        while !world.pipe.ended {
            world.session.flush(&mut world.pipe);
        }
        world.exchange();
        let mut rest = [0];
        assert_eq!(world.client.reader().read(&mut rest).unwrap(), 0, "close_notify came");
        assert!(world.session.output.is_empty() && world.session.plain.is_empty());
    }
}

const TLS13: Option<rustls::ProtocolVersion> = Some(rustls::ProtocolVersion::TLSv1_3);

#[test]
fn an_octet_that_changed_on_its_way_ends_the_connection() {
    for seed in 0..300 {
        let mut world = World::new(seed);
        world.shake();
        world.client.writer().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        world.exchange();
        // The version of a record means nothing (RFC 8446 §5.1): what stands behind it does.
        let place = 3 + world.pipe.dice.below(world.pipe.inward.len() - 3);
        world.pipe.inward[place] ^= 0x20;
        let mut heard = Vec::new();
        for _ in 0..200 {
            let mut room = [0; 100];
            match world.session.receive(&mut world.pipe, &mut room, &mut world.scratch) {
                Moved::Bytes(bytes) => heard.extend_from_slice(&room[..bytes]),
                Moved::Blocked => {}
                Moved::Gone => break,
                Moved::Eof => panic!("seed {seed}: an orderly end"),
            }
        }
        assert!(heard.is_empty(), "seed {seed}: nothing forged is heard");
    }
}

#[test]
fn a_record_is_full_as_long_as_there_is_enough() {
    let head = [1; 200];
    let body = vec![2; 40_000];
    let mut from = [&[][..], &head, &[], &body];
    let mut gather = Vec::new();
    let mut records = Vec::new();
    loop {
        let record = record_of(&mut from, &mut gather);
        if record.is_empty() {
            break;
        }
        records.push(record.len());
    }
    assert_eq!(records, [RECORD_BYTES_MAX, RECORD_BYTES_MAX, 40_200 - 2 * RECORD_BYTES_MAX]);
}

#[test]
fn nobody_pays_for_more_handshakes_than_a_turn_may_have() {
    let mut world = World::new(3);
    world.scratch.handshakes_left = 0;
    world.exchange();
    let mut shaken = Shaken::Starved;
    while shaken == Shaken::Starved {
        shaken = world.session.shake(&mut world.pipe, &mut true, false, &mut world.scratch);
    }
    assert_eq!(shaken, Shaken::Waiting);
    assert!(world.session.rustls.is_none(), "nothing was begun");
    world.scratch.handshakes_left = 1;
    world.shake();
}

#[test]
fn what_was_held_does_not_hide_what_came_meanwhile() {
    let mut world = World::new(4);
    world.pipe.most = 100_000;
    world.shake();
    // Two records, and room for the first: the second is held as it came.
    for octets in [&[1; 100], &[1; 100]] {
        world.client.writer().write_all(octets).unwrap();
        world.exchange();
    }
    let mut room = [0; 100];
    while world.session.input.is_empty() {
        let moved = world.session.receive(&mut world.pipe, &mut room, &mut world.scratch);
        assert!(matches!(moved, Moved::Blocked | Moved::Bytes(100)));
    }
    // The one event for this comes while what is held is taken.
    world.client.writer().write_all(&[2; 50]).unwrap();
    world.exchange();
    let mut heard = Vec::new();
    let mut room = [0; 1_000];
    loop {
        match world.session.receive(&mut world.pipe, &mut room, &mut world.scratch) {
            Moved::Bytes(bytes) => heard.extend_from_slice(&room[..bytes]),
            other => panic!("{other:?} though more had come"),
        }
        if !world.session.holds_more() {
            break;
        }
    }
    assert_eq!(heard, [[1; 100].as_slice(), &[2; 50]].concat());
}
