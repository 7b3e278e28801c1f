//! Certificates for tests, and servers that show them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fezz_server::config::{CertificateFiles, Config, ListenerConfig};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::harness::{example, serving};

/// A directory of a test's own.
pub(crate) fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tls").join(name);
    std::fs::create_dir_all(&path).expect("a directory");
    path
}

/// An authority and what it signs.
pub(crate) struct Authority {
    pub(crate) directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(directory: PathBuf) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        std::fs::write(directory.join("ca.pem"), certificate.pem()).expect("written");
        Self { directory, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// A certificate for these names, its chain, and a key in PKCS#8, as `name.pem` and `name.key`.
    pub(crate) fn sign(&self, name: &str, names: &[&str]) -> CertificateFiles {
        self.sign_with(name, names, |_| {})
    }

    pub(crate) fn sign_with(
        &self,
        name: &str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificateFiles {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let chain = std::fs::read_to_string(self.file()).expect("the authority");
        let files = CertificateFiles {
            chain: self.directory.join(format!("{name}.pem")),
            key: self.directory.join(format!("{name}.key")),
        };
        std::fs::write(&files.chain, certificate.pem() + &chain).expect("written");
        std::fs::write(&files.key, key.serialize_pem()).expect("written");
        files
    }
}

/// A configuration that serves the echo example with TLS only, with these certificates.
pub(crate) fn secured(certificates: Vec<CertificateFiles>) -> Config {
    let mut config = serving(example("echo"));
    config.listeners = vec![ListenerConfig::tls(SocketAddr::from(([127, 0, 0, 1], 0)))];
    config.tls.certificates = certificates;
    config
}

/// Runs a program with these words and this input; what it wrote.
pub(crate) fn run(program: &str, words: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        // Who does not read its input, does not; and OpenSSL leaves when that ends.
        let written = stdin.write_all(&input);
        std::thread::sleep(std::time::Duration::from_millis(400));
        drop(stdin);
        drop(written);
    });
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic");
    output
}

/// All that a program wrote, as text.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// `openssl s_client` against a server.
pub(crate) fn s_client(address: SocketAddr, words: &[&str], input: &[u8]) -> String {
    let address = address.to_string();
    let mut all = vec!["10", "openssl", "s_client", "-connect", &address];
    all.extend(words);
    if input.windows(17).any(|octets| octets == b"Connection: close") {
        // It would leave at the end of its input, with or without an answer.
        all.push("-ign_eof");
    }
    said(&run("timeout", &all, input))
}
