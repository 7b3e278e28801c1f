//! Renders a saved run as `stress/RESULTS.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::compare::Comparison;
use super::error::BenchError;
use super::markdown::{self, link, push, push_table};
use super::results::{Results, Verdict};
use super::table::{changes, outcome, rows};
use super::workload::WORKLOADS;

/// Writes the page of `results`, which were saved in `saved`, with what is known about why targets
/// are missed.
pub(super) fn write(
    page: &Path,
    results: &Results,
    saved: &Path,
    reasons: &Reasons,
) -> Result<(), BenchError> {
    let text = render(results, saved, reasons);
    fs::write(page, text).map_err(|error| BenchError::file(page, error))
}

/// By the ids of targets.
type Reasons = BTreeMap<String, String>;

fn render(results: &Results, saved: &Path, reasons: &Reasons) -> String {
    let chart = saved.with_extension("svg");
    let mut page = format!(
        "# Results\n\n\
         Written by `stress/bench` from [{saved}]({saved}); how it measures is in \
         [README.md](README.md), what is promised in [BUDGETS.md](BUDGETS.md).\n\
         {rounds} rounds of {seconds} s; medians, with the least and the greatest round.\n\n\
         How cost grows with what there is more of: [GROWTH.md](GROWTH.md).\n\n\
         ![Fezz beside the null server and its peers]({chart})\n\n",
        saved = link(saved),
        chart = link(&chart),
        rounds = results.rounds,
        seconds = results.seconds,
    );
    page.push_str("## Targets\n\n");
    let mut verdicts = vec![words(&["figure", "target", "measured", "verdict", "status"])];
    verdicts.extend(results.verdicts.iter().map(|verdict| {
        vec![
            verdict.budget.figure.clone(),
            verdict.budget.target.to_string(),
            verdict.figure.map_or_else(|| "–".to_owned(), |figure| figure.to_string()),
            outcome(verdict).to_owned(),
            if verdict.budget.promised { "promised" } else { "goal" }.to_owned(),
        ]
    }));
    push_table(&mut page, &verdicts);
    push_missed(&mut page, results, reasons);
    push_disturbances(&mut page, results);
    push_comparison(&mut page, results);
    page.push_str("\n## Figures\n");
    for workload in WORKLOADS {
        let rows = rows(workload, results);
        if rows.len() > 1 {
            push(&mut page, format_args!("\n### {}: {}\n\n", workload.name, workload.title));
            push_table(&mut page, &rows);
        }
    }
    push_conditions(&mut page, results);
    page
}

fn push_missed(page: &mut String, results: &Results, reasons: &Reasons) {
    let missed = results.verdicts.iter().filter(|verdict| verdict.met == Some(false));
    let missed: Vec<&Verdict> = missed.collect();
    if missed.is_empty() {
        return;
    }
    page.push_str("\n## What is not reached, and why\n\n");
    for Verdict { budget, .. } in missed {
        let why = reasons.get(&budget.id).map_or("not explained yet", String::as_str);
        push(page, format_args!("- {}: {why}\n", budget.figure));
    }
}

fn push_disturbances(page: &mut String, results: &Results) {
    if results.warnings.is_empty() {
        return;
    }
    page.push_str("\n## Warnings of the run\n\n");
    for warning in &results.warnings {
        push(page, format_args!("- {warning}\n"));
    }
}

fn push_comparison(page: &mut String, results: &Results) {
    let Some(comparison) = &results.comparison else { return };
    let Comparison { date, commit, newly_met, newly_missed, .. } = comparison;
    push(page, format_args!("\n## Since {date} (sources {commit})\n\n"));
    page.push_str("Flagged is what changed by more than the spread of its rounds.");
    for (what, ids) in [("met", newly_met), ("missed", newly_missed)] {
        if !ids.is_empty() {
            push(page, format_args!(" Now {what}: {}.", ids.join(", ")));
        }
    }
    page.push_str("\n\n");
    push_table(page, &changes(comparison));
}

fn push_conditions(page: &mut String, results: &Results) {
    markdown::push_conditions(page, &results.date, &results.machine);
    for entry in &results.contenders {
        push(page, format_args!("- {}: {}; {}\n", entry.name, entry.version, entry.remark));
        for command in &entry.commands {
            push(page, format_args!("  - `{command}`\n"));
        }
    }
    for (name, reason) in &results.missing {
        push(page, format_args!("- {name} did not take part: {reason}\n"));
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::*;

    #[test]
    fn the_page_shows_targets_figures_and_conditions() {
        let mut results = Results::default();
        results.add("get64", "null", vec![100.0], "");
        results.add("get64", "ours", vec![85.0], "");
        results.warnings.push("get64: disturbed: a neighbour".to_owned());
        results.missing.insert("h2o".to_owned(), "not installed".to_owned());
        let budgets = "| id | figure | target | status |\n\
                       | a | GET | `ours:get64 >= 0.80 x null` | promised |\n\
                       | b | POST | `ours:get64 >= 0.90 x null` | goal |\n\
                       | c | PUT | `ours:get64 >= 0.95 x null` | goal |";
        let reasons = BTreeMap::from(["a", "b"].map(|id| (id.to_owned(), "so".to_owned())));
        results.judge(&Budget::parse_all(budgets).unwrap());
        let page = render(&results, Path::new("stress/results/x.json"), &reasons);
        for part in [
            "[results/x.json](results/x.json)",
            "(results/x.svg)",
            "| GET | ≥ 0.8 x null | 0.85 (0.85–0.85) | met | promised |",
            "- POST: so\n- PUT: not explained yet\n",
            "- get64: disturbed: a neighbour",
            "### get64: GET, 64 kept connections",
            "- h2o did not take part: not installed",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        assert!(!page.contains("### idle"));
    }
}
