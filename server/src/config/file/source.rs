//! The files of a configuration: the main one, and those that it includes by pattern.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::fault::Fault;

/// The most octets of one file.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// The most files, the main one included.
pub const FILES_MAX: usize = 1_024;

/// One file and what is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// As it is shown.
    pub(crate) path: PathBuf,
    /// Its directory, absolute: what its relative paths begin at.
    pub(crate) base: PathBuf,
    /// What is in it.
    pub(crate) text: String,
}

/// A file that nothing can be read from.
pub(crate) struct Unusable {
    /// What is known of it.
    pub(crate) source: Source,
    /// Where it goes wrong, in octets, if it is anywhere.
    pub(crate) at: Option<usize>,
    /// What is wrong.
    pub(crate) fault: Fault,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub(crate) fn open(path: &Path) -> Result<Self, Box<Unusable>> {
        let base = std::path::absolute(path).ok();
        let base = base.and_then(|whole| whole.parent().map(Path::to_path_buf));
        let mut source =
            Self { path: path.into(), base: base.unwrap_or_default(), ..Self::default() };
        let octets = match octets(path) {
            Ok(octets) => octets,
            Err(fault) => return Err(Box::new(Unusable { source, at: None, fault })),
        };
        match String::from_utf8(octets) {
            Ok(text) => source.text = text,
            Err(error) => {
                let sound = error.utf8_error().valid_up_to();
                source.text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let (at, fault) = (Some(sound), Fault::NotText);
                return Err(Box::new(Unusable { source, at, fault }));
            }
        }
        // What some editors put before UTF-8.
        if let Some(rest) = source.text.strip_prefix('\u{feff}') {
            source.text = rest.to_owned();
        }
        if source.text.trim().is_empty() {
            return Err(Box::new(Unusable { source, at: None, fault: Fault::Empty }));
        }
        Ok(source)
    }
}

fn octets(path: &Path) -> Result<Vec<u8>, Fault> {
    let opened = File::open(path).map_err(Fault::Unreadable)?;
    let kind = opened.metadata().map_err(Fault::Unreadable)?;
    // A device or a pipe may never end; a descriptor of the shell (`<(...)`) is a pipe.
    if kind.is_dir() {
        return Err(Fault::Unreadable(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    let mut octets = Vec::new();
    opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut octets).map_err(Fault::Unreadable)?;
    if octets.len() as u64 > FILE_BYTES_MAX {
        return Err(Fault::TooLarge { bytes_max: FILE_BYTES_MAX });
    }
    Ok(octets)
}

/// The files that a pattern names, in the order of their names; none is not an error where there is
/// a `*`. Files whose name begins with a dot are not looked at.
pub(crate) fn matching(pattern: &str, base: &Path) -> Result<Vec<PathBuf>, Fault> {
    let whole = base.join(pattern);
    let name = whole.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let directory = whole.parent().map(Path::to_path_buf).unwrap_or_default();
    if pattern.is_empty() || pattern.contains('\0') || name.is_empty() {
        return Err(Fault::NoPath);
    }
    if pattern.strip_suffix(name.as_str()).is_none_or(|before| before.contains('*')) {
        return Err(Fault::IncludePattern);
    }
    if !name.contains('*') {
        return Ok(vec![whole]);
    }
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Fault::Unreadable(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Fault::Unreadable)?.file_name();
        let fits =
            entry.to_str().is_some_and(|entry| !entry.starts_with('.') && fits(&name, entry));
        if fits {
            found.push(directory.join(entry));
        }
        if found.len() > FILES_MAX {
            return Err(Fault::TooManyFiles { max: FILES_MAX });
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a name fits a pattern in which each `*` stands for any characters.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name) in
            [("*.toml", "a.toml"), ("*", "x"), ("a*b*c", "abc"), ("a*b*c", "axbxbyc"), ("a", "a")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("*.toml", "a.tom"), ("a*a", "a"), ("a*b*c", "acb"), ("a", "ab")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
