//! Accept within a budget, and survive the exhaustion of descriptors.
//!
//! A listener is registered edge-triggered: connections that are already queued make no new event.
//! So a listener that stopped early, because its budget was spent or descriptors ran out, stays
//! `pending` and is tried again: in the next turn, when a connection closes, or after a pause.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fezz_proto::Instant;
use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::peer::Trust;
use crate::redirect::Redirect;
use crate::tls::Gate;

/// Connections taken in one turn before those that are here have theirs.
pub(crate) const ACCEPTS_PER_TURN_MAX: usize = 64;
/// Milliseconds before a listener that ran out of descriptors or memory is tried again, unless a
/// connection closes earlier.
const PAUSE_MS: u64 = 100;
/// Connections that the kernel queues for one listener.
pub(crate) const BACKLOG_CONNECTIONS: i32 = 1_024;
/// How long a connection is silent before the kernel asks whether its peer is still there, after
/// what time it asks again, and how often: who vanished is known to have in two minutes.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEP_ALIVE_PROBES: u32 = 4;
/// Octets that the kernel takes from us before it can send them. At half of them it wants more:
/// together with the write pace's gap this is the slowest reader who is seen to read.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES_MAX: u32 = 32 * 1024;
/// Interrupted or aborted accepts in a row before the listener pauses: so many are not the fault of
/// as many connections.
const SKIPS_MAX: usize = 64;

/// Binds a socket that other loops can share the address with. It does not listen yet.
pub(crate) fn bind(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // "[::]" means both families, whatever the machine's default is.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Lets a socket listen, or go on listening, with the options that its connections are to have.
pub(crate) fn begin(socket: &std::net::TcpListener) -> io::Result<()> {
    set_terms(SockRef::from(socket))?;
    socket.set_nonblocking(true)?;
    SockRef::from(socket).listen(BACKLOG_CONNECTIONS)
}

/// What holds for the connections of a listening socket, wherever that comes from. Linux hands it
/// on to them, which saves system calls for each.
pub(crate) fn set_terms(socket: SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEP_ALIVE_IDLE);
    let keepalive = keepalive.with_interval(KEEP_ALIVE_INTERVAL).with_retries(KEEP_ALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    // A buffer of megabytes would hide for half a minute that a slow reader reads: the next event
    // would come when a third of it is free.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    Ok(())
}

/// Why no connection was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptFault {
    /// This process or the system has no descriptor left.
    NoDescriptor,
    /// The kernel has no memory for a socket.
    NoMemory,
    /// One connection was over before it was taken, or was forbidden.
    Aborted,
}

impl AcceptFault {
    /// Every fault.
    pub const ALL: [Self; 3] = [Self::NoDescriptor, Self::NoMemory, Self::Aborted];

    /// The stable reason word in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoDescriptor => "fd",
            Self::NoMemory => "memory",
            Self::Aborted => "aborted",
        }
    }
}

/// How connections of a listener are served.
#[derive(Clone, Debug)]
pub(crate) enum Door {
    /// As they are.
    Plain,
    /// They are sent to `https`.
    Redirect(Arc<Redirect>),
    /// With TLS.
    Tls(Gate),
}

impl Door {
    /// The word for it in reports.
    pub(crate) const fn serves(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Redirect(_) => "redirect",
            Self::Tls(_) => "https",
        }
    }
}

/// A listener of one loop.
#[derive(Debug)]
pub(crate) struct Listener {
    /// The number of its opening, for those who count.
    pub(crate) number: usize,
    /// Whoever hands it over holds it weakly: it ends with the listener.
    pub(crate) socket: Arc<TcpListener>,
    /// How its connections are served.
    pub(crate) door: Door,
    /// Who may speak for others there.
    pub(crate) trust: Arc<Trust>,
    /// Connections may be waiting.
    pub(crate) pending: bool,
    /// Not to be tried before this point.
    paused_until: Option<Instant>,
    /// Interrupted or aborted accepts since the last that was not.
    skipped: usize,
}

