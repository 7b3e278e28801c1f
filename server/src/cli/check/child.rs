//! The parent's side of a probe: starts the child, listens, and ends it when its time is up.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fezz_abi::digest::Hex;
use fezz_abi::{Abi, LoadOptions};

use super::ending::Ending;
use super::finding::{Finding, Outcome, Record};
use super::probe::Probe;
use super::terms::Terms;
use super::wire::Line;
use crate::clock::Clock;
use crate::error::EXIT_SYSTEM;
use crate::sys::process::{has_ended, kill_group};

/// Last lines that are shown.
const WORDS_LINES_MAX: usize = 6;
/// Characters of each.
const WORDS_CHARS_MAX: usize = 300;
/// Octets of one line that are read before it is taken for two.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// How often the child is asked whether it has ended.
const GLANCE: Duration = Duration::from_millis(2);
/// How long its pipes may stay open when it has ended: somebody it left behind may hold them.
const PIPES_TIME_MAX: Duration = Duration::from_millis(500);

/// Makes one probe.
///
/// # Errors
/// What the system said about the new process.
pub(super) fn run(
    probe: Probe,
    artifact: &Path,
    how: &LoadOptions,
    terms: &Terms,
) -> io::Result<Record> {
    let clock = Clock::start();
    let mut child = Command::new(std::env::current_exe()?)
        .arg("check-probe")
        .args(terms.to_words())
        .args(how.sha256.map(|digest| format!("--sha256={}", Hex(&digest))))
        .args((how.abi == Abi::V1).then_some("--legacy"))
        .arg("--")
        .arg(probe.name())
        .arg(artifact)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // With a group of its own it can be killed together with all it has started.
        .process_group(0)
        .spawn()?;
    let said = child.stdout.take().map(|pipe| Ear::to(pipe, Said::hear));
    let words = child.stderr.take().map(|pipe| Ear::to(pipe, keep_last));
    let overdue = !wait(&child, clock, terms.timeout)?;
    // Its number is not given away before it is waited for, so this means nobody else.
    kill_group(child.id())?;
    let status = child.wait()?;
    let took = Duration::from_micros(clock.now().as_micros());
    let said = said.map(Ear::heard).unwrap_or_default();
    let ending = if overdue {
        Ending::Overdue { after: terms.timeout }
    } else {
        Ending::of(status, said.done, said.doing.is_some(), EXIT_SYSTEM)
    };
    Ok(said.record(probe, ending, words.map(Ear::heard).unwrap_or_default().into(), took))
}

/// Whether the child ended before its time was up.
fn wait(child: &Child, clock: Clock, timeout: Duration) -> io::Result<bool> {
    let until = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
    loop {
        if has_ended(child.id())? {
            return Ok(true);
        }
        if clock.now().as_micros() >= until {
            return Ok(false);
        }
        std::thread::sleep(GLANCE);
    }
}

/// Hears the lines of a pipe on a thread of its own.
struct Ear<T> {
    heard: Arc<Mutex<T>>,
    /// Disconnected at the pipe's end.
    open: Receiver<()>,
}

impl<T: Default + Send + 'static> Ear<T> {
    fn to(pipe: impl Read + Send + 'static, hear: fn(&mut T, &str)) -> Self {
        let heard = Arc::new(Mutex::new(T::default()));
        let (end, open) = channel();
        let into = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            loop {
                line.clear();
                match pipe.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {
                        let text = String::from_utf8_lossy(&line);
                        let mut heard = into.lock().unwrap_or_else(PoisonError::into_inner);
                        hear(&mut heard, text.trim_end_matches('\n'));
                    }
                }
            }
            drop(end);
        });
        Self { heard, open }
    }

    /// All that was heard, when the pipe has ended or was given its time to.
    fn heard(self) -> T {
        // Either way what there is, is taken.
        self.open.recv_timeout(PIPES_TIME_MAX).ok();
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the child has said so far.
#[derive(Debug, Default)]
struct Said {
    doing: Option<String>,
    found: Vec<Finding>,
    detail: String,
    skipped: bool,
    done: bool,
}

impl Said {
    fn hear(&mut self, text: &str) {
        match Line::parse(text) {
            Some(Line::Doing(what)) => self.doing = Some(what),
            // One finding of a kind is enough, and bounds what is kept.
            Some(Line::Found(finding))
                if !self.found.iter().any(|it| it.reason == finding.reason) =>
            {
                self.found.push(finding);
            }
            Some(Line::Detail(what)) => self.detail = what,
            Some(Line::Skipped(why)) => (self.detail, self.skipped) = (why, true),
            Some(Line::Done) => self.done = true,
            Some(Line::Found(_)) | None => {}
        }
    }

    fn record(self, probe: Probe, ending: Ending, words: Vec<String>, took: Duration) -> Record {
        let Self { doing, mut found, detail, skipped, done } = self;
        found.extend(ending.finding(probe));
        let record = Record::of(probe.name(), detail, found);
        let outcome = if skipped && record.outcome == Outcome::Ok {
            Outcome::Skipped
        } else {
            record.outcome
        };
        let wrong = outcome > Outcome::Ok;
        Record {
            outcome,
            doing: doing.filter(|_| wrong && !done),
            last_words: if wrong { words } else { Vec::new() },
            took,
            ..record
        }
    }
}

/// Keeps the last lines, each cut to what a terminal can show.
fn keep_last(lines: &mut VecDeque<String>, line: &str) {
    if line.is_empty() {
        return;
    }
    if lines.len() == WORDS_LINES_MAX {
        lines.pop_front();
    }
    lines.push_back(line.chars().take(WORDS_CHARS_MAX).collect());
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_last_words_are_few_and_short() {
        let mut lines = VecDeque::new();
        for number in 0..20 {
            keep_last(&mut lines, &number.to_string());
            keep_last(&mut lines, "");
        }
        keep_last(&mut lines, &"x".repeat(5_000));
        assert_eq!(lines.len(), WORDS_LINES_MAX);
        assert_eq!(lines[0], "15");
        assert_eq!(lines[5].len(), WORDS_CHARS_MAX);
    }

    #[test]
    fn a_pipe_that_stays_open_is_not_waited_for() {
        let (reader, writer) = io::pipe().unwrap();
        (&writer).write_all(b"skipped\twhy\n").unwrap();
        let ear = Ear::to(reader, Said::hear);
        let said = ear.heard();
        assert!(said.skipped);
        drop(writer);
    }

    #[test]
    fn what_was_said_before_a_crash_counts() {
        let mut said = Said::default();
        for line in ["doing\tGET /", "doing\tPOST /", "found\twarn\ta\t\tb\tc", "noise"] {
            said.hear(line);
            said.hear(line);
        }
        let took = Duration::from_secs(1);
        let record = said.record(Probe::Post, Ending::Signal { number: 11 }, Vec::new(), took);
        assert_eq!((record.outcome, record.findings.len()), (Outcome::Fail, 2));
        assert_eq!(record.doing.as_deref(), Some("POST /"));
        assert_eq!(record.findings[1].stage, "crash");
    }
}
