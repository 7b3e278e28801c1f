//! Seeds of the fuzzer and the prose corpus, by every reader there is; each row is needed by one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../tests/common/mod.rs"]
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fezz_peers::rules::{Kind, Peer, ROWS};
use fezz_peers::{About, compare};

/// Splices of each case with another.
const SPLICES: usize = 24;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cases() -> Vec<Vec<u8>> {
    let prose = common::corpus_in(&root().join("parser/tests/corpus"));
    prose.into_iter().map(|case| case.octets).collect()
}

/// Everything that is kept of the fuzzer, with names.
fn kept() -> Vec<(String, Vec<u8>)> {
    let mut kept = Vec::new();
    for folder in ["corpus/differential", "regressions/differential"] {
        let Ok(files) = fs::read_dir(root().join("fuzz").join(folder)) else { continue };
        for file in files {
            let path = file.unwrap().path();
            kept.push((path.display().to_string(), fs::read(path).unwrap()));
        }
    }
    assert!(kept.len() > 10, "the seeds are there");
    kept
}

/// The peers that were compiled in.
fn here() -> Vec<Peer> {
    let llhttp = cfg!(llhttp).then_some(Peer::Llhttp);
    [Peer::Httparse].into_iter().chain(llhttp).collect()
}

fn holds(name: &str, octets: &[u8]) {
    let outcome = compare(octets, ROWS);
    let difference = outcome.differences.first();
    assert!(difference.is_none(), "{name}: {}\n{}", difference.unwrap(), common::escape(octets));
}

#[test]
fn seeds_and_regressions_hold() {
    for (name, octets) in kept() {
        holds(&name, &octets);
    }
}

#[test]
fn the_prose_corpus_holds() {
    for octets in cases() {
        holds("corpus", &octets);
        for end in 0..octets.len().min(300) {
            holds("corpus, cut", &octets[..end]);
        }
    }
}

#[test]
fn so_do_cases_that_are_spliced() {
    let cases = cases();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % end.max(1) as u64).unwrap()
    };
    for case in cases.iter().filter(|case| case.len() < 3_000) {
        for _ in 0..SPLICES {
            let other = &cases[below(cases.len())];
            let (at, from) = (below(case.len() + 1), below(other.len() + 1));
            let piece = &other[from..other.len().min(from + below(40))];
            holds("spliced", &[&case[..at], piece, &case[at..]].concat());
        }
    }
}

#[test]
fn every_row_is_needed() {
    let mut needed = BTreeSet::new();
    for octets in cases().into_iter().chain(kept().into_iter().map(|(_, octets)| octets)) {
        needed.extend(compare(&octets, ROWS).rows);
    }
    let rows = ROWS.iter().enumerate();
    let all = rows.flat_map(|(place, row)| row.peers.iter().map(move |peer| (place, *peer)));
    let idle: Vec<_> = all
        .filter(|(_, peer)| here().contains(peer))
        .filter(|row| !needed.contains(row))
        .map(|(place, peer)| format!("{} {:?} {}", peer.name(), ROWS[place].kind, ROWS[place].said))
        .collect();
    assert!(idle.is_empty(), "nothing kept needs these rows:\n{}", idle.join("\n"));
}

#[test]
fn rows_name_errors_that_there_are() {
    for row in ROWS.iter().filter(|row| row.kind == Kind::WeRefuse) {
        assert!(fezz_parser::Error::NAMES.contains(&row.said), "{}", row.said);
    }
}

/// A reason that has no row is told, so a new one cannot slip in.
#[test]
fn a_reason_without_a_row_is_a_difference() {
    let cases = [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], Kind::WeRefuse, "host_missing"),
        (b"GET / HTTP/1.3\r\nHost: a\r\n\r\n", Kind::TheyRefuse, "version"),
    ];
    for (octets, kind, said) in cases {
        let told = compare(octets, &[]).differences;
        let told = told.first().map(|difference| (difference.peer, difference.about.clone()));
        assert_eq!(told, Some((Peer::Httparse, About::Reason(kind, said))));
        assert!(compare(octets, ROWS).differences.is_empty());
    }
}

/// The page shows the table as it is.
#[test]
fn the_page_lists_every_row() {
    let page = fs::read_to_string(root().join("fuzz/differences.md")).unwrap();
    for row in ROWS {
        for peer in row.peers {
            let line = format!(
                "| {} | {} | `{}` | {} |",
                peer.name(),
                row.kind.words(),
                row.said,
                row.why
            );
            assert!(page.contains(&line), "fuzz/differences.md lacks:\n{line}");
        }
    }
    let lines =
        page.lines().filter(|line| line.starts_with("| httparse") || line.starts_with("| llhttp"));
    assert_eq!(lines.count(), ROWS.iter().map(|row| row.peers.len()).sum::<usize>());
}

#[cfg(llhttp)]
#[test]
fn llhttp_is_the_one_that_was_pinned() {
    assert_eq!(fezz_peers::llhttp::version(), 90_403);
}

/// Where the peer had to be there, it is (`FEZZ_LLHTTP_REQUIRED` when this was compiled).
#[test]
fn both_peers_are_here_when_they_must_be() {
    assert!(option_env!("FEZZ_LLHTTP_REQUIRED").is_none() || here().len() == 2);
}
