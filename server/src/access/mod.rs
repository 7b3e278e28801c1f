//! A line for each exchange that is over: who asked what, what came of it, and how long each step
//! took. Formatted by the loop that served it, written by a thread of its own, never waited for.
//!
//! A loop collects the lines of a turn in a buffer that it owns and hands them over at the turn's
//! end, all at once. What finds no room is lost and counted (`fezz_log_dropped_total`).

mod line;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use fezz_proto::{Instant, Notice};

use crate::config::{self, AccessFormat, LogOutput};
use crate::log::stamp::Stamp;
use crate::log::{self, Terms, Writer};
use crate::observe::{Observer, Record};

/// Octets of lines after which a loop does not wait for the end of its turn.
const HAND_OVER_BYTES: usize = 32 * 1024;
/// Buffers of 64 KiB that wait for the writer, for each loop: 4 MiB.
const BUFFERS_MAX: usize = 64;
/// While lines keep coming they are written so often: a wake costs a loop a system call.
const NAP: Duration = Duration::from_millis(100);

/// What stands in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Everything, as one flat object.
    Json(Shown),
    /// The combined format.
    Combined(Shown),
    /// Who asked which function, and how it ended; nothing where none was asked.
    Audit,
}

/// What of a request's own words may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    query: bool,
    user_agent: bool,
    referer: bool,
}

/// A log that is open, for the observers of all loops.
#[derive(Clone)]
pub struct ExchangeLog {
    writer: Arc<Writer>,
    layout: Layout,
}

impl ExchangeLog {
    /// The access log of a server with so many loops.
    ///
    /// # Errors
    /// What the system said when the output was opened.
    pub fn access(terms: &config::AccessLog, event_loops: usize) -> io::Result<Self> {
        let lists = |name: &str| terms.headers.iter().any(|it| it.eq_ignore_ascii_case(name));
        let shown = Shown {
            query: terms.query,
            user_agent: lists("user-agent"),
            referer: lists("referer"),
        };
        let layout = match terms.format {
            AccessFormat::Json => Layout::Json(shown),
            AccessFormat::Combined => Layout::Combined(shown),
        };
        Self::open("access", &terms.output, layout, event_loops)
    }

    /// The audit log of a server with so many loops.
    ///
    /// # Errors
    /// What the system said when the output was opened.
    pub fn audit(terms: &config::AuditLog, event_loops: usize) -> io::Result<Self> {
        Self::open("audit", &terms.output, Layout::Audit, event_loops)
    }

    fn open(
        name: &'static str,
        output: &LogOutput,
        layout: Layout,
        event_loops: usize,
    ) -> io::Result<Self> {
        let writer = log::begin(Terms {
            name,
            output: output.clone(),
            trays: event_loops,
            buffers_max: BUFFERS_MAX,
            nap: Some(NAP),
        })?;
        Ok(Self { writer, layout })
    }

    /// The observer of one loop, by its number.
    #[must_use]
    pub fn observer(&self, event_loop: usize) -> Box<dyn Observer> {
        Box::new(self.lines(event_loop))
    }

    fn lines(&self, event_loop: usize) -> Lines {
        let Self { writer, layout } = self.clone();
        Lines { writer, tray: event_loop, layout, stamp: Stamp::default(), buffer: Vec::new() }
    }

    /// Lines that were lost since the start: nobody could write them fast enough.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.writer.lost()
    }

    /// Waits until what loops have handed over is written, `patience` at most; true when it is.
    pub fn flush(&self, patience: Duration) -> bool {
        self.writer.flush(patience)
    }
}

/// The lines of one loop.
struct Lines {
    writer: Arc<Writer>,
    tray: usize,
    layout: Layout,
    stamp: Stamp,
    /// Lines of this turn.
    buffer: Vec<u8>,
}

impl Lines {
    fn hand_over(&mut self) {
        if !self.buffer.is_empty() {
            self.writer.put(self.tray, &mut self.buffer);
        }
    }
}

impl Observer for Lines {
    fn notice(&mut self, _at: Instant, _what: &Notice) {}

    /// A turn ends.
    fn notices(&mut self, _at: Instant, _what: &[Notice]) {
        self.hand_over();
    }

    fn wants_words(&self) -> bool {
        self.layout != Layout::Audit
    }

    fn exchange(&mut self, _at: Instant, record: &Record<'_>) {
        let Self { layout, stamp, buffer, .. } = self;
        match layout {
            Layout::Json(shown) => line::json(buffer, stamp, record, *shown),
            Layout::Combined(shown) => line::combined(buffer, stamp, record, *shown),
            Layout::Audit if record.function.is_none() => {}
            Layout::Audit => line::audit(buffer, stamp, record),
        }
        if self.buffer.len() >= HAND_OVER_BYTES {
            self.hand_over();
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.hand_over();
    }
}
