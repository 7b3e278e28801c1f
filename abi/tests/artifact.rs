//! Each way a file can be wrong is told apart, with a remedy, before any of its code runs.
#![cfg(all(feature = "host", target_os = "linux"))]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot be set up has failed"
)]

mod common;

use std::path::Path;

use common::{TYPES, compile, file, library};
use fezz_abi::artifact::{ARTIFACT_BYTES_MAX, Caution, inspect};
use fezz_abi::host::Function;
use fezz_abi::{Foreign, IdentityError, LoadFault, Table};

const PAIR: &str = "
FezzOwned fezz_handle_v2(FezzSlice req) { return (FezzOwned){0, 0}; }
void fezz_free_v2(FezzOwned buf) { free(buf.ptr); }
";

/// Makes the test fail if anything of the artifact runs.
const TRAP: &str = "__attribute__((constructor)) static void trap(void) { abort(); }\n";

fn refused(path: &Path) -> LoadFault {
    let error = Function::load(path).expect_err("loaded");
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    for part in [": found ", "; expected ", "; remedy: "] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(inspect(path).expect_err("inspected").fault(), error.fault());
    error.fault().clone()
}

#[test]
fn what_is_no_library_is_named() {
    let missing = common::folder().join("absent.so");
    let kind = std::io::ErrorKind::NotFound;
    assert_eq!(refused(&missing), LoadFault::Unreadable { kind });
    assert_eq!(refused(&common::folder()), LoadFault::NotAFile { folder: true });
    assert_eq!(refused(Path::new("/dev/null")), LoadFault::NotAFile { folder: false });
    assert_eq!(refused(&file("empty.so", b"")), LoadFault::Empty);
    let cases: [(&[u8], Foreign); 12] = [
        (b"#!/bin/sh\necho\n", Foreign::Script),
        (b"\xCF\xFA\xED\xFE\x07\0\0\x01", Foreign::MachO),
        (b"MZ\x90\0", Foreign::Windows),
        (b"!<arch>\nlib.o/", Foreign::Archive),
        (b"\0asm\x01\0\0\0", Foreign::Wasm),
        (b"BC\xC0\xDE\x35\x14\0\0", Foreign::Bitcode),
        (b"\x1F\x8B\x08\0", Foreign::Packed),
        (b"\x28\xB5\x2F\xFD\0", Foreign::Packed),
        (b"fn main() {}\n", Foreign::Text),
        (b"\x7FELG", Foreign::Unknown { first: *b"\x7FELG" }),
        (b"\x7FEL", Foreign::Unknown { first: *b"\x7FEL\0" }),
        (b"\0", Foreign::Unknown { first: [0; 4] }),
    ];
    for (octets, found) in cases {
        assert_eq!(refused(&file("foreign.so", octets)), LoadFault::NotElf { found });
    }
}

#[test]
fn headers_for_other_machines_are_named() {
    let path = library("native", &format!("{TYPES}{PAIR}"), &[]);
    let octets = std::fs::read(path).unwrap();
    let machine = u16::from_ne_bytes([octets[18], octets[19]]);
    let (class, order) = (octets[4], octets[5]);
    let patched = |at: usize, value: u8| {
        let mut copy = octets.clone();
        copy[at] = value;
        refused(&file("patched.so", &copy))
    };
    assert_eq!(patched(4, 3 - class), LoadFault::WrongClass { found: 3 - class });
    assert_eq!(patched(5, 3 - order), LoadFault::WrongByteOrder { found: 3 - order });
    let other = if machine == 40 { 3 } else { 40 };
    assert_eq!(
        patched(18, other),
        LoadFault::WrongMachine { found: other.into(), expected: machine }
    );
    assert_eq!(patched(16, 1), LoadFault::NotShared { found: 1 });
    assert_eq!(patched(16, 4), LoadFault::NotShared { found: 4 });
    for bytes in [4, 15, 16, 40] {
        let expected = LoadFault::Truncated { bytes };
        assert_eq!(refused(&file("cut.so", &octets[..bytes])), expected);
    }
}

