//! The thread behind a log: it takes what waits in the trays and writes it, sleeps while there is
//! nothing, and holds on while nothing can be written. Nobody ever waits for it but who flushes.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use fezz_proto::Instant;

use super::sink::{Sink, Wrote};
use super::tray::Tray;
use crate::clock::Clock;
use crate::config::{LogLevel, LogOutput};

/// Between attempts while nothing can be written.
const RETRY: Duration = Duration::from_millis(100);
/// Without trouble for so long, trouble is over.
const CALM_MS: u64 = 1_000;
/// Naps without a new line after which a writer that naps goes to sleep.
const NAPS_MAX: u32 = 10;

/// What a log is.
pub(crate) struct Terms {
    /// Its name in messages and metrics.
    pub(crate) name: &'static str,
    pub(crate) output: LogOutput,
    /// Sources of lines.
    pub(crate) trays: usize,
    /// Buffers that wait in each of them.
    pub(crate) buffers_max: usize,
    /// How long lines may be collected while more of them come; a wake costs their source a system
    /// call. Nothing: each line is written at once.
    pub(crate) nap: Option<Duration>,
}

/// One log: its trays, and the bell of its writer.
pub(crate) struct Writer {
    pub(crate) name: &'static str,
    trays: Vec<Tray>,
    nap: Option<Duration>,
    bell: Mutex<Bell>,
    changed: Condvar,
    /// The writer waits for the bell.
    is_asleep: AtomicBool,
    lost: AtomicU64,
    /// Whether the output is a terminal.
    pub(crate) is_terminal: bool,
}

#[derive(Default)]
struct Bell {
    rung: bool,
    reopen: bool,
    /// Flushes that were asked for, and how many of them are done.
    flushes: u64,
    flushed: u64,
}

/// What the thread knows.
struct Work {
    sink: Sink,
    output: LogOutput,
    clock: Clock,
    /// Taken from the trays, with the number of the tray. The first one is written up to `done`.
    pending: VecDeque<(usize, Vec<u8>)>,
    done: usize,
    trouble: Option<Trouble>,
    /// Lost lines that were accounted for.
    lost_seen: u64,
}

/// Lines that cannot be written, or not all of them.
struct Trouble {
    began: Instant,
    last: Instant,
    lost_before: u64,
    /// What the system said, if it refused.
    why: Option<String>,
}

/// Where an attempt to write everything ended.
enum Stopped {
    Done,
    Blocked,
    Failed,
}

