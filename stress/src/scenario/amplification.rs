//! Amplification: how much memory peers can make the server hold for each octet they send.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::catalog::Scenario;
use super::crowd::alone;
use super::failure::{Failure, Result};
use super::honest;
use super::peer::connect;
use super::server::Server;
use super::stage::{Stage, Terms, count};
use super::strict::Flaw;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "amplification",
    about: "Hundreds of peers send the begin of something and hold it there: one octet, a head of \
            8 KiB, a body of 16 KiB of an announced MiB, chunks, half a ClientHello. Resident \
            memory is counted in each case, beyond what is held for a connection that said \
            nothing.",
    figures: &["per_octet", "one_octet", "silent"],
    without: &[],
    play,
};

/// What is held, and how many octets of it there are.
struct Script {
    name: &'static str,
    octets: Vec<u8>,
    secure: bool,
}

fn scripts() -> Vec<Script> {
    let head = "POST /echo HTTP/1.1\r\nHost: h\r\n";
    let long = [head.as_bytes(), b"X-Long: ", &[b'x'; 7 * 1024]].concat();
    let fields: String =
        (0..90).map(|number| format!("X-{number}: {}\r\n", "v".repeat(80))).collect();
    let body = [head.as_bytes(), b"Content-Length: 1048576\r\n\r\n", &[b'x'; 16 * 1024]].concat();
    let chunk = "400\r\n".to_owned() + &"x".repeat(1024) + "\r\n";
    let chunks = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(16));
    let tiny = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", "1\r\nx\r\n".repeat(2048));
    // A handshake message of 16,000 octets, of which most is there (RFC 8446 §4, §5.1).
    let hello = [&[22, 3, 1, 62, 128, 1, 0, 62, 124, 3, 3][..], &[7; 12_000]].concat();
    let plain = |name, octets| Script { name, octets, secure: false };
    vec![
        plain("one octet", b"G".to_vec()),
        plain("long line", long),
        plain("many fields", format!("{head}{fields}").into_bytes()),
        plain("body", body),
        plain("chunks", chunks.into_bytes()),
        plain("tiny chunks", tiny.into_bytes()),
        Script { name: "hello", octets: hello, secure: true },
    ]
}

fn play(stage: &mut Stage) -> Result<()> {
    let peers = stage.scale.pick(200, 1000);
    let settings = stage
        .settings()
        .set("timeouts.request_header", "\"60s\"")
        .set("timeouts.tls_handshake", "\"60s\"")
        .set("limits.handshakes", "4096");
    let server = stage.serve(&settings)?;
    let mix = stage.mix(&server)?;
    let crowd = honest::gather(&mix, 18)?;
    let (silent, one, worst) = alone(hold_all(&server, peers))??;
    let beside = honest::dismiss(crowd)?;
    stage.measure("silent", silent, "B", format!("{peers} peers"));
    stage.measure("one_octet", one, "B", "beyond a silent one");
    stage.measure("per_octet", worst.0, "", worst.1);
    stage.close(server, &[&beside], Terms::default())
}

/// Octets held for a silent peer, beyond that for one octet, and the most for an octet of a script
/// that has thousands.
async fn hold_all(server: &Server, peers: usize) -> Result<(f64, f64, (f64, String))> {
    // What an allocator keeps after one script must not be free for the next one: the silent peers
    // of all scripts come first, and none leaves before the end.
    let mut held = Vec::new();
    let before = server.resident_bytes();
    let scripts = scripts();
    for script in &scripts {
        let address = if script.secure { server.secure } else { server.plain };
        held.push(open(address, peers).await?);
    }
    let all = count((peers * scripts.len()) as u64);
    let silent = grown(server, before).await / all;
    let (mut one, mut worst) = (0.0, (0.0, String::new()));
    let mut shown = Vec::new();
    for (script, streams) in scripts.iter().zip(&mut held) {
        let before = server.resident_bytes();
        for stream in streams.iter_mut() {
            stream.write_all(&script.octets).await?;
        }
        let each = grown(server, before).await / count(peers as u64);
        let ratio = each / count(script.octets.len() as u64);
        if script.octets.len() == 1 {
            one = each;
            continue;
        }
        shown.push(format!("{} {ratio:.2}", script.name));
        if ratio > worst.0 {
            worst.0 = ratio;
        }
    }
    worst.1 = shown.join(", ");
    Ok((silent, one, worst))
}

async fn open(address: std::net::SocketAddr, peers: usize) -> Result<Vec<TcpStream>> {
    let mut opening = JoinSet::new();
    for place in 0..peers {
        opening.spawn_local(connect(address, place, None));
    }
    let mut all = Vec::new();
    while let Some(stream) = opening.join_next().await {
        let stream: std::result::Result<TcpStream, Flaw> = stream.map_err(|_| Failure::Panicked)?;
        all.push(stream.map_err(|flaw| Failure::Peer { what: "a connection", flaw })?);
    }
    Ok(all)
}

/// How much was added, once the server has read what was sent: when it does not change any more.
async fn grown(server: &Server, before: u64) -> f64 {
    let mut last = 0;
    for _ in 0..50 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let now = server.resident_bytes();
        if now == last {
            break;
        }
        last = now;
    }
    count(last.saturating_sub(before))
}
