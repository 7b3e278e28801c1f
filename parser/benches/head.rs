//! How long one head takes, here and in httparse, in rounds that take turns.
//!
//! Ours includes what the fields mean (Host, framing, connection options); httparse only finds
//! them. Ratios of one run are comparable, nanoseconds of different machines are not.
//!
//! * `cargo bench -p fezz-parser` prints a table;
//! * `cargo bench -p fezz-parser -- --count NAME PARSER N` parses one head N times and prints
//!   nothing: the difference of two such runs under callgrind, divided by the difference of
//!   their N, is the number of instructions for one head.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a head that is refused is no benchmark")]

mod heads;

use fezz_parser::{Head, HeadLimits, Index, Resume, check, parse_head};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use heads::heads;

const ROUNDS: usize = 301;
/// Shorter than a time slice: who is disturbed is left to chance, not to the order.
const ROUND: Duration = Duration::from_micros(300);

type Parser = fn(&[u8], &mut Index) -> usize;

/// Name and function; the first one is what the ratios compare with.
const PARSERS: [(&str, Parser); 4] = [
    ("httparse", httparse_uninit),
    ("httparse-init", httparse_init),
    ("portable", portable),
    ("fezz", fezz),
];

fn fezz(octets: &[u8], index: &mut Index) -> usize {
    let mut resume = Resume::default();
    let end = parse_head(octets, &HeadLimits::DEFAULT, &mut resume, index);
    black_box(Head::new(octets, index).framing());
    end.unwrap().unwrap()
}

fn portable(octets: &[u8], index: &mut Index) -> usize {
    let mut resume = Resume::default();
    let end = check::parse_head_portable(octets, &HeadLimits::DEFAULT, &mut resume, index);
    black_box(Head::new(octets, index).framing());
    end.unwrap().unwrap()
}

/// The cheapest way to call httparse: the array is not initialised.
fn httparse_uninit(octets: &[u8], _: &mut Index) -> usize {
    let mut headers = [const { MaybeUninit::uninit() }; 100];
    let mut request = httparse::Request::new(&mut []);
    let end = request.parse_with_uninit_headers(octets, &mut headers).unwrap().unwrap();
    black_box(&request);
    end
}

/// The way its documentation shows.
fn httparse_init(octets: &[u8], _: &mut Index) -> usize {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let end = request.parse(octets).unwrap().unwrap();
    black_box(&request);
    end
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => table(),
        ["--count", head, parser, times] => return count(head, parser, times),
        _ => {
            eprintln!("usage: [--count HEAD PARSER TIMES]");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn count(head: &str, parser: &str, times: &str) -> ExitCode {
    let heads = heads();
    let head = heads.iter().find(|(name, _)| *name == head);
    let parser = PARSERS.iter().find(|(name, _)| *name == parser);
    let (Some((_, octets)), Some((_, parser)), Ok(times)) = (head, parser, times.parse::<u32>())
    else {
        eprintln!("no such head, parser or number");
        return ExitCode::FAILURE;
    };
    let mut index = Index::new();
    for _ in 0..times {
        black_box(parser(black_box(octets), &mut index));
    }
    ExitCode::SUCCESS
}

fn table() {
    println!("{ROUNDS} rounds of {} us each, taking turns; median (min-max)", ROUND.as_micros());
    for (name, octets) in heads() {
        println!("\n{name}, {} B", octets.len());
        let mut rounds = vec![Vec::new(); PARSERS.len()];
        for round in 0..ROUNDS {
            for turn in 0..PARSERS.len() {
                let parser = (round + turn) % PARSERS.len();
                rounds[parser].push(nanoseconds_per_head(&octets, PARSERS[parser].1));
            }
        }
        let base = rounds[0].clone();
        for (times, (parser, _)) in rounds.iter().zip(PARSERS) {
            let ratios: Vec<f64> = base.iter().zip(times).map(|(a, b)| a / b).collect();
            let (time, ratio) = (spread(times), spread(&ratios));
            println!(
                "  {parser:14} {:7.1} ns ({:.1}-{:.1})  {:6.2} GB/s  RATIO {:.2} ({:.2}-{:.2})",
                time.1,
                time.0,
                time.2,
                octets.len() as f64 / time.1,
                ratio.1,
                ratio.0,
                ratio.2,
            );
        }
    }
}

fn nanoseconds_per_head(octets: &[u8], parser: Parser) -> f64 {
    let mut index = Index::new();
    let mut heads = 0u32;
    let start = Instant::now();
    loop {
        for _ in 0..64 {
            black_box(parser(black_box(octets), &mut index));
        }
        heads += 64;
        let took = start.elapsed();
        if took >= ROUND {
            return took.as_nanos() as f64 / f64::from(heads);
        }
    }
}

/// Least, median and greatest.
fn spread(numbers: &[f64]) -> (f64, f64, f64) {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1])
}
