//! Half-closes and resets at every phase of a connection: nothing is lost, and nothing spins.

use std::thread;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::catalog::Scenario;
use super::crowd::together;
use super::dice::Dice;
use super::failure::Result;
use super::honest;
use super::peer::{Peer, Target, connect};
use super::question::Question;
use super::stage::{Stage, Terms, count};
use super::strict::{Flaw, PATIENCE, Reader};
use crate::clock::Clock;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "endings",
    about: "Peers half-close or reset their connection in each of twelve phases, from before the \
            first octet to inside the second of two requests, and inside a TLS handshake. Who \
            half-closed after a whole request is answered, everybody else is let go, and then \
            the server uses no processor time.",
    figures: &["half_closed_wrong", "not_let_go", "idle_cpu"],
    without: &[],
    play,
};

/// What a peer sends before it ends its side.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Connected,
    FirstOctet,
    HalfHead,
    HeadOfBody,
    HalfBody,
    HalfChunk,
    Asked,
    Handled,
    AskedAndAHalf,
    Answered,
    HalfHello,
    Secured,
}

const PHASES: [Phase; 12] = [
    Phase::Connected,
    Phase::FirstOctet,
    Phase::HalfHead,
    Phase::HeadOfBody,
    Phase::HalfBody,
    Phase::HalfChunk,
    Phase::Asked,
    Phase::Handled,
    Phase::AskedAndAHalf,
    Phase::Answered,
    Phase::HalfHello,
    Phase::Secured,
];

/// The begin of a record with a ClientHello of 512 octets (RFC 8446 §5.1).
const HALF_HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
const HALF_HEAD: &[u8] = b"GET /headers HTTP/1.1\r\nHo";
const HEAD_OF_BODY: &[u8] = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
const HALF_CHUNK: &[u8] =
    b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\nxxx";
/// The function is inside for so long, in milliseconds.
const HANDLED: &[u8] = b"GET /delay/40 HTTP/1.1\r\nHost: h\r\n\r\n";
const HANDLED_BODY: &[u8] = b"delay 40\n";
/// So long the processor time of a server without clients is looked at.
const IDLE: Duration = Duration::from_millis(1500);

fn play(stage: &mut Stage) -> Result<()> {
    let rounds = stage.scale.pick(6, 40);
    let settings = stage.settings();
    let mut server = stage.serve(&settings)?;
    let crowd = honest::gather(&stage.mix(&server)?, 9)?;
    let (plain, secure) = (stage.plain(&server), stage.secure(&server)?);
    let outcomes = together(PHASES.len() * 2, move |place| {
        let (plain, secure) = (plain.clone(), secure.clone());
        let (phase, reset) = (PHASES[place / 2], place % 2 == 0);
        async move {
            let mut wrong = Vec::new();
            for round in 0..rounds {
                let mut dice = Dice::new((place * 1000 + round) as u64);
                let target = if phase == Phase::Secured { &secure } else { &plain };
                let hello = (phase == Phase::HalfHello).then_some(secure.address);
                let ended = end(target, hello, phase, reset, &mut dice).await;
                wrong.extend(ended.err().map(|flaw| (phase, flaw)));
            }
            wrong
        }
    })?;
    let beside = honest::dismiss(crowd)?;
    let answered = |phase: Phase| matches!(phase, Phase::Asked | Phase::Handled);
    let wrong: Vec<(Phase, Flaw)> = outcomes.into_iter().flatten().collect();
    for (id, of_answered) in [("half_closed_wrong", true), ("not_let_go", false)] {
        let of: Vec<&(Phase, Flaw)> =
            wrong.iter().filter(|(phase, _)| answered(*phase) == of_answered).collect();
        let first =
            of.first().map_or_else(String::new, |(phase, flaw)| format!("{phase:?}: {flaw}"));
        stage.measure(id, count(of.len() as u64), "", first);
    }
    server.page_when(10.0, |page| page.sum("fezz_connections_active", &[]) == 0.0)?;
    let (clock, before) = (Clock::start(), server.cpu_seconds());
    thread::sleep(IDLE);
    let used = server.cpu_seconds() - before;
    stage.measure("idle_cpu", used / clock.seconds(), "", format!("{used:.3} s of processor time"));
    stage.close(server, &[&beside], Terms::default())
}

/// Plays one connection, and says what was wrong with its end.
async fn end(
    target: &Target,
    hello: Option<std::net::SocketAddr>,
    phase: Phase,
    reset: bool,
    dice: &mut Dice,
) -> std::result::Result<(), Flaw> {
    let place = dice.below(60_000);
    let question = Question::mirrored(dice, "any.test", 1000);
    let mut peer = match hello {
        Some(address) => Peer::Plain(connect(address, place, None).await?),
        None => Peer::connect(target, place).await?,
    };
    let mut reader = Reader::default();
    let half = [HEAD_OF_BODY, &[b'x'; 500]].concat();
    let more = [&question.octets[..], HALF_HEAD].concat();
    let octets = match phase {
        Phase::Connected | Phase::Secured => &[][..],
        Phase::FirstOctet => &b"G"[..],
        Phase::HalfHead => HALF_HEAD,
        Phase::HeadOfBody => HEAD_OF_BODY,
        Phase::HalfBody => &half,
        Phase::HalfChunk => HALF_CHUNK,
        Phase::Asked | Phase::Answered => &question.octets,
        Phase::Handled => HANDLED,
        Phase::AskedAndAHalf => &more,
        Phase::HalfHello => HALF_HELLO,
    };
    peer.send(octets).await?;
    if phase == Phase::Answered {
        question.check(&reader.answer(&mut peer).await?)?;
    }
    if reset {
        peer.reset();
        return Ok(());
    }
    peer.finish().await?;
    match phase {
        Phase::Asked | Phase::AskedAndAHalf => {
            question.check(&reader.answer(&mut peer).await?)?;
        }
        Phase::Handled => {
            let answer = reader.answer(&mut peer).await?;
            if answer.body != HANDLED_BODY {
                let bytes = answer.body.len();
                return Err(Flaw::Body { bytes, expected: HANDLED_BODY.len() });
            }
        }
        _ => {}
    }
    let_go(phase, peer, reader).await
}

/// The end comes, and before it nothing but a refusal of what is not whole, or an alert.
async fn let_go(phase: Phase, mut peer: Peer, mut reader: Reader) -> std::result::Result<(), Flaw> {
    if phase == Phase::HalfHello {
        // An alert, if anything, and then the end or a reset.
        let mut alert = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, peer.read_to_end(&mut alert)).await;
        return ended.map(drop).map_err(|_| Flaw::Silence);
    }
    match reader.answer(&mut peer).await {
        Err(Flaw::Unanswered | Flaw::Broken) => Ok(()),
        Ok(answer) if answer.status == 400 => reader.end(&mut peer).await,
        Ok(answer) => Err(Flaw::Status(answer.status)),
        Err(flaw) => Err(flaw),
    }
}
