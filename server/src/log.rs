//! Lines for the operator: written off the loops and workers, bounded, never waited for.
//!
//! A line that finds the queue full is dropped and counted; the next line that fits says how many
//! were lost.

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that wait to be written.
const LINES_MAX: usize = 1_024;
/// Octets of one line; the rest is cut.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// Attempts to find room in the queue for the mark of a [`flush`].
const FLUSH_TRIES: u32 = 20;

/// What the writer is given.
enum Entry {
    Line(String),
    /// Everything before this is written.
    Mark(SyncSender<()>),
}

static QUEUE: OnceLock<SyncSender<Entry>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Starts the writer, which the first line would start otherwise: while an artifact runs its
/// constructors, threads cannot start (glibc holds the linker's lock).
pub(crate) fn open() {
    QUEUE.get_or_init(start);
}

/// Logs one line under `target`.
pub(crate) fn line(target: &str, message: fmt::Arguments<'_>) {
    let lost = DROPPED.swap(0, Ordering::Relaxed);
    let text = if lost > 0 {
        format!("{target}: (lines dropped before this one: {lost}) {message}")
    } else {
        format!("{target}: {message}")
    };
    put(text, lost + 1);
}

/// What the server says of itself while it serves, as it stands.
pub(crate) fn say(message: impl fmt::Display) {
    put(message.to_string(), 1);
}

/// Waits until everything logged before is written, `patience` at most: a reader that has stopped
/// reading must not keep the process from ending.
pub(crate) fn flush(patience: Duration) {
    let Some(queue) = QUEUE.get() else { return };
    let (mark, written) = sync_channel(1);
    let mut entry = Entry::Mark(mark);
    for _ in 0..FLUSH_TRIES {
        match queue.try_send(entry) {
            Err(TrySendError::Full(back)) => entry = back,
            Err(TrySendError::Disconnected(_)) => return,
            Ok(()) => {
                // In time or not, the process goes on to its end.
                let _in_time = written.recv_timeout(patience);
                return;
            }
        }
        thread::sleep(patience / FLUSH_TRIES);
    }
}

/// Queues a line; `lost` lines are lost when there is no room.
fn put(mut text: String, lost: u64) {
    escape(&mut text);
    if QUEUE.get_or_init(start).try_send(Entry::Line(text)).is_err() {
        DROPPED.fetch_add(lost, Ordering::Relaxed);
    }
}

fn start() -> SyncSender<Entry> {
    let (queue, lines) = sync_channel(LINES_MAX);
    let writer = thread::Builder::new().name("fezz-log".to_owned()).spawn(move || write(&lines));
    // Without the thread the queue is closed, and every line counts as dropped.
    drop(writer);
    queue
}

fn write(entries: &Receiver<Entry>) {
    let stderr = std::io::stderr();
    while let Ok(entry) = entries.recv() {
        let mut text = match entry {
            Entry::Line(text) => text,
            Entry::Mark(mark) => {
                // Fails when nobody waits for it any more.
                let _heard = mark.try_send(());
                continue;
            }
        };
        text.push('\n');
        if stderr.lock().write_all(text.as_bytes()).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One line stays one line: control characters cannot forge another.
fn escape(text: &mut String) {
    if text.len() > LINE_BYTES_MAX {
        let mut end = LINE_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    if text.chars().any(char::is_control) {
        *text = text
            .chars()
            .flat_map(|char| {
                let plain = (!char.is_control()).then_some(char);
                let escaped = char.is_control().then(|| char.escape_default());
                plain.into_iter().chain(escaped.into_iter().flatten())
            })
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        let mut text = "a\nfezz: forged \u{1b}[31m".to_owned();
        escape(&mut text);
        assert_eq!(text, "a\\nfezz: forged \\u{1b}[31m");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let mut text = "\u{e4}".repeat(LINE_BYTES_MAX);
        escape(&mut text);
        assert!(text.len() <= LINE_BYTES_MAX);
        assert!(text.chars().all(|char| char == '\u{e4}'));
    }
}
