//! Why an artifact could not be copied together with the libraries beside it.

use std::io;
use std::path::PathBuf;

use super::{LIBRARIES_MAX, LIBRARY_BYTES_MAX, LOOKUPS_MAX};
use crate::load_error::LoadFault;

/// What was being done to the private folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Making it.
    Create,
    /// Making a folder or file inside it.
    Write,
}

/// One reason for each way a private copy can fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateFault {
    /// The system refused to make or fill the folder.
    Folder {
        /// What was being done.
        step: Step,
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// The temporary folder is mounted so that no code in it may run.
    NoExec {
        /// That folder.
        folder: PathBuf,
    },
    /// A run path leads above the root folder.
    Climbs {
        /// The run path, as it stands in the file.
        run_path: String,
    },
    /// More than [`LIBRARIES_MAX`] libraries.
    TooManyLibraries,
    /// More than [`LIBRARY_BYTES_MAX`] octets of libraries.
    TooManyBytes {
        /// The library with which the limit was passed.
        library: PathBuf,
    },
    /// More than [`LOOKUPS_MAX`] places where a library may be.
    TooManyLookups,
    /// A library that the run path leads to is itself wrong.
    Library {
        /// That library.
        library: PathBuf,
        /// What is wrong with it.
        fault: Box<LoadFault>,
    },
    /// Another library of this name was loaded from a private copy before. The dynamic linker
    /// would bind the artifact to that one without a word.
    NameTaken {
        /// The name.
        library: String,
    },
}

impl PrivateFault {
    /// The stable name of the reason.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "private_folder",
            Self::NoExec { .. } => "private_folder_noexec",
            Self::Climbs { .. } => "run_path_climbs",
            Self::TooManyLibraries => "too_many_libraries",
            Self::TooManyBytes { .. } => "too_many_library_bytes",
            Self::TooManyLookups => "too_many_lookups",
            Self::Library { .. } => "library",
            Self::NameTaken { .. } => "library_name_taken",
        }
    }

    pub(crate) fn found(&self) -> String {
        match self {
            Self::Folder { step, path, kind } => {
                let what = match step {
                    Step::Create => "no private folder can be made",
                    Step::Write => "the private folder cannot be filled",
                };
                format!("that {what}: {}: {kind}", path.display())
            }
            Self::NoExec { folder } => {
                format!("that no code may run in {} (mounted noexec)", folder.display())
            }
            Self::Climbs { run_path } => format!("a run path above the root folder: {run_path}"),
            Self::TooManyLibraries => format!("more than {LIBRARIES_MAX} libraries beside it"),
            Self::TooManyBytes { library } => {
                let path = library.display();
                format!("more than {LIBRARY_BYTES_MAX} octets of libraries up to {path}")
            }
            Self::TooManyLookups => format!("more than {LOOKUPS_MAX} places to look at"),
            Self::Library { library, fault } => {
                format!("a need for {}, which is {}", library.display(), fault.found())
            }
            Self::NameTaken { library } => {
                format!("a need for {library}, of which another build is in the process already")
            }
        }
    }

    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Folder { .. } | Self::NoExec { .. } => {
                "a temporary folder to load code from".to_owned()
            }
            Self::Climbs { .. } => "a run path to a folder".to_owned(),
            Self::TooManyLibraries => format!("at most {LIBRARIES_MAX} libraries"),
            Self::TooManyBytes { .. } => format!("at most {LIBRARY_BYTES_MAX} octets"),
            Self::TooManyLookups => format!("at most {LOOKUPS_MAX} places"),
            Self::Library { fault, .. } => fault.expected(),
            Self::NameTaken { .. } => "one build of each library name in a process".to_owned(),
        }
    }

    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "set TMPDIR to a folder the server may write to, with room",
            Self::NoExec { .. } => "set TMPDIR to a folder of the server that is not noexec",
            Self::Climbs { .. } => "link with a run path that stays beside the artifact",
            Self::TooManyLibraries | Self::TooManyBytes { .. } => {
                "link the libraries statically into the function"
            }
            Self::TooManyLookups => "link with fewer folders in the run path",
            Self::Library { .. } => "install that library again",
            Self::NameTaken { .. } => {
                "give each build a name of its own (-Wl,-soname), link it statically, or restart"
            }
        }
    }
}
