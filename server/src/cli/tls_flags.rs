//! The flags about TLS become plain data, or complaints.

use std::path::PathBuf;

use clap::Args;

use super::flags::Reader;
use crate::config::{
    CertificateFiles, ClientCa, ConfigError, HTTPS_PORT, ListenerConfig, Tickets, Tls,
    TlsFlagFault, TlsVersion, UnknownSni,
};

#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsFlags {
    /// Listen on ADDRESS:PORT with TLS
    #[arg(long, value_name = "ADDR")]
    listen_tls: Vec<String>,
    /// A certificate with its chain and its key, in PEM; names choose by SNI, the first is the
    /// default
    #[arg(long, value_name = "CERT.pem,KEY.pem", requires = "listen_tls")]
    certificate: Vec<String>,
    /// Make a certificate for localhost, for development
    #[arg(long, requires = "listen_tls")]
    tls_self_signed: bool,
    /// What a client gets that asks for a name without a certificate
    #[arg(long, value_name = "reject|default", default_value = "reject")]
    tls_unknown_sni: String,
    /// The oldest version of TLS
    #[arg(long, value_name = "1.2|1.3", default_value = "1.2")]
    tls_min: String,
    /// Ask clients for certificates of these authorities; with ',optional' they may have none
    #[arg(long, value_name = "FILE[,optional]", requires = "listen_tls")]
    tls_client_ca: Option<String>,
    /// Tell browsers for so many seconds to come with TLS only
    #[arg(long, value_name = "SECONDS", requires = "listen_tls")]
    hsts: Option<String>,
    /// Answer everything on ADDRESS:PORT with the same target under https
    #[arg(long, value_name = "ADDR[=HTTPS_PORT]")]
    redirect_https: Vec<String>,
    /// Answer ACME challenges on redirecting listeners with the files of this directory
    #[arg(long, value_name = "DIR", requires = "redirect_https")]
    acme_dir: Option<PathBuf>,
    /// TLS handshakes under way at once in one event loop; beyond it nobody new is let in
    #[arg(long, value_name = "N", default_value = "256")]
    limit_handshakes: String,
}

impl TlsFlags {
    /// Whether there is anything to listen on.
    pub(super) fn listens(&self) -> bool {
        !self.listen_tls.is_empty()
    }

    /// Listeners with TLS, and those that lead to them.
    pub(super) fn listeners(&self, reader: &mut Reader) -> Vec<ListenerConfig> {
        let secured = self.listen_tls.iter();
        let secured = secured.filter_map(|text| reader.listen("--listen-tls", text));
        let mut all: Vec<ListenerConfig> = secured.map(ListenerConfig::tls).collect();
        let client_ca = self.tls_client_ca.as_ref().and_then(|text| authorities(reader, text));
        all.iter_mut().for_each(|listener| listener.client_ca.clone_from(&client_ca));
        let redirects = self.redirect_https.iter();
        all.extend(redirects.filter_map(|text| redirect(reader, text, self.acme_dir.as_ref())));
        all
    }

    pub(super) fn read(&self, reader: &mut Reader) -> Tls {
        Tls {
            certificates: self.certificate.iter().filter_map(|text| pair(reader, text)).collect(),
            self_signed: self.tls_self_signed,
            unknown_sni: match self.tls_unknown_sni.as_str() {
                "default" => UnknownSni::Default,
                "reject" => UnknownSni::Reject,
                text => {
                    fault(reader, "--tls-unknown-sni", text, TlsFlagFault::UnknownSni);
                    UnknownSni::Reject
                }
            },
            version_min: match self.tls_min.as_str() {
                "1.2" => TlsVersion::V12,
                "1.3" => TlsVersion::V13,
                text => {
                    fault(reader, "--tls-min", text, TlsFlagFault::Version);
                    TlsVersion::V12
                }
            },
            hsts_s: self.hsts.as_ref().map(|text| seconds(reader, text)),
            handshakes_max: reader.count("--limit-handshakes", &self.limit_handshakes, 1 << 20),
            tickets: Tickets::default(),
        }
    }
}

fn fault(reader: &mut Reader, flag: &'static str, text: &str, why: TlsFlagFault) {
    reader.complain(ConfigError::TlsFlag { flag, text: text.to_owned(), why });
}

fn pair(reader: &mut Reader, text: &str) -> Option<CertificateFiles> {
    let files = text.split_once(',').filter(|(chain, key)| !chain.is_empty() && !key.is_empty());
    let Some((chain, key)) = files else {
        fault(reader, "--certificate", text, TlsFlagFault::Pair);
        return None;
    };
    Some(CertificateFiles { chain: chain.into(), key: key.into() })
}

fn authorities(reader: &mut Reader, text: &str) -> Option<ClientCa> {
    let (file, required) = match text.rsplit_once(',') {
        Some((file, "optional")) => (file, false),
        Some((file, "require")) => (file, true),
        _ => (text, true),
    };
    if file.is_empty() {
        fault(reader, "--tls-client-ca", text, TlsFlagFault::NoFile);
        return None;
    }
    Some(ClientCa { file: file.into(), required })
}

fn seconds(reader: &mut Reader, text: &str) -> u64 {
    let read = text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok());
    let read = read.flatten().filter(|seconds: &u64| *seconds <= u64::from(u32::MAX));
    read.unwrap_or_else(|| {
        fault(reader, "--hsts", text, TlsFlagFault::Seconds);
        0
    })
}

fn redirect(reader: &mut Reader, text: &str, acme_dir: Option<&PathBuf>) -> Option<ListenerConfig> {
    let (address, port) = match text.split_once('=') {
        None => (text, Some(HTTPS_PORT)),
        Some((address, port)) => (address, port.parse().ok().filter(|port| *port > 0)),
    };
    let Some(https_port) = port else {
        fault(reader, "--redirect-https", text, TlsFlagFault::Port);
        return None;
    };
    let address = reader.listen("--redirect-https", address)?;
    Some(ListenerConfig::redirect(address, https_port, acme_dir.cloned()))
}
