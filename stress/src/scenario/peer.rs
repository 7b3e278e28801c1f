//! Connections as only the clients of a stress run make them: from any loopback address, secured
//! or not, with a small window, and ended by FIN, by RST or not at all.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::strict::{Flaw, PATIENCE};

/// Where to connect, and how.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// With TLS, if there is one.
    pub(super) tls: Option<Tls>,
}

/// What a client brings along for TLS.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) config: Arc<rustls::ClientConfig>,
    pub(super) name: ServerName<'static>,
}

/// A connection.
#[derive(Debug)]
pub(super) enum Peer {
    /// Octets as they are.
    Plain(TcpStream),
    /// Octets in records.
    Secure(Box<TlsStream<TcpStream>>),
}

impl Peer {
    /// Connects from the loopback address number `place`, with TLS if the target says so.
    pub(super) async fn connect(target: &Target, place: usize) -> Result<Self, Flaw> {
        let stream = connect(target.address, place, None).await?;
        let Some(tls) = &target.tls else { return Ok(Self::Plain(stream)) };
        let connector = TlsConnector::from(Arc::clone(&tls.config));
        match timeout(PATIENCE, connector.connect(tls.name.clone(), stream)).await {
            Err(_) => Err(Flaw::Silence),
            Ok(Ok(stream)) => Ok(Self::Secure(Box::new(stream))),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Flaw::Tls(error.to_string()))
            }
            Ok(Err(_)) => Err(Flaw::Unanswered),
        }
    }

    /// Sends all of `octets`.
    pub(super) async fn send(&mut self, octets: &[u8]) -> Result<(), Flaw> {
        let sent = async {
            self.write_all(octets).await?;
            self.flush().await
        };
        match timeout(PATIENCE, sent).await {
            Err(_) => Err(Flaw::Silence),
            Ok(sent) => sent.map_err(|_| Flaw::Broken),
        }
    }

    /// The socket below.
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream.get_ref().0,
        }
    }

    /// Ends the connection with RST, whatever is under way.
    pub(super) fn reset(self) {
        // A failure leaves a FIN in its place: the connection is over by then.
        let _gone = socket2::SockRef::from(self.socket()).set_linger(Some(Duration::ZERO));
    }

    /// Says that nothing more comes: `close_notify`, if there is TLS, and FIN.
    pub(super) async fn finish(&mut self) -> Result<(), Flaw> {
        self.shutdown().await.map_err(|_| Flaw::Broken)
    }
}

/// Connects from the loopback address number `place`; with a receive buffer of `window` octets, if
/// that is said.
pub(super) async fn connect(
    to: SocketAddr,
    place: usize,
    window: Option<u32>,
) -> Result<TcpStream, Flaw> {
    let refused = |error: io::Error| Flaw::Refused(error.kind());
    let socket = TcpSocket::new_v4().map_err(refused)?;
    if let Some(bytes) = window {
        socket.set_recv_buffer_size(bytes).map_err(refused)?;
    }
    socket.bind(SocketAddr::V4(SocketAddrV4::new(source(place), 0))).map_err(refused)?;
    match timeout(PATIENCE, socket.connect(to)).await {
        Err(_) => Err(Flaw::Silence),
        Ok(connected) => {
            let stream = connected.map_err(refused)?;
            stream.set_nodelay(true).map_err(refused)?;
            Ok(stream)
        }
    }
}

/// The loopback address number `place`, of 250 x 250: 127.16.0.1 and up. All of 127.0.0.0/8 is this
/// machine (RFC 1122 §3.2.1.3), so ports do not run out.
#[expect(clippy::cast_possible_truncation, reason = "remainders of 250")]
fn source(place: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 16, (place / 250 % 250) as u8, (place % 250) as u8 + 1)
}

impl AsyncRead for Peer {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Self::Secure(stream) => Pin::new(stream.as_mut()).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Secure(stream) => Pin::new(stream.as_mut()).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Secure(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Secure(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_addresses_are_one_machine() {
        assert_eq!(source(0), Ipv4Addr::new(127, 16, 0, 1));
        assert_eq!(source(249), Ipv4Addr::new(127, 16, 0, 250));
        assert_eq!(source(250), Ipv4Addr::new(127, 16, 1, 1));
        assert_eq!(source(250 * 250), source(0));
    }
}
