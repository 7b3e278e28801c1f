//! Whole worlds of the simulator with every connection behind this transport: its server is ours,
//! its client that of rustls, and the oracle is the one of the plain worlds.
//!
//! `TLS_WORLDS=n cargo test -p fezz-server --lib behind_tls` runs `n` worlds, `TLS_SEED=n` with
//! `-- --nocapture` replays one with its trace. Keys and nonces are not those of the run before,
//! but every length is, so that the same seed is the same world.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use fezz_sim::channel::{self, Channel, Channels, Peer, Wire};
use fezz_sim::pipe::{self, Pipe, Side};
use fezz_sim::plan::{Ending, Handshake, Plan, Tempo};
use fezz_sim::{Report, plan, world};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::*;
use crate::config::{CertificateFiles, Config, ListenerConfig, Tls};
use crate::tls::Gates;
use crate::transport::{Beginning, Shaken, Transport};

/// Worlds that are run when nobody asks for another number.
const WORLDS: u64 = 300;
/// Octets of a hello that a client sends which never ends its handshake.
const HELLO_CUTS: [usize; 4] = [0, 1, 60, usize::MAX];

impl Stream for Wire<'_> {
    fn end(&mut self) -> io::Result<()> {
        Wire::end(self);
        Ok(())
    }
}

fn moved(moved: Moved) -> pipe::Moved {
    match moved {
        Moved::Bytes(bytes) => pipe::Moved::Bytes(bytes),
        Moved::Blocked => pipe::Moved::Blocked,
        Moved::Eof => pipe::Moved::Eof,
        Moved::Gone => pipe::Moved::Gone,
    }
}

/// Our end.
#[derive(Debug)]
struct Ours {
    transport: Transport,
    memory: Rc<RefCell<Memory>>,
    /// The stream was full when the connection was to be released.
    cut: Rc<Cell<bool>>,
}

/// What the connections of a world share.
struct Memory(Scratch);

impl fmt::Debug for Memory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Memory")
    }
}

impl Channel for Ours {
    fn is_handshaking(&self) -> bool {
        matches!(&self.transport, Transport::Tls(session) if session.is_handshaking())
    }

    fn shake(&mut self, wire: &mut Wire<'_>, readable: &mut bool, waits: bool) -> channel::Shaken {
        let scratch = &mut self.memory.borrow_mut().0;
        scratch.handshakes_left = u32::from(!waits);
        let Some(Beginning::Handshake(session)) = self.transport.beginning() else {
            panic!("whoever asks has asked whether there is one");
        };
        match session.shake(wire, readable, false, scratch) {
            Shaken::Secured => {
                assert!(session.take_secured().is_some());
                channel::Shaken::Secured
            }
            Shaken::Starved => channel::Shaken::Blocked(false),
            Shaken::Stuffed => channel::Shaken::Blocked(true),
            Shaken::Waiting => channel::Shaken::Waiting,
            Shaken::Failed(why) => channel::Shaken::Failed(why),
            Shaken::Eof => channel::Shaken::Eof,
            Shaken::Gone => channel::Shaken::Gone,
        }
    }

    fn receive(&mut self, wire: &mut Wire<'_>, into: &mut [u8]) -> pipe::Moved {
        moved(self.transport.receive(wire, into, &mut self.memory.borrow_mut().0))
    }

    fn send(&mut self, wire: &mut Wire<'_>, from: [&[u8]; 4]) -> pipe::Moved {
        moved(self.transport.send(wire, from, &mut self.memory.borrow_mut().0))
    }

    fn flush(&mut self, wire: &mut Wire<'_>) -> pipe::Moved {
        moved(self.transport.flush(wire))
    }

    fn end(&mut self, wire: &mut Wire<'_>) -> bool {
        self.transport.end(wire).is_ok()
    }

    fn part(&mut self, wire: &mut Wire<'_>) {
        self.transport.part(wire);
        self.cut.set(!self.may_take_more());
    }

    fn may_have_more(&self) -> bool {
        self.transport.may_have_more(false)
    }

