//! A line for each exchange that is over: who asked what, what came of it, and how long each step
//! took. Formatted by the loop that served it, written by a thread of its own, never waited for.
//!
//! A loop collects the lines of a turn in a buffer that it owns and hands them over at the turn's
//! end, all at once. What finds no room is lost and counted (`fezz_log_dropped_total`).

mod line;
mod page;

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
use page::Page;

/// Octets of lines of one turn; beyond it they are handed over before its end.
const PAGE_BYTES: usize = 32 * 1024;
/// Octets of the longest line: each value is cut before it is escaped.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// Buffers of 64 KiB that wait for the writer, for each loop: 4 MiB.
const BUFFERS_MAX: usize = 64;
/// While lines keep coming they are written so often: a wake costs a loop a system call.
const NAP: Duration = Duration::from_millis(100);

/// What stands in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Layout {
    /// Everything, as one flat object.
    Json(Shown),
    /// The combined format.
    Combined(Shown),
    /// Who asked which function, and how it ended; nothing where none was asked.
    Audit,
}

impl Layout {
    fn write(&self, page: &mut Page, stamp: &mut Stamp, record: &Record<'_>) {
        match self {
            Self::Json(shown) => line::json(page, stamp, record, shown),
            Self::Combined(shown) => line::combined(page, stamp, record, shown),
            Self::Audit if record.function.is_none() => {}
            Self::Audit => line::audit(page, stamp, record),
        }
    }
}

/// What of a request's own words may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shown {
    query: bool,
    user_agent: bool,
    referer: bool,
    /// Names of other fields, in lower case.
    names: Vec<String>,
    /// Their keys, as they stand in a line.
    keys: Vec<Vec<u8>>,
}

/// Fields that open doors, or let others in: in no line, whatever is configured.
const CREDENTIALS: [&str; 5] =
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];
/// Fields beside `user-agent` and `referer` that a line may have.
const FIELDS_MAX: usize = 16;

impl Shown {
    fn of(terms: &config::AccessLog) -> Self {
        let mut shown = Self { query: terms.query, ..Self::default() };
        for name in &terms.headers {
            let name = name.to_ascii_lowercase();
            match name.as_str() {
                "user-agent" => shown.user_agent = true,
                "referer" => shown.referer = true,
                other if CREDENTIALS.contains(&other) => {}
                _ if shown.names.contains(&name) || shown.names.len() >= FIELDS_MAX => {}
                _ => {
                    // A prefix, so that no field can take the place of another key; and nothing
                    // that a token of RFC 9110 §5.6.2 may hold ends a string.
                    let key = format!(",\"header_{}\":", name.replace(['-', '\\', '"'], "_"));
                    shown.keys.push(key.into_bytes());
                    shown.names.push(name);
                }
            }
        }
        shown
    }
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
        let shown = Shown::of(terms);
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
        Lines {
            writer,
            tray: event_loop,
            layout,
            stamp: Stamp::default(),
            page: Page::new(PAGE_BYTES),
        }
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
    page: Page,
}

impl Lines {
    fn hand_over(&mut self) {
        if !self.page.lines().is_empty() {
            self.writer.put(self.tray, self.page.lines());
            self.page.clear();
        }
    }

    /// A line that does not fit on what is left of the page: on an empty one, or on a larger one.
    #[cold]
    fn write_later(&mut self, record: &Record<'_>) {
        self.hand_over();
        let Self { writer, layout, stamp, page, tray } = self;
        if page.line(|page| layout.write(page, stamp, record)) {
            return;
        }
        let mut page = Page::new(LINE_BYTES_MAX);
        if page.line(|page| layout.write(page, stamp, record)) {
            writer.put(*tray, page.lines());
        } else {
            writer.lose(1);
        }
    }
}

impl Observer for Lines {
    fn notice(&mut self, _at: Instant, _what: &Notice) {}

    /// A turn ends.
    fn notices(&mut self, _at: Instant, _what: &[Notice]) {
        self.hand_over();
    }

    fn wants_usual(&self) -> bool {
        false
    }

    fn wants_words(&self) -> bool {
        self.layout != Layout::Audit
    }

    fn wants_fields(&self) -> &[String] {
        match &self.layout {
            Layout::Json(shown) => &shown.names,
            Layout::Combined(_) | Layout::Audit => &[],
        }
    }

    fn exchange(&mut self, _at: Instant, record: &Record<'_>) {
        let Self { layout, stamp, page, .. } = self;
        if !page.line(|page| layout.write(page, stamp, record)) {
            self.write_later(record);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.hand_over();
    }
}
