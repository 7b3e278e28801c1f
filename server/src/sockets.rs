//! The sockets that connections come in by: bound here, or handed over by whoever was there
//! before, a supervisor or the server that this one takes the place of.

use std::fmt;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::ListenAddress;
use crate::error::StartError;
use crate::listen;

/// Listening sockets that were handed over, each under a name.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    sockets: Vec<(String, TcpListener)>,
}

/// What is wrong with a descriptor that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandedFault {
    /// It is no socket.
    NoSocket,
    /// It is no socket for streams over IP.
    NoStream,
    /// It is a connection, or bound to nothing.
    NotListening,
}

/// The sockets at one address.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The place of what they were opened for.
    pub(crate) opening: usize,
    pub(crate) address: SocketAddr,
    sockets: Vec<TcpListener>,
}

/// All sockets of a server. Those that were bound here do not listen yet.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) bound: Vec<Bound>,
    /// Where the server is watched, with the name under which that is handed over.
    pub(crate) monitor: Option<(String, TcpListener)>,
}

/// One socket of one loop.
#[derive(Debug)]
pub(crate) struct Share {
    /// The place of what it was opened for.
    pub(crate) opening: usize,
    pub(crate) socket: TcpListener,
    /// Whether it is no copy.
    pub(crate) original: bool,
}

/// The name under which the sockets of an address are handed over. Names have no colons
/// (sd_listen_fds(3)).
pub(crate) fn name_of(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Socket(address) => format!("tcp-{address}").replace(':', "_"),
        ListenAddress::Systemd(name) => name.clone(),
    }
}

impl Handed {
    /// Looks at what was handed over.
    ///
    /// # Errors
    /// The first that is not a listening socket, and why.
    pub(crate) fn of(all: Vec<(String, Socket)>) -> Result<Self, (String, HandedFault)> {
        let mut sockets = Vec::new();
        for (name, socket) in all {
            match judge(&socket) {
                Ok(()) => sockets.push((name, socket.into())),
                Err(fault) => return Err((name, fault)),
            }
        }
        Ok(Self { sockets })
    }

    /// The sockets for `address`, all of them bound to the same place; more are there when there
    /// is more than one such place.
    fn claim(&mut self, address: &ListenAddress) -> Option<(SocketAddr, Vec<TcpListener>)> {
        self.claim_named(&name_of(address))
    }

    fn claim_named(&mut self, name: &str) -> Option<(SocketAddr, Vec<TcpListener>)> {
        let first = self.sockets.iter().find(|(known, _)| *known == name)?;
        let bound = first.1.local_addr().ok()?;
        let is_it = |(known, socket): &mut (String, TcpListener)| {
            known == name && socket.local_addr().is_ok_and(|its| its == bound)
        };
        let claimed = self.sockets.extract_if(.., is_it).map(|(_, socket)| socket).collect();
        Some((bound, claimed))
    }

    /// The names of those that nobody claimed.
    pub(crate) fn names(&self) -> Vec<String> {
        self.sockets.iter().map(|(name, _)| name.clone()).collect()
    }
}

fn judge(socket: &Socket) -> Result<(), HandedFault> {
    let kind = socket.r#type().map_err(|_| HandedFault::NoSocket)?;
    let domain = socket.local_addr().map_err(|_| HandedFault::NoSocket)?.domain();
    if kind != Type::STREAM || domain != Domain::IPV4 && domain != Domain::IPV6 {
        return Err(HandedFault::NoStream);
    }
    if listens(socket) { Ok(()) } else { Err(HandedFault::NotListening) }
}

#[cfg(not(target_vendor = "apple"))]
fn listens(socket: &Socket) -> bool {
    socket.is_listener().unwrap_or(false)
}

/// That system does not say; one that does not listen accepts nobody.
#[cfg(target_vendor = "apple")]
const fn listens(_: &Socket) -> bool {
    true
}

impl fmt::Display for HandedFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoSocket => "it is no socket",
            Self::NoStream => "it is no socket for TCP; write ListenStream=ADDRESS:PORT",
            Self::NotListening => "it does not listen; write Accept=no",
        })
    }
}

impl Sockets {
    /// Binds what is wanted, or takes it from what was handed over. Each loop gets a socket of its
    /// own where they are bound here.
    ///
    /// # Errors
    /// The first address that cannot be had.
    pub(crate) fn open(
        wanted: &[ListenAddress],
        monitor: Option<SocketAddr>,
        event_loops: usize,
        handed: &mut Handed,
    ) -> Result<Self, StartError> {
        let mut bound = Vec::new();
        for (opening, wish) in wanted.iter().enumerate() {
            let before = bound.len();
            while let Some((address, sockets)) = handed.claim(wish) {
                bound.push(Bound { opening, address, sockets });
                if matches!(wish, ListenAddress::Socket(_)) {
                    break;
                }
            }
            if bound.len() > before {
                continue;
            }
            match wish {
                ListenAddress::Socket(address) => {
                    let failed = |error| StartError::Listen { address: *address, error };
                    let (address, sockets) = bind(*address, event_loops).map_err(failed)?;
                    bound.push(Bound { opening, address, sockets });
                }
                ListenAddress::Systemd(name) => {
                    let (name, handed) = (name.clone(), handed.names());
                    return Err(StartError::NotHanded { name, handed });
                }
            }
        }
        if bound.len() > crate::LISTENERS_MAX {
            return Err(StartError::TooManySockets { found: bound.len() });
        }
        let monitor = monitor.map(|address| {
            let name = format!("metrics-{address}").replace(':', "_");
            let failed = |error| StartError::Listen { address, error };
            let claimed = handed.claim_named(&name).and_then(|(_, mut sockets)| sockets.pop());
            let bound = claimed.map_or_else(|| bind(address, 1).map(|it| it.1), |it| Ok(vec![it]));
            let socket = bound.map_err(failed)?.pop();
            socket.map(|socket| (name, socket)).ok_or_else(|| failed(ErrorKind::NotFound.into()))
        });
        Ok(Self { bound, monitor: monitor.transpose()? })
    }

