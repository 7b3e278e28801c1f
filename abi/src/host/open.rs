//! From examined octets to a mapped library: sealed memory, else a private folder, else the file.

use std::error::Error as _;
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

#[cfg(target_os = "linux")]
use super::sealed;
use crate::artifact::Inspection;
use crate::load_error::{LoadError, LoadFault};
use crate::load_options::LoadOptions;
use crate::private_copy::{PrivateCopy, taken};

/// Refuses octets that are not those the operator named.
pub(super) fn verify(inspection: &Inspection, options: &LoadOptions) -> Result<(), LoadFault> {
    match options.sha256 {
        Some(expected) if expected != inspection.sha256 => {
            Err(LoadFault::Digest { expected, found: inspection.sha256 })
        }
        _ => Ok(()),
    }
}

/// Maps exactly `octets`. Only without a demanded digest, and only where no copy can be made, it
/// maps the file itself.
pub(super) fn open(
    path: &Path,
    octets: &[u8],
    inspection: &Inspection,
    options: &LoadOptions,
) -> Result<Library, LoadError> {
    #[cfg(target_os = "linux")]
    if !inspection.origin_run_path
        && let Some(copy) = sealed::copy(inspection.name(), octets)
        && let Ok(library) = open_path(&copy.path())
    {
        copy.keep();
        return Ok(library);
    }
    // A Mach-O file may look for libraries beside it in ways that nobody here reads.
    if cfg!(not(target_os = "linux")) && options.sha256.is_none() {
        return open_file(path);
    }
    // A policy may forbid running code from memory, and a library that cannot be bound runs no
    // constructor: trying again from a folder is harmless, and its message names the file.
    match PrivateCopy::of(path, octets) {
        Ok(copy) => open_private(path, copy),
        Err(fault) if inspection.origin_run_path || options.sha256.is_some() => {
            Err(LoadError::new(path, fault))
        }
        Err(_) => open_file(path),
    }
}

fn open_private(path: &Path, copy: PrivateCopy) -> Result<Library, LoadError> {
    let mut taken = taken();
    copy.check(&taken).map_err(|fault| LoadError::new(path, fault))?;
    let library = open_path(copy.artifact()).map_err(|words| {
        let fault = refusal(copy.translate(&words), |library| copy.needed_by(library));
        LoadError::new(path, fault)
    })?;
    copy.loaded(&mut taken);
    Ok(library)
}

/// Maps the file itself, under its own name.
pub(super) fn open_file(path: &Path) -> Result<Library, LoadError> {
    // A name without a slash would be looked for in the system's library folders.
    let direct = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    open_path(&direct).map_err(|words| LoadError::new(path, refusal(words, |_| None)))
}

fn open_path(mapped: &Path) -> Result<Library, String> {
    // SAFETY: loading runs the constructors of the artifact, which the operator trusts by naming
    // it. Every symbol is bound now, so that a missing one is an error here, not in traffic.
    unsafe { Library::open(Some(mapped), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| words(&error))
}

/// The address of a symbol; never null.
pub(crate) fn address(path: &Path, library: &Library, symbol: &str) -> Result<*mut (), LoadError> {
    // SAFETY: read as a plain address, which every symbol has; `get` refuses a null one.
    unsafe { library.get::<*mut ()>(symbol) }
        .map(|symbol| symbol.as_raw_ptr().cast())
        .map_err(|error| LoadError::new(path, LoadFault::Linker { message: words(&error) }))
}

/// The words of the dynamic linker.
fn words(error: &libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// A missing library by its name, everything else in the words of the dynamic linker.
fn refusal(message: String, needed_by: impl FnOnce(&str) -> Option<PathBuf>) -> LoadFault {
    const MISSING: &str = ": cannot open shared object file: No such file";
    match message.split_once(MISSING) {
        Some((library, _)) => {
            LoadFault::MissingLibrary { library: library.to_owned(), needed_by: needed_by(library) }
        }
        None => LoadFault::Linker { message },
    }
}
