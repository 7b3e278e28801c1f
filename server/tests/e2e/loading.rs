//! What the operator says about an artifact decides how it is loaded, or that it is not.

use std::path::{Path, PathBuf};
use std::process::Command;

use fezz_abi::digest::{Hex, sha256};
use fezz_server::assemble::Functions;
use fezz_server::config::{Abi, Config};

use super::harness::{Running, c_function, serving};

/// A folder of one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loading").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// The example of the earlier boundary.
fn earlier() -> PathBuf {
    let out = folder("earlier");
    let status = Command::new("make")
        .args(["-s", "-B", "-C"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/legacy-c"))
        .arg(format!("OUT={}", out.display()))
        .status()
        .expect("make runs");
    assert!(status.success(), "the example compiles");
    out.join("liblegacy_c.so")
}

fn refused(config: &Config) -> String {
    let complaints = Functions::load(config).expect_err("it must not load");
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    complaints[0].to_string()
}

#[test]
fn a_function_of_the_earlier_boundary_serves_once_the_operator_says_so() {
    let mut config = serving(earlier());
    let said = refused(&config);
    assert!(said.contains("--set NAME.abi=v1"), "{said}");
    config.functions[0].options.abi = Abi::V1;
    let server = Running::start(&config);
    let seen = server.talk(
        b"POST /orders?id=7 HTTP/1.1\r\nhost: a\r\nx-tag: one\r\n\
          content-length: 5\r\n\r\ngr\xC3\xBCn",
    );
    assert!(seen.starts_with("HTTP/1.1 200 OK\r\n"), "{seen}");
    assert!(seen.to_lowercase().contains("content-type: application/json\r\n"), "{seen}");
    let content = "{\"you_sent\":{\"method\":\"POST\",\"path\":\"/orders?id=7\",";
    assert!(seen.contains(content), "{seen}");
    assert!(seen.ends_with("\"body\":\"grün\"}}"), "{seen}");
    assert!(seen.contains("[\"x-tag\",\"one\"]"), "{seen}");
    let octets = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n\xFF\xFE";
    let seen = server.talk(octets);
    assert!(seen.starts_with("HTTP/1.1 415 "), "{seen}");
}

#[test]
fn only_the_artifact_with_the_named_digest_serves() {
    let body = "FezzOwned fezz_handle_v2(FezzSlice r) { (void) r; return (FezzOwned){0, 0}; }
        void fezz_free_v2(FezzOwned b) { free(b.ptr); }\n";
    let artifact = c_function("digest", body);
    let digest = sha256(&std::fs::read(&artifact).expect("the artifact"));
    let mut config = serving(artifact);
    config.functions[0].options.sha256 = Some(digest);
    drop(Running::start(&config));
    config.functions[0].options.sha256 = Some([7; 32]);
    let said = refused(&config);
    assert!(said.contains(&format!("found SHA-256 {}", Hex(&digest))), "{said}");
    assert!(said.contains(&"07".repeat(32)), "{said}");
}

#[test]
fn libraries_beside_an_artifact_may_be_overwritten_while_it_serves() {
    let folder = folder("beside");
    let gcc = |output: &Path, source: &str, flags: &[&str]| {
        let input = output.with_extension("c");
        std::fs::write(&input, source).expect("the source is written");
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../abi/include");
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-I"]).arg(include).arg("-o").arg(output).arg(&input);
        let status = gcc.args(flags).current_dir(&folder).status().expect("gcc runs");
        assert!(status.success(), "{} compiles", output.display());
    };
    std::fs::create_dir_all(folder.join("lib")).expect("a folder");
    let (library, artifact) = (folder.join("lib/libwords.so"), folder.join("libbeside.so"));
    gcc(&library, "const char *words(void) { return \"beside\"; }\n", &[]);
    let function = "#include <stdlib.h>\n#include <string.h>\n#include \"fezz.h\"
        const char *words(void);
        FezzOwned fezz_handle_v2(FezzSlice r) {
            static const char head[] = \"\\xA2\" \"fstatus\" \"\\x18\\xC8\" \"dbody\" \"\\x46\";
            uint8_t *out = malloc(sizeof head + 6);
            (void) r;
            memcpy(out, head, sizeof head - 1);
            memcpy(out + sizeof head - 1, words(), 6);
            return (FezzOwned){out, sizeof head + 5};
        }
        void fezz_free_v2(FezzOwned b) { free(b.ptr); }\n";
    gcc(&artifact, function, &["-Llib", "-lwords", "-Wl,-rpath,$ORIGIN/lib"]);
    let server = Running::start(&serving(artifact.clone()));
    let get = || server.talk(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(get().ends_with("\r\n\r\nbeside"), "{}", get());
    for file in [library, artifact] {
        std::fs::write(file, b"").expect("it is cut to nothing");
    }
    assert!(get().ends_with("\r\n\r\nbeside"), "{}", get());
}
