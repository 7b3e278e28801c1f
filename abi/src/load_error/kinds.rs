//! The words for what stands in a file: kinds of files, tables and processors.

/// What a file is when it is not an ELF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Begins with `#!`.
    Script,
    /// A library or program for macOS.
    MachO,
    /// A library or program for Windows.
    Windows,
    /// A static library (`.a`, `.rlib`).
    Archive,
    /// WebAssembly.
    Wasm,
    /// Compiler intermediate code.
    Bitcode,
    /// Compressed or packed: gzip, zstd, xz, zip.
    Packed,
    /// Printable text: source code, a linker script, a Git LFS pointer.
    Text,
    /// None of these.
    Unknown {
        /// Its first four octets.
        first: [u8; 4],
    },
}

impl Foreign {
    pub(super) fn describe(self) -> String {
        let known = match self {
            Self::Script => "a script",
            Self::MachO => "a Mach-O file (macOS)",
            Self::Windows => "a Windows program or library",
            Self::Archive => "a static library",
            Self::Wasm => "a WebAssembly module",
            Self::Bitcode => "LLVM bitcode",
            Self::Packed => "a compressed or packed file",
            Self::Text => "a text file",
            Self::Unknown { first: [a, b, c, d] } => {
                return format!("a file that begins with {a:02x} {b:02x} {c:02x} {d:02x}");
            }
        };
        known.to_owned()
    }
}

/// A table inside an ELF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Program headers: what to map where.
    ProgramHeaders,
    /// The dynamic section.
    Dynamic,
    /// Dynamic symbols.
    Symbols,
    /// The hash table that counts them.
    Hash,
    /// Their names.
    Strings,
    /// Versions needed of other libraries.
    Versions,
}

impl Table {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ProgramHeaders => "program header table",
            Self::Dynamic => "dynamic section",
            Self::Symbols => "dynamic symbol table",
            Self::Hash => "symbol hash table",
            Self::Strings => "dynamic string table",
            Self::Versions => "version requirements",
        }
    }
}

/// The everyday name of a processor, with its number if it has none here.
pub(super) fn machine(number: u16) -> String {
    let name = match number {
        3 => "x86 (32 bits)",
        8 => "MIPS",
        20 => "PowerPC",
        21 => "PowerPC 64",
        22 => "s390x",
        40 => "ARM (32 bits)",
        62 => "x86-64",
        183 => "AArch64",
        243 => "RISC-V",
        258 => "LoongArch",
        _ => return format!("processor number {number}"),
    };
    name.to_owned()
}
