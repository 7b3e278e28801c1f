//! The part of ELF a dynamic linker looks at, read the way it reads it: by segments.
//!
//! Section headers may be stripped, so they are asked for nothing but the traces of a Go runtime.

use object::elf::{
    DF_1_PIE, DF_STATIC_TLS, DF_TEXTREL, DT_FLAGS, DT_FLAGS_1, DT_GNU_HASH, DT_HASH, DT_NEEDED,
    DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, DT_SYMTAB, DT_TEXTREL, DT_VERNEED,
    DT_VERNEEDNUM, ET_DYN, ET_EXEC, PF_X, PT_DYNAMIC, PT_GNU_STACK, PT_LOAD, SHN_UNDEF, STB_GLOBAL,
    STB_WEAK, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT, STV_DEFAULT, STV_PROTECTED, Vernaux, Verneed,
};
use object::read::elf::{
    Dyn as _, FileHeader as _, GnuHashTable, HashTable, ProgramHeader as _, Sym as _,
};
use object::{NativeEndian, pod};

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use super::Inspection;
use crate::load_error::{LoadFault, Table};
use crate::load_options::Abi;
use crate::version::{
    FezzIdentityV1, SYMBOL_FREE, SYMBOL_HANDLE, SYMBOL_IDENTITY, SYMBOL_LEGACY_FETCH,
    SYMBOL_LEGACY_FREE, SYMBOLS_OPTIONAL,
};

#[cfg(target_pointer_width = "64")]
mod native {
    use object::NativeEndian;
    pub(super) const CLASS: u8 = object::elf::ELFCLASS64;
    pub(super) type Header = object::elf::FileHeader64<NativeEndian>;
    pub(super) type Dyn = object::elf::Dyn64<NativeEndian>;
    pub(super) type Sym = object::elf::Sym64<NativeEndian>;
}
#[cfg(target_pointer_width = "32")]
mod native {
    use object::NativeEndian;
    pub(super) const CLASS: u8 = object::elf::ELFCLASS32;
    pub(super) type Header = object::elf::FileHeader32<NativeEndian>;
    pub(super) type Dyn = object::elf::Dyn32<NativeEndian>;
    pub(super) type Sym = object::elf::Sym32<NativeEndian>;
}
use native::{CLASS, Dyn, Header, Sym};

const ORDER: u8 = if cfg!(target_endian = "little") { 1 } else { 2 };

/// `e_machine` of the processor this host was compiled for; 0 if it has no entry here.
const MACHINE: u16 = if cfg!(target_arch = "x86_64") {
    object::elf::EM_X86_64
} else if cfg!(target_arch = "aarch64") {
    object::elf::EM_AARCH64
} else if cfg!(target_arch = "riscv64") {
    object::elf::EM_RISCV
} else if cfg!(target_arch = "x86") {
    object::elf::EM_386
} else if cfg!(target_arch = "arm") {
    object::elf::EM_ARM
} else {
    0
};

/// Longest library name or run path that is read, in octets.
const STRING_BYTES_MAX: usize = 4096;

const E: NativeEndian = NativeEndian;

/// Reads everything an [`Inspection`] holds out of an ELF file.
pub(super) fn examine(octets: &[u8], inspection: &mut Inspection) -> Result<(), LoadFault> {
    let header = header(octets)?;
    let image = Image::new(header, octets)?;
    let dynamic = image.dynamic()?;
    if value(dynamic, DT_FLAGS_1).is_some_and(|flags| flags & u64::from(DF_1_PIE) != 0) {
        return Err(LoadFault::Program);
    }
    let strings = image.strings(dynamic)?;
    let symbols = image.symbols(dynamic)?;
    match inspection.abi {
        Abi::V2 => required(symbols, strings)?,
        Abi::V1 => required_earlier(symbols, strings)?,
    }
    inspection.identity = identity(&image, symbols, strings)?;
    inspection.optional_symbols = optional(symbols, strings)?;
    inspection.glibc_floor = glibc_floor(&image, dynamic, strings)?;
    if let (Some(needed), Some(running)) = (inspection.glibc_floor, glibc_running())
        && needed > running
    {
        return Err(LoadFault::GlibcTooOld { needed, running });
    }
    inspection.needed = values(dynamic, DT_NEEDED).map(|at| string(strings, at)).collect();
    inspection.origin_run_path = [DT_RPATH, DT_RUNPATH, DT_NEEDED]
        .into_iter()
        .flat_map(|tag| values(dynamic, tag))
        .map(|at| string(strings, at))
        .any(|path| path.contains("$ORIGIN") || path.contains("${ORIGIN}"));
    let flags = value(dynamic, DT_FLAGS).unwrap_or(0);
    inspection.static_tls = flags & u64::from(DF_STATIC_TLS) != 0;
    inspection.text_relocations =
        flags & u64::from(DF_TEXTREL) != 0 || value(dynamic, DT_TEXTREL).is_some();
    inspection.executable_stack = image.executable_stack();
    inspection.go_runtime = go_runtime(header, octets);
    Ok(())
}