    fn may_take_more(&self) -> bool {
        self.transport.may_take_more(false)
    }
}

/// The client's end. What it sees at the end of a stream is what an honest client would believe: a
/// stream that ends without `close_notify` is broken, unless there was no room for that at the end.
#[derive(Debug)]
struct Theirs {
    tls: ClientConnection,
    /// Records on their way to the server.
    out: VecDeque<u8>,
    /// Plaintext on its way to the client.
    plain: VecDeque<u8>,
    /// Octets of the hello to be sent, when no more shall be.
    hello_cut: usize,
    /// It ends its side without `close_notify`.
    truncates: bool,
    /// Its last octet is in `out`.
    said_all: bool,
    over: bool,
    /// The server had no room for its `close_notify`.
    cut: Rc<Cell<bool>>,
}

impl Theirs {
    fn new(client: usize, seed: u64, cut: Rc<Cell<bool>>) -> Self {
        let number = usize::try_from(seed % 64).expect("small") + client;
        let name = ServerName::try_from("localhost").expect("a name");
        let config = Arc::clone(&clients()[number % 3 % 2]);
        Self {
            tls: ClientConnection::new(config, name).expect("a client"),
            out: VecDeque::new(),
            plain: VecDeque::new(),
            hello_cut: HELLO_CUTS[number % HELLO_CUTS.len()],
            truncates: number.is_multiple_of(5),
            said_all: false,
            over: false,
            cut,
        }
    }

    /// From the server to the client; true when something moved.
    fn carry_in(&mut self, front: &mut Pipe, wire: &mut Wire<'_>) -> bool {
        let mut moves = false;
        if !self.plain.is_empty() {
            let octets = self.plain.make_contiguous();
            match front.write([octets, &[], &[], &[]], usize::MAX) {
                pipe::Moved::Bytes(bytes) => {
                    self.plain.drain(..bytes);
                    moves = bytes > 0;
                }
                pipe::Moved::Blocked => return false,
                pipe::Moved::Eof | pipe::Moved::Gone => self.plain.clear(),
            }
            if !self.plain.is_empty() {
                return moves;
            }
        }
        let mut records = Vec::new();
        match wire.pipe.receive(usize::try_from(1 + wire.rng.below(3_000)).unwrap(), &mut records) {
            pipe::Moved::Bytes(_) => {
                let mut rest = records.as_slice();
                while !rest.is_empty() {
                    assert!(self.tls.read_tls(&mut rest).unwrap() > 0, "room for what came");
                    let state = self.tls.process_new_packets();
                    let state = state.unwrap_or_else(|error| panic!("the server said: {error}"));
                    let mut plain = vec![0; state.plaintext_bytes_to_read()];
                    self.tls.reader().read_exact(&mut plain).unwrap();
                    self.plain.extend(plain);
                }
                true
            }
            pipe::Moved::Blocked => moves,
            ended => self.end_in(front, wire, ended) || moves,
        }
    }

    /// The stream from the server has ended.
    fn end_in(&mut self, front: &mut Pipe, wire: &Wire<'_>, how: pipe::Moved) -> bool {
        let told = matches!(self.tls.reader().read(&mut [0]), Ok(0)) || self.cut.get();
        let before = front.server();
        if how == pipe::Moved::Eof && told {
            front.end();
        }
        if how == pipe::Moved::Gone || !told || wire.pipe.server() >= Side::Closed {
            // What the server does not want any more is not what broke the stream.
            while let pipe::Moved::Bytes(_) = front.read(&mut [0; 1_000], usize::MAX) {}
            front.release(how == pipe::Moved::Gone || !told, false);
            self.over = true;
        }
        front.server() != before
    }

