//! Instructions at the points of a curve: callgrind is told when to begin and when to end.
//!
//! At each point a short and a long load are counted, and the difference is divided by that of
//! their requests: what opening and closing connections costs is in both and cancels out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Curve, Station, requests};
use crate::bench::contender::Contender;
use crate::bench::counts::{callgrind, instructions_of, is_there, per_request};
use crate::bench::error::BenchError;
use crate::bench::server::{Bench, tail};

/// Before the first that count, so that what every request needs once is there.
const WARMUP_REQUESTS: u64 = 128;
const CONTROL: &str = "callgrind_control";

/// Counts at all points of `curve`.
pub(super) fn instructions(
    bench: &Bench,
    contender: &Contender,
    curve: &mut Curve,
) -> Result<(), BenchError> {
    if !is_there(CONTROL, "--version") {
        let said = "valgrind is not installed".to_owned();
        return Err(BenchError::NoFigure { tool: CONTROL, said });
    }
    let axis = curve.axis;
    let mut shared: Option<(Station, Dumps)> = None;
    for point in &mut curve.points {
        let (mut station, mut dumps) = match shared.take() {
            Some(shared) => shared,
            None => {
                let file = bench.places.scratch.join(format!("callgrind-{}.out", axis.name()));
                let tool = callgrind(bench, contender, &file)?;
                let station = Station::start(bench, contender, axis, point.x, &tool)?;
                (station, Dumps { file, taken: 0 })
            }
        };
        station.fill(bench, contender, axis, point.x)?;
        requests(bench, contender, &station, (axis, point.x), WARMUP_REQUESTS)?;
        let (asked, mut counted) = (axis.counted(point.x), [0; 2]);
        for (counted, count) in counted.iter_mut().zip(asked) {
            control("-z", station.server.pid())?;
            requests(bench, contender, &station, (axis, point.x), count)?;
            *counted = dumps.take(station.server.pid())?;
        }
        point.instructions = Some(per_request(counted[0], counted[1], asked));
        station.empty()?;
        if axis.shares_server() {
            shared = Some((station, dumps));
        } else {
            station.server.stop()?;
        }
    }
    Ok(())
}

/// The files that a server below callgrind has written so far.
#[derive(Debug)]
struct Dumps {
    file: PathBuf,
    taken: u32,
}

impl Dumps {
    /// Has the counters written, and reads their sum.
    fn take(&mut self, pid: u32) -> Result<u64, BenchError> {
        control("-d", pid)?;
        self.taken += 1;
        let file = numbered(&self.file, self.taken);
        let text = fs::read_to_string(&file).map_err(|error| BenchError::file(&file, error))?;
        let none = || BenchError::NoFigure { tool: "callgrind", said: tail(&text) };
        let total = instructions_of(&text).ok_or_else(none)?;
        fs::remove_file(&file).map_err(|error| BenchError::file(&file, error))?;
        Ok(total)
    }
}

/// callgrind numbers the files of one run.
fn numbered(file: &Path, number: u32) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn control(order: &str, pid: u32) -> Result<(), BenchError> {
    let mut command = Command::new(CONTROL);
    command.arg(order).arg(pid.to_string()).stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| BenchError::Spawn { program: CONTROL.to_owned(), error })?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && said.contains("OK") {
        return Ok(());
    }
    let said = said + &String::from_utf8_lossy(&output.stderr);
    Err(BenchError::NoFigure { tool: CONTROL, said: tail(&said) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_numbered_as_callgrind_does() {
        assert_eq!(numbered(Path::new("/s/cg.out"), 3), Path::new("/s/cg.out.3"));
    }

    #[test]
    fn what_is_not_there_cannot_be_told_anything() {
        // Without valgrind the program is missing, with it the process.
        assert!(control("-z", u32::MAX).is_err());
    }
}
