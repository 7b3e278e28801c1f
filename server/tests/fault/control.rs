//! The file that the shim and the test share: what fails, how often, and what was made to fail.
//!
//! The server maps it; here it is read and written, which is the same memory.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A call that can fail; the order is that of `enum call` in the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Accept,
    Recv,
    Send,
    Writev,
    EpollWait,
    EpollCtl,
    Open,
    LogWrite,
    Thread,
    Read,
    Write,
    Socket,
    Bind,
    Listen,
    SetSockOpt,
    EventFd,
    EpollCreate,
    Pipe,
    SocketPair,
    Fcntl,
    Memfd,
    Dlopen,
    Mmap,
    Stat,
    Rename,
    Change,
    Name,
    Seek,
    Truncate,
    Spawn,
}

impl Call {
    /// Every one, with the names of the functions of the C library.
    pub(crate) const ALL: [(Self, &'static str); 30] = [
        (Self::Accept, "accept4"),
        (Self::Recv, "recv"),
        (Self::Send, "send"),
        (Self::Writev, "writev"),
        (Self::EpollWait, "epoll_wait"),
        (Self::EpollCtl, "epoll_ctl"),
        (Self::Open, "open/openat"),
        (Self::LogWrite, "write to a log"),
        (Self::Thread, "pthread_create"),
        (Self::Read, "read of a file"),
        (Self::Write, "write"),
        (Self::Socket, "socket"),
        (Self::Bind, "bind"),
        (Self::Listen, "listen"),
        (Self::SetSockOpt, "setsockopt"),
        (Self::EventFd, "eventfd"),
        (Self::EpollCreate, "epoll_create1"),
        (Self::Pipe, "pipe2"),
        (Self::SocketPair, "socketpair"),
        (Self::Fcntl, "fcntl(F_DUPFD)"),
        (Self::Memfd, "memfd_create"),
        (Self::Dlopen, "dlopen"),
        (Self::Mmap, "mmap"),
        (Self::Stat, "stat/statx"),
        (Self::Rename, "rename"),
        (Self::Change, "chmod/chown"),
        (Self::Name, "getsockname"),
        (Self::Seek, "lseek"),
        (Self::Truncate, "ftruncate"),
        (Self::Spawn, "posix_spawn"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// How a call fails; the order is that of `enum fault` in the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Emfile,
    Enfile,
    Enomem,
    Enobufs,
    Eintr,
    Eagain,
    Econnaborted,
    Eproto,
    Econnreset,
    Epipe,
    Enospc,
    Eio,
    Eacces,
    /// It moves one to three octets, or gives one to three events; half of it, with files.
    Short,
    /// Events come in another order.
    Order,
}

impl Fault {
    /// Every one, and what it is called.
    pub(crate) const ALL: [(Self, &'static str); 15] = [
        (Self::Emfile, "EMFILE"),
        (Self::Enfile, "ENFILE"),
        (Self::Enomem, "ENOMEM"),
        (Self::Enobufs, "ENOBUFS"),
        (Self::Eintr, "EINTR"),
        (Self::Eagain, "EAGAIN"),
        (Self::Econnaborted, "ECONNABORTED"),
        (Self::Eproto, "EPROTO"),
        (Self::Econnreset, "ECONNRESET"),
        (Self::Epipe, "EPIPE"),
        (Self::Enospc, "ENOSPC"),
        (Self::Eio, "EIO"),
        (Self::Eacces, "EACCES"),
        (Self::Short, "short"),
        (Self::Order, "reordered"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// A deliberate bug of the shim's; the order is that of `enum canary`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Canary {
    None,
    DroppedOctet,
    ChangedOctet,
    LostReadiness,
    OthersAnswer,
    KeptDescriptor,
}

const CALLS: usize = Call::ALL.len();
const FAULTS: usize = Fault::ALL.len();
/// Places of words of 64 bits.
const MODE: usize = 0;
const SEED: usize = 1;
const CANARY: usize = 2;
const COUNTED: usize = 3;
const ATTACHED: usize = 7;
const MADE: usize = 8;
const ODDS: usize = MADE + CALLS;
const INJECTED: usize = ODDS + CALLS * FAULTS;
const WORDS: usize = INJECTED + CALLS * FAULTS;

/// How often which call fails how, in 65,536 calls.
pub(crate) type Odds = Vec<(Call, Fault, u64)>;

/// How often which call failed how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Injected(Vec<u64>);

impl Injected {
    pub(crate) fn none() -> Self {
        Self(vec![0; CALLS * FAULTS])
    }

    pub(crate) fn of(&self, call: Call, fault: Fault) -> u64 {
        self.0[call as usize * FAULTS + fault as usize]
    }

    /// What was added since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self(self.0.iter().zip(&before.0).map(|(now, then)| now - then).collect())
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, more)| *sum += more);
    }

    /// All that happened.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Call, Fault, u64)> {
        let calls = Call::ALL.iter().flat_map(move |(call, _)| {
            Fault::ALL.iter().map(move |(fault, _)| (*call, *fault, self.of(*call, *fault)))
        });
        calls.filter(|(.., count)| *count > 0)
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// The shared file of one server.
pub(crate) struct Control {
    file: File,
    path: PathBuf,
}

impl Control {
    pub(crate) fn at(path: PathBuf) -> Self {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&path).expect("the control file");
        file.set_len(8 * WORDS as u64).expect("its size");
        Self { file, path }
    }

    /// The variables of a server that is to obey it.
    pub(crate) fn variables(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", shim().to_owned()), ("FEZZ_FAULT_CONTROL", self.path.clone())]
    }

    /// Whether a server obeys.
    pub(crate) fn is_attached(&self) -> bool {
        self.get(ATTACHED, 1)[0] > 0
    }

    /// From now on calls fail as `seed` decides, this often.
    pub(crate) fn arm(&self, seed: u64, odds: &Odds, canary: Canary) {
        self.off();
        let mut table = vec![0; CALLS * FAULTS];
        for (call, fault, share) in odds {
            table[*call as usize * FAULTS + *fault as usize] = *share;
        }
        self.put(MADE, &[0; CALLS]);
        self.put(ODDS, &table);
        self.put(SEED, &[seed, canary as u64]);
        self.put(MODE, &[1]);
    }

    /// From now on the calls of one kind from the `first` to the `last` fail, counted from 1.
    pub(crate) fn count(&self, call: Call, fault: Fault, first: u64, last: u64) {
        self.off();
        self.put(MADE, &[0; CALLS]);
        self.put(CANARY, &[0]);
        self.put(COUNTED, &[call as u64, fault as u64, first, last]);
        self.put(MODE, &[2]);
    }

    /// From now on nothing fails but what really does.
    pub(crate) fn off(&self) {
        self.put(MODE, &[0]);
    }

    pub(crate) fn injected(&self) -> Injected {
        Injected(self.get(INJECTED, CALLS * FAULTS))
    }

    fn put(&self, place: usize, words: &[u64]) {
        let octets: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.file.write_all_at(&octets, 8 * place as u64).expect("written");
    }

    fn get(&self, place: usize, words: usize) -> Vec<u64> {
        let mut octets = vec![0; 8 * words];
        self.file.read_exact_at(&mut octets, 8 * place as u64).expect("read");
        let word = |octets: &[u8]| u64::from_ne_bytes(octets.try_into().expect("eight octets"));
        octets.chunks_exact(8).map(word).collect()
    }
}

/// The shim, compiled once for this run. Without a compiler there is no test, and no success.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let name = format!("shim-{}.so", std::process::id());
        let shim = super::folder("shim").join(name);
        let status = Command::new("gcc")
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(&shim)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fault/shim.c"))
            .arg("-ldl")
            .status()
            .expect("gcc is there: the shim is written in C");
        assert!(status.success(), "the shim compiles");
        shim
    })
}
