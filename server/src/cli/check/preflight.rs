//! What the file says before anything of it runs.

use fezz_abi::LoadError;
use fezz_abi::artifact::Inspection;

use super::finding::{Finding, Outcome, Record};

/// The name of this step among the probes.
pub(super) const NAME: &str = "preflight";

/// The file can be loaded; its peculiarities are warnings.
pub(super) fn passed(inspection: &Inspection) -> Record {
    let identity = inspection.identity.as_ref();
    let version = identity.map_or("", |identity| identity.version());
    let space = if version.is_empty() { "" } else { " " };
    let detail = format!("{}{space}{version}, {} octets", inspection.name(), inspection.bytes);
    let mut findings: Vec<Finding> = inspection
        .cautions()
        .map(|caution| warning(caution.name(), &format!("the file {caution}")))
        .collect();
    if identity.is_some_and(|identity| identity.wants_runner()) {
        let text = "the identity asks for a process of its own, which this server does not have";
        findings.push(warning("wants_runner", text));
    }
    Record::of(NAME, detail, findings)
}

fn warning(reason: &str, text: &str) -> Finding {
    Finding {
        outcome: Outcome::Warn,
        reason: reason.to_owned(),
        stage: String::new(),
        text: text.to_owned(),
        remedy: String::new(),
    }
}

/// The file cannot be loaded.
pub(super) fn refused(error: &LoadError) -> Record {
    Record::of(NAME, String::new(), vec![Finding::of_load(error)])
}