#[test]
fn a_copy_cut_short_is_refused_before_it_is_mapped() {
    let path = library("whole", &format!("{TYPES}{TRAP}{PAIR}"), &[]);
    let octets = std::fs::read(path).unwrap();
    let bytes = octets.len() / 2;
    let fault = refused(&file("half.so", &octets[..bytes]));
    let LoadFault::SegmentOutsideFile { end, bytes: told, .. } = fault else {
        unreachable!("{fault:?}");
    };
    assert!(told == bytes as u64 && end > told, "{end} {told}");
}

#[test]
fn objects_and_programs_are_not_shared_objects() {
    let source = format!("{TYPES}{PAIR}");
    let object = compile("object.o", &source, &["-c"]);
    assert_eq!(refused(&object), LoadFault::NotShared { found: 1 });
    let main = format!("{source}\nint main(void) {{ return 0; }}");
    let pie = compile("pie", &main, &["-fPIE", "-pie", "-rdynamic"]);
    assert_eq!(refused(&pie), LoadFault::Program);
    let fixed = compile("fixed", &main, &["-no-pie"]);
    assert_eq!(refused(&fixed), LoadFault::Program);
}

#[test]
fn required_symbols_must_be_exported_functions() {
    let build = |name: &str, source: &str| library(name, &format!("{TYPES}{TRAP}{source}"), &[]);
    let missing = |handle, free, legacy| LoadFault::MissingSymbols { handle, free, legacy };
    let nothing = build("nothing", "");
    assert_eq!(refused(&nothing), missing(true, true, false));
    let half = build("half", "void fezz_free_v2(FezzOwned buf) { free(buf.ptr); }");
    assert_eq!(refused(&half), missing(true, false, false));
    let other =
        build("other", "FezzOwned fezz_handle_v2(FezzSlice r) { return (FezzOwned){0, 0}; }");
    assert_eq!(refused(&other), missing(false, true, false));
    let legacy = build("legacy", "char *fezz_fetch(const char *request) { return 0; }");
    assert_eq!(refused(&legacy), missing(true, true, true));
    let wanted = build(
        "wanted",
        "FezzOwned fezz_handle_v2(FezzSlice); void fezz_free_v2(FezzOwned);
         FezzOwned x(FezzSlice r) { FezzOwned o = fezz_handle_v2(r); fezz_free_v2(o); return o; }",
    );
    assert_eq!(refused(&wanted), missing(true, true, false));
    let hidden = library("hidden", &format!("{TYPES}{TRAP}{PAIR}"), &["-fvisibility=hidden"]);
    assert_eq!(refused(&hidden), missing(true, true, false));
    let longer = build(
        "longer",
        "void fezz_handle_v2x(void) {} void fezz_free_v(void) {} void xfezz_free_v2(void) {}",
    );
    assert_eq!(refused(&longer), missing(true, true, false));
    let data = build("data", "int fezz_handle_v2 = 1; void fezz_free_v2(FezzOwned buf) {}");
    assert_eq!(refused(&data), LoadFault::NotAFunction { symbol: "fezz_handle_v2", found: 1 });
}