/// Which libraries a shared object asks for, and where it wants them looked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Links {
    /// Names, as they stand in the file.
    pub(crate) needed: Vec<OsString>,
    /// The name it goes by, whatever its file is called.
    pub(crate) soname: Option<OsString>,
    /// Run paths, each a list of folders separated by colons.
    pub(crate) run_paths: Vec<OsString>,
    /// The run paths are `DT_RPATH`, which holds for what its libraries need as well.
    pub(crate) passed_on: bool,
}

/// Reads the links of any shared object of this machine.
pub(crate) fn links(octets: &[u8]) -> Result<Links, LoadFault> {
    let image = Image::new(header(octets)?, octets)?;
    let dynamic = image.dynamic()?;
    let strings = image.strings(dynamic)?;
    let texts = |tag| values(dynamic, tag).map(|at| OsStr::from_bytes(text(strings, at)).into());
    // One of the two counts: DT_RPATH is ignored beside DT_RUNPATH.
    let passed_on = value(dynamic, DT_RUNPATH).is_none();
    let tag = if passed_on { DT_RPATH } else { DT_RUNPATH };
    Ok(Links {
        needed: texts(DT_NEEDED).collect(),
        soname: texts(DT_SONAME).next(),
        run_paths: texts(tag).collect(),
        passed_on,
    })
}

/// The file header, once class, byte order, machine and type are those of this process.
fn header(octets: &[u8]) -> Result<&Header, LoadFault> {
    let truncated = LoadFault::Truncated { bytes: octets.len() };
    let Some(ident) = octets.first_chunk::<16>() else { return Err(truncated) };
    if ident[4] != CLASS {
        return Err(LoadFault::WrongClass { found: ident[4] });
    }
    if ident[5] != ORDER {
        return Err(LoadFault::WrongByteOrder { found: ident[5] });
    }
    let Ok((header, _)) = pod::from_bytes::<Header>(octets) else { return Err(truncated) };
    let found = header.e_machine(E);
    if MACHINE != 0 && found != MACHINE {
        return Err(LoadFault::WrongMachine { found, expected: MACHINE });
    }
    match header.e_type(E) {
        ET_DYN => Ok(header),
        ET_EXEC => Err(LoadFault::Program),
        found => Err(LoadFault::NotShared { found }),
    }
}

/// The file as it will lie in memory.
struct Image<'f> {
    octets: &'f [u8],
    headers: &'f [<Header as object::read::elf::FileHeader>::ProgramHeader],
}

impl<'f> Image<'f> {
    /// Checks that every segment to be mapped is inside the file.
    fn new(header: &'f Header, octets: &'f [u8]) -> Result<Self, LoadFault> {
        let malformed = LoadFault::Malformed { table: Table::ProgramHeaders };
        let Ok(headers) = header.program_headers(E, octets) else { return Err(malformed) };
        let mut loads = 0_usize;
        for (segment, header) in headers.iter().enumerate() {
            if header.p_type(E) != PT_LOAD {
                continue;
            }
            loads += 1;
            let (start, bytes) = header.file_range(E);
            let (end, file) = (start.saturating_add(bytes), octets.len() as u64);
            if end > file {
                return Err(LoadFault::SegmentOutsideFile { segment, end, bytes: file });
            }
        }
        if loads == 0 { Err(malformed) } else { Ok(Self { octets, headers }) }
    }

