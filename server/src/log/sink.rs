//! Where lines end up: a descriptor, and how whole lines get through it.
//!
//! A file never keeps half a line that something else follows: what a full disk did not take is
//! taken off again, or completed first. A pipe gets no more at once than it takes in one piece.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::time::Duration;

use super::line::LINE_BYTES_MAX;
use crate::config::LogOutput;
use crate::sys::descriptor::wait_writable;

/// Who may read a log that is made: its user and group. It names clients.
const FILE_MODE: u32 = 0o640;

/// An output that is open, or will be.
pub(super) struct Sink {
    output: LogOutput,
    file: Option<File>,
    /// It takes everything at once, or says why not.
    is_regular: bool,
    is_terminal: bool,
    /// What was written last is the beginning of a line, whose rest comes next.
    is_torn: bool,
}

/// How far a write came.
#[derive(Debug)]
pub(super) enum Wrote {
    /// So many octets are done with.
    Octets(usize),
    /// Nobody takes them now.
    Blocked,
    /// The system refused.
    Failed(io::Error),
}

impl Sink {
    /// Opens `output`. A pipe that nobody reads yet is opened when somebody does.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn open(output: &LogOutput) -> io::Result<Self> {
        // Functions may change the working directory.
        let output = match output {
            LogOutput::File(path) => LogOutput::File(std::path::absolute(path)?),
            other => other.clone(),
        };
        let mut sink =
            Self { output, file: None, is_regular: false, is_terminal: false, is_torn: false };
        match sink.reopen() {
            Err(error) if error.raw_os_error() != Some(libc::ENXIO) => Err(error),
            _ => Ok(sink),
        }
    }

    /// Opens a file by its name again; what is open stays when that fails. The standard streams
    /// stay what they are.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if self.file.is_some() && !matches!(self.output, LogOutput::File(_)) {
            return Ok(());
        }
        let file = match &self.output {
            LogOutput::Stderr => File::from(owned(&io::stderr())?),
            LogOutput::Stdout => File::from(owned(&io::stdout())?),
            // Not waiting matters for pipes, which would wait for their reader.
            LogOutput::File(path) => OpenOptions::new()
                .append(true)
                .create(true)
                .mode(FILE_MODE)
                .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
                .open(path)?,
        };
        let kind = file.metadata()?.file_type();
        self.is_regular = kind.is_file();
        self.is_terminal = kind.is_char_device() && file.is_terminal();
        self.file = Some(file);
        Ok(())
    }

    /// Whether a person reads along.
    pub(super) const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether the rest of a line comes next.
    pub(super) const fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Which file is open: device and number.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        let status = self.file.as_ref()?.metadata().ok()?;
        Some((status.dev(), status.ino()))
    }

    /// The rest of a line is given up.
    pub(super) const fn mend(&mut self) {
        self.is_torn = false;
    }

    /// Whether the file that is open has no name any more: somebody deleted it or its directory.
    pub(super) fn is_deleted(&self) -> bool {
        let status = self.file.as_ref().map(File::metadata);
        self.is_regular
            && matches!(self.output, LogOutput::File(_))
            && matches!(status, Some(Ok(status)) if status.nlink() == 0)
    }

    /// Waits until a write may succeed, `patience` at most.
    pub(super) fn wait(&self, patience: Duration) {
        if let Some(file) = &self.file {
            // Whatever is wrong with it, the next write says so.
            let _ready = wait_writable(file.as_fd(), patience);
        }
    }

    /// Writes as many of `lines` as get through now. Never waits, for pipes as long as nobody else
    /// writes to them at the same moment.
    pub(super) fn write(&mut self, lines: &[u8]) -> Wrote {
        let Some(file) = &mut self.file else {
            return match self.reopen() {
                Ok(()) => Wrote::Octets(0),
                Err(error) => Wrote::Failed(error),
            };
        };
        let piece = if self.is_regular { lines } else { piece(lines, self.is_torn) };
        if !self.is_regular {
            match wait_writable(file.as_fd(), Duration::ZERO) {
                Ok(true) => {}
                Ok(false) => return Wrote::Blocked,
                Err(error) => return Wrote::Failed(error),
            }
        }
        match file.write(piece) {
            Ok(0) => Wrote::Failed(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => self.settle(piece.get(..bytes).unwrap_or(piece)),
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => Wrote::Octets(0),
                io::ErrorKind::WouldBlock => Wrote::Blocked,
                _ => {
                    // A pipe whose reader left is opened for the next one.
                    if error.kind() == io::ErrorKind::BrokenPipe
                        && matches!(self.output, LogOutput::File(_))
                    {
                        self.file = None;
                        self.is_torn = false;
                    }
                    Wrote::Failed(error)
                }
            },
        }
    }

    /// `written` ends in the middle of a line if the disk was full: that part is taken off again.
    /// Should somebody else have written behind it meanwhile, the line's rest comes next.
    fn settle(&mut self, written: &[u8]) -> Wrote {
        let half = written.iter().rev().take_while(|octet| **octet != b'\n').count();
        let begun_here = half < written.len() || !self.is_torn;
        if half > 0 && self.is_regular && begun_here && self.take_off(half as u64).unwrap_or(false)
        {
            self.is_torn = false;
            return match written.len() - half {
                0 => Wrote::Failed(io::ErrorKind::StorageFull.into()),
                whole => Wrote::Octets(whole),
            };
        }
        self.is_torn = half > 0;
        Wrote::Octets(written.len())
    }

    /// Shortens the file by `bytes`, if it ends where our write ended.
    fn take_off(&mut self, bytes: u64) -> io::Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        let end = file.stream_position()?;
        if file.metadata()?.len() != end {
            return Ok(false);
        }
        let end = end.saturating_sub(bytes);
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(true)
    }
}

