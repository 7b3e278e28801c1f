//! Bodies at the limit: exactly as long as they may be, and one octet longer.

use super::catalog::Scenario;
use super::crowd::together;
use super::dice::Dice;
use super::failure::Result;
use super::honest;
use super::peer::{Peer, Target};
use super::question::Question;
use super::stage::{Stage, Terms, count};
use super::strict::{Flaw, Reader};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "limit_bodies",
    about: "Peers send bodies of exactly `limits.body` and of one octet more, by length and in \
            chunks, over TLS as well. The former come back whole, the latter are refused with \
            413, and no memory stays behind.",
    figures: &["at_limit_wrong", "over_limit_wrong", "buffered_left"],
    without: &[],
    play,
};

/// `limits.body`, as it is by default.
const LIMIT_BYTES: usize = 1 << 20;
const PEERS: usize = 8;

fn play(stage: &mut Stage) -> Result<()> {
    let rounds = stage.scale.pick(4, 25);
    let settings = stage.settings();
    let mut server = stage.serve(&settings)?;
    let crowd = honest::gather(&stage.mix(&server)?, 8)?;
    let targets = [stage.plain(&server), stage.secure(&server)?];
    let outcomes =
        together(PEERS, move |place| send_all(targets[place % 2].clone(), place, rounds))?;
    let beside = honest::dismiss(crowd)?;
    let all: Vec<(bool, Flaw)> = outcomes.into_iter().flatten().collect();
    for (id, over) in [("at_limit_wrong", false), ("over_limit_wrong", true)] {
        let wrong: Vec<&Flaw> =
            all.iter().filter(|one| one.0 == over).map(|(_, flaw)| flaw).collect();
        let first = wrong.first().map_or_else(String::new, ToString::to_string);
        let remark = format!("of {} {first}", 2 * rounds * PEERS);
        stage.measure(id, count(wrong.len() as u64), "", remark);
    }
    let page = server.page_when(5.0, |page| page.sum("fezz_buffered_bytes", &[]) == 0.0)?;
    stage.measure("buffered_left", page.sum("fezz_buffered_bytes", &[]), "B", "");
    stage.close(server, &[&beside], Terms::default())
}

/// What was wrong, and whether it was one octet over the limit.
async fn send_all(target: Target, place: usize, rounds: usize) -> Vec<(bool, Flaw)> {
    let mut dice = Dice::new(place as u64);
    let mut wrong = Vec::new();
    for _ in 0..rounds {
        for chunked in [false, true] {
            wrong.extend(
                at_limit(&target, place, &mut dice, chunked).await.err().map(|it| (false, it)),
            );
            wrong.extend(over_limit(&target, place, chunked).await.err().map(|it| (true, it)));
        }
    }
    wrong
}

async fn at_limit(
    target: &Target,
    place: usize,
    dice: &mut Dice,
    chunked: bool,
) -> std::result::Result<(), Flaw> {
    let question = if chunked {
        Question::in_chunks(dice, "any.test", LIMIT_BYTES)
    } else {
        Question::mirrored(dice, "any.test", LIMIT_BYTES)
    };
    let mut peer = Peer::connect(target, place).await?;
    peer.send(&question.octets).await?;
    question.check(&Reader::default().answer(&mut peer).await?)?;
    peer.finish().await
}

/// The refusal comes before the body when its length says so, else when it is too long.
async fn over_limit(target: &Target, place: usize, chunked: bool) -> std::result::Result<(), Flaw> {
    let head = "POST /echo HTTP/1.1\r\nHost: any.test\r\n";
    let length = LIMIT_BYTES + 1;
    let mut octets = if chunked {
        let mut octets = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
        octets.extend_from_slice(format!("{LIMIT_BYTES:x}\r\n").as_bytes());
        octets.resize(octets.len() + LIMIT_BYTES, b'x');
        octets.extend_from_slice(b"\r\n1\r\n");
        octets
    } else {
        format!("{head}Content-Length: {length}\r\n\r\n").into_bytes()
    };
    octets.push(b'x');
    let mut peer = Peer::connect(target, place).await?;
    peer.send(&octets).await?;
    let mut reader = Reader::default();
    let answer = reader.answer(&mut peer).await?;
    if answer.status != 413 || !answer.closes() {
        return Err(Flaw::Status(answer.status));
    }
    reader.end(&mut peer).await
}
