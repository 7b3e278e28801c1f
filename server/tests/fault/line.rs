//! A connection of a strict client: every octet that comes over it is judged.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

/// What the answer has to be.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// This content, with status 200.
    Content(Vec<u8>),
    /// A head that announces so many octets, and none of them.
    Head(usize),
    /// Usually none of the function's, because it is given up; this content if nobody had time to.
    Late(Vec<u8>),
    /// A refusal; the connection ends.
    Refused,
}

/// One request, and its answer.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) octets: Vec<u8>,
    pub(super) due: Due,
    /// The client says that it is the last one.
    pub(super) closes: bool,
}

/// How an exchange ended that is not whole.
pub(super) enum Broken {
    /// Nobody listens.
    Nobody,
    Ended,
    Cut,
    Wrong(String),
}

/// Whether the other side, or the kernel, ended the connection.
pub(super) fn is_end(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    let ends = [BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof];
    ends.contains(&error.kind())
}

/// Whether patience is at its end.
pub(super) fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// A socket, secured or not.
enum Stream {
    Plain(TcpStream),
    Secured(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secured(stream) => &stream.sock,
        }
    }
}

/// A connection, and what was received and not judged yet.
pub(super) struct Line {
    stream: Stream,
    held: Vec<u8>,
    patience: Duration,
}

impl Line {
    pub(super) fn to(
        address: SocketAddr,
        secured: bool,
        patience: Duration,
    ) -> Result<Self, Broken> {
        let socket = TcpStream::connect(address).map_err(|_| Broken::Nobody)?;
        socket.set_nodelay(true).expect("an option");
        socket.set_read_timeout(Some(patience)).expect("a timeout");
        socket.set_write_timeout(Some(patience)).expect("a timeout");
        let mut stream = Stream::Plain(socket);
        if secured && let Stream::Plain(socket) = stream {
            let name = ServerName::try_from("localhost").expect("a name");
            let session = ClientConnection::new(Arc::clone(tls()), name).expect("a client");
            stream = Stream::Secured(Box::new(StreamOwned::new(session, socket)));
        }
        Ok(Self { stream, held: Vec::new(), patience })
    }

    pub(super) fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(octets),
            Stream::Secured(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
        }
    }

    /// Receives more, if there is any; false at the end.
    fn receive(&mut self) -> Result<bool, Broken> {
        let mut octets = [0; 16 * 1024];
        let got = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut octets),
            Stream::Secured(stream) => stream.read(&mut octets),
        };
        match got {
            Ok(0) => Ok(false),
            Ok(bytes) => {
                self.held.extend_from_slice(&octets[..bytes]);
                Ok(true)
            }
            Err(error) if is_end(&error) => Ok(false),
            // A signal interrupts a socket with a timeout (signal(7)): nothing came yet.
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) if is_silence(&error) => {
                let held = self.held.len();
                let patience = self.patience;
                Err(Broken::Wrong(format!("silence for {patience:?} after {held} octets")))
            }
            Err(error) => Err(Broken::Wrong(format!("receiving: {error}"))),
        }
    }

    /// Receives until `found` finds something in what is held.
    fn wait<T>(&mut self, found: impl Fn(&[u8]) -> Option<T>) -> Result<T, Broken> {
        loop {
            if let Some(it) = found(&self.held) {
                return Ok(it);
            }
            if !self.receive()? {
                return Err(if self.held.is_empty() { Broken::Ended } else { Broken::Cut });
            }
        }
    }

    /// The answer to `ask`. Who is `leaving` may say that it is the last one.
    pub(super) fn answer(&mut self, ask: &Ask, leaving: bool) -> Result<Answer, Broken> {
        let end = self.wait(|held| held.windows(4).position(|four| four == b"\r\n\r\n"))?;
        let head = Head::read(&self.held[..end]).map_err(Broken::Wrong)?;
        let announced = head.length;
        let content = if matches!(ask.due, Due::Head(_)) { 0 } else { announced };
        let whole = end + 4 + content;
        if let Err(broken) = self.wait(|held| (held.len() >= whole).then_some(())) {
            // What has come of it must be the begin of what is due.
            return Err(match &ask.due {
                Due::Content(due)
                    if head.status == 200 && !due.starts_with(&self.held[end + 4..]) =>
                {
                    Broken::Wrong(format!("a cut answer is wrong: {:?}", shown(&self.held)))
                }
                _ => broken,
            });
        }
        let rest = self.held.split_off(whole);
        let came = std::mem::replace(&mut self.held, rest);
        let content = &came[end + 4..];
        let served = head.status != 503;
        let right = match (&ask.due, head.status) {
            (Due::Content(due) | Due::Late(due), 200) => content == due,
            (Due::Head(due), 200) => announced == *due,
            (Due::Late(_), 504) | (Due::Refused, 400) | (_, 503) => true,
            _ => false,
        };
        let ends = head.closes == ask.closes || head.closes && (leaving || !served);
        if !right || !ends {
            let (asked, came) = (shown(&ask.octets), shown(&came));
            return Err(Broken::Wrong(format!("asked {asked:?}, and got {came:?}")));
        }
        Ok(Answer { served, closes: head.closes })
    }

    /// Says that nothing more comes from here.
    pub(super) fn finish(&self) {
        // It may have ended from the other side.
        drop(self.stream.socket().shutdown(Shutdown::Write));
    }

    /// Nothing comes any more but the end.
    pub(super) fn end(&mut self) -> Result<(), Broken> {
        while self.held.is_empty() {
            if !self.receive()? {
                return Ok(());
            }
        }
        Err(Broken::Wrong(format!("octets behind the last answer: {:?}", shown(&self.held))))
    }
}

/// A whole answer, and right.
pub(super) struct Answer {
    /// Not one that says that nobody was there to give it.
    pub(super) served: bool,
    pub(super) closes: bool,
}

/// The first octets, as text.
fn shown(octets: &[u8]) -> String {
    String::from_utf8_lossy(&octets[..octets.len().min(160)]).into_owned()
}

/// A head of an answer, as strict as can be.
struct Head {
    status: u16,
    length: usize,
    closes: bool,
}

impl Head {
    fn read(octets: &[u8]) -> Result<Self, String> {
        let wrong = || format!("no head: {:?}", shown(octets));
        let text = std::str::from_utf8(octets).map_err(|_| wrong())?;
        let mut lines = text.split("\r\n");
        let line =
            lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).ok_or_else(wrong)?;
        let (status, reason) = line.split_once(' ').ok_or_else(wrong)?;
        if status.len() != 3 || reason.is_empty() {
            return Err(wrong());
        }
        let status = status.parse().map_err(|_| wrong())?;
        let (mut length, mut dated, mut closes) = (None, false, false);
        for line in lines {
            let (name, value) = line.split_once(": ").ok_or_else(wrong)?;
            match name {
                "content-length" if length.is_none() => {
                    length = Some(value.parse().map_err(|_| wrong())?);
                }
                "date" if !dated => dated = value.len() == 29 && value.ends_with(" GMT"),
                "connection" if value == "close" && !closes => closes = true,
                "content-type" | "retry-after" | "cache-control" | "strict-transport-security" => {}
                _ => return Err(wrong()),
            }
        }
        match length {
            Some(length) if dated => Ok(Self { status, length, closes }),
            _ => Err(wrong()),
        }
    }
}

/// Takes any certificate: who the server is, is not what is tested.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519]
    }
}

fn tls() -> &'static Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        Arc::new(config)
    })
}
