//! Many connections at once from tokio-rustls, and client certificates longer than a record.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use fezz_server::config::{CertificateFiles, ClientCa};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::pki::{Authority, directory, secured};
use crate::harness::Running;

fn config(authority: &Path, shown: Option<&CertificateFiles>) -> ClientConfig {
    let chain = |path: &Path| -> Vec<CertificateDer<'static>> {
        let found = CertificateDer::pem_file_iter(path).expect("a file");
        found.map(|one| one.expect("a certificate")).collect()
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(chain(authority));
    let builder = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ));
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let builder = builder.with_root_certificates(roots);
    match shown {
        None => builder.with_no_client_auth(),
        Some(CertificateFiles { chain: file, key }) => {
            let key = PrivateKeyDer::from_pem_file(key).expect("a key");
            builder.with_client_auth_cert(chain(file), key).expect("a pair")
        }
    }
}

async fn connect(
    config: &Arc<ClientConfig>,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

/// Echoes of `bytes` octets; everything until the end, which has to be said.
async fn talk(
    mut stream: TlsStream<TcpStream>,
    times: usize,
    bytes: usize,
) -> std::io::Result<Vec<u8>> {
    let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length:";
    let mut answers = Vec::new();
    for number in 1..=times {
        let more = if number == times { "Connection: close\r\n" } else { "" };
        stream.write_all(format!("{head} {bytes}\r\n{more}\r\n").as_bytes()).await?;
        stream.write_all(&vec![b'~'; bytes]).await?;
        stream.flush().await?;
        let wanted = number * bytes;
        let mut seen = answers.iter().filter(|octet| **octet == b'~').count();
        while seen < wanted {
            let before = answers.len();
            if stream.read_buf(&mut answers).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            seen += answers[before..].iter().filter(|octet| **octet == b'~').count();
        }
    }
    // An end without close_notify is an error here.
    stream.read_to_end(&mut answers).await?;
    Ok(answers)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime")
}

#[test]
fn many_connections_are_served_side_by_side_and_resumed() {
    let authority = Authority::new(directory("tokio"));
    let server = Running::start(&secured(vec![authority.sign("server", &["localhost"])]));
    let config = Arc::new(config(&authority.file(), None));
    runtime().block_on(async {
        let tasks = tokio::task::LocalSet::new();
        let all: Vec<_> = (0..30_usize)
            .map(|number| {
                let (config, address) = (Arc::clone(&config), server.address);
                tasks.spawn_local(async move {
                    let stream = connect(&config, address).await?;
                    talk(stream, 5, [1, 700, 16_384, 70_000][number % 4]).await
                })
            })
            .collect();
        tasks
            .run_until(async {
                for one in all {
                    let answers = one.await.expect("no panic").expect("five answers and an end");
                    let text = String::from_utf8_lossy(&answers);
                    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 5);
                }
            })
            .await;
        // Tickets were left by those before.
        let stream = connect(&config, server.address).await.expect("a handshake");
        let kind = stream.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(rustls::HandshakeKind::Resumed));
        talk(stream, 1, 10).await.expect("an answer and an end");
    });
}

#[test]
fn client_certificates_may_be_longer_than_a_record_but_not_than_the_limit() {
    let authority = Authority::new(directory("long"));
    let mut served = secured(vec![authority.sign("server", &["localhost"])]);
    let client_ca = ClientCa { file: authority.file(), required: true };
    served.listeners[0].client_ca = Some(client_ca);
    let server = Running::start(&served);
    for (hosts, times, taken) in [(600, 1, true), (1_200, 1, true), (1_200, 3, false)] {
        let names: Vec<String> =
            (0..hosts).map(|number| format!("host-{number:05}.client.example")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let files = authority.sign(&format!("client-{hosts}"), &names);
        let chain = std::fs::read(&files.chain).expect("written").repeat(times);
        std::fs::write(&files.chain, &chain).expect("written");
        let shown = chain.len() * 3 / 4;
        assert_eq!(shown > 16_384 && shown < 60_000, taken, "{hosts} names: {shown} octets");
        let config = Arc::new(config(&authority.file(), Some(&files)));
        let answered = runtime().block_on(async {
            let stream = connect(&config, server.address).await?;
            talk(stream, 1, 10).await?;
            // Such a session would be a ticket of that size.
            let stream = connect(&config, server.address).await?;
            let kind = stream.get_ref().1.handshake_kind();
            talk(stream, 1, 10).await.map(|_| kind)
        });
        let full = Some(rustls::HandshakeKind::Full);
        assert_eq!(answered.ok(), taken.then_some(full), "{hosts} names");
    }
    server.wait("the longest was refused", |counted| counted.handshake_failed["malformed"] == 1);
}