#[test]
fn identity_is_read_from_the_file() {
    let header = concat!(env!("CARGO_MANIFEST_DIR"), "/include");
    let identity = "#include \"fezz.h\"
        const FezzIdentityV1 fezz_identity_v1 =
            FEZZ_IDENTITY(\"greeter\", \"1.2.3\", FEZZ_F_INLINE_OK, 3);
        FezzOwned fezz_handle_v2(FezzSlice req) { return (FezzOwned){0, 0}; }
        void fezz_free_v2(FezzOwned buf) { (void) buf; }
        FEZZ_EXPORT void fezz_cancel_v1(uint64_t call, uint32_t reason) { }";
    let path = library("identified", identity, &["-I", header, "-fvisibility=hidden"]);
    let inspection = inspect(&path).unwrap();
    let read = inspection.identity.unwrap();
    assert_eq!((read.name(), read.version(), read.sdk()), ("greeter", "1.2.3", "fezz.h"));
    assert_eq!((read.abi_level, read.max_concurrency), (2, 3));
    assert!(read.inline_ok() && !read.wants_runner());
    assert_eq!(inspection.name(), "greeter");
    assert_eq!(inspection.optional_symbols, ["fezz_cancel_v1"]);
    assert_eq!(Function::load(&path).unwrap().name(), "greeter");
}

#[test]
fn an_identity_that_is_none_is_refused() {
    let build = |name: &str, identity: &str| {
        refused(&library(name, &format!("{TYPES}{TRAP}{PAIR}{identity}"), &[]))
    };
    let zeros = build("zeros", "const uint32_t fezz_identity_v1[46] = {184, 7};");
    let error = IdentityError::Magic { found: 7 };
    assert_eq!(zeros, LoadFault::Identity { error });
    let bss = build("bss", "uint32_t fezz_identity_v1[4096 * 16];");
    assert!(matches!(bss, LoadFault::Identity { .. }), "{bss:?}");
    let code = build("code", "void fezz_identity_v1(void) {}");
    assert_eq!(code, LoadFault::Identity { error: IdentityError::Short { bytes: 0 } });
}

#[test]
fn what_an_artifact_brings_along_is_reported() {
    let plain = inspect(&library("plain", &format!("{TYPES}{PAIR}"), &[])).unwrap();
    assert_eq!(plain.cautions().count(), 0, "{plain:?}");
    assert_eq!((plain.name(), plain.identity), ("plain", None));
    assert!(plain.needed.iter().any(|name| name.starts_with("libc.")), "{plain:?}");

    let source = format!("{TYPES}{PAIR}__thread int v; int *where(void) {{ return &v; }}");
    let tls = inspect(&library("tls", &source, &["-ftls-model=initial-exec"])).unwrap();
    assert_eq!(tls.cautions().collect::<Vec<_>>(), [Caution::StaticTls]);

    let source = format!("{TYPES}{PAIR}");
    let stack = inspect(&library("stack", &source, &["-Wl,-z,execstack"])).unwrap();
    assert_eq!(stack.cautions().collect::<Vec<_>>(), [Caution::ExecutableStack]);

    let origin = inspect(&library("origin", &source, &["-Wl,-rpath,$ORIGIN/../lib"])).unwrap();
    assert_eq!(origin.cautions().collect::<Vec<_>>(), [Caution::OriginRunPath]);

    let go =
        format!("{source}__attribute__((section(\".go.buildinfo\"))) const char g[16] = \"x\";");
    let go = inspect(&library("go", &go, &[])).unwrap();
    assert_eq!(go.cautions().collect::<Vec<_>>(), [Caution::GoRuntime]);
}

#[test]
fn a_sysv_hash_table_and_stripped_sections_are_enough() {
    let source = format!("{TYPES}{PAIR}");
    let sysv = library("sysv", &source, &["-Wl,--hash-style=sysv"]);
    inspect(&sysv).unwrap();
    let mut octets = std::fs::read(library("gnu", &source, &["-Wl,--hash-style=gnu"])).unwrap();
    if cfg!(target_pointer_width = "64") {
        octets[40..48].fill(0); // e_shoff
        octets[60..64].fill(0); // e_shnum, e_shstrndx
    }
    let bare = file("libbare.so", &octets);
    Function::load(&bare).unwrap();
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
fn a_newer_c_library_is_asked_for_by_number() {
    let source =
        format!("{TYPES}{PAIR}void *m(void *d, void *s) {{ return memcpy(d, s, (size_t) d); }}");
    let path = library("floor", &source, &["-O0", "-fno-builtin"]);
    let floor = inspect(&path).unwrap().glibc_floor;
    assert_eq!(floor, Some((2, 14)), "memcpy is of 2.14 on this processor");
    let mut octets = std::fs::read(path).unwrap();
    let name = b"GLIBC_2.14\0";
    let at = octets.windows(name.len()).position(|window| window == name).unwrap();
    octets[at..at + name.len()].copy_from_slice(b"GLIBC_9.14\0");
    let fault = refused(&file("future.so", &octets));
    assert!(matches!(fault, LoadFault::GlibcTooOld { needed: (9, 14), .. }), "{fault:?}");
}

#[test]
fn a_missing_dependency_is_told_in_the_words_of_the_linker() {
    let source =
        format!("{TYPES}{PAIR}void absent_function(void); void x(void) {{ absent_function(); }}");
    let error = Function::load(&library("unbound", &source, &[])).unwrap_err();
    assert_eq!(error.name(), "linker");
    assert!(error.to_string().contains("absent_function"), "{error}");
}

/// Where something is in a 64-bit file, and which octets stand there.
#[cfg(target_pointer_width = "64")]
struct Elf(Vec<u8>);

#[cfg(target_pointer_width = "64")]
impl Elf {
    fn word(&self, at: usize) -> usize {
        usize::from_ne_bytes(self.0[at..at + 8].try_into().unwrap())
    }

    fn half(&self, at: usize) -> usize {
        u32::from_ne_bytes(self.0[at..at + 4].try_into().unwrap()) as usize
    }

    /// Offset of the first program header of this type.
    fn header(&self, kind: usize) -> usize {
        let first = self.word(32);
        (0..16).map(|index| first + 56 * index).find(|&at| self.half(at) == kind).unwrap()
    }

    /// Offset of the value of the dynamic entry with this tag.
    fn dynamic(&self, tag: usize) -> usize {
        let first = self.word(self.header(2) + 8);
        (0..64).map(|index| first + 16 * index).find(|&at| self.word(at) == tag).unwrap() + 8
    }

    /// What is said about a copy with these octets at this place.
    fn with(&self, at: usize, octets: &[u8]) -> LoadFault {
        let mut copy = self.0.clone();
        copy[at..at + octets.len()].copy_from_slice(octets);
        refused(&file("tables.so", &copy))
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn each_table_that_leads_nowhere_is_named() {
    let source = format!("{TYPES}{PAIR}");
    let flags = ["-Wl,--hash-style=gnu"];
    let elf = Elf(std::fs::read(library("tables", &source, &flags)).unwrap());
    let malformed = |table| LoadFault::Malformed { table };
    let nowhere = [0x7F; 8];
    assert_eq!(elf.with(32, &nowhere), malformed(Table::ProgramHeaders));
    assert_eq!(elf.with(56, &[0; 2]), malformed(Table::ProgramHeaders));
    assert_eq!(elf.with(elf.header(2), &[0; 4]), malformed(Table::Dynamic));
    assert_eq!(elf.with(elf.header(2) + 8, &nowhere), malformed(Table::Dynamic));
    for (tag, table) in [
        (5, Table::Strings),
        (10, Table::Strings),
        (6, Table::Symbols),
        (0x6FFF_FEF5, Table::Hash),
        (0x6FFF_FFFE, Table::Versions),
    ] {
        assert_eq!(elf.with(elf.dynamic(tag), &nowhere), malformed(table), "tag {tag:#x}");
    }
}

#[test]
fn a_file_too_large_is_not_read() {
    let path = file("large.so", b"");
    let bytes = ARTIFACT_BYTES_MAX + 1;
    std::fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
    assert_eq!(refused(&path), LoadFault::TooLarge { bytes, max: ARTIFACT_BYTES_MAX });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn damaged_tables_are_refused_or_read_but_never_fatal() {
    let source = format!("{TYPES}{PAIR}{}", "const char pad[64] = \"x\";");
    let whole = std::fs::read(library("mutated", &source, &[])).unwrap();
    let path = common::folder().join("damaged.so");
    // Headers and the dynamic tables are within the first octets of so small a file.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut refused, mut read) = (0, 0);
    for _ in 0..3000 {
        let mut copy = whole.clone();
        for _ in 0..=next() % 4 {
            let at = usize::try_from(next()).unwrap() % copy.len().min(0x800);
            copy[at] = next().to_le_bytes()[0];
        }
        std::fs::write(&path, &copy).unwrap();
        match inspect(&path) {
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100 && read > 100, "{refused} refused, {read} read");
}
