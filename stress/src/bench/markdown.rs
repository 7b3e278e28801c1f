//! What the pages of the benchmark have in common: links, tables, and what was measured on.

use std::fmt::Write as _;
use std::path::Path;

use super::machine::Machine;

/// Adds words to a page.
pub(super) fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let written = page.write_fmt(text);
    debug_assert!(written.is_ok());
}

/// Adds a table, headings first.
pub(super) fn push_table(page: &mut String, rows: &[Vec<String>]) {
    for (index, row) in rows.iter().enumerate() {
        push(page, format_args!("| {} |\n", row.join(" | ")));
        if index == 0 {
            push(page, format_args!("|{}\n", "---|".repeat(row.len())));
        }
    }
}

/// Adds when and on what a run was made.
pub(super) fn push_conditions(page: &mut String, date: &str, machine: &Machine) {
    let Machine { processor, cpus, system, kernel, compiler, commit } = machine;
    push(
        page,
        format_args!(
            "\n## Conditions\n\n- date: {date}\n- processor: {processor}, {cpus} CPUs\n\
             - system: {system}, Linux {kernel}\n- compiler: {compiler}\n- sources: {commit}\n"
        ),
    );
}

/// A file below `stress`, as a page there links it.
pub(super) fn link(file: &Path) -> String {
    file.strip_prefix("stress").unwrap_or(file).display().to_string()
}
