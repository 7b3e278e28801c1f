//! The memory ceiling: bodies beyond what the server grants itself, in a process that has little
//! more than that.

use std::fs;
use std::rc::Rc;

use tokio::sync::Barrier;

use super::catalog::Scenario;
use super::crowd::together;
use super::dice::Dice;
use super::failure::Result;
use super::honest;
use super::peer::{Peer, Target};
use super::question::Question;
use super::server::Server;
use super::stage::{Stage, Terms, count};
use super::strict::{Flaw, Reader};
use crate::limits::limit_of;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "memory",
    about: "Peers send all but the last octet of bodies that are four times `limits.buffered` \
            together, to a process whose data segment may not grow by more than 160 MiB. Some are \
            refused with 503, the others get their body back, and the server goes on.",
    figures: &["other_answers", "refused", "held", "buffered_left"],
    without: &[],
    play,
};

const PEERS: usize = 128;
const BODY_BYTES: usize = 1 << 20;
/// `limits.buffered`.
const BUFFERED_BYTES: u64 = 32 << 20;
/// How much the data segment may grow (RLIMIT_DATA). Beside the bodies there are the envelopes
/// that they are put into and the answers that they become.
const GROWTH_BYTES: u64 = 160 << 20;

/// What a peer came to.
#[derive(Debug)]
enum Outcome {
    Mirrored,
    Refused,
}

fn play(stage: &mut Stage) -> Result<()> {
    let rounds = stage.scale.pick(2, 12);
    let settings = stage.settings().set("limits.buffered", "\"32MiB\"");
    let mut server = stage.serve(&settings)?;
    let crowd = honest::gather(&stage.mix(&server)?, 13)?;
    let before = data_bytes(&server);
    limit_of(server.pid(), rustix::process::Resource::Data, before + GROWTH_BYTES)?;
    let target = stage.plain(&server);
    let (mut held, mut refused) = (0, 0);
    let mut other = Vec::new();
    for _ in 0..rounds {
        let of = target.clone();
        let all = Rc::new(Barrier::new(PEERS));
        let outcomes = together(PEERS, move |place| send(of.clone(), place, Rc::clone(&all)))?;
        server.alive()?;
        held = held.max(data_bytes(&server).saturating_sub(before));
        for outcome in outcomes {
            match outcome {
                Ok(Outcome::Mirrored) => {}
                Ok(Outcome::Refused) => refused += 1,
                Err(flaw) => other.push(flaw),
            }
        }
    }
    let beside = honest::dismiss(crowd)?;
    stage.measure("refused", count(refused), "", format!("of {}", rounds * PEERS));
    stage.measure_wrong("other_answers", &other);
    let remark = format!("{} MiB of {}", held >> 20, GROWTH_BYTES >> 20);
    stage.measure("held", count(held) / count(BUFFERED_BYTES), "", remark);
    let page = server.page_when(5.0, |page| page.sum("fezz_buffered_bytes", &[]) == 0.0)?;
    stage.measure("buffered_left", page.sum("fezz_buffered_bytes", &[]), "B", "");
    stage.close(server, &[&beside], Terms::default())
}

/// Sends all but the last octet, waits for the others, and sends that.
async fn send(
    target: Target,
    place: usize,
    all: Rc<Barrier>,
) -> std::result::Result<Outcome, Flaw> {
    let question = Question::mirrored(&mut Dice::new(place as u64), "any.test", BODY_BYTES);
    let (last, most) = question.octets.split_last().ok_or(Flaw::Unanswered)?;
    let begun = async {
        let mut peer = Peer::connect(&target, place).await?;
        // Who is refused is told so before it has sent everything.
        let sent = peer.send(most).await;
        Ok((peer, sent))
    };
    let begun = begun.await;
    all.wait().await;
    let (mut peer, sent): (Peer, std::result::Result<(), Flaw>) = begun?;
    if sent.is_ok() {
        // The refusal may be on its way.
        let _sent = peer.send(&[*last]).await;
    }
    let answer = match Reader::default().answer(&mut peer).await {
        // Its last octets met a server that had said 503 and had read on for as long as it does:
        // the reset that follows may overtake the answer (RFC 9112 §9.6).
        Err(Flaw::Broken | Flaw::Unanswered) if sent.is_err() => return Ok(Outcome::Refused),
        answer => answer?,
    };
    if answer.status == 503 {
        return Ok(Outcome::Refused);
    }
    question.check(&answer)?;
    Ok(Outcome::Mirrored)
}

/// Private writable memory, which RLIMIT_DATA is about.
fn data_bytes(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
