//! Why an artifact was not loaded: what was found, what was expected, what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Hex;
use crate::private_copy::PrivateFault;
use crate::version::{IdentityError, SYMBOL_FREE, SYMBOL_HANDLE, SYMBOL_LEGACY_FETCH, Stage};

mod kinds;

use kinds::machine;
pub use kinds::{Foreign, Table};

/// A refused artifact. The operator or the author of the file can act on every one of these.
#[derive(Debug)]
pub struct LoadError {
    path: PathBuf,
    fault: LoadFault,
}

impl LoadError {
    /// A fault of this file.
    #[must_use]
    pub fn new(path: &Path, fault: LoadFault) -> Self {
        Self { path: path.to_path_buf(), fault }
    }

    /// The file, as it was named by the caller.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn fault(&self) -> &LoadFault {
        &self.fault
    }

    /// Always [`Stage::Load`].
    #[must_use]
    pub const fn stage(&self) -> Stage {
        Stage::Load
    }

    /// The stable name of the reason.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.fault.name()
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: found {}; expected {}; remedy: {}",
            self.path.display(),
            self.fault.found(),
            self.fault.expected(),
            self.fault.remedy()
        )
    }
}

impl std::error::Error for LoadError {}

/// One reason for each way a file can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadFault {
    /// The file cannot be opened or read.
    Unreadable {
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// A folder, device, socket or pipe.
    NotAFile {
        /// Whether it is a folder.
        folder: bool,
    },
    /// No octets at all.
    Empty,
    /// More octets than an artifact may have.
    TooLarge {
        /// Its size, in octets.
        bytes: u64,
        /// The most that is read, in octets.
        max: u64,
    },
    /// Another kind of file.
    NotElf {
        /// Which kind.
        found: Foreign,
    },
    /// An ELF file that ends inside its first header.
    Truncated {
        /// Its size, in octets.
        bytes: usize,
    },
    /// For machines with another word size.
    WrongClass {
        /// The class octet: 1 for 32 bits, 2 for 64.
        found: u8,
    },
    /// For machines with the other byte order.
    WrongByteOrder {
        /// The data octet: 1 for little-endian, 2 for big-endian.
        found: u8,
    },
    /// For another processor.
    WrongMachine {
        /// The number of that processor (`e_machine`).
        found: u16,
        /// The number of this one.
        expected: u16,
    },
    /// An object file or core dump, not a shared object.
    NotShared {
        /// `e_type`.
        found: u16,
    },
    /// A program; programs cannot be loaded into a process.
    Program,
    /// A part that must be mapped lies beyond the end of the file: a copy that was cut short.
    SegmentOutsideFile {
        /// Which program header, counted from 0.
        segment: usize,
        /// Where that part ends, in octets from the start of the file.
        end: u64,
        /// Size of the file, in octets.
        bytes: u64,
    },
    /// A table the dynamic linker needs is missing or leads out of the file.
    Malformed {
        /// Which table.
        table: Table,
    },
    /// At least one required symbol is not exported.
    MissingSymbols {
        /// Whether `fezz_handle_v2` is missing.
        handle: bool,
        /// Whether `fezz_free_v2` is missing.
        free: bool,
        /// Whether the entry point of the earlier JSON boundary is there.
        legacy: bool,
    },
    /// To be loaded as an artifact of the JSON boundary, whose entry point it does not export.
    MissingFetch {
        /// Whether it exports both symbols of the present boundary instead.
        current: bool,
    },
    /// A required symbol is data.
    NotAFunction {
        /// Which.
        symbol: &'static str,
        /// Its ELF symbol type.
        found: u8,
    },
    /// The exported identity is not one.
    Identity {
        /// In what way.
        error: IdentityError,
    },
    /// Compiled against a newer C library than the one that runs here.
    GlibcTooOld {
        /// Major and minor version it needs.
        needed: (u32, u32),
        /// Major and minor version that runs.
        running: (u32, u32),
    },
    /// Not the octets the operator named.
    Digest {
        /// The SHA-256 that was demanded.
        expected: [u8; 32],
        /// The SHA-256 of what was read.
        found: [u8; 32],
    },
    /// It could not be copied to a private folder together with the libraries beside it.
    PrivateCopy {
        /// In what way.
        fault: PrivateFault,
    },
    /// A library it needs, directly or not, is nowhere.
    MissingLibrary {
        /// The name the dynamic linker looked for.
        library: String,
        /// Which file asks for it, where that is known.
        needed_by: Option<PathBuf>,
    },
    /// The dynamic linker refused it, in its own words.
    Linker {
        /// Those words.
        message: String,
    },
}