    /// From the client to the server; true when something moved.
    fn carry_out(&mut self, front: &mut Pipe, wire: &mut Wire<'_>) -> bool {
        let mut moves = false;
        if !self.tls.is_handshaking() && self.out.is_empty() && !self.said_all {
            let mut octets = [0; 5_000];
            let most = usize::try_from(1 + wire.rng.below(5_000)).unwrap();
            match front.read(&mut octets, most) {
                pipe::Moved::Bytes(bytes) => {
                    self.tls.writer().write_all(&octets[..bytes]).unwrap();
                    moves = true;
                }
                pipe::Moved::Eof => {
                    if !self.truncates {
                        self.tls.send_close_notify();
                    }
                    self.said_all = true;
                    moves = true;
                }
                pipe::Moved::Blocked | pipe::Moved::Gone => {}
            }
        }
        while self.tls.wants_write() {
            let mut some = Vec::new();
            self.tls.write_tls(&mut some).unwrap();
            self.out.extend(some);
        }
        let sent = wire.pipe.send(self.out.as_slices().0);
        self.out.drain(..sent);
        if self.said_all && self.out.is_empty() && wire.pipe.client() < front.client() {
            wire.pipe.client_becomes(front.client());
            moves = true;
        }
        moves || sent > 0
    }
}

impl Peer for Theirs {
    fn carry(&mut self, front: &mut Pipe, wire: &mut Wire<'_>, says_hello: bool) -> bool {
        if self.over {
            return false;
        }
        let leaves = front.client() == Side::Reset
            || front.client() == Side::Closed && (self.tls.is_handshaking() || !says_hello)
            || front.client() == Side::Closed && wire.pipe.server() >= Side::Closed;
        if leaves {
            wire.pipe.client_becomes(front.client());
            self.over = true;
            return true;
        }
        if !says_hello && self.tls.wants_write() && self.out.is_empty() {
            let mut hello = Vec::new();
            self.tls.write_tls(&mut hello).unwrap();
            hello.truncate(self.hello_cut.min(hello.len() - 1));
            self.out.extend(hello);
        }
        if !says_hello {
            let sent = wire.pipe.send(self.out.as_slices().0);
            self.out.drain(..sent);
            return self.carry_in(front, wire) || sent > 0;
        }
        // Both, whatever the first came to.
        let into = self.carry_in(front, wire);
        (!self.over && self.carry_out(front, wire)) || into
    }
}

/// Ends for a world.
struct Ends {
    seed: u64,
    memory: Rc<RefCell<Memory>>,
}

impl Channels for Ends {
    fn open(&mut self, client: usize) -> (Box<dyn Channel>, Box<dyn Peer>) {
        let transport = Transport::Tls(Box::new(Session::new(gate())));
        let cut = Rc::new(Cell::new(false));
        let ours = Ours { transport, memory: Rc::clone(&self.memory), cut: Rc::clone(&cut) };
        (Box::new(ours), Box::new(Theirs::new(client, self.seed, cut)))
    }
}

/// Signatures of Ed25519 have one length; those of ECDSA have several.
fn gate() -> Gate {
    static GATE: OnceLock<Gate> = OnceLock::new();
    let open = || {
        let folder = tempdir();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.serial_number = Some(1.into());
        let made = params.self_signed(&key).unwrap();
        let files = CertificateFiles { chain: folder.join("it.pem"), key: folder.join("it.key") };
        std::fs::write(&files.chain, made.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        let listeners = vec![ListenerConfig::tls(([127, 0, 0, 1], 0).into())];
        let tls = Tls { certificates: vec![files], ..Tls::default() };
        let config = Config { listeners, tls, ..Config::default() };
        let gates = Arc::new(Gates::of(&config).unwrap().unwrap());
        std::fs::remove_dir_all(folder).unwrap();
        gates.gate(None).unwrap()
    };
    GATE.get_or_init(open).clone()
}

fn tempdir() -> std::path::PathBuf {
    let name = format!("fezz-tls-worlds-{}", std::process::id());
    let folder = Path::new(&std::env::temp_dir()).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn clients() -> &'static [Arc<ClientConfig>; 2] {
    static CONFIGS: OnceLock<[Arc<ClientConfig>; 2]> = OnceLock::new();
    CONFIGS.get_or_init(|| {
        [&rustls::version::TLS13, &rustls::version::TLS12].map(|version| {
            let mut provider = rustls::crypto::CryptoProvider::clone(&crate::tls::provider());
            // The cheapest: what is tested are octets on their way.
            provider.kx_groups.retain(|group| group.name() == rustls::NamedGroup::X25519);
            let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
                .with_protocol_versions(&[version])
                .unwrap()
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody))
                .with_no_client_auth();
            // No session is resumed: which one could be depends on who runs beside.
            config.resumption = rustls::client::Resumption::disabled();
            Arc::new(config)
        })
    })
}

