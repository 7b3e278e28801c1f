//! What the workloads over TLS share: one certificate, one key exchange.
//!
//! All servers show the same P-256 certificate and are asked for X25519 alone, which all know.

use std::fs;
use std::path::Path;

use super::client::words;
use super::error::BenchError;

const CERTIFICATE: &str = "bench.pem";
const KEY: &str = "bench.key";

/// Makes certificate and key in `scratch`, unless they are there.
pub(super) fn prepare(scratch: &Path) -> Result<(), BenchError> {
    let (certificate, key) = (scratch.join(CERTIFICATE), scratch.join(KEY));
    if certificate.exists() {
        return Ok(());
    }
    // The name that is asked for, and the host that the requests name.
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names);
    let made = made.map_err(BenchError::Certificate)?;
    let write = |file: &Path, octets: &[u8]| {
        fs::write(file, octets).map_err(|error| BenchError::file(file, error))
    };
    write(&key, made.signing_key.serialize_pem().as_bytes())?;
    // Last: it says that all is there.
    write(&certificate, made.cert.pem().as_bytes())
}

/// How the load generator comes to speak with a server that shows that certificate.
pub(super) fn load_arguments(scratch: &Path) -> Vec<String> {
    let mut arguments = words("--tls --tls-group x25519 --tls-ca");
    arguments.push(scratch.join(CERTIFICATE).display().to_string());
    arguments
}

/// The part of nginx's server block that is about TLS.
pub(super) fn nginx(scratch: &Path) -> String {
    let scratch = scratch.display();
    format!(
        "\
         \x20   ssl_certificate {scratch}/{CERTIFICATE};\n\
         \x20   ssl_certificate_key {scratch}/{KEY};\n\
         \x20   ssl_protocols TLSv1.2 TLSv1.3;\n\
         \x20   ssl_ecdh_curve X25519:prime256v1;\n\
         \x20   ssl_session_tickets on;\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(CERTIFICATE);
        fs::write(&file, "mine").unwrap();
        prepare(folder.path()).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        assert!(nginx(folder.path()).contains(&file.display().to_string()));
        assert!(load_arguments(folder.path()).contains(&file.display().to_string()));
    }
}
