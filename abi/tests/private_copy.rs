//! An artifact with libraries beside it is loaded from a copy of exactly those.
#![cfg(all(feature = "host", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::TYPES;
use fezz_abi::host::Function;
use fezz_abi::{LoadFault, PrivateFault, Step};

/// A folder tree of one test: artifact and libraries as an operator would unpack them.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = common::folder().join(name);
        std::fs::remove_dir_all(&root).ok();
        std::fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Compiles a shared object to this place.
    fn build(&self, path: &str, source: &str, flags: &[&str]) -> PathBuf {
        let output = self.at(path);
        std::fs::create_dir_all(output.parent().unwrap()).unwrap();
        let input = output.with_extension("so.c");
        std::fs::write(&input, source).unwrap();
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-Wl,--no-as-needed"]).arg(&input).arg("-o").arg(&output);
        let run = gcc.args(flags).current_dir(&self.0).output().unwrap();
        assert!(run.status.success(), "gcc: {}", String::from_utf8_lossy(&run.stderr));
        std::fs::remove_file(input).unwrap();
        output
    }

    /// An artifact that answers with what the function `number` of its libraries says.
    fn function(&self, path: &str, flags: &[&str]) -> PathBuf {
        let source = format!(
            "{TYPES}
            uint8_t number(void);
            FezzOwned fezz_handle_v2(FezzSlice req) {{
                uint8_t *p = malloc(1); *p = number(); return (FezzOwned){{p, 1}};
            }}
            void fezz_free_v2(FezzOwned buf) {{ free(buf.ptr); }}"
        );
        self.build(path, &source, flags)
    }

    /// A library that defines `number`.
    fn number(&self, path: &str, value: u8, flags: &[&str]) -> PathBuf {
        self.build(path, &format!("unsigned char number(void) {{ return {value}; }}"), flags)
    }
}

fn answer(function: &Function) -> u8 {
    function.call(b"x", |answer| answer.unwrap()[0])
}

/// Private folders of this process that are still there.
fn leftovers() -> usize {
    let ours = format!("fezz-{}-", std::process::id());
    let entries = std::fs::read_dir(std::env::temp_dir()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap_or_default());
    names.filter(|name| name.starts_with(&ours)).count()
}

