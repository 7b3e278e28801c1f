//! What there is more and more of along a curve, and why the price is as it is.

use serde::{Deserialize, Serialize};

use crate::bench::bodies;
use crate::bench::client::words;
use crate::bench::contender::Contender;
use crate::bench::error::BenchError;
use crate::bench::server::Bench;
use crate::bench::workload::Role;

/// Connections that are used at the same time.
const BUSY: u32 = 64;
/// With long bodies, since all of them are held at once.
const BUSY_WITH_BODIES: u32 = 8;

/// A body from which on copying is the work.
const LONG_BODY_BYTES: u32 = 64 << 10;

/// One curve's subject.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Octets of a request's body.
    Body,
    /// Field lines of a request's head.
    Fields,
    /// Connections, of which at most `BUSY` are used.
    Connections,
    /// Functions that are loaded, of which one is called.
    Functions,
    /// Routes, of which one is asked for.
    Routes,
}

impl Axis {
    /// In the order of the page.
    pub const ALL: [Self; 5] =
        [Self::Body, Self::Fields, Self::Connections, Self::Functions, Self::Routes];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Fields => "fields",
            Self::Connections => "connections",
            Self::Functions => "functions",
            Self::Routes => "routes",
        }
    }

    /// What it is about, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Body => "POST with a longer and longer body",
            Self::Fields => "GET with more and more field lines",
            Self::Connections => "GET with more and more connections, at most 64 of them in use",
            Self::Functions => "GET of one function among many",
            Self::Routes => "GET of one route among many",
        }
    }

    /// What is counted along it.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Body => "octets of body",
            Self::Fields => "field lines",
            Self::Connections => "connections",
            Self::Functions => "functions",
            Self::Routes => "routes",
        }
    }

    /// Why it is flat or grows, from the code.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Body => {
                "Linear: the kernel copies the octets twice over the loopback; ours reads them \
                 straight into the envelope, in space that is zeroed first and doubles as it \
                 grows, and nobody looks at them before the function does. (Below callgrind each \
                 octet that the processor's string instructions move is an instruction.)"
            }
            Self::Fields => {
                "Linear: each field line is validated once, written into the envelope once and \
                 read by the function once."
            }
            Self::Connections => {
                "Flat: readiness names the connections that have something to do, deadlines lie \
                 in a wheel, and nothing walks over the others. Few are dearer than many, since \
                 fewer requests share a turn of the loop and a wake."
            }
            Self::Functions => {
                "Flat: the route leads to a function by its number, and a call touches that \
                 function's own counters alone. Each has a route, and what grows is the search \
                 for it."
            }
            Self::Routes => {
                "Logarithmic in the children of one segment, which are searched by halves; the \
                 other routes of a tree are not visited."
            }
        }
    }

    /// The points that are measured.
    #[must_use]
    pub fn places(self) -> &'static [u32] {
        match self {
            Self::Body => &[64, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20],
            Self::Fields => &[2, 5, 10, 20, 50, 100],
            Self::Connections | Self::Routes => &[1, 10, 100, 1_000, 10_000],
            Self::Functions => &[1, 10, 100, 1_000],
        }
    }

    /// What the server has to do.
    pub(in crate::bench) fn role(self, x: u32) -> Role {
        match self {
            Self::Body | Self::Fields | Self::Connections => Role::Hello,
            Self::Functions => Role::Functions(x),
            Self::Routes => Role::Routes(x),
        }
    }

    /// Whether one server does for all points, one after another.
    pub(super) fn shares_server(self) -> bool {
        matches!(self, Self::Body | Self::Fields)
    }

    /// Connections that only exist.
    pub(super) fn quiet(self, x: u32) -> u32 {
        if self == Self::Connections { x.saturating_sub(BUSY) } else { 0 }
    }

    /// Requests of the short and of the long load whose instructions are compared: fewer, where
    /// each moves many octets below callgrind.
    pub(super) fn counted(self, x: u32) -> [u64; 2] {
        if self == Self::Body && x >= LONG_BODY_BYTES { [80, 320] } else { [320, 1_280] }
    }

    fn busy(self, x: u32) -> u32 {
        match self {
            Self::Body => BUSY_WITH_BODIES,
            Self::Connections => x.min(BUSY),
            _ => BUSY,
        }
    }

    /// What the load generator is told, but for when to end.
    pub(super) fn load_arguments(
        self,
        bench: &Bench,
        contender: &Contender,
        x: u32,
    ) -> Result<Vec<String>, BenchError> {
        let mut arguments = words(&format!("--connections {}", self.busy(x)));
        let size = usize::try_from(x).unwrap_or(usize::MAX);
        let octets = match self {
            Self::Body => Some(bodies::upload("/", size)),
            Self::Fields => Some(bodies::fields("/", size)),
            _ => None,
        };
        if let Some(octets) = octets {
            let name = format!("{}-{x}.http", self.name());
            let file = bodies::save(&bench.places.scratch, &name, &octets)?;
            arguments.extend(["--template".to_owned(), file.display().to_string()]);
        }
        arguments.extend(contender.load_arguments(self.role(x), &bench.places));
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_go_from_few_to_many() {
        for axis in Axis::ALL {
            assert!(axis.places().windows(2).all(|pair| pair[0] < pair[1]), "{axis:?}");
            assert!(axis.places().len() >= 4 && !axis.why().is_empty());
            for &x in axis.places() {
                assert!(axis.busy(x) >= 1);
            }
        }
    }

    #[test]
    fn connections_are_as_many_as_the_point_says() {
        for &x in Axis::Connections.places() {
            assert_eq!(Axis::Connections.busy(x) + Axis::Connections.quiet(x), x);
        }
        assert_eq!(Axis::Routes.quiet(10_000), 0);
        assert_eq!(Axis::Routes.role(10), Role::Routes(10));
    }
}
