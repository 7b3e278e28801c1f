//! Writers against files, full disks, pipes that nobody reads, and rotation.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::config::LogOutput;

/// How long a test waits for what has to happen.
const PATIENCE: Duration = Duration::from_secs(30);

fn place(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("fezz-log-{}-{name}", std::process::id()));
    drop(fs::remove_dir_all(&directory));
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn writer(path: &Path, nap: Option<Duration>) -> Arc<Writer> {
    let output = LogOutput::File(path.to_owned());
    let terms = Terms { name: "test", output, trays: 2, buffers_max: 2, nap };
    Writer::start(terms).unwrap()
}

fn wait(what: &str, until: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if until() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what}");
}

/// The numbers of all lines in a file, in order.
fn numbers(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "whole lines");
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn everything_is_written_in_order_before_a_flush_ends() {
    let directory = place("order");
    for (name, nap) in [("at-once", None), ("napping", Some(Duration::from_millis(20)))] {
        let path = directory.join(name);
        let writer = writer(&path, nap);
        for number in 0..2_000 {
            writer.put(0, format!("{number}\n").as_bytes());
        }
        assert!(writer.flush(PATIENCE));
        assert_eq!(numbers(&path), (0..2_000).collect::<Vec<_>>());
        // Asleep by now or not, the next line gets there without a flush.
        writer.put(1, b"2000\n");
        wait("the last line", || numbers(&path).len() == 2_001);
        assert_eq!(writer.lost(), 0);
    }
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn rotation_loses_no_line_and_doubles_none() {
    let directory = place("rotation");
    let path = directory.join("log");
    let writer = writer(&path, Some(Duration::from_millis(1)));
    let mut next = 0..;
    for rotation in 0..20 {
        for number in next.by_ref().take(500) {
            writer.put(0, format!("{number}\n").as_bytes());
        }
        fs::rename(&path, directory.join(format!("log.{rotation}"))).unwrap();
        writer.reopen();
        wait("a new file", || path.exists());
    }
    assert!(writer.flush(PATIENCE));
    let mut all: Vec<u64> =
        (0..20).flat_map(|it| numbers(&directory.join(format!("log.{it}")))).collect();
    all.extend(numbers(&path));
    assert_eq!(all, (0..10_000).collect::<Vec<_>>());
    assert_eq!(writer.lost(), 0);
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_full_disk_costs_lines_and_nothing_else() {
    let writer = writer(Path::new("/dev/full"), None);
    let line = [vec![b'x'; 999], vec![b'\n']].concat();
    // Two buffers and the one being filled wait in the tray, as many are in the writer's hands.
    let held = 2 * 3 * (BUFFER_BYTES_MAX as u64 / 1_000);
    let clock = Clock::start();
    for _ in 0..2_000 {
        writer.put(0, &line);
    }
    assert!(clock.now().as_micros() < 1_000_000, "nobody waits for a disk");
    assert!(writer.lost() >= 2_000 - held, "{}", writer.lost());
    assert!(!writer.flush(Duration::from_millis(50)), "it cannot be written");
}

#[test]
fn a_directory_that_vanishes_and_comes_back() {
    let directory = place("vanish");
    let path = directory.join("log");
    let writer = writer(&path, None);
    writer.put(0, b"0\n");
    assert!(writer.flush(PATIENCE));
    fs::remove_dir_all(&directory).unwrap();
    writer.put(0, b"1\n");
    assert!(!writer.flush(Duration::from_millis(50)));
    writer.reopen();
    writer.put(0, b"2\n");
    fs::create_dir_all(&directory).unwrap();
    assert!(writer.flush(PATIENCE));
    assert_eq!(numbers(&path), [1, 2]);
    assert_eq!(writer.lost(), 0);
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_pipe_that_nobody_reads_waits_for_its_reader() {
    let directory = place("pipe");
    let path = directory.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    // Nobody reads: opening it must not wait.
    let writer = writer(&path, None);
    let mut numbers = 0..;
    let mut put = |count: usize| {
        for number in numbers.by_ref().take(count) {
            writer.put(0, format!("{number:0999}\n").as_bytes());
        }
    };
    put(10);
    let mut reader = fs::OpenOptions::new().read(true).open(&path).unwrap();
    // More than the pipe and the trays hold, while the reader does not read.
    put(3_000);
    assert!(writer.lost() > 0);
    let mut whole = Vec::new();
    let mut expected = 0;
    while expected < 10 {
        let mut octets = [0; 1_000];
        reader.read_exact(&mut octets).unwrap();
        assert_eq!(octets, format!("{expected:0999}\n").as_bytes());
        whole.extend_from_slice(&octets);
        expected += 1;
    }
    // Everything that was not lost comes, in whole lines.
    let kept = 3_010 - writer.lost();
    for _ in 10..kept {
        let mut octets = [0; 1_000];
        reader.read_exact(&mut octets).unwrap();
        assert_eq!(octets.iter().filter(|octet| **octet == b'\n').count(), 1);
        assert_eq!(octets[999], b'\n');
    }
    assert!(writer.flush(PATIENCE));
    // Its reader leaves, another one comes.
    drop(reader);
    writer.put(0, b"again\n");
    let mut reader = fs::File::open(&path).unwrap();
    let mut octets = [0; 6];
    reader.read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"again\n");
    fs::remove_dir_all(directory).unwrap();
}
