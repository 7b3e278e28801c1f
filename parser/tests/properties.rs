//! What must hold for any octets, tried on mutations of the corpus and on octets by chance.
//!
//! The generator starts from a fixed number: a failure is found again by running it again.

mod common;

use common::{corpus, escape};
use fezz_parser::check;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Mutations of each case.
const MUTATIONS: usize = 40;
/// Inputs made by chance alone.
const BY_CHANCE: usize = 4000;

/// Marsaglia's xorshift with 64 bits.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or(0)
    }

    /// An octet that means something, more often than not.
    fn octet(&mut self) -> u8 {
        const TELLING: &[u8] = b"\r\n\r\n\t :;,=%/?#[]@\"\\*019aAfFzZ.-_\0\x7f\x80\xff";
        match self.below(4) {
            0 => (self.next() & 0xff) as u8,
            _ => TELLING[self.below(TELLING.len())],
        }
    }

    fn octets(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.octet()).collect()
    }

    /// Changes one to four things: an octet, a gap, a repetition, a piece of another case.
    fn mutate(&mut self, octets: &[u8], other: &[u8]) -> Vec<u8> {
        let mut octets = octets.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(octets.len() + 1);
            let length = self.below(8).min(octets.len() - at);
            let start = self.below(other.len());
            match self.below(6) {
                0 if at < octets.len() => octets[at] = self.octet(),
                1 => octets.insert(at, self.octet()),
                2 => drop(octets.drain(at..at + length)),
                3 => {
                    let piece = octets[at..at + length].to_vec();
                    octets.splice(at..at, piece);
                }
                4 => {
                    let piece = other[start..].iter().copied().take(24);
                    octets.splice(at..at, piece);
                }
                _ => octets.truncate(at),
            }
        }
        octets
    }
}

fn holds(octets: &[u8], check: impl Fn(&[u8])) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(octets))) {
        eprintln!("with: {}", escape(octets));
        std::panic::resume_unwind(panic);
    }
}

fn each_mutation(seed: u64, mut check: impl FnMut(&mut Chance, &[u8])) {
    let mut chance = Chance(seed);
    let cases = corpus();
    for case in &cases {
        check(&mut chance, &case.octets);
        if case.octets.len() > 2 * check::OCTETS_MAX {
            continue;
        }
        for _ in 0..MUTATIONS {
            let other = chance.below(cases.len());
            let octets = chance.mutate(&case.octets, &cases[other].octets);
            check(&mut chance, &octets);
        }
    }
    for _ in 0..BY_CHANCE {
        let length = chance.below(200);
        let octets = chance.octets(length);
        check(&mut chance, &octets);
    }
}

#[test]
fn heads_hold() {
    each_mutation(0x9e37_79b9_7f4a_7c15, |_, octets| holds(octets, check::head));
}

#[test]
fn heads_hold_at_the_end_of_every_vector() {
    // The same head behind more and more empty lines and fields stands everywhere in a block.
    for length in 0..200 {
        let padding = "p".repeat(length);
        for tail in ["", "G", "\r\n\r\nGET / HTTP/1.1\r\n\r\n"] {
            let octets = format!(
                "GET /{padding}?a HTTP/1.1\r\nA{padding}: b\r\nHost: a.b\r\n\
                 C: {padding}\r\n\r\n{tail}"
            );
            holds(octets.as_bytes(), check::head);
            for end in 0..octets.len() {
                holds(&octets.as_bytes()[..end], check::head);
            }
        }
    }
}

#[test]
fn cuts_do_not_matter() {
    each_mutation(0xd1b5_4a32_d192_ed03, |chance, octets| {
        let pieces: Vec<u8> = match chance.below(3) {
            0 => vec![0; octets.len()],
            1 => vec![(chance.next() & 0xff) as u8],
            _ => (0..octets.len()).map(|_| (chance.next() & 0x1f) as u8).collect(),
        };
        holds(octets, |octets| check::cuts(octets, &pieces));
    });
}

#[test]
fn targets_hold() {
    each_mutation(0x8cb9_2ba7_2f3d_8dd7, |chance, octets| {
        let target = octets.split(|octet| *octet == b' ').nth(1).unwrap_or(octets);
        holds(target, check::target);
        let length = chance.below(12);
        let target = [b"http://", chance.octets(length).as_slice()].concat();
        holds(&target, check::target);
    });
}

#[test]
fn field_sections_hold() {
    each_mutation(0xaef1_7502_108e_f2d9, |_, octets| {
        let line_end = octets.iter().position(|octet| *octet == b'\n').map_or(0, |at| at + 1);
        holds(&octets[line_end..], check::framing);
    });
}

#[test]
fn chunked_bodies_hold() {
    each_mutation(0xf135_7aea_2e62_a9c5, |_, octets| {
        let body = octets.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
        holds(&octets[body..], check::chunked);
    });
}

#[test]
fn reply_heads_hold() {
    each_mutation(0xda94_2042_e4dd_58b5, |chance, octets| {
        let mut octets = octets.to_vec();
        for _ in 0..chance.below(8) {
            let at = chance.below(octets.len() + 1);
            octets.insert(at, 0xff);
        }
        holds(&octets, check::reply_head);
    });
}