/// The whole lines at the front of `lines` that a pipe takes in one piece, or the first line. The
/// rest of a torn line comes alone.
fn piece(lines: &[u8], is_torn: bool) -> &[u8] {
    let first = lines.iter().position(|octet| *octet == b'\n').map_or(lines.len(), |end| end + 1);
    if is_torn || first >= LINE_BYTES_MAX {
        return lines.get(..first).unwrap_or(lines);
    }
    let room = lines.get(..LINE_BYTES_MAX).unwrap_or(lines);
    let whole = room.iter().rposition(|octet| *octet == b'\n').map_or(first, |end| end + 1);
    lines.get(..whole).unwrap_or(lines)
}

fn owned(stream: &impl std::os::fd::AsFd) -> io::Result<OwnedFd> {
    stream.as_fd().try_clone_to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As on a full disk: the file takes `room` octets of what is written.
    fn write_with_room(sink: &mut Sink, lines: &[u8], room: usize) -> Wrote {
        let file = sink.file.as_mut().unwrap();
        file.write_all(&lines[..room]).unwrap();
        sink.settle(&lines[..room])
    }

    fn sink(name: &str) -> (Sink, std::path::PathBuf) {
        let path = std::env::temp_dir().join(format!("fezz-sink-{}-{name}", std::process::id()));
        drop(std::fs::remove_file(&path));
        (Sink::open(&LogOutput::File(path.clone())).unwrap(), path)
    }

    #[test]
    fn half_a_line_is_taken_off_a_full_disk() {
        let (mut sink, path) = sink("half");
        let lines = b"first\nsecond\nthird\n";
        assert!(matches!(write_with_room(&mut sink, lines, 9), Wrote::Octets(6)));
        assert!(!sink.is_torn());
        assert_eq!(std::fs::read(&path).unwrap(), b"first\n");
        assert!(matches!(write_with_room(&mut sink, &lines[6..], 3), Wrote::Failed(_)));
        assert!(matches!(sink.write(&lines[6..]), Wrote::Octets(13)));
        assert_eq!(std::fs::read(&path).unwrap(), lines);
        std::fs::remove_file(path).unwrap();
    }

    /// Two processes write to one file while one takes over from the other.
    #[test]
    fn what_somebody_else_wrote_is_never_taken_off() {
        let (mut sink, path) = sink("other");
        let mut other = OpenOptions::new().append(true).open(&path).unwrap();
        let lines = b"first\nsecond\n";
        let file = sink.file.as_mut().unwrap();
        file.write_all(&lines[..9]).unwrap();
        other.write_all(b"other\n").unwrap();
        assert!(matches!(sink.settle(&lines[..9]), Wrote::Octets(9)));
        assert!(sink.is_torn());
        assert!(matches!(sink.write(&lines[9..]), Wrote::Octets(4)));
        assert!(!sink.is_torn());
        assert_eq!(std::fs::read(&path).unwrap(), b"first\nsecother\nond\n");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn pieces_for_a_pipe_are_whole_lines() {
        let lines = [b"a\n".repeat(3_000), b"b".repeat(5_000), b"\nc\n".to_vec()].concat();
        assert_eq!(piece(&lines, false).len(), LINE_BYTES_MAX);
        assert_eq!(piece(&lines[6_000..], false).len(), 5_001, "a line that is longer goes alone");
        assert_eq!(piece(&lines[8_000..], true), &lines[8_000..11_001]);
        assert_eq!(piece(b"abc\nde\n", false), b"abc\nde\n");
        assert_eq!(piece(b"abc\nde\n", true), b"abc\n");
    }

    #[test]
    fn a_file_is_known_again() {
        let (mut sink, path) = sink("again");
        let before = sink.identity();
        sink.reopen().unwrap();
        assert!(before.is_some() && sink.identity() == before);
        let moved = path.with_extension("1");
        std::fs::rename(&path, &moved).unwrap();
        sink.reopen().unwrap();
        assert_ne!(sink.identity(), before);
        std::fs::remove_file(path).unwrap();
        std::fs::remove_file(moved).unwrap();
    }

    #[test]
    fn a_file_that_was_deleted_is_noticed() {
        let (mut sink, path) = sink("deleted");
        assert!(!sink.is_deleted());
        std::fs::remove_file(&path).unwrap();
        assert!(sink.is_deleted());
        sink.reopen().unwrap();
        assert!(!sink.is_deleted() && path.exists());
        std::fs::remove_file(path).unwrap();
    }
}
