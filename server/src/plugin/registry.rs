//! Which functions are loaded, under which names and versions. It does not change while it serves:
//! another one takes its place. A function that was loaded is never unloaded.

use std::fmt;
use std::sync::Arc;

use fezz_abi::host::{Function, Handshake};

use super::version::{Selector, Version};
use crate::config::{Fallback, FunctionOptions};

/// The number of a loaded function; valid for the registry that gave it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

/// A loaded function under its name.
#[derive(Clone)]
pub struct Entry {
    /// The operator's name for it, else the artifact's own.
    pub name: String,
    /// The operator's version for it, else the artifact's own, if it has one.
    pub version: Option<Version>,
    /// What the operator says about it.
    pub options: FunctionOptions,
    /// The function; workers hold it as long as they call it.
    pub function: Arc<Function>,
    /// What it settled when it began.
    pub handshake: Handshake,
}

impl Entry {
    /// Whether the version before it answers when it fails: the operator's word counts, else its
    /// own.
    #[must_use]
    pub fn falls_back_to_previous(&self) -> bool {
        match &self.options.fallback {
            Some(fallback) => *fallback == Fallback::Previous,
            None => self.handshake.fallback.as_deref() == Some("previous"),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Entry({self} from {})", self.function.path().display())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(out, "@{version}"))
    }
}

/// All loaded functions.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    entries: Vec<Entry>,
}

/// The name and version are taken. The operator's fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken(pub FunctionId);

impl Registry {
    /// Takes a function in.
    ///
    /// # Errors
    /// [`Taken`] by the function which has that name and version already.
    pub fn add(&mut self, entry: Entry) -> Result<FunctionId, Taken> {
        if let Some(known) = self.find(&entry.name, entry.version.as_ref()) {
            return Err(Taken(known));
        }
        self.entries.push(entry);
        Ok(Self::id(self.entries.len() - 1))
    }

    /// The function of a number this registry gave out.
    #[must_use]
    pub fn get(&self, id: FunctionId) -> Option<&Entry> {
        self.entries.get(usize::try_from(id.0).ok()?)
    }

    /// The function with exactly that name and version.
    #[must_use]
    pub fn find(&self, name: &str, version: Option<&Version>) -> Option<FunctionId> {
        let mut entries = self.entries.iter();
        let same = |known: &Entry| known.name == name && known.version.as_ref() == version;
        entries.position(same).map(Self::id)
    }

    /// Whether it holds this image of a function.
    #[must_use]
    pub fn holds(&self, function: &Arc<Function>) -> bool {
        self.entries.iter().any(|entry| Arc::ptr_eq(&entry.function, function))
    }

    /// The newest function a selector names. Without a version that is the newest release, else
    /// one without a version, else the newest pre-release.
    #[must_use]
    pub fn select(&self, selector: &Selector) -> Option<FunctionId> {
        let known = self.entries.iter().map(|it| (it.name.as_str(), it.version.as_ref()));
        newest(selector, known).map(Self::id)
    }

    /// The newest version of the same function that is older.
    #[must_use]
    pub fn previous(&self, id: FunctionId) -> Option<FunctionId> {
        let entry = self.get(id)?;
        self.before(&entry.name, entry.version.as_ref())
    }

    /// The newest version of the function `name` that is older than `version`.
    #[must_use]
    pub fn before(&self, name: &str, version: Option<&Version>) -> Option<FunctionId> {
        newest_before(&self.entries, name, version).map(Self::id)
    }

    /// All functions with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (FunctionId, &Entry)> {
        self.entries.iter().enumerate().map(|(index, entry)| (Self::id(index), entry))
    }

    /// How many functions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Memory for as many functions as u32 counts does not exist.
    fn id(index: usize) -> FunctionId {
        FunctionId(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

/// The place of the newest version of the function `name` that is older than `version`.
#[must_use]
pub fn newest_before(entries: &[Entry], name: &str, version: Option<&Version>) -> Option<usize> {
    let older = entries.iter().enumerate().filter(|(_, other)| {
        other.name == name && other.version.is_some() && other.version.as_ref() < version
    });
    older.max_by_key(|(_, other)| &other.version).map(|(place, _)| place)
}

/// The place of the newest version that a selector names.
pub(crate) fn newest<'e>(
    selector: &Selector,
    known: impl Iterator<Item = (&'e str, Option<&'e Version>)>,
) -> Option<usize> {
    let named = known.enumerate().filter(|(_, (name, version))| {
        *name == selector.name
            && match (&selector.version, version) {
                (None, _) => true,
                (Some(prefix), Some(version)) => version.is_named_by(prefix),
                (Some(_), None) => false,
            }
    });
    let newest = named.max_by_key(|(_, (_, version))| {
        let rank = match version {
            Some(version) if version.is_pre_release() => 0,
            None => 1,
            Some(_) => 2,
        };
        (rank, *version)
    });
    newest.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_what_is_named() {
        let versions = ["1.9", "1.10.1", "2.0.0-rc.1", "2", "3.0.0-beta", "1.10"];
        let versions = versions.map(|text| Version::parse(text).unwrap());
        let known = || {
            let versioned = versions.iter().map(|version| ("a", Some(version)));
            versioned.chain([("b", None), ("b", Some(&versions[4])), ("c", Some(&versions[4]))])
        };
        let cases = [
            ("a", Some(3)),
            ("a@1", Some(1)),
            ("a@1.9", Some(0)),
            ("a@1.10", Some(1)),
            ("a@1.10.0", Some(5)),
            ("a@2", Some(3)),
            ("a@2.0.0-rc.1", Some(2)),
            ("a@3", None),
            ("b", Some(6)),
            ("b@1", None),
            ("c", Some(8)),
            ("d", None),
        ];
        for (text, place) in cases {
            let selector = Selector::parse(text).unwrap();
            assert_eq!(newest(&selector, known()), place, "{text}");
        }
    }
}
