//! Lines to the supervisor, one datagram each: sd_notify(3).

use std::ffi::{OsStr, OsString};
use std::io;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::sys::monotonic;

/// How long a line waits for room in the queue of a supervisor that is busy: one that is lost is
/// not said again, and without `READY=1` the service is ended. A supervisor that does not read must
/// not keep us for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the supervisor, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    socket: Option<UnixDatagram>,
    /// Where it leads to, for a successor.
    address: Option<OsString>,
    /// The supervisor looks after another process now.
    silent: AtomicBool,
}

impl Notify {
    /// The way that `NOTIFY_SOCKET` names: a path, or an abstract name behind an `@`.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn to(address: Option<OsString>) -> io::Result<Self> {
        let Some(address) = address.filter(|it| !it.is_empty()) else { return Ok(Self::default()) };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address_of(&address)?)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket: Some(socket), address: Some(address), silent: AtomicBool::new(false) })
    }

    pub(crate) fn address(&self) -> Option<&OsStr> {
        self.address.as_deref()
    }

    /// Whether anybody listens.
    pub(crate) const fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// It serves.
    pub(crate) fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={status}"));
    }

    /// It reads its configuration again; [`ready`](Self::ready) ends that.
    pub(crate) fn reloading(&self) {
        let now_us = monotonic::now_us();
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}\nSTATUS=Reloading"));
    }

    /// It is on its way to its end.
    pub(crate) fn stopping(&self, status: &str) {
        self.say(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// It is alive.
    pub(crate) fn watchdog(&self) {
        self.say("WATCHDOG=1");
    }

    /// Another process is the service from now on, and this one says nothing any more.
    pub(crate) fn hand_over(&self, process: u32) {
        self.say(&format!("MAINPID={process}\nSTATUS=Handed over"));
        self.silent.store(true, Ordering::Release);
    }

    /// What cannot be told is told to nobody: serving goes on.
    fn say(&self, lines: &str) {
        if let Some(socket) = &self.socket
            && !self.silent.load(Ordering::Acquire)
        {
            while let Err(error) = socket.send(lines.as_bytes())
                && error.kind() == io::ErrorKind::Interrupted
            {}
        }
    }
}

fn address_of(text: &OsStr) -> io::Result<SocketAddr> {
    match text.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(text),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue of datagrams is short (`net.unix.max_dgram_qlen`).
    #[test]
    fn a_line_waits_for_room() {
        let name = format!("fezz-notify-full-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let supervisor = UnixDatagram::bind_addr(&address).unwrap();
        let notify = Notify::to(Some(format!("@{name}").into())).unwrap();
        let other = UnixDatagram::unbound().unwrap();
        other.set_nonblocking(true).unwrap();
        other.connect_addr(&address).unwrap();
        let mut queued = 0;
        while other.send(b"STATUS=busy").is_ok() {
            queued += 1;
        }
        let mut buffer = [0; 512];
        let mut next = || supervisor.recv(&mut buffer).map(|bytes| buffer[..bytes].to_vec());
        std::thread::scope(|scope| {
            scope.spawn(|| notify.ready("Serving"));
            assert!((0..queued).all(|_| next().unwrap() == b"STATUS=busy"), "{queued} of another");
            assert!(next().unwrap().starts_with(b"READY=1"));
        });
    }

    #[test]
    fn lines_arrive_until_another_process_is_the_service() {
        let name = format!("fezz-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let supervisor = UnixDatagram::bind_addr(&address).unwrap();
        let notify = Notify::to(Some(format!("@{name}").into())).unwrap();
        notify.reloading();
        notify.ready("Serving");
        notify.hand_over(7);
        notify.watchdog();
        notify.stopping("Draining");
        supervisor.set_nonblocking(true).unwrap();
        let mut buffer = [0; 512];
        let mut said = Vec::new();
        while let Ok(bytes) = supervisor.recv(&mut buffer) {
            said.push(String::from_utf8(buffer[..bytes].to_vec()).unwrap());
        }
        assert_eq!(said.len(), 3, "{said:?}");
        let since = said[0].lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
        let since: u64 = since.unwrap().parse().unwrap();
        assert!(since <= monotonic::now_us() && said[0].starts_with("RELOADING=1\n"));
        assert_eq!(said[1], "READY=1\nSTATUS=Serving");
        assert_eq!(said[2], "MAINPID=7\nSTATUS=Handed over");
    }

    #[test]
    fn nobody_hears_nothing() {
        for nowhere in [None, Some(OsString::new())] {
            Notify::to(nowhere).unwrap().ready("Serving");
        }
        assert!(Notify::to(Some("relative".into())).is_err());
    }
}
