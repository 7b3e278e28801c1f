//! `fezz check FILE.toml`: everything that is wrong with a configuration and with what it names,
//! and what is seldom wise in it. Nothing is executed, nothing is listened on.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::print;
use crate::config::ConfigError;
use crate::config::file::{self, Complaint, Fault, Loaded};
use crate::error::{EXIT_CONFIG, EXIT_OK, EXIT_SYSTEM};
use crate::json::quoted;

mod named;

/// A finding and how bad it is.
struct Finding {
    fails: bool,
    complaint: Complaint,
}

/// Whether a file is a configuration rather than an artifact: by its first octets, not its name.
/// One that cannot be read counts as what its name says.
pub(super) fn is_config(path: &Path) -> bool {
    let named = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("toml"));
    let mut front = Vec::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut front));
    match read {
        Err(_) => named,
        Ok(_) if front.starts_with(b"\x7fELF") => false,
        Ok(_) => named || (!front.is_empty() && !front.contains(&0) && is_text(&front)),
    }
}

/// UTF-8, perhaps cut off within a character.
fn is_text(front: &[u8]) -> bool {
    str::from_utf8(front).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// Checks the file and says what came of it; the code to end with.
pub(super) fn check(path: &Path, strict: bool, json: bool) -> u8 {
    let (findings, loaded) = findings(path);
    let failed = findings.iter().filter(|it| it.fails).count();
    let warned = findings.len() - failed;
    let text =
        if json { as_json(path, &findings) } else { as_text(path, &findings, loaded.as_ref()) };
    if let Err(error) = print(text.as_bytes()) {
        return super::fail(EXIT_SYSTEM, format_args!("cannot write the answer: {error}"));
    }
    if failed > 0 || (strict && warned > 0) { EXIT_CONFIG } else { EXIT_OK }
}

fn findings(path: &Path) -> (Vec<Finding>, Option<Loaded>) {
    let loaded = match file::read(path) {
        Ok(loaded) => loaded,
        Err(errors) => {
            let complaint = |error| match error {
                ConfigError::File(complaint) => *complaint,
                error => Complaint {
                    key: String::new(),
                    fault: Fault::Config(Box::new(error)),
                    path: path.into(),
                    spot: None,
                },
            };
            let fails = true;
            let all = errors.into_iter().map(complaint);
            return (all.map(|complaint| Finding { fails, complaint }).collect(), None);
        }
    };
    let mut complaints = named::faults(&loaded);
    complaints.extend(file::lints(&loaded));
    let finding = |complaint: Complaint| {
        let fails = !matches!(complaint.fault, Fault::Lint(_));
        Finding { fails, complaint }
    };
    let mut all: Vec<Finding> = complaints.into_iter().map(finding).collect();
    all.sort_by_key(|it| {
        let file = loaded.origins.files().position(|file| file == it.complaint.path);
        (!it.fails, file, it.complaint.spot.as_ref().map(|spot| (spot.line, spot.column)))
    });
    (all, Some(loaded))
}

/// A finding after the other, with its place, and how many there are.
fn as_text(path: &Path, findings: &[Finding], loaded: Option<&Loaded>) -> String {
    let mut out = String::new();
    for Finding { fails, complaint } in findings {
        let kind = if *fails { "error" } else { "warning" };
        out += &format!("{kind}[{}]: {complaint}\n\n", complaint.fault.name());
    }
    let failed = findings.iter().filter(|it| it.fails).count();
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    out += &format!(
        "{}: {}, {}",
        path.display(),
        count(failed, "error"),
        count(findings.len() - failed, "warning")
    );
    if let Some(Loaded { config, .. }) = loaded {
        out += &format!(
            "; {}, {}, {}",
            count(config.listeners.len(), "listener"),
            count(config.functions.len(), "function"),
            count(config.routes.len(), "route")
        );
    }
    out.push('\n');
    out
}

/// One object.
fn as_json(path: &Path, findings: &[Finding]) -> String {
    let one = |Finding { fails, complaint }: &Finding| {
        let spot = complaint.spot.as_ref();
        let number = |it: Option<usize>| it.map_or_else(|| "null".to_owned(), |it| it.to_string());
        format!(
            "{{\"severity\":{},\"name\":{},\"key\":{},\"file\":{},\"line\":{},\"column\":{},\
             \"text\":{},\"remedy\":{}}}",
            quoted(if *fails { "error" } else { "warning" }),
            quoted(complaint.fault.name()),
            quoted(&complaint.key),
            quoted(&complaint.path.display().to_string()),
            number(spot.map(|it| it.line)),
            number(spot.map(|it| it.column)),
            quoted(&complaint.fault.to_string()),
            quoted(&complaint.fault.remedy())
        )
    };
    let outcome = match findings {
        [] => "ok",
        all if all.iter().any(|it| it.fails) => "fail",
        _ => "warn",
    };
    let all: Vec<String> = findings.iter().map(one).collect();
    format!(
        "{{\"config\":{},\"outcome\":{},\"findings\":[{}]}}\n",
        quoted(&path.display().to_string()),
        quoted(outcome),
        all.join(",")
    )
}
