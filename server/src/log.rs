//! Lines for the operator: written off the loops and workers, bounded, never waited for.
//!
//! A line that finds the queue full is dropped and counted; the next line that fits says how many
//! were lost.

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Lines that wait to be written.
const LINES_MAX: usize = 1_024;
/// Octets of one line; the rest is cut.
const LINE_BYTES_MAX: usize = 4 * 1024;

static QUEUE: OnceLock<SyncSender<String>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Logs one line under `target`.
pub(crate) fn line(target: &str, message: fmt::Arguments<'_>) {
    let queue = QUEUE.get_or_init(start);
    let lost = DROPPED.swap(0, Ordering::Relaxed);
    let mut text = if lost > 0 {
        format!("{target}: (lines dropped before this one: {lost}) {message}")
    } else {
        format!("{target}: {message}")
    };
    escape(&mut text);
    if queue.try_send(text).is_err() {
        DROPPED.fetch_add(lost + 1, Ordering::Relaxed);
    }
}

fn start() -> SyncSender<String> {
    let (queue, lines) = sync_channel(LINES_MAX);
    let writer = thread::Builder::new().name("fezz-log".to_owned()).spawn(move || write(&lines));
    // Without the thread the queue is closed, and every line counts as dropped.
    drop(writer);
    queue
}

fn write(lines: &Receiver<String>) {
    let stderr = std::io::stderr();
    while let Ok(mut text) = lines.recv() {
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
