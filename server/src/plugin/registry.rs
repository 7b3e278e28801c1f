//! Which functions are loaded, under which names and versions. Loading happens before serving;
//! a function that was loaded is never unloaded.

use std::fmt;
use std::sync::Arc;

use fezz_abi::host::Function;

use super::version::{Selector, Version};

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
    /// The function; workers hold it as long as they call it.
    pub function: Arc<Function>,
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
#[derive(Debug, Default)]
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
        let same = |known: &Entry| known.name == entry.name && known.version == entry.version;
        if let Some(index) = self.entries.iter().position(same) {
            return Err(Taken(Self::id(index)));
        }
        self.entries.push(entry);
        Ok(Self::id(self.entries.len() - 1))
    }

    /// The function of a number this registry gave out.
    #[must_use]
    pub fn get(&self, id: FunctionId) -> Option<&Entry> {
        self.entries.get(usize::try_from(id.0).ok()?)
    }

    /// The newest function a selector names. Without a version that is the newest release, else
    /// one without a version, else the newest pre-release.
    #[must_use]
    pub fn select(&self, selector: &Selector) -> Option<FunctionId> {
        let named = self.entries.iter().enumerate().filter(|(_, it)| it.name == selector.name);
        let newest = named
            .filter(|(_, entry)| match (&selector.version, &entry.version) {
                (None, _) => true,
                (Some(prefix), Some(version)) => version.is_named_by(prefix),
                (Some(_), None) => false,
            })
            .max_by_key(|(_, entry)| {
                let rank = match &entry.version {
                    Some(version) if version.is_pre_release() => 0,
                    None => 1,
                    Some(_) => 2,
                };
                (rank, &entry.version)
            });
        newest.map(|(index, _)| Self::id(index))
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
