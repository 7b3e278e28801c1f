//! The table of a connection's life, as a person reads it, and the laws that hold over every cell.
//!
//! The matrix and the graph are rendered from [`next`] and compared with what is committed;
//! `UPDATE_SNAPSHOTS=1` writes them anew.
#![expect(clippy::panic, clippy::expect_used, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use fezz_proto::{Act, Event, Phase, next};

/// Cells that are legal, those of [`Phase::Closed`] included: it absorbs every event.
const LEGAL_CELLS: usize = 67;

fn legal() -> impl Iterator<Item = (Phase, Event, Phase, Act)> {
    Phase::ALL.into_iter().flat_map(|phase| {
        Event::ALL.into_iter().filter_map(move |event| {
            next(phase, event).ok().map(|(after, act)| (phase, event, after, act))
        })
    })
}

fn matrix() -> String {
    let width = 20;
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        let row = cells.map(|cell| format!("{cell:<width$}")).collect::<String>();
        text.push_str(row.trim_end());
        text.push('\n');
    };
    let phases = || Phase::ALL.into_iter();
    line(&mut core::iter::once(String::new()).chain(phases().map(|phase| format!("{phase:?}"))));
    for event in Event::ALL {
        let cells = phases().map(|phase| match next(phase, event) {
            Ok((after, Act::Enter)) => format!("{after:?}"),
            Ok((after, act)) => format!("{after:?} {act:?}"),
            Err(_) => "-".to_owned(),
        });
        line(&mut core::iter::once(format!("{event:?}")).chain(cells));
    }
    let cells = Phase::ALL.len() * Event::ALL.len();
    writeln!(text, "\n{cells} cells, {} legal", legal().count()).expect("a string takes all");
    text
}

fn graph() -> String {
    let mut text = String::from(
        "# The life of a connection\n\n\
         Rendered from `fezz_proto::next` by `server/proto/tests/table.rs`; do not edit.\n\
         Left out: `Kill` and `PeerGone`, which lead from every phase to `Closed`, and moves that\n\
         stay where they are.\n\n```mermaid\nstateDiagram-v2\n    [*] --> Handshake\n    \
         [*] --> Idle\n",
    );
    for from in Phase::ALL {
        for to in Phase::ALL {
            let label = legal()
                .filter(|&(phase, event, after, _)| {
                    let drawn = !matches!(event, Event::Kill | Event::PeerGone);
                    phase == from && after == to && from != to && drawn
                })
                .map(|(_, event, _, act)| match act {
                    Act::Enter => format!("{event:?}"),
                    act => format!("{event:?} / {act:?}"),
                })
                .collect::<Vec<_>>()
                .join(", ");
            if !label.is_empty() {
                writeln!(text, "    {from:?} --> {to:?}: {label}").expect("a string takes all");
            }
        }
    }
    text.push_str("    Closed --> [*]\n```\n");
    text
}

fn compare(path: &str, rendered: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("the folder can be made");
        }
        std::fs::write(&path, rendered).expect("the snapshot can be written");
    }
    let committed = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; set UPDATE_SNAPSHOTS=1", path.display()));
    assert_eq!(committed, rendered, "{} is stale; set UPDATE_SNAPSHOTS=1", path.display());
}

/// How many deadlines may pass before the connection is over.
fn lives(mut phase: Phase) -> usize {
    let mut lives = 0;
    while phase != Phase::Closed {
        phase = next(phase, Event::Expired).expect("a deadline may pass anywhere").0;
        lives += 1;
        assert!(lives <= Phase::ALL.len(), "deadlines pass for ever");
    }
    lives
}

#[test]
fn the_matrix_is_the_committed_one() {
    compare("tests/phase.table", &matrix());
}

#[test]
fn the_graph_is_the_committed_one() {
    compare("../../docs/phases.md", &graph());
}

#[test]
fn every_legal_cell_is_counted() {
    assert_eq!(legal().count(), LEGAL_CELLS);
    assert_eq!(legal().filter(|cell| cell.0 == Phase::Closed).count(), Event::ALL.len());
}

#[test]
fn an_illegal_cell_names_itself() {
    for phase in Phase::ALL {
        for event in Event::ALL {
            if let Err(forbidden) = next(phase, event) {
                assert_eq!((forbidden.phase, forbidden.event), (phase, event));
            }
        }
    }
}

#[test]
fn two_deadlines_end_everything() {
    for phase in Phase::ALL {
        assert!(lives(phase) <= 2, "{phase:?}");
    }
}

#[test]
fn one_kill_and_a_broken_peer_end_everything() {
    for phase in Phase::ALL {
        for event in [Event::Kill, Event::PeerGone] {
            let after = next(phase, event).map(|(after, _)| after);
            assert_eq!(after, Ok(Phase::Closed), "{phase:?} {event:?}");
        }
    }
}

#[test]
fn drain_is_legal_everywhere_and_never_lengthens_a_life() {
    for phase in Phase::ALL {
        let (after, act) = next(phase, Event::Drain).expect("drain is legal everywhere");
        assert!(lives(after) <= lives(phase), "{phase:?}");
        let leads_out = matches!(act, Act::NoKeep | Act::Shut | Act::Close | Act::Enter);
        assert!(leads_out, "{phase:?}: {act:?}");
        // Nobody who drains comes back to wait for another request.
        let waits = matches!(after, Phase::Idle | Phase::Handshake);
        assert!(!waits, "{phase:?}");
    }
}

#[test]
fn closed_absorbs_everything() {
    for event in Event::ALL {
        assert_eq!(next(Phase::Closed, event), Ok((Phase::Closed, Act::Enter)));
    }
}

#[test]
fn acts_and_phases_belong_together() {
    for (phase, event, after, act) in legal().filter(|cell| cell.0 != Phase::Closed) {
        let cell = format!("{phase:?} {event:?}");
        let says = matches!(act, Act::Say | Act::SayTimeout | Act::SayLate);
        assert_eq!(says, after == Phase::Write && phase != Phase::Write, "{cell}");
        let releases = matches!(act, Act::Close | Act::Reset | Act::ForgetReset);
        assert_eq!(releases, after == Phase::Closed, "{cell}");
        assert_eq!(act == Act::Shut, after == Phase::Linger && phase != Phase::Linger, "{cell}");
        assert_eq!(act == Act::Dispatch, after == Phase::Handle && phase != after, "{cell}");
        assert_eq!(act == Act::Recycle, phase == Phase::Write && after == Phase::Idle, "{cell}");
        // A ticket is out in Route and Handle: whoever leaves them early makes it void.
        let holds = matches!(phase, Phase::Route | Phase::Handle);
        let early = matches!(event, Event::Expired | Event::PeerGone | Event::Kill);
        let voids = matches!(act, Act::SayLate | Act::ForgetReset);
        assert_eq!(voids, holds && early, "{cell}");
    }
}

#[test]
fn every_phase_is_reached_and_can_end() {
    let mut reached = BTreeSet::from([Phase::Handshake.name()]);
    for _ in Phase::ALL {
        for (phase, _, after, _) in legal() {
            if reached.contains(phase.name()) {
                reached.insert(after.name());
            }
        }
    }
    assert_eq!(reached.len(), Phase::ALL.len());
}