    /// Lets all of them listen, and gives each loop its share: at every address at least one
    /// socket. Where there are fewer sockets than loops, several loops have copies of the same
    /// one: the kernel tells all of them of a connection, and whoever comes first has it.
    ///
    /// # Errors
    /// The address and what the system said about it.
    pub(crate) fn share_out(self, loops: usize) -> Result<Vec<Vec<Share>>, StartError> {
        let mut shares: Vec<Vec<Share>> = (0..loops).map(|_| Vec::new()).collect();
        for Bound { opening, address, sockets } in self.bound {
            let failed = |error| StartError::Listen { address, error };
            let mut copies = Vec::new();
            for number in sockets.len()..loops {
                if let Some(socket) = sockets.get(number % sockets.len().max(1)) {
                    copies.push((number, socket.try_clone().map_err(failed)?, false));
                }
            }
            for socket in &sockets {
                listen::begin(socket).map_err(failed)?;
            }
            let originals = sockets.into_iter().enumerate();
            let originals = originals.map(|(number, socket)| (number, socket, true));
            for (number, socket, original) in originals.chain(copies) {
                if let Some(share) = shares.get_mut(number % loops.max(1)) {
                    share.push(Share { opening, socket, original });
                }
            }
        }
        Ok(shares)
    }
}

/// One socket per loop; the address as bound.
fn bind(
    address: SocketAddr,
    event_loops: usize,
) -> std::io::Result<(SocketAddr, Vec<TcpListener>)> {
    refuse_taken(address)?;
    let mut bound = address;
    let mut sockets = Vec::new();
    for number in 0..event_loops {
        let socket = listen::bind(bound, event_loops > 1)?;
        if number == 0 {
            bound = socket.local_addr()?;
        }
        sockets.push(socket);
    }
    Ok((bound, sockets))
}

/// Refuses an address that somebody listens on. Loops share their addresses (SO_REUSEPORT), and
/// so would two servers of the same user, each with a part of the connections.
fn refuse_taken(address: SocketAddr) -> std::io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    fn listens(socket: &TcpListener) -> bool {
        SockRef::from(socket).is_listener().unwrap()
    }

    fn listening() -> (SocketAddr, Socket) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        (socket.local_addr().unwrap(), socket.into())
    }

    #[test]
    fn what_was_handed_over_is_claimed_by_name() {
        let wish = ListenAddress::Socket("127.0.0.1:0".parse().unwrap());
        let (first, one) = listening();
        let (second, other) = listening();
        let copy = one.try_clone().unwrap();
        let name = name_of(&wish);
        assert_eq!(name, "tcp-127.0.0.1_0");
        let all = vec![
            (name.clone(), one),
            (name.clone(), other),
            (name, copy),
            ("web".to_owned(), listening().1),
        ];
        let mut handed = Handed::of(all).unwrap();
        let twice = [wish.clone(), wish.clone()];
        let sockets = Sockets::open(&twice, None, 2, &mut handed).unwrap();
        let found: Vec<_> =
            sockets.bound.iter().map(|it| (it.opening, it.address, it.sockets.len())).collect();
        assert_eq!(found, [(0, first, 2), (1, second, 1)]);
        assert_eq!(handed.names(), ["web"]);
        // Both loops have a socket at both addresses, one of them a copy.
        let shares = sockets.share_out(2).unwrap();
        let originals = |share: &Vec<Share>| share.iter().filter(|it| it.original).count();
        assert_eq!(shares.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(shares.iter().map(originals).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn what_is_bound_here_listens_when_it_is_shared_out() {
        let wish = [ListenAddress::Socket("127.0.0.1:0".parse().unwrap())];
        let sockets = Sockets::open(&wish, None, 2, &mut Handed::default()).unwrap();
        assert_eq!(sockets.bound[0].sockets.len(), 2);
        assert!(!sockets.bound[0].sockets.iter().any(listens));
        let address = sockets.bound[0].address;
        // One loop takes all of them.
        let shares = sockets.share_out(1).unwrap();
        assert_eq!(shares[0].len(), 2);
        assert!(shares.iter().flatten().all(|share| share.original && listens(&share.socket)));
        assert!(TcpListener::bind(address).is_err(), "it is taken");
    }

    #[test]
    fn a_name_that_was_not_handed_over_is_named_with_those_that_were() {
        let all = vec![("web".to_owned(), listening().1)];
        let mut handed = Handed::of(all).unwrap();
        let wish = [ListenAddress::Systemd("https".to_owned())];
        let error = Sockets::open(&wish, None, 1, &mut handed).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("'https'") && text.contains("web"), "{text}");
    }

    #[test]
    fn only_listening_tcp_is_taken() {
        let (address, _kept) = listening();
        let connected = std::net::TcpStream::connect(address).unwrap();
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let file = Socket::from(std::os::fd::OwnedFd::from(file));
        for (socket, fault) in [
            (connected.into(), HandedFault::NotListening),
            (datagrams.into(), HandedFault::NoStream),
            (file, HandedFault::NoSocket),
        ] {
            let found = Handed::of(vec![("x".to_owned(), socket)]).unwrap_err();
            assert_eq!(found, ("x".to_owned(), fault));
        }
    }
}
