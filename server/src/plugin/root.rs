//! A directory in place of a configuration: `functions/<name>/<version>/fezz.so` below a root, or
//! `<name>/<version>/fezz.so` directly below it where there is no `functions`. Nothing is loaded.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::version::{Version, check_name};

/// The file that makes a version directory a function.
pub const ARTIFACT_FILE: &str = "fezz.so";

/// A function found below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The first directory's name.
    pub name: String,
    /// The second directory's name.
    pub version: Version,
    /// The artifact.
    pub artifact: PathBuf,
}

/// What is wrong below the root. The operator's fault, unless the disk's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootError {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: RootFault,
}

/// See [`RootError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootFault {
    /// It cannot be read.
    Unreadable(io::ErrorKind),
    /// The directory's name is no name of a function.
    Name,
    /// The directory's name is no version.
    Version,
    /// There is no `fezz.so` in it.
    NoArtifact,
    /// There is no function below it.
    Empty,
}

impl fmt::Display for RootError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.path.display())?;
        match self.fault {
            RootFault::Unreadable(kind) => write!(out, "cannot be read: {kind}"),
            RootFault::Name => out.write_str("is not the name of a function"),
            RootFault::Version => out.write_str("is not a version such as '1.2.0'"),
            RootFault::NoArtifact => write!(out, "holds no {ARTIFACT_FILE}"),
            RootFault::Empty => {
                write!(out, "holds no functions/<name>/<version>/{ARTIFACT_FILE}")
            }
        }
    }
}

impl std::error::Error for RootError {}

/// All functions below `root`, by name and version. Entries whose name begins with a dot, and
/// files beside the directories, are not looked at.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn scan(root: &Path) -> Result<Vec<Found>, Vec<RootError>> {
    let mut complaints = Vec::new();
    let mut found = Vec::new();
    let named = root.join("functions");
    let top = if named.is_dir() { named } else { root.to_path_buf() };
    for (name, directory) in directories(&top, &mut complaints) {
        if check_name(&name).is_err() {
            complaints.push(RootError { path: directory, fault: RootFault::Name });
            continue;
        }
        for (version, path) in directories(&directory, &mut complaints) {
            let artifact = path.join(ARTIFACT_FILE);
            match Version::parse(&version) {
                Err(_) => complaints.push(RootError { path, fault: RootFault::Version }),
                Ok(_) if !artifact.is_file() => {
                    complaints.push(RootError { path, fault: RootFault::NoArtifact });
                }
                Ok(version) => found.push(Found { name: name.clone(), version, artifact }),
            }
        }
    }
    if found.is_empty() && complaints.is_empty() {
        complaints.push(RootError { path: root.to_path_buf(), fault: RootFault::Empty });
    }
    found.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    if complaints.is_empty() { Ok(found) } else { Err(complaints) }
}

/// The directories in a directory, by name.
fn directories(path: &Path, complaints: &mut Vec<RootError>) -> Vec<(String, PathBuf)> {
    let unreadable = |error: io::Error| RootError {
        path: path.to_path_buf(),
        fault: RootFault::Unreadable(error.kind()),
    };
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            complaints.push(unreadable(error));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for entry in entries {
        match entry {
            Err(error) => complaints.push(unreadable(error)),
            Ok(entry) => {
                let name = entry.file_name().to_string_lossy().into_owned();
                if !name.starts_with('.') && entry.path().is_dir() {
                    found.push((name, entry.path()));
                }
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[&str]) -> Self {
            let root = std::env::temp_dir().join(format!("fezz-{name}-{}", std::process::id()));
            for file in files {
                let path = root.join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, b"").unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn both_layouts_are_found_in_order() {
        for (name, prefix) in [("with", "functions/"), ("without", "")] {
            let files = ["b/1.10/fezz.so", "b/1.9/fezz.so", "a/1/fezz.so", "a/.git/x", "README"];
            let files = files.map(|file| format!("{prefix}{file}"));
            let tree = Tree::new(name, &files.each_ref().map(String::as_str));
            let found = scan(&tree.0).unwrap();
            let names: Vec<String> =
                found.iter().map(|it| format!("{}@{}", it.name, it.version)).collect();
            assert_eq!(names, ["a@1", "b@1.9", "b@1.10"]);
            assert!(found.iter().all(|it| it.artifact.is_file()));
        }
    }

    #[test]
    fn everything_wrong_is_reported_at_once() {
        let files =
            ["functions/-x/1/fezz.so", "functions/a/latest/fezz.so", "functions/b/2/lib.so"];
        let tree = Tree::new("wrong", &files);
        let faults: Vec<RootFault> = scan(&tree.0).unwrap_err().iter().map(|it| it.fault).collect();
        assert_eq!(faults, [RootFault::Name, RootFault::Version, RootFault::NoArtifact]);
        let empty = Tree::new("empty", &["file"]);
        assert_eq!(scan(&empty.0).unwrap_err()[0].fault, RootFault::Empty);
        let missing = scan(Path::new("/nonexistent")).unwrap_err();
        assert_eq!(missing[0].fault, RootFault::Unreadable(io::ErrorKind::NotFound));
    }
}
