//! Configurations of ours with many functions or many routes, of which one is asked for.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::BenchError;
use super::markdown::push;
use super::workload::Role;

/// What is asked for where there are many functions.
pub(super) const FUNCTION_PATH: &str = "/hello/7";
/// What is asked for where there are many routes.
pub(super) const ROUTE_PATH: &str = "/hello/7";
/// The one that is asked for; half of the others come before it in the order of their names.
const ASKED: &str = "hello";
const BEFORE: &str = "early";
const AFTER: &str = "late";

/// The artifact, in the scratch folder.
const ARTIFACT: &str = "libhello-stripped.so";

/// Makes the artifact, unless it is there: `hello` as it is deployed, without what debuggers want,
/// since each function holds all of its file. Without `strip` it is taken as it was built.
pub(super) fn prepare(bin: &Path, scratch: &Path) -> Result<(), BenchError> {
    let (built, artifact) = (bin.join("libhello.so"), scratch.join(ARTIFACT));
    if artifact.exists() {
        return Ok(());
    }
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&artifact).arg(&built).stdin(Stdio::null()).stderr(Stdio::null());
    if strip.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    fs::copy(&built, &artifact).map(|_| ()).map_err(|error| BenchError::file(&built, error))
}

/// The file of a server that plays `role`; `None` where a command line does.
pub(super) fn configuration(
    role: Role,
    scratch: &Path,
    address: &str,
    inline: bool,
) -> Option<String> {
    let (functions, routes) = match role {
        Role::Functions(count) => (count, count),
        Role::Routes(count) => (1, count),
        _ => return None,
    };
    let artifact = scratch.join(ARTIFACT);
    let artifact = artifact.display();
    let placement = if inline { "placement = \"inline\"\n" } else { "" };
    let mut text = format!(
        "version = 1\n\n[metrics]\nlisten = \"off\"\n\n\
         [workers]\nevent_loops = 1\nthreads = 1\n\n[[listener]]\naddress = \"{address}\"\n"
    );
    for name in names(functions) {
        push(&mut text, format_args!("\n[[function]]\nname = \"{name}\"\n"));
        push(&mut text, format_args!("artifact = \"{artifact}\"\n{placement}"));
    }
    for name in names(routes) {
        let function = if functions == 1 { ASKED } else { &name };
        push(&mut text, format_args!("\n[[route]]\npath = \"/{name}/{{id}}\"\n"));
        push(&mut text, format_args!("function = \"{function}\"\n"));
    }
    Some(text)
}

/// So many names, with the one that is asked for in the middle.
fn names(count: u32) -> impl Iterator<Item = String> {
    let middle = count / 2;
    (0..count).map(move |index| match index {
        _ if index == middle => ASKED.to_owned(),
        _ if index < middle => format!("{BEFORE}{index}"),
        _ => format!("{AFTER}{index}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(role: Role) -> String {
        configuration(role, Path::new("/b"), "127.0.0.1:9", false).unwrap()
    }

    #[test]
    fn what_cannot_be_stripped_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (bin, scratch) = (folder.path().join("bin"), folder.path().join("scratch"));
        assert!(prepare(&bin, &scratch).is_err());
        fs::create_dir(&bin).unwrap();
        fs::create_dir(&scratch).unwrap();
        fs::write(bin.join("libhello.so"), "no library").unwrap();
        prepare(&bin, &scratch).unwrap();
        assert_eq!(fs::read(scratch.join(ARTIFACT)).unwrap(), b"no library");
    }

    #[test]
    fn there_are_as_many_as_the_role_says() {
        for count in [1, 2, 1000] {
            let functions = text(Role::Functions(count));
            let wanted = usize::try_from(count).unwrap();
            assert_eq!(functions.matches("[[function]]").count(), wanted);
            assert_eq!(functions.matches("[[route]]").count(), wanted);
            let routes = text(Role::Routes(count));
            assert_eq!(routes.matches("[[function]]").count(), 1);
            assert_eq!(routes.matches("[[route]]").count(), wanted);
            for text in [functions, routes] {
                assert_eq!(text.matches("path = \"/hello/{id}\"\nfunction = \"hello\"").count(), 1);
            }
        }
        assert!(configuration(Role::Hello, Path::new("/b"), "127.0.0.1:9", false).is_none());
    }

    #[test]
    fn half_of_the_names_come_before_the_one_that_is_asked_for() {
        let names: Vec<String> = names(1000).collect();
        assert_eq!(names.iter().filter(|name| name.as_str() < ASKED).count(), 500);
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), 1000);
    }

    #[test]
    fn ten_thousand_routes_fit_into_one_file() {
        // docs/configuration.md: a file may have 1 MiB.
        assert!(text(Role::Routes(10_000)).len() < 1 << 20);
        let inline = configuration(Role::Functions(2), Path::new("/b"), "x:1", true).unwrap();
        assert_eq!(inline.matches("placement = \"inline\"").count(), 2);
    }
}