impl Writer {
    /// Opens the output and starts the thread.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn start(terms: Terms) -> io::Result<Arc<Self>> {
        let Terms { name, output, trays, buffers_max, nap } = terms;
        let sink = Sink::open(&output)?;
        let writer = Arc::new(Self {
            name,
            trays: (0..trays).map(|_| Tray::new(buffers_max)).collect(),
            nap,
            bell: Mutex::default(),
            changed: Condvar::new(),
            is_asleep: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            is_terminal: sink.is_terminal(),
        });
        let work = Work {
            sink,
            output,
            clock: Clock::start(),
            pending: VecDeque::new(),
            done: 0,
            trouble: None,
            lost_seen: 0,
        };
        let own = Arc::clone(&writer);
        thread::Builder::new().name(format!("fezz-log-{name}")).spawn(move || work.run(&own))?;
        Ok(writer)
    }

    /// Hands whole lines over. Never waits; what finds no room is lost and counted.
    pub(crate) fn put(&self, tray: usize, lines: &[u8]) {
        let Some(tray) = self.trays.get(tray) else { return };
        let lost = tray.put(lines);
        if lost > 0 {
            self.lose(lost);
        }
        // The tray's lock orders this: either the writer found the lines before it fell asleep, or
        // it is seen asleep here.
        if self.is_asleep.load(Ordering::Relaxed) && self.is_asleep.swap(false, Ordering::Relaxed) {
            self.ring(|_| {});
        }
    }

    /// Lines are lost that were never handed over.
    pub(crate) fn lose(&self, lines: u64) {
        self.lost.fetch_add(lines, Ordering::Relaxed);
    }

    /// Lines that were lost since the start.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The file is opened by its name again, before anything else is written.
    pub(crate) fn reopen(&self) {
        self.ring(|bell| bell.reopen = true);
    }

    /// Waits until everything handed over before is written, `patience` at most; true when it is.
    pub(crate) fn flush(&self, patience: Duration) -> bool {
        let mut mine = 0;
        self.ring(|bell| {
            bell.flushes += 1;
            mine = bell.flushes;
        });
        let waits = |bell: &mut Bell| bell.flushed < mine;
        let waited = self.changed.wait_timeout_while(self.lock(), patience, waits);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn ring(&self, order: impl FnOnce(&mut Bell)) {
        let mut bell = self.lock();
        bell.rung = true;
        order(&mut bell);
        drop(bell);
        self.changed.notify_all();
    }

    fn has_lines(&self) -> bool {
        self.trays.iter().any(|tray| !tray.is_empty())
    }

    /// Waits for the bell, `patience` at most (for ever when nothing is said).
    fn listen(&self, patience: Option<Duration>) {
        let waits = |bell: &mut Bell| !bell.rung;
        match patience {
            Some(patience) => {
                let waited = self.changed.wait_timeout_while(self.lock(), patience, waits);
                waited.unwrap_or_else(PoisonError::into_inner).0.rung = false;
            }
            None => {
                self.is_asleep.store(true, Ordering::Relaxed);
                if !self.has_lines() {
                    let waited = self.changed.wait_while(self.lock(), waits);
                    waited.unwrap_or_else(PoisonError::into_inner).rung = false;
                }
                self.is_asleep.store(false, Ordering::Relaxed);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Bell> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn run(mut self, own: &Writer) {
        let mut naps = NAPS_MAX;
        loop {
            let (reopen, flushes) = {
                let mut bell = own.lock();
                (std::mem::take(&mut bell.reopen), bell.flushes)
            };
            if reopen {
                self.reopen(own);
            }
            let stopped = self.write(own);
            self.tell(own);
            match stopped {
                Stopped::Done => {
                    let mut bell = own.lock();
                    if bell.flushed < flushes {
                        bell.flushed = flushes;
                        own.changed.notify_all();
                    }
                    drop(bell);
                    self.rest(own, &mut naps);
                }
                Stopped::Blocked => self.sink.wait(RETRY),
                Stopped::Failed => own.listen(Some(RETRY)),
            }
        }
    }

    /// Waits for more.
    fn rest(&self, own: &Writer, naps: &mut u32) {
        if let Some(nap) = own.nap
            && *naps < NAPS_MAX
        {
            *naps += 1;
            own.listen(Some(nap));
        } else if self.trouble.is_some() {
            own.listen(Some(RETRY));
        } else {
            own.listen(None);
        }
        if own.has_lines() {
            *naps = 0;
        }
    }

    /// Writes everything that waits, until nothing more gets through.
    fn write(&mut self, own: &Writer) -> Stopped {
        if own.has_lines()
            && self.sink.is_deleted()
            && let Err(error) = self.sink.reopen()
        {
            self.note(own, Some(error.to_string()));
            return Stopped::Failed;
        }
        loop {
            let Some((tray, buffer)) = self.pending.front_mut() else {
                if self.gather(own) {
                    continue;
                }
                return Stopped::Done;
            };
            let rest = buffer.get(self.done..).unwrap_or_default();
            if rest.is_empty() {
                let (tray, buffer) = (*tray, std::mem::take(buffer));
                self.pending.pop_front();
                self.done = 0;
                if let Some(tray) = own.trays.get(tray) {
                    tray.give_back(buffer);
                }
                continue;
            }
            match self.sink.write(rest) {
                Wrote::Octets(bytes) => self.done += bytes,
                Wrote::Blocked => return Stopped::Blocked,
                Wrote::Failed(error) => {
                    self.note(own, Some(error.to_string()));
                    return Stopped::Failed;
                }
            }
        }
    }

    /// Takes what waits in the trays; false when nothing did.
    fn gather(&mut self, own: &Writer) -> bool {
        let mut taken = VecDeque::new();
        for (number, tray) in own.trays.iter().enumerate() {
            tray.take(&mut taken);
            self.pending.extend(taken.drain(..).map(|buffer| (number, buffer)));
        }
        !self.pending.is_empty()
    }

    fn reopen(&mut self, own: &Writer) {
        let before = self.sink.identity();
        if let Err(error) = self.sink.reopen() {
            let fields = [("log", own.name.into()), ("why", super::Value::Shown(&error))];
            let message = format_args!(
                "the {} log cannot be opened again, and goes on where it was: see that {} can be \
                 written by this server's user, then send SIGUSR1 again",
                own.name,
                named(&self.output)
            );
            return super::event(LogLevel::Error, TARGET, &fields, message);
        }
        // Where nobody moved the file away, the rest of the line comes next, as ever.
        if self.sink.is_torn() && self.sink.identity() != before {
            // The beginning is in the other file.
            self.sink.mend();
            own.lost.fetch_add(1, Ordering::Relaxed);
            if let Some((_, buffer)) = self.pending.front() {
                let rest = buffer.get(self.done..).unwrap_or_default();
                let end = rest.iter().position(|octet| *octet == b'\n');
                self.done += end.map_or(rest.len(), |end| end + 1);
            }
        }
    }

    /// Trouble begins, or goes on.
    fn note(&mut self, own: &Writer, why: Option<String>) {
        let now = self.clock.now();
        let lost_before = self.lost_seen;
        let begins = self.trouble.as_ref().is_none_or(|trouble| trouble.why.is_none());
        let trouble =
            self.trouble.get_or_insert(Trouble { began: now, last: now, lost_before, why: None });
        trouble.last = now;
        let Some(why) = why else { return };
        if begins {
            let message = format!(
                "the {} log cannot be written: {why}. Requests are served as before; lines wait \
                 until there is no more room for them, then they are lost and counted. See to {}",
                own.name,
                named(&self.output)
            );
            let fields = [("log", own.name.into()), ("why", why.as_str().into())];
            super::event(LogLevel::Error, TARGET, &fields, &message);
            if own.name == super::NAME && matches!(self.output, LogOutput::File(_)) {
                super::cry(&message);
            }
        }
        trouble.why = Some(why);
    }

    /// Says that trouble is over, and what it cost.
    fn tell(&mut self, own: &Writer) {
        let lost = own.lost();
        if lost != self.lost_seen {
            self.note(own, None);
            self.lost_seen = lost;
        }
        let now = self.clock.now();
        let calm_us = CALM_MS * 1_000;
        let is_over = |trouble: &Trouble| {
            self.pending.is_empty() && now.micros_since(trouble.last) >= calm_us
        };
        if !self.trouble.as_ref().is_some_and(is_over) {
            return;
        }
        let Some(Trouble { began, last, lost_before, why }) = self.trouble.take() else { return };
        let lost = self.lost_seen - lost_before;
        let seconds = last.micros_since(began).div_ceil(1_000_000);
        let level = if lost > 0 { LogLevel::Warn } else { LogLevel::Info };
        let fields = [
            ("log", own.name.into()),
            ("lost", lost.into()),
            ("seconds", seconds.into()),
            (
                "why",
                why.as_deref().unwrap_or("lines came faster than they could be written").into(),
            ),
        ];
        let message = format_args!(
            "the {} log is written again; lines lost since the trouble began: {lost}",
            own.name
        );
        super::event(level, TARGET, &fields, message);
    }
}

/// Under which the logs speak of themselves.
const TARGET: &str = "fezz::log";

fn named(output: &LogOutput) -> String {
    match output {
        LogOutput::Stderr => "whoever reads standard error".to_owned(),
        LogOutput::Stdout => "whoever reads standard output".to_owned(),
        LogOutput::File(path) => format!("{} and its disk", path.display()),
    }
}