impl LoadFault {
    /// The stable name of the reason.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::NotAFile { .. } => "not_a_file",
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too_large",
            Self::NotElf { .. } => "not_elf",
            Self::Truncated { .. } => "truncated",
            Self::WrongClass { .. } => "wrong_class",
            Self::WrongByteOrder { .. } => "wrong_byte_order",
            Self::WrongMachine { .. } => "wrong_machine",
            Self::NotShared { .. } => "not_shared",
            Self::Program => "program",
            Self::SegmentOutsideFile { .. } => "segment_outside_file",
            Self::Malformed { .. } => "malformed",
            Self::MissingSymbols { .. } => "missing_symbols",
            Self::MissingFetch { .. } => "missing_fetch",
            Self::NotAFunction { .. } => "not_a_function",
            Self::Identity { .. } => "identity",
            Self::GlibcTooOld { .. } => "glibc_too_old",
            Self::Digest { .. } => "digest",
            Self::PrivateCopy { fault } => fault.name(),
            Self::MissingLibrary { .. } => "missing_library",
            Self::Linker { .. } => "linker",
        }
    }

    /// What is there.
    #[must_use]
    pub fn found(&self) -> String {
        match self {
            Self::Unreadable { kind: io::ErrorKind::NotFound } => "no such file".to_owned(),
            Self::Unreadable { kind } => format!("a file that cannot be read ({kind})"),
            Self::NotAFile { folder: true } => "a folder".to_owned(),
            Self::NotAFile { folder: false } => "a device, socket or pipe".to_owned(),
            Self::Empty => "an empty file".to_owned(),
            Self::TooLarge { bytes, .. } => format!("{bytes} octets"),
            Self::NotElf { found } => found.describe(),
            Self::Truncated { bytes } => format!("an ELF file of {bytes} octets, cut short"),
            Self::WrongClass { found: 1 } => "a 32-bit ELF file".to_owned(),
            Self::WrongClass { found: 2 } => "a 64-bit ELF file".to_owned(),
            Self::WrongClass { found } => format!("an ELF file of class {found}"),
            Self::WrongByteOrder { found: 1 } => "a little-endian ELF file".to_owned(),
            Self::WrongByteOrder { found: 2 } => "a big-endian ELF file".to_owned(),
            Self::WrongByteOrder { found } => format!("an ELF file of byte order {found}"),
            Self::WrongMachine { found, .. } => format!("code for {}", machine(*found)),
            Self::NotShared { found: 1 } => "an object file (.o)".to_owned(),
            Self::NotShared { found: 4 } => "a core dump".to_owned(),
            Self::NotShared { found } => format!("an ELF file of type {found}"),
            Self::Program => "a program".to_owned(),
            Self::SegmentOutsideFile { segment, end, bytes } => {
                format!("a file of {bytes} octets whose segment {segment} ends at octet {end}")
            }
            Self::Malformed { table } => format!("an unreadable {}", table.name()),
            Self::MissingSymbols { handle, free, legacy } => missing(*handle, *free, *legacy),
            Self::MissingFetch { current: true } => {
                format!("no {SYMBOL_LEGACY_FETCH}, but {SYMBOL_HANDLE} and {SYMBOL_FREE}")
            }
            Self::MissingFetch { current: false } => format!("no {SYMBOL_LEGACY_FETCH}"),
            Self::NotAFunction { symbol, found } => {
                format!("{symbol} as a symbol of ELF type {found}")
            }
            Self::Identity { error } => format!("a fezz_identity_v1 with {error}"),
            Self::GlibcTooOld { needed: (major, minor), .. } => {
                format!("a library that needs glibc {major}.{minor}")
            }
            Self::Digest { found, .. } => format!("SHA-256 {}", Hex(found)),
            Self::PrivateCopy { fault } => fault.found(),
            Self::MissingLibrary { library, needed_by: None } => {
                format!("a need for {library}, which is nowhere")
            }
            Self::MissingLibrary { library, needed_by: Some(file) } => {
                format!("a need for {library} in {}, which is nowhere", file.display())
            }
            Self::Linker { message } => format!("that the dynamic linker refuses it: {message}"),
        }
    }

    /// What should be there.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Unreadable { .. } | Self::NotAFile { .. } => "a readable regular file".to_owned(),
            Self::TooLarge { max, .. } => format!("at most {max} octets"),
            Self::Empty | Self::NotElf { .. } | Self::Truncated { .. } => NATIVE.to_owned(),
            Self::WrongClass { .. } => format!("{} bits", usize::BITS),
            Self::WrongByteOrder { .. } if cfg!(target_endian = "little") => {
                "little-endian".to_owned()
            }
            Self::WrongByteOrder { .. } => "big-endian".to_owned(),
            Self::WrongMachine { expected, .. } => format!("code for {}", machine(*expected)),
            Self::NotShared { .. } | Self::Program => "a shared object".to_owned(),
            Self::SegmentOutsideFile { end, .. } => format!("at least {end} octets"),
            Self::Malformed { .. } => "tables inside the file".to_owned(),
            Self::MissingSymbols { .. } => {
                format!("both {SYMBOL_HANDLE} and {SYMBOL_FREE}, exported")
            }
            Self::MissingFetch { .. } => format!("{SYMBOL_LEGACY_FETCH}, exported"),
            Self::NotAFunction { .. } => "a function".to_owned(),
            Self::Identity { .. } => "a FezzIdentityV1 as in fezz.h".to_owned(),
            Self::GlibcTooOld { running: (major, minor), .. } => {
                format!("at most glibc {major}.{minor}, which runs here")
            }
            Self::Digest { expected, .. } => format!("SHA-256 {}", Hex(expected)),
            Self::PrivateCopy { fault } => fault.expected(),
            Self::MissingLibrary { .. } => {
                "it where the run path leads or in a folder of the system".to_owned()
            }
            Self::Linker { .. } => "a library whose dependencies are all installed".to_owned(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check the path and its permissions",
            Self::NotAFile { .. } => "name the library file itself",
            Self::Empty | Self::Truncated { .. } | Self::SegmentOutsideFile { .. } => {
                "copy the file again, to a temporary name first and then rename it"
            }
            Self::TooLarge { .. } => "strip debug information, or split the function",
            Self::NotElf { found: Foreign::MachO | Foreign::Windows | Foreign::Wasm }
            | Self::WrongClass { .. }
            | Self::WrongByteOrder { .. }
            | Self::WrongMachine { .. } => "compile the function for this machine",
            Self::NotElf { found: Foreign::Archive } | Self::NotShared { .. } | Self::Program => {
                "link a shared library: crate-type = [\"cdylib\"] in Rust, -shared -fPIC in C"
            }
            Self::NotElf { found: Foreign::Packed } => "unpack it first",
            Self::NotElf { .. } => "name the compiled library, such as libhello.so",
            Self::Malformed { .. } => "build the library again with an ordinary linker",
            Self::MissingSymbols { legacy: true, .. } => {
                "rebuild it against the current SDK, or load it as it is with --set NAME.abi=v1"
            }
            Self::MissingSymbols { .. } => {
                "use #[fezz::function] in a cdylib, or define both functions as in fezz.h with \
                 default visibility"
            }
            Self::MissingFetch { current: true } => "load it without abi=v1",
            Self::MissingFetch { current: false } => {
                "export char *fezz_fetch(const char *request_json), or rebuild it against the \
                 current SDK"
            }
            Self::NotAFunction { .. } => "define it as a function, as in fezz.h",
            Self::Identity { .. } => "use the initialiser in fezz.h, or do not export an identity",
            Self::GlibcTooOld { .. } => "build on a system as old as this one, or update this one",
            Self::Digest { .. } => {
                "install the artifact that was meant, or set sha256 to that of this one"
            }
            Self::PrivateCopy { fault } => fault.remedy(),
            Self::MissingLibrary { .. } => {
                "install it, put it where the run path leads, or link it statically"
            }
            Self::Linker { .. } => "install what it names, or link it statically into the function",
        }
    }
}

#[cfg(target_os = "macos")]
const NATIVE: &str = "a Mach-O dynamic library";
#[cfg(not(target_os = "macos"))]
const NATIVE: &str = "an ELF shared object";

fn missing(handle: bool, free: bool, legacy: bool) -> String {
    let which = match (handle, free) {
        (true, true) => format!("neither {SYMBOL_HANDLE} nor {SYMBOL_FREE}"),
        (true, false) => format!("no {SYMBOL_HANDLE}"),
        (false, _) => format!("no {SYMBOL_FREE}"),
    };
    if legacy { format!("{which}, but {SYMBOL_LEGACY_FETCH} of the JSON boundary") } else { which }
}