fn run(plan: &Plan, prints: bool) -> Result<Report, String> {
    let memory = Rc::new(RefCell::new(Memory(Scratch::for_handshakes(0))));
    let mut ends = Ends { seed: plan.seed, memory };
    world::run_secured(&plan.clone().secured(), &mut ends, prints)
        .map_err(|violation| format!("{violation:?}"))
}

/// The plan with nothing left in it that decides what is answered but the requests; how octets are
/// cut and delayed is as before. `None` where its limits decide.
fn calmed(mut plan: Plan) -> Option<Plan> {
    let roomy = plan.limits.connections_max > 6 && plan.limits.body_bytes_total_max > 1 << 20;
    if !plan.generous || !roomy {
        return None;
    }
    (plan.drain_us, plan.kill_us) = (None, None);
    (plan.odds.jobs_max, plan.odds.invented, plan.odds.leap) = (64, 0, 0);
    for script in plan.scripts.iter_mut().filter(|script| !script.is_prompt()) {
        let prompt = |bytes_max| Tempo { bytes_max, gap_us: 0, stall: None };
        script.handshake = Handshake::None;
        script.sends = prompt(script.sends.bytes_max.max(40));
        script.reads = prompt(script.reads.bytes_max.max(40));
        script.ending = Ending::ClosesAnswered;
    }
    Some(plan)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Runs a world; and without what is left to chance it and the plain one, which say the same.
fn check(seed: u64, prints: bool) -> Result<(Report, bool), String> {
    let plan = plan::from_seed(seed);
    let secured = run(&plan, prints)?;
    let Some(calm) = calmed(plan) else { return Ok((secured, false)) };
    let plain = world::run(&calm, prints).map_err(|violation| format!("plain: {violation:?}"))?;
    // Whether a connection is kept after content that nobody wants depends on how much of that has
    // arrived: the rows may differ in length, which the oracle judges.
    let behind = run(&calm, prints)?;
    for (plain, behind) in plain.answers.iter().zip(&behind.answers) {
        if plain.iter().zip(behind).any(|(plain, behind)| plain != behind) {
            return Err("the plain world answers otherwise".to_owned());
        }
    }
    Ok((secured, true))
}

#[test]
fn worlds_behind_tls_keep_the_rules_of_plain_ones() {
    if let Some(seed) = number("TLS_SEED") {
        check(seed, true).unwrap();
        return;
    }
    let worlds = number("TLS_WORLDS").unwrap_or(WORLDS);
    let (next, sums) = (AtomicU64::new(0), Mutex::new([0_u64; 5]));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= worlds {
                break;
            }
            let found = std::panic::catch_unwind(|| check(seed, false));
            let found = found.unwrap_or_else(|_| Err("panicked".to_owned()));
            let (report, calm) = found.unwrap_or_else(|why| panic!("TLS_SEED={seed}: {why}"));
            let of = |kind, detail| report.tally.of(kind, detail);
            let more = [
                report.responses,
                u64::from(calm),
                of("secured", ""),
                of("closed", "handshake"),
                of("released", "reset"),
            ];
            let mut sums = sums.lock().unwrap();
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let sums = sums.into_inner().unwrap();
    println!("{worlds} worlds: responses, calm, secured, closed in handshake, reset: {sums:?}");
    // They cannot silently become trivial.
    let least = [200, 10, 150, 20, 20].map(|per_cent| per_cent * worlds / 100);
    assert!(sums.iter().zip(least).all(|(sum, least)| *sum >= least), "{sums:?}");
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 0..8 {
        let again = || run(&plan::from_seed(seed), false).map(|report| (report.hash, report.steps));
        assert_eq!(again(), again(), "seed {seed}");
    }
}
