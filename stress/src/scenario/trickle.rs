//! Peers that send too slowly, octet by octet, and how long they are borne.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::peer::connect;
use super::server::Server;
use super::stage::{Stage, count};
use super::strict::{Answer, Flaw};
use crate::clock::Clock;

/// The time between two drops.
const DROP_EVERY: Duration = Duration::from_millis(200);
/// A peer that was not ended by then never is: this many times what it was given.
const BORNE_MAX: f64 = 4.0;

/// What a peer sends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drip {
    /// At once.
    pub(super) first: &'static [u8],
    /// Then these, one after the other and again from the start; none is silence.
    pub(super) drops: &'static [&'static [u8]],
    /// The status of what it is told before the end; `None`: nothing.
    pub(super) status: Option<u16>,
}

/// How a peer was treated.
#[derive(Debug)]
pub(super) struct Treatment {
    /// Seconds from its first octet to the end of the connection.
    seconds: f64,
    /// What is wrong with how it ended.
    flaw: Option<Flaw>,
}

/// Sends as `drip` says until the server ends the connection.
pub(super) async fn suffer(
    server: std::net::SocketAddr,
    place: usize,
    drip: Drip,
    given: f64,
) -> Treatment {
    let clock = Clock::start();
    let flaw = match tokio::time::timeout(
        Duration::from_secs_f64(given * BORNE_MAX),
        until_ended(server, place, drip),
    )
    .await
    {
        Err(_) => Some(Flaw::Silence),
        Ok(ended) => ended.and_then(|octets| judge(&octets, drip.status)).err(),
    };
    Treatment { seconds: clock.seconds(), flaw }
}

/// All that came until the end.
async fn until_ended(
    server: std::net::SocketAddr,
    place: usize,
    drip: Drip,
) -> Result<Vec<u8>, Flaw> {
    let mut stream = connect(server, place, None).await?;
    stream.write_all(drip.first).await.map_err(|_| Flaw::Broken)?;
    let (mut from, mut to) = stream.into_split();
    let writing = tokio::task::spawn_local(async move {
        for octets in drip.drops.iter().cycle() {
            tokio::time::sleep(DROP_EVERY).await;
            if to.write_all(octets).await.is_err() {
                break;
            }
        }
        // Silent peers keep their side open until the other one ends.
        std::future::pending::<()>().await;
    });
    let mut octets = Vec::new();
    // A reset after the last word is an end as well.
    let _ended = from.read_to_end(&mut octets).await;
    writing.abort();
    Ok(octets)
}

fn judge(octets: &[u8], status: Option<u16>) -> Result<(), Flaw> {
    let Some(status) = status else {
        return if octets.is_empty() { Ok(()) } else { Err(Flaw::Unasked) };
    };
    match Answer::parse(octets)? {
        None if octets.is_empty() => Err(Flaw::Unanswered),
        None => Err(Flaw::Cut { bytes: octets.len() }),
        Some((answer, bytes)) if answer.status == status && bytes == octets.len() => Ok(()),
        Some((answer, _)) => Err(Flaw::Status(answer.status)),
    }
}

/// Measures `overdue` and `wrong_ends`: those that were given `given` seconds.
pub(super) fn measure(stage: &mut Stage, treatments: &[Treatment], given: f64) {
    let longest = treatments.iter().map(|one| one.seconds).fold(0.0, f64::max);
    let shortest = treatments.iter().map(|one| one.seconds).fold(f64::MAX, f64::min);
    let remark = format!("{shortest:.2} to {longest:.2} s of {given} s");
    stage.measure("overdue", longest / given, "", remark);
    let flaws: Vec<&Flaw> = treatments.iter().filter_map(|one| one.flaw.as_ref()).collect();
    // Who was cut off long before the time is as wrong as who was not.
    let hasty = treatments.iter().filter(|one| one.seconds < given * 0.9 && one.flaw.is_none());
    let wrong = flaws.len() + hasty.count();
    let first = flaws.first().map_or_else(String::new, ToString::to_string);
    stage.measure(
        "wrong_ends",
        count(wrong as u64),
        "",
        format!("of {} {first}", treatments.len()),
    );
}

/// Plays peers of all `drips` in turn, and measures how they fared.
pub(super) fn play(
    stage: &mut Stage,
    server: &Server,
    drips: &'static [Drip],
    given: f64,
) -> super::failure::Result<()> {
    let peers = stage.scale.pick(300, 1000);
    let address = server.plain;
    let treatments = super::crowd::together(peers, move |place| {
        suffer(address, place, drips[place % drips.len()], given)
    })?;
    measure(stage, &treatments, given);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_judged_by_what_came_before_it() {
        let told = b"HTTP/1.1 408 X\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(judge(told, Some(408)), Ok(()));
        assert_eq!(judge(told, Some(400)), Err(Flaw::Status(408)));
        assert_eq!(judge(told, None), Err(Flaw::Unasked));
        assert_eq!(judge(b"", None), Ok(()));
        assert_eq!(judge(b"", Some(408)), Err(Flaw::Unanswered));
        assert_eq!(judge(&told[..9], Some(408)), Err(Flaw::Cut { bytes: 9 }));
    }
}
