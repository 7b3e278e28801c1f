//! Where to listen, and on what terms, as plain data.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::ClientCa;

/// Addresses that are served on the same terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Its name in logs and metrics.
    pub name: String,
    /// Where to listen; port 0 lets the system choose.
    pub addresses: Vec<ListenAddress>,
    /// How connections are served.
    pub serves: Serves,
    /// Whose client certificates count there; nobody is asked for one without this.
    pub client_ca: Option<ClientCa>,
    /// Whether every connection begins with a PROXY header.
    pub proxy_protocol: bool,
    /// Who may say where a connection or a request really comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// How trusted proxies say where a request comes from.
    pub forwarded: Forwarded,
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenAddress {
    /// To be bound here.
    Socket(SocketAddr),
    /// Handed over by the supervisor, under this name.
    Systemd(String),
}

/// How connections of a listener are served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Serves {
    /// As they are.
    #[default]
    Plain,
    /// With TLS.
    Tls,
    /// By the same target under `https`.
    Redirect {
        /// The port in the answers.
        https_port: u16,
        /// Where the files of ACME challenges are.
        acme_dir: Option<PathBuf>,
    },
}

/// How trusted proxies say where a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// Not at all: whoever connects is the client.
    #[default]
    Off,
    /// With `Forwarded` (RFC 7239).
    Rfc7239,
    /// With `X-Forwarded-For`.
    XForwardedFor,
}

impl ListenerConfig {
    /// A listener without TLS.
    #[must_use]
    pub fn plain(address: SocketAddr) -> Self {
        Self::new("http", address, Serves::Plain)
    }

    /// A listener with TLS.
    #[must_use]
    pub fn tls(address: SocketAddr) -> Self {
        Self::new("https", address, Serves::Tls)
    }

    /// A listener that leads to `https_port`.
    #[must_use]
    pub fn redirect(address: SocketAddr, https_port: u16, acme_dir: Option<PathBuf>) -> Self {
        Self::new("redirect", address, Serves::Redirect { https_port, acme_dir })
    }

    fn new(name: &str, address: SocketAddr, serves: Serves) -> Self {
        Self {
            name: name.to_owned(),
            addresses: vec![ListenAddress::Socket(address)],
            serves,
            client_ca: None,
            proxy_protocol: false,
            trusted_proxies: Vec::new(),
            forwarded: Forwarded::Off,
        }
    }

    /// The addresses to be bound here.
    pub fn sockets(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().filter_map(|address| match address {
            ListenAddress::Socket(address) => Some(*address),
            ListenAddress::Systemd(_) => None,
        })
    }
}