    /// What the file holds from this address to the end of its segment.
    fn at(&self, address: u64) -> Option<&'f [u8]> {
        let loads = self.headers.iter().filter(|header| header.p_type(E) == PT_LOAD);
        let mut hits = loads.filter_map(|header| {
            let (start, bytes) = header.file_range(E);
            let skip = address.checked_sub(wide(header.p_vaddr(E)))?;
            let rest = bytes.checked_sub(skip).filter(|&rest| rest > 0)?;
            let from = usize::try_from(start + skip).ok()?;
            self.octets.get(from..from + usize::try_from(rest).ok()?)
        });
        hits.next()
    }

    fn dynamic(&self) -> Result<&'f [Dyn], LoadFault> {
        let found = self.headers.iter().find(|header| header.p_type(E) == PT_DYNAMIC);
        found
            .and_then(|header| header.dynamic(E, self.octets).ok().flatten())
            .ok_or(LoadFault::Malformed { table: Table::Dynamic })
    }

    fn strings(&self, dynamic: &[Dyn]) -> Result<&'f [u8], LoadFault> {
        let table = value(dynamic, DT_STRTAB).and_then(|address| self.at(address));
        let bytes = value(dynamic, DT_STRSZ).and_then(|bytes| usize::try_from(bytes).ok());
        table
            .zip(bytes)
            .and_then(|(table, bytes)| table.get(..bytes))
            .ok_or(LoadFault::Malformed { table: Table::Strings })
    }

    /// The dynamic symbols; only their hash table knows how many there are.
    fn symbols(&self, dynamic: &[Dyn]) -> Result<&'f [Sym], LoadFault> {
        let count = self.symbol_count(dynamic)?;
        value(dynamic, DT_SYMTAB)
            .and_then(|address| self.at(address))
            .and_then(|table| pod::slice_from_bytes::<Sym>(table, count).ok())
            .map(|(symbols, _)| symbols)
            .ok_or(LoadFault::Malformed { table: Table::Symbols })
    }

    fn symbol_count(&self, dynamic: &[Dyn]) -> Result<usize, LoadFault> {
        let malformed = LoadFault::Malformed { table: Table::Hash };
        if let Some(address) = value(dynamic, DT_HASH) {
            let table =
                self.at(address).and_then(|table| HashTable::<Header>::parse(E, table).ok());
            return table.map(|table| table.symbol_table_length() as usize).ok_or(malformed);
        }
        let Some(address) = value(dynamic, DT_GNU_HASH) else { return Err(malformed) };
        let table = self.at(address).and_then(|table| GnuHashTable::<Header>::parse(E, table).ok());
        let Some(table) = table else { return Err(malformed) };
        // A table without entries: a library that exports nothing.
        Ok(table.symbol_table_length(E).unwrap_or(0) as usize)
    }

    fn executable_stack(&self) -> bool {
        let stack = self.headers.iter().find(|header| header.p_type(E) == PT_GNU_STACK);
        // On x86 a file that does not say gets one.
        let unsaid = cfg!(any(target_arch = "x86_64", target_arch = "x86"));
        stack.map_or(unsaid, |header| header.p_flags(E) & PF_X != 0)
    }
}

/// A word of either class.
fn wide(word: impl Into<u64>) -> u64 {
    word.into()
}

/// The values of all dynamic entries with this tag, up to the terminator.
fn values(dynamic: &[Dyn], tag: i64) -> impl Iterator<Item = u64> {
    dynamic
        .iter()
        .take_while(|entry| entry.tag(E) != object::elf::DT_NULL)
        .filter(move |entry| entry.tag(E) == tag)
        .map(|entry| entry.val(E))
}

fn value(dynamic: &[Dyn], tag: i64) -> Option<u64> {
    values(dynamic, tag).next()
}

/// A string of the table, for people to read.
fn string(strings: &[u8], at: u64) -> String {
    String::from_utf8_lossy(text(strings, at)).into_owned()
}

/// The octets of a string of the table.
fn text(strings: &[u8], at: u64) -> &[u8] {
    let rest = usize::try_from(at).ok().and_then(|at| strings.get(at..)).unwrap_or_default();
    let rest = &rest[..rest.len().min(STRING_BYTES_MAX)];
    let end = rest.iter().position(|&octet| octet == 0).unwrap_or(rest.len());
    &rest[..end]
}