/// The outcome of one attempt.
pub(crate) enum Accepted {
    /// A connection.
    Stream(TcpStream, SocketAddr),
    /// None waits.
    Empty,
    /// None now; the listener pauses when the fault says so.
    Fault(AcceptFault),
}

impl Listener {
    pub(crate) const fn new(
        number: usize,
        socket: Arc<TcpListener>,
        door: Door,
        trust: Arc<Trust>,
    ) -> Self {
        Self { number, socket, door, trust, pending: true, paused_until: None, skipped: 0 }
    }

    /// Whether an attempt may be made now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.pending && self.paused_until.is_none_or(|until| until <= now)
    }

    /// When a paused listener wants to be tried again.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        if self.pending { self.paused_until } else { None }
    }

    /// There is no room for a connection: not to be tried until one closes, or a while has passed.
    pub(crate) const fn pause(&mut self, now: Instant) {
        self.paused_until = Some(now.plus_millis(PAUSE_MS));
    }

    /// A descriptor became free.
    pub(crate) fn resume(&mut self) {
        self.paused_until = None;
    }

    /// Takes one connection.
    pub(crate) fn accept(&mut self, now: Instant) -> Accepted {
        loop {
            let error = match self.socket.accept() {
                Ok((stream, peer)) => {
                    self.skipped = 0;
                    return Accepted::Stream(stream, peer);
                }
                Err(error) => error,
            };
            match error.raw_os_error() {
                _ if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pending = false;
                    return Accepted::Empty;
                }
                Some(libc::EINTR) if !self.skip(now) => {}
                Some(libc::EMFILE | libc::ENFILE) => {
                    self.paused_until = Some(now.plus_millis(PAUSE_MS));
                    return Accepted::Fault(AcceptFault::NoDescriptor);
                }
                Some(libc::ENOMEM | libc::ENOBUFS) => {
                    self.paused_until = Some(now.plus_millis(PAUSE_MS));
                    return Accepted::Fault(AcceptFault::NoMemory);
                }
                // ECONNABORTED, EPROTO, EPERM by a firewall, network errors of that one connection:
                // the next one may be well.
                _ => {
                    self.skip(now);
                    return Accepted::Fault(AcceptFault::Aborted);
                }
            }
        }
    }

    /// One attempt failed and the next may not; true when that was said too often.
    fn skip(&mut self, now: Instant) -> bool {
        self.skipped += 1;
        let too_often = self.skipped >= SKIPS_MAX;
        if too_often {
            self.skipped = 0;
            self.pause(now);
        }
        too_often
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel does with a connection that nobody speaks on, as it is handed on.
    #[cfg(target_os = "linux")]
    #[test]
    fn connections_have_the_terms_of_their_listener() {
        let listener = bind(([127, 0, 0, 1], 0).into(), true).unwrap();
        begin(&listener).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let socket = SockRef::from(&accepted);
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEP_ALIVE_IDLE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEP_ALIVE_INTERVAL);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEP_ALIVE_PROBES);
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), UNSENT_BYTES_MAX);
        drop(client);
    }

    #[test]
    fn a_fault_that_does_not_pass_makes_a_pause() {
        // A socket that does not listen: EINVAL for ever.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        let mut listener = Listener::new(
            0,
            Arc::new(TcpListener::from_std(socket.into())),
            Door::Plain,
            Arc::default(),
        );
        let now = Instant::ZERO;
        for _ in 0..SKIPS_MAX {
            assert!(listener.is_due(now), "one connection's fault is not the next one's");
            assert!(matches!(listener.accept(now), Accepted::Fault(AcceptFault::Aborted)));
        }
        assert!(!listener.is_due(now), "the loop would spin");
        assert!(listener.is_due(now.plus_millis(PAUSE_MS)));
    }
}
