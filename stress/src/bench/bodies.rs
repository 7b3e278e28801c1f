//! Long bodies, down and up: the answer of a mebioctet, and requests of any size.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::BenchError;
use super::native::BULK;
use super::peers::H2O_FILES;

/// Path of the long answer, and the name of its file.
pub(super) const BULK_PATH: &str = "/bulk";
/// Octets of the long answer, as in `stress/native/bulk.c`, and of the long request.
pub(super) const BULK_BYTES: usize = 1 << 20;

/// Makes the function and the files that the long answers come from, unless they are there.
pub(super) fn prepare(scratch: &Path) -> Result<(), BenchError> {
    let name = BULK_PATH.trim_start_matches('/');
    let file = scratch.join(name);
    if file.exists() {
        return Ok(());
    }
    BULK.compile(Path::new("."), scratch)?;
    let octets = vec![b'x'; BULK_BYTES];
    let of_h2o = scratch.join(H2O_FILES).join(name);
    fs::write(&of_h2o, &octets).map_err(|error| BenchError::file(&of_h2o, error))?;
    // Last: it says that all is there.
    fs::write(&file, &octets).map_err(|error| BenchError::file(&file, error))
}

/// The part of nginx's server block that is about long answers.
pub(super) fn nginx(scratch: &Path) -> String {
    let scratch = scratch.display();
    format!(
        "\
         \x20   open_file_cache max=16;\n\
         \x20   location = {BULK_PATH} {{ root {scratch}; sendfile on; }}\n"
    )
}

/// A POST with a body of so many octets.
pub(super) fn upload(path: &str, body_bytes: usize) -> Vec<u8> {
    let mut octets = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {body_bytes}\r\n\r\n"
    )
    .into_bytes();
    octets.extend((b'!'..=b'~').cycle().take(body_bytes));
    octets
}

/// A GET with so many field lines, Host among them.
pub(super) fn fields(path: &str, count: usize) -> Vec<u8> {
    let mut head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n");
    for number in 1..count {
        head.push_str(&format!("Field-Line-{number:03}: value of line {number:03}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Puts the octets of a request into a file that the load generator can be told.
pub(super) fn save(scratch: &Path, name: &str, octets: &[u8]) -> Result<PathBuf, BenchError> {
    let file = scratch.join(name);
    fs::write(&file, octets).map_err(|error| BenchError::file(&file, error))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_as_long_as_its_head_says() {
        for body_bytes in [0, 64, BULK_BYTES] {
            let octets = upload("/x", body_bytes);
            let head = memchr::memmem::find(&octets, b"\r\n\r\n").unwrap() + 4;
            assert_eq!(octets.len() - head, body_bytes);
            let said = format!("Content-Length: {body_bytes}\r\n");
            assert!(memchr::memmem::find(&octets[..head], said.as_bytes()).is_some());
        }
    }

    #[test]
    fn a_head_has_as_many_field_lines_as_it_should() {
        for count in [1, 2, 100] {
            let head = String::from_utf8(fields("/x", count)).unwrap();
            assert_eq!(head.matches(": ").count(), count);
            assert!(head.starts_with("GET /x HTTP/1.1\r\n") && head.ends_with("\r\n\r\n"));
        }
        // docs/limits.md: 16 KiB of head, 100 fields.
        assert!(fields("/", 100).len() < 16 * 1024);
    }

    #[test]
    fn what_was_prepared_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bulk");
        fs::write(&file, "mine").unwrap();
        prepare(folder.path()).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"mine");
    }
}
