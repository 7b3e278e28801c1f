//! Compiles llhttp, if `ci/llhttp` has put its sources in place; FEZZ_LLHTTP_REQUIRED makes a
//! missing one an error.
#![expect(clippy::panic, reason = "a build that cannot go on ends")]

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(llhttp)");
    println!("cargo::rerun-if-env-changed=FEZZ_LLHTTP");
    println!("cargo::rerun-if-env-changed=FEZZ_LLHTTP_REQUIRED");
    println!("cargo::rerun-if-changed=src/shim.c");
    let required = env::var_os("FEZZ_LLHTTP_REQUIRED").is_some();
    let Some(place) = place().filter(|place| place.join("src/llhttp.c").is_file()) else {
        assert!(!required, "llhttp is not here: run ci/llhttp");
        println!("cargo::warning=built without llhttp: ci/llhttp fetches it");
        return;
    };
    let sources = ["src/api.c", "src/http.c", "src/llhttp.c"].map(|name| place.join(name));
    for source in &sources {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    let compiled = cc::Build::new()
        .files(sources)
        .file("src/shim.c")
        .include(place.join("include"))
        .opt_level(2)
        .warnings(false)
        // The sanitizers of rustc and of this compiler need not be of one kind.
        .inherit_rustflags(false)
        .flag("-fno-sanitize=all")
        .try_compile("fezz_llhttp");
    if let Err(error) = compiled {
        panic!("llhttp: {error}");
    }
    println!("cargo::rustc-cfg=llhttp");
}

/// Where `ci/llhttp` puts the sources.
fn place() -> Option<PathBuf> {
    if let Some(place) = env::var_os("FEZZ_LLHTTP") {
        return Some(place.into());
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("fezz/llhttp"))
}
