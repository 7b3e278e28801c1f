//! A listener without TLS that has two answers: the file of an ACME challenge, and "come again with
//! `https`".

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use fezz_parser::Head;
use fezz_proto::{Refusal, Reply};

use crate::envelope;
use crate::tls::{Gates, authority_host};

/// RFC 8555 §8.3.
const CHALLENGES: &[u8] = b"/.well-known/acme-challenge/";
/// Octets of a token: a few times the usual 43.
const TOKEN_BYTES_MAX: usize = 256;
/// Octets of a challenge's file.
const CHALLENGE_BYTES_MAX: u64 = 4 * 1024;

/// What such a listener knows.
#[derive(Debug)]
pub(crate) struct Redirect {
    pub(crate) https_port: u16,
    pub(crate) acme_dir: Option<PathBuf>,
    /// Who is served with TLS; nobody else is sent there.
    pub(crate) gates: Option<Arc<Gates>>,
}

impl Redirect {
    /// The answer to a request.
    pub(crate) fn answer(&self, head: &Head<'_>) -> Result<Reply, Refusal> {
        let path = head.path_octets();
        if let Some(token) = path.strip_prefix(CHALLENGES) {
            return self.challenge(token);
        }
        let authority = head.authority_octets().and_then(|it| std::str::from_utf8(it).ok());
        let host = authority_host(authority.ok_or(Refusal::Misdirected)?);
        if self.gates.as_ref().is_some_and(|gates| !gates.knows(host)) {
            return Err(Refusal::Misdirected);
        }
        let mut location = format!("https://{host}");
        if self.https_port != 443 {
            location.push_str(&format!(":{}", self.https_port));
        }
        let path = std::str::from_utf8(path).map_err(|_| Refusal::BadPath)?;
        // RFC 9112 §3.2.4: `OPTIONS *` asks about the server, which has a target of its own there.
        location.push_str(if path == "*" { "/" } else { path });
        if let Some(query) = head.query_octets().and_then(|it| std::str::from_utf8(it).ok()) {
            location.push('?');
            location.push_str(query);
        }
        let fields = [("location", location.as_str()), ("content-type", "text/plain")];
        // RFC 9110 §15.4.9: the method and the content are to be sent again.
        Ok(envelope::constant(Vec::new(), 308, &fields, b"use https\n"))
    }

    /// The file of a challenge. The token is checked to be one file's name in that directory, and
    /// the file to be small and a file, before its octets are read on the loop's thread.
    fn challenge(&self, token: &[u8]) -> Result<Reply, Refusal> {
        let directory = self.acme_dir.as_ref().ok_or(Refusal::NoRoute)?;
        let legal = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX || !token.iter().all(legal) {
            return Err(Refusal::NoRoute);
        }
        let name = std::str::from_utf8(token).map_err(|_| Refusal::NoRoute)?;
        let mut octets = Vec::new();
        let mut read = || -> std::io::Result<bool> {
            // Whatever else has the name, a pipe for instance, must not hold the loop.
            let file = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
                .open(directory.join(name))?;
            let data = file.metadata()?;
            if !data.is_file() || data.len() > CHALLENGE_BYTES_MAX {
                return Ok(false);
            }
            file.take(CHALLENGE_BYTES_MAX).read_to_end(&mut octets)?;
            Ok(true)
        };
        match read() {
            Ok(true) => {
                let fields = [("content-type", "application/octet-stream")];
                Ok(envelope::constant(Vec::new(), 200, &fields, &octets))
            }
            Ok(false) | Err(_) => Err(Refusal::NoRoute),
        }
    }
}
