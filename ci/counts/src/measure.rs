//! The program below callgrind: started, and what it counted read.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cases;

/// The argument with which this program counts instead of judging.
pub(crate) const COUNTED: &str = "--counted";

/// What libc chooses depends on the processor: copying and comparing are told to do with what
/// every x86-64 has, so that two machines count the same. Our own code chooses by itself.
const LIBC_CHOICES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX512VL,-AVX512BW,-AVX_Fast_Unaligned_Load,\
     -ERMS,-FSRM,-RTM:glibc.cpu.x86_rep_movsb_threshold=1048576";

/// Why nothing was counted.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The budget's cases are for another kind of processor.
    Machine(&'static str),
    /// valgrind is missing or cannot be started.
    NoValgrind(io::Error),
    /// What it said when it failed.
    Failed(String),
    /// A file could not be read or written.
    File(PathBuf, io::Error),
    /// A part of a case was not counted.
    NoTotal(String),
    /// There is no such case.
    NoCase(String),
    /// A line of the budget is no name and number.
    Line(usize, String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(lacks) => write!(f, "the budget is for machines with {lacks}"),
            Self::NoValgrind(error) => write!(f, "valgrind cannot be started: {error} (ci/setup)"),
            Self::Failed(said) => write!(f, "valgrind failed:\n{said}"),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NoTotal(case) => write!(f, "{case}: callgrind did not write all its parts"),
            Self::NoCase(name) => {
                write!(f, "there is no case {name}; there are {}", cases::NAMES.join(", "))
            }
            Self::Line(number, line) => {
                write!(f, "line {number} of the budget is no name and number: {line}")
            }
        }
    }
}

/// Instructions of one round of each case, in their order; of all cases if none is named.
pub(crate) fn all(names: &[&str]) -> Result<Vec<(&'static str, u64)>, Fault> {
    if let Some(lacks) = cases::lacking() {
        return Err(Fault::Machine(lacks));
    }
    let program = std::env::current_exe().map_err(|error| Fault::File("".into(), error))?;
    let place = std::env::temp_dir().join(format!("fezz-counts-{}", std::process::id()));
    fs::create_dir_all(&place).map_err(|error| Fault::File(place.clone(), error))?;
    let counted = run(&program, &place, names).and_then(|()| read(&place, names));
    // What is left in a temporary directory is no reason to fail.
    fs::remove_dir_all(&place).ok();
    counted
}

fn run(program: &Path, place: &Path, names: &[&str]) -> Result<(), Fault> {
    let border = format!("--dump-before=*{}*", cases::BORDER);
    let output = Command::new("valgrind")
        .args(["-q", "--tool=callgrind", "--dump-instr=no", &border])
        .arg(format!("--callgrind-out-file={}", place.join("part").display()))
        .arg(program)
        .arg(COUNTED)
        .args(names)
        // The size of the environment moves the stack, and with it what is aligned.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GLIBC_TUNABLES", LIBC_CHOICES)
        .stdin(Stdio::null())
        .output()
        .map_err(Fault::NoValgrind)?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(Fault::Failed(said())) }
}

fn read(place: &Path, names: &[&str]) -> Result<Vec<(&'static str, u64)>, Fault> {
    let chosen = cases::NAMES.iter().filter(|name| names.is_empty() || names.contains(name));
    // Part 1 ends where the first case begins, and from there on each case has three: its short
    // run, its long one, and what comes between it and the next.
    (0..)
        .zip(chosen)
        .map(|(place_of, name)| {
            let total = |part: usize| {
                let file = place.join(format!("part.{}", 3 * place_of + part));
                let text = fs::read_to_string(&file).map_err(|error| Fault::File(file, error))?;
                total_of(&text).ok_or_else(|| Fault::NoTotal((*name).to_owned()))
            };
            let (short, long) = (total(2)?, total(3)?);
            let rounds = 2 * cases::ROUNDS;
            Ok((*name, (long.saturating_sub(short) + rounds / 2) / rounds))
        })
        .collect()
}

/// The sum over one part of callgrind's output.
fn total_of(text: &str) -> Option<u64> {
    let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "))?;
    total.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_part_is_found() {
        assert_eq!(total_of("part: 2\nevents: Ir\n1 2\n\ntotals: 123456\n"), Some(123_456));
        assert_eq!(total_of("events: Ir\n"), None);
    }
}