fn fault(path: &Path) -> PrivateFault {
    let error = Function::load(path).unwrap_err();
    match error.fault() {
        LoadFault::PrivateCopy { fault } => {
            assert_eq!(error.name(), fault.name());
            fault.clone()
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn libraries_beside_it_come_along_and_the_originals_no_longer_matter() {
    let tree = Tree::new("along");
    // bin/libfn.so -> ../lib/libalong.so -> ./deep/libalong_deep.so
    let deep = "unsigned char deep(void) { return 7; }";
    tree.build("lib/deep/libalong_deep.so", deep, &[]);
    let middle = "unsigned char deep(void); unsigned char number(void) { return deep(); }";
    let flags = ["-Llib/deep", "-lalong_deep", "-Wl,-rpath,$ORIGIN/deep"];
    tree.build("lib/libalong.so", middle, &flags);
    let flags = ["-Llib", "-lalong", "-Wl,-rpath,${ORIGIN}/../lib", "-Wl,--allow-shlib-undefined"];
    let path = tree.function("bin/libfn.so", &flags);
    let function = Function::load(&path).unwrap();
    assert_eq!(answer(&function), 7);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mapped = |name: &str| maps.lines().any(|line| line.contains(name));
    assert!(mapped("/bin/libfn.so (deleted)"), "{maps}");
    assert!(mapped("/lib/libalong.so (deleted)"), "{maps}");
    assert!(mapped("/lib/deep/libalong_deep.so (deleted)"), "{maps}");
    assert!(!mapped(&format!(" {}", tree.0.display())), "{maps}");
    // Writing into a mapped library would kill whoever runs it.
    for file in ["bin/libfn.so", "lib/libalong.so", "lib/deep/libalong_deep.so"] {
        std::fs::write(tree.at(file), b"").unwrap();
    }
    std::fs::remove_dir_all(&tree.0).unwrap();
    assert_eq!(answer(&function), 7);
}

#[test]
fn two_loads_are_two_instances_and_nothing_is_left_behind() {
    let tree = Tree::new("twice");
    let source = format!(
        "{TYPES}
        static uint8_t n;
        FezzOwned fezz_handle_v2(FezzSlice req) {{
            uint8_t *p = malloc(1); *p = ++n; return (FezzOwned){{p, 1}};
        }}
        void fezz_free_v2(FezzOwned buf) {{ free(buf.ptr); }}"
    );
    let path = tree.build("libtwice.so", &source, &["-Wl,-rpath,$ORIGIN"]);
    let [first, second] = [(); 2].map(|()| Function::load(&path).unwrap());
    assert_eq!([answer(&first), answer(&first), answer(&second)], [1, 2, 1]);
    // In a process of its own: other tests of this one are loading at this moment.
    let child = |artifact: &Path| {
        let run = Command::new(std::env::current_exe().unwrap())
            .args(["the_child_of_another_test", "--exact", "--nocapture"])
            .env("FEZZ_TEST_LOAD", artifact)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    child(&path);
    tree.number("lib/libgone.so", 1, &[]);
    let flags = ["-Llib", "-lgone", "-Wl,-rpath,$ORIGIN/lib"];
    let broken = tree.function("libbroken.so", &flags);
    std::fs::remove_file(tree.at("lib/libgone.so")).unwrap();
    child(&broken);
}

#[test]
fn the_child_of_another_test() {
    let Some(path) = std::env::var_os("FEZZ_TEST_LOAD") else { return };
    let loaded = Function::load(Path::new(&path));
    drop(loaded);
    assert_eq!(leftovers(), 0);
}

#[test]
fn a_missing_library_is_named_with_the_file_that_asks() {
    let tree = Tree::new("missing");
    tree.number("lib/libmissing_deep.so", 1, &["-Wl,-soname,libmissing_deep.so"]);
    let middle = "unsigned char number(void); unsigned char more(void) { return number(); }";
    let flags = ["-Llib", "-lmissing_deep", "-Wl,-rpath,$ORIGIN"];
    let asking = tree.build("lib/libmissing.so", middle, &flags);
    let flags = ["-Llib", "-lmissing", "-lmissing_deep"];
    let all: Vec<_> = flags.into_iter().chain(["-Wl,-rpath,$ORIGIN/lib"]).collect();
    let path = tree.function("libfn.so", &all);
    std::fs::remove_file(tree.at("lib/libmissing_deep.so")).unwrap();
    let error = Function::load(&path).unwrap_err();
    let expected = |library: &str, file: &Path| LoadFault::MissingLibrary {
        library: library.to_owned(),
        needed_by: Some(file.to_path_buf()),
    };
    assert_eq!(error.fault(), &expected("libmissing_deep.so", &path));
    let text = error.to_string();
    assert!(text.contains("found a need for libmissing_deep.so in "), "{text}");
    assert_eq!(error.name(), "missing_library");
    // Needed by the library alone.
    let flags = ["-Llib", "-lmissing", "-Wl,-rpath,$ORIGIN/lib", "-Wl,--allow-shlib-undefined"];
    let path = tree.function("libfn2.so", &flags);
    let error = Function::load(&path).unwrap_err();
    assert_eq!(error.fault(), &expected("libmissing_deep.so", &asking));
}

#[test]
fn a_library_missing_without_a_run_path_is_named_too() {
    let tree = Tree::new("plain");
    tree.number("lib/libplain.so", 1, &[]);
    let path = tree.function("libfn.so", &["-Llib", "-lplain"]);
    let error = Function::load(&path).unwrap_err();
    let LoadFault::MissingLibrary { library, .. } = error.fault() else {
        unreachable!("{error}");
    };
    assert_eq!(library, "libplain.so");
    assert!(error.to_string().starts_with(&format!("{}: found", path.display())), "{error}");
}

#[test]
fn a_library_cut_short_is_refused_before_anything_is_mapped() {
    let tree = Tree::new("cut");
    let library = tree.number("lib/libcut.so", 1, &[]);
    let path = tree.function("libfn.so", &["-Llib", "-lcut", "-Wl,-rpath,$ORIGIN/lib"]);
    let octets = std::fs::read(&library).unwrap();
    std::fs::write(&library, &octets[..octets.len() / 2]).unwrap();
    let PrivateFault::Library { library: named, fault } = fault(&path) else {
        unreachable!("not the library");
    };
    assert_eq!(named, library);
    assert!(matches!(*fault, LoadFault::SegmentOutsideFile { .. }), "{fault:?}");
}

#[test]
fn what_the_linker_says_names_the_original() {
    let tree = Tree::new("words");
    tree.number("lib/libwords.so", 1, &[]);
    let path = tree.function("libfn.so", &["-Llib", "-lwords", "-Wl,-rpath,$ORIGIN/lib"]);
    // The library still comes, and no longer has what is asked of it.
    tree.build("lib/libwords.so", "int other;", &[]);
    let text = Function::load(&path).unwrap_err().to_string();
    let words = format!("{}: undefined symbol: number", path.display());
    assert!(text.contains(&words), "{text}");
    // What was never mapped takes no name.
    tree.number("lib/libwords.so", 4, &[]);
    assert_eq!(answer(&Function::load(&path).unwrap()), 4);
}

#[test]
fn symbolic_links_lead_where_the_kernel_leads() {
    let tree = Tree::new("links");
    // app/bin -> ../real/bin, so app/bin/../lib is real/lib; liblinks.so is a link as well.
    tree.number("real/lib/liblinks.so.1.0", 9, &["-Wl,-soname,liblinks.so.1"]);
    std::os::unix::fs::symlink("liblinks.so.1.0", tree.at("real/lib/liblinks.so.1")).unwrap();
    std::os::unix::fs::symlink("liblinks.so.1", tree.at("real/lib/liblinks.so")).unwrap();
    tree.number("app/lib/liblinks.so.1", 1, &["-Wl,-soname,liblinks.so.1"]);
    let flags = ["-Lreal/lib", "-llinks", "-Wl,-rpath,$ORIGIN/sub/../../lib"];
    tree.function("real/bin/libfn.so", &flags);
    std::fs::create_dir(tree.at("real/bin/sub")).unwrap();
    std::os::unix::fs::symlink("../real/bin", tree.at("app/bin")).unwrap();
    let function = Function::load(&tree.at("app/bin/libfn.so")).unwrap();
    assert_eq!(answer(&function), 9);
}

#[test]
fn two_names_of_one_file_stay_one_library() {
    let tree = Tree::new("names");
    tree.number("lib/libnames_1.so", 6, &[]);
    std::os::unix::fs::symlink("libnames_1.so", tree.at("lib/libnames_2.so")).unwrap();
    let flags = ["-Llib", "-lnames_1", "-lnames_2", "-Wl,-rpath,$ORIGIN/lib"];
    let function = Function::load(&tree.function("libfn.so", &flags)).unwrap();
    assert_eq!(answer(&function), 6);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(maps.contains("/lib/libnames_1.so") && !maps.contains("/lib/libnames_2.so"), "{maps}");
}

#[test]
fn a_need_may_be_a_path_beside_the_artifact() {
    let tree = Tree::new("path");
    let library = tree.number("lib/libpath.so", 8, &["-Wl,-soname,$ORIGIN/../lib/libpath.so"]);
    let path = tree.function("bin/libfn.so", &["-Llib", "-lpath"]);
    let function = Function::load(&path).unwrap();
    assert!(function.inspection().origin_run_path);
    std::fs::remove_file(library).unwrap();
    assert_eq!(answer(&function), 8);
    let error = Function::load(&path).unwrap_err();
    assert_eq!(error.name(), "missing_library");
    assert!(error.to_string().contains("/lib/libpath.so, which is nowhere"), "{error}");
}

#[test]
fn run_paths_are_searched_in_their_order_and_inherited_as_the_linker_does() {
    let tree = Tree::new("order");
    tree.number("a/liborder.so", 1, &[]);
    tree.number("b/liborder.so", 2, &[]);
    let rpath = "-Wl,-rpath,$ORIGIN/none:$ORIGIN/b:$ORIGIN/a";
    let path = tree.function("libfn.so", &["-La", "-lorder", rpath]);
    assert_eq!(answer(&Function::load(&path).unwrap()), 2);
    // DT_RPATH of the artifact holds for what its library needs; DT_RUNPATH would not.
    tree.number("deep/libinherited_deep.so", 3, &[]);
    let middle = "unsigned char number(void); unsigned char more(void) { return number(); }";
    tree.build("a/libinherited.so", middle, &["-Ldeep", "-linherited_deep"]);
    let load = |name: &str, tags: &str| {
        let rpath = "-Wl,-rpath,$ORIGIN/a:$ORIGIN/deep";
        let flags = ["-La", "-linherited", tags, rpath, "-Wl,--allow-shlib-undefined"];
        Function::load(&tree.function(name, &flags))
    };
    let error = load("libnew.so", "-Wl,--enable-new-dtags").unwrap_err();
    assert_eq!(error.name(), "missing_library", "{error}");
    assert_eq!(answer(&load("libold.so", "-Wl,--disable-new-dtags").unwrap()), 3);
}

#[test]
fn a_run_path_above_the_root_is_refused() {
    let tree = Tree::new("climb");
    let run_path = format!("$ORIGIN{}/tmp", "/..".repeat(40));
    let path = tree.number("libclimb.so", 1, &[]);
    let flags = ["-L.", "-lclimb", &format!("-Wl,-rpath,{run_path}")];
    let function = tree.function("libfn.so", &flags);
    assert_eq!(fault(&function), PrivateFault::Climbs { run_path });
    drop(path);
}

#[test]
fn another_build_under_a_name_in_use_is_refused() {
    let tree = Tree::new("taken");
    let flags = ["-Llib", "-ltaken", "-Wl,-rpath,$ORIGIN/lib"];
    tree.number("lib/libtaken.so", 1, &[]);
    let path = tree.function("libfn.so", &flags);
    let first = Function::load(&path).unwrap();
    let again = Function::load(&path).unwrap();
    assert_eq!([answer(&first), answer(&again)], [1, 1]);
    tree.number("lib/libtaken.so", 2, &[]);
    let library = "libtaken.so".to_owned();
    assert_eq!(fault(&path), PrivateFault::NameTaken { library });
    assert_eq!(answer(&first), 1);
}

#[test]
fn more_libraries_than_the_limit_are_refused() {
    let tree = Tree::new("many");
    let object = tree.number("lib/libmany_0.so", 1, &[]);
    let mut flags = vec!["-Llib".to_owned()];
    for index in 1..=fezz_abi::LIBRARIES_MAX + 1 {
        std::fs::copy(&object, tree.at(&format!("lib/libmany_{index}.so"))).unwrap();
        // Without a name of its own a library is needed by that of its file.
        flags.push(format!("-lmany_{index}"));
    }
    flags.push("-Wl,-rpath,$ORIGIN/lib".to_owned());
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let path = tree.function("libfn.so", &flags);
    assert_eq!(fault(&path), PrivateFault::TooManyLibraries);
}

#[test]
fn a_temporary_folder_that_cannot_be_used_is_named() {
    // Runs itself again with another temporary folder.
    if let Some(path) = std::env::var_os("FEZZ_TEST_NO_TEMPORARY") {
        let PrivateFault::Folder { step, path, .. } = fault(Path::new(&path)) else {
            unreachable!("not the folder");
        };
        assert_eq!((step, path), (Step::Create, PathBuf::from("/nonexistent/fezz")));
        return;
    }
    let tree = Tree::new("temporary");
    tree.number("libtemporary.so", 1, &[]);
    let path = tree.function("libfn.so", &["-L.", "-ltemporary", "-Wl,-rpath,$ORIGIN"]);
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["a_temporary_folder_that_cannot_be_used_is_named", "--exact", "--nocapture"])
        .env("FEZZ_TEST_NO_TEMPORARY", &path)
        .env("TMPDIR", "/nonexistent/fezz")
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}
