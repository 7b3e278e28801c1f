//! Our parser beside other people's: what it accepts, they accept and frame alike, and every
//! difference has a row in [`rules::ROWS`]. For tests and fuzzers; no server depends on this.
//!
//! llhttp is here when its sources were when this was compiled: `ci/llhttp` fetches them.

use std::fmt;

pub mod httparse;
#[cfg(llhttp)]
pub mod llhttp;
pub mod ours;
pub mod peer;
pub mod responses;
pub mod rules;

use ours::Ours;
use peer::{Head, Said};
use rules::{Case, Kind, Peer, Row};
#[cfg(llhttp)]
use rules::{FRAMING, PERSISTENCE};

/// Requests looked at on one connection.
const REQUESTS_MAX: usize = 16;

/// A difference that no row explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Who differs from us.
    pub peer: Peer,
    /// In what.
    pub about: About,
    /// Octets in front of the request.
    pub offset: usize,
}

/// What a difference is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A kind that rows can explain, and what the row would have to be about.
    Reason(Kind, &'static str),
    /// Two heads: ours and theirs, for people to read. No row explains it.
    Heads(String),
    /// Where the request or its body ends, for people to read. No row explains it.
    Framing(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: ", self.peer.name(), self.offset)?;
        match &self.about {
            About::Reason(kind, said) => write!(f, "{kind:?} {said}"),
            About::Heads(text) | About::Framing(text) => f.write_str(text),
        }
    }
}

/// What came of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The rows that were needed, by their places, and beside whom.
    pub rows: Vec<(usize, Peer)>,
    /// What none of them explains.
    pub differences: Vec<Difference>,
}

/// Reads the requests of one connection with every reader there is.
///
/// # Panics
///
/// When they differ and no row of [`rules::ROWS`] says so.
#[expect(clippy::panic, reason = "a fuzzer notices panics and nothing else")]
pub fn check(octets: &[u8]) {
    if let Some(difference) = compare(octets, rules::ROWS).differences.first() {
        panic!("{difference}");
    }
}

/// Reads the requests of one connection with every reader there is, as far as we would: to the
/// first that is refused, incomplete or the last.
#[must_use]
pub fn compare(octets: &[u8], rows: &[Row]) -> Outcome {
    let mut comparison = Comparison { rows, outcome: Outcome::default(), offset: 0 };
    for _ in 0..REQUESTS_MAX {
        let rest = octets.get(comparison.offset..).unwrap_or_default();
        let ours = ours::read(rest);
        comparison.beside_httparse(rest, &ours);
        #[cfg(llhttp)]
        comparison.beside_llhttp(rest, &ours, &llhttp::read(rest));
        match ours.said {
            Said::Whole { bytes, keeps_alive: true, .. } => comparison.offset += bytes,
            _ => break,
        }
    }
    comparison.outcome
}

/// A comparison under way.
struct Comparison<'r> {
    rows: &'r [Row],
    outcome: Outcome,
    offset: usize,
}

impl Comparison<'_> {
    fn differ(&mut self, peer: Peer, about: About) {
        self.outcome.differences.push(Difference { peer, about, offset: self.offset });
    }

    /// Finds the row that says so.
    fn explain(&mut self, peer: Peer, kind: Kind, said: &'static str, case: &Case<'_>) {
        let explains = |row: &Row| {
            (row.kind, row.said) == (kind, said) && row.peers.contains(&peer) && (row.holds)(case)
        };
        match self.rows.iter().position(explains) {
            Some(row) => self.outcome.rows.push((row, peer)),
            None => self.differ(peer, About::Reason(kind, said)),
        }
    }

    fn beside_httparse(&mut self, octets: &[u8], ours: &Ours<'_>) {
        let peer = Peer::Httparse;
        let case = Case::of(octets, ours);
        match (&ours.head, &ours.said, httparse::read(octets)) {
            (Some(taken), _, Ok(Some((theirs, bytes)))) => {
                if !taken.head.is(&theirs) || taken.bytes != bytes {
                    self.heads(peer, Some(&taken.head), Some(&theirs));
                }
            }
            (Some(taken), _, Ok(None)) => self.heads(peer, Some(&taken.head), None),
            (Some(_), _, Err(said)) => self.explain(peer, Kind::TheyRefuse, said, &case),
            (None, Said::Refused(said), Ok(Some(_))) => {
                self.explain(peer, Kind::WeRefuse, said, &case);
            }
            (None, _, Ok(Some((theirs, _)))) => self.heads(peer, None, Some(&theirs)),
            // One of them may like to see more first.
            (None, _, Ok(None) | Err(_)) => {}
        }
    }

    fn heads(&mut self, peer: Peer, ours: Option<&Head<'_>>, theirs: Option<&Head<'_>>) {
        self.differ(peer, About::Heads(format!("ours {ours:?}, theirs {theirs:?}")));
    }

    #[cfg(llhttp)]
    fn beside_llhttp(&mut self, octets: &[u8], ours: &Ours<'_>, theirs: &Said<'_>) {
        let peer = Peer::Llhttp;
        let case = Case::of(octets, ours);
        let head = ours.head.as_ref().map(|taken| &taken.head);
        match (&ours.said, theirs) {
            // One of them may like to see more first.
            (Said::Refused(_) | Said::Partial, Said::Refused(_) | Said::Partial) => {}
            (Said::Head { .. }, Said::Refused(_)) if ours::is_doomed(octets) => {}
            (Said::Head { .. } | Said::Whole { .. }, Said::Refused(said)) => {
                self.explain(peer, Kind::TheyRefuse, said, &case);
            }
            (Said::Partial, _) | (_, Said::Partial) => self.heads(peer, head, theirs.head()),
            (
                said,
                Said::Head { head: two, framed, .. } | Said::Whole { head: two, framed, .. },
            ) => match &ours.head {
                Some(taken) if !taken.head.is(two) => self.heads(peer, head, Some(two)),
                Some(taken) if taken.framed != *framed => {
                    self.explain(peer, Kind::TheyFrame, FRAMING, &case);
                }
                _ => self.bodies(said, theirs, &case),
            },
        }
    }

    /// Both took the same head, or we refused it: what is behind it is the same, too.
    #[cfg(llhttp)]
    fn bodies(&mut self, ours: &Said<'_>, theirs: &Said<'_>, case: &Case<'_>) {
        let peer = Peer::Llhttp;
        match (ours, theirs) {
            // They may still refuse the body, as we do.
            (Said::Refused(_), Said::Head { .. }) if case.head.is_some() => {}
            (Said::Refused(said), _) => self.explain(peer, Kind::WeRefuse, said, case),
            (
                Said::Whole { body, bytes, keeps_alive, .. },
                Said::Whole { body: body2, bytes: bytes2, keeps_alive: keeps_alive2, .. },
            ) if (body, bytes) == (body2, bytes2) => match (keeps_alive, keeps_alive2) {
                (false, true) => self.explain(peer, Kind::WeClose, PERSISTENCE, case),
                (true, false) => self.explain(peer, Kind::TheyClose, PERSISTENCE, case),
                _ => {}
            },
            (Said::Head { body, .. }, Said::Head { body: body2, .. }) if body == body2 => {}
            _ => self.differ(peer, About::Framing(format!("ours {ours:?}, theirs {theirs:?}"))),
        }
    }
}