/// The exported definition of `name`.
fn exported<'f>(symbols: &'f [Sym], strings: &[u8], name: &str) -> Option<&'f Sym> {
    symbols.iter().find(|symbol| {
        let visible = matches!(symbol.st_visibility(), STV_DEFAULT | STV_PROTECTED)
            && matches!(symbol.st_bind(), STB_GLOBAL | STB_WEAK)
            && symbol.st_shndx(E) != SHN_UNDEF;
        let rest = || strings.get(symbol.st_name(E) as usize..);
        let named =
            |rest: &[u8]| rest.strip_prefix(name.as_bytes()).is_some_and(|r| r.first() == Some(&0));
        visible && rest().is_some_and(named)
    })
}

fn required(symbols: &[Sym], strings: &[u8]) -> Result<(), LoadFault> {
    let handle = exported(symbols, strings, SYMBOL_HANDLE);
    let free = exported(symbols, strings, SYMBOL_FREE);
    let (Some(handle), Some(free)) = (handle, free) else {
        return Err(LoadFault::MissingSymbols {
            handle: handle.is_none(),
            free: free.is_none(),
            legacy: exported(symbols, strings, SYMBOL_LEGACY_FETCH).is_some(),
        });
    };
    callable(handle, SYMBOL_HANDLE)?;
    callable(free, SYMBOL_FREE)
}

/// The same for an artifact of the JSON boundary, whose `fezz_free` is optional.
fn required_earlier(symbols: &[Sym], strings: &[u8]) -> Result<(), LoadFault> {
    let Some(fetch) = exported(symbols, strings, SYMBOL_LEGACY_FETCH) else {
        return Err(LoadFault::MissingFetch { current: required(symbols, strings).is_ok() });
    };
    callable(fetch, SYMBOL_LEGACY_FETCH)?;
    let free = exported(symbols, strings, SYMBOL_LEGACY_FREE);
    free.map_or(Ok(()), |free| callable(free, SYMBOL_LEGACY_FREE))
}

fn callable(symbol: &Sym, name: &'static str) -> Result<(), LoadFault> {
    let found = symbol.st_type();
    if matches!(found, STT_FUNC | STT_GNU_IFUNC) {
        Ok(())
    } else {
        Err(LoadFault::NotAFunction { symbol: name, found })
    }
}

/// The optional entry points that are there, each of which would be called.
fn optional(symbols: &[Sym], strings: &[u8]) -> Result<Vec<&'static str>, LoadFault> {
    let mut there = Vec::new();
    for name in SYMBOLS_OPTIONAL {
        let Some(symbol) = exported(symbols, strings, name) else { continue };
        let found = symbol.st_type();
        if !matches!(found, STT_FUNC | STT_GNU_IFUNC) {
            return Err(LoadFault::NotAFunction { symbol: name, found });
        }
        there.push(name);
    }
    Ok(there)
}

fn identity(
    image: &Image<'_>,
    symbols: &[Sym],
    strings: &[u8],
) -> Result<Option<FezzIdentityV1>, LoadFault> {
    let Some(symbol) = exported(symbols, strings, SYMBOL_IDENTITY) else { return Ok(None) };
    // A symbol that is no data, or data that is not in the file, has no octets to read.
    let data = (symbol.st_type() == STT_OBJECT).then(|| image.at(symbol.st_value(E))).flatten();
    FezzIdentityV1::read(data.unwrap_or_default())
        .map(Some)
        .map_err(|error| LoadFault::Identity { error })
}

/// The highest `GLIBC_x.y` the artifact wants from any library.
fn glibc_floor(
    image: &Image<'_>,
    dynamic: &[Dyn],
    strings: &[u8],
) -> Result<Option<(u32, u32)>, LoadFault> {
    let malformed = || LoadFault::Malformed { table: Table::Versions };
    let Some(address) = value(dynamic, DT_VERNEED) else { return Ok(None) };
    let mut rest = image.at(address).ok_or_else(malformed)?;
    // The entries of an honest table are read once each. Those of a crafted one may share what
    // follows them, so that reading it all would take the square of the file's length.
    let mut left = rest.len() / size_of::<Vernaux<NativeEndian>>();
    let mut one_more = || {
        left = left.checked_sub(1).ok_or_else(malformed)?;
        Ok::<_, LoadFault>(())
    };
    let mut floor = None;
    for _ in 0..value(dynamic, DT_VERNEEDNUM).unwrap_or(0) {
        one_more()?;
        let (need, _) = pod::from_bytes::<Verneed<NativeEndian>>(rest).map_err(|()| malformed())?;
        let mut versions = rest.get(need.vn_aux.get(E) as usize..).ok_or_else(malformed)?;
        for _ in 0..need.vn_cnt.get(E) {
            one_more()?;
            let (version, _) =
                pod::from_bytes::<Vernaux<NativeEndian>>(versions).map_err(|()| malformed())?;
            let name = text(strings, u64::from(version.vna_name.get(E)));
            let number = name.strip_prefix(b"GLIBC_").and_then(|it| std::str::from_utf8(it).ok());
            floor = floor.max(number.and_then(version_number));
            match advance(versions, version.vna_next.get(E)) {
                Some(next) => versions = next,
                None => break,
            }
        }
        match advance(rest, need.vn_next.get(E)) {
            Some(next) => rest = next,
            None => break,
        }
    }
    Ok(floor)
}

/// The next entry of a chain; None at its end, which is an offset of 0.
fn advance(octets: &[u8], offset: u32) -> Option<&[u8]> {
    if offset == 0 { None } else { octets.get(offset as usize..) }
}

/// `2.34` and `2.2.5` as major and minor.
fn version_number(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn glibc_running() -> Option<(u32, u32)> {
    #![expect(unsafe_code, reason = "the running C library tells its version by a C string")]
    // SAFETY: returns a static, NUL-terminated string.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    version.to_str().ok().and_then(version_number)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn glibc_running() -> Option<(u32, u32)> {
    None
}

fn go_runtime(header: &Header, octets: &[u8]) -> bool {
    const TRACES: [&[u8]; 3] = [b".go.buildinfo", b".note.go.buildid", b".gopclntab"];
    header
        .sections(E, octets)
        .is_ok_and(|sections| TRACES.iter().any(|name| sections.section_by_name(E, name).is_some()))
}

#[cfg(all(test, target_pointer_width = "64", target_endian = "little"))]
mod tests {
    use super::*;

    /// `DT_VERNEED` of so many entries, each of which is followed by the same chain of versions.
    fn shared_chain(entries: u32) -> Vec<u8> {
        let mut octets = Vec::new();
        for entry in 0..entries {
            // vn_version, vn_cnt; vn_file, vn_aux, vn_next.
            octets.extend_from_slice(&[1, 0, 0xFF, 0xFF]);
            for word in [0, (entries - entry) * 16, 16] {
                octets.extend_from_slice(&word.to_le_bytes());
            }
        }
        for _ in 0..entries {
            // vna_hash; vna_flags and vna_other; vna_name, vna_next.
            for word in [0, 0, 0, 16_u32] {
                octets.extend_from_slice(&word.to_le_bytes());
            }
        }
        octets
    }

    #[test]
    fn versions_are_read_once_each() {
        let octets = shared_chain(8_192);
        let bytes = (octets.len() as u64).to_le_bytes();
        // One PT_LOAD: p_type, p_flags; p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align.
        let mut header = [0; 56];
        header[0] = 1;
        header[32..40].copy_from_slice(&bytes);
        header[40..48].copy_from_slice(&bytes);
        let (headers, _) = pod::slice_from_bytes(&header, 1).unwrap();
        let image = Image { octets: &octets, headers };
        let dynamic = [(DT_VERNEED, 0), (DT_VERNEEDNUM, u64::from(u32::MAX))];
        let dynamic: Vec<u8> = dynamic
            .iter()
            .flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()].concat())
            .collect();
        let (dynamic, _) = pod::slice_from_bytes::<Dyn>(&dynamic, 2).unwrap();
        let fault = glibc_floor(&image, dynamic, b"GLIBC_2.34\0").unwrap_err();
        assert_eq!(fault, LoadFault::Malformed { table: Table::Versions });
    }
}
