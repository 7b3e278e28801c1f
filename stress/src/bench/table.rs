//! What the benchmark prints while it runs: a table per workload, then the verdicts.

use super::compare::Comparison;
use super::growth::{FUNCTIONS_MEMORY, FUNCTIONS_START, ROUTES_START};
use super::results::{LOOPS_CPU, Results, Series, Verdict};
use super::slow::SLOW_RATE;
use super::stats::{Spread, digits_for};
use super::workload::{Figure, Kind, Many, Workload};

/// Who takes part, who is missing.
pub(super) fn print_opening(results: &Results) {
    let machine = &results.machine;
    println!("{} ({} CPUs), {}", machine.processor, machine.cpus, machine.kernel);
    println!("{}, sources {}", machine.compiler, machine.commit);
    for entry in &results.contenders {
        println!("  {:<10} {} — {}", entry.name, entry.version, entry.remark);
    }
    for (name, reason) in &results.missing {
        println!("  {name:<10} missing: {reason}");
    }
}

/// Which workload comes now.
pub(super) fn print_heading(workload: &Workload) {
    println!("\n{}: {}", workload.name, workload.title);
}

/// The figures of one workload.
pub(super) fn print_workload(workload: &Workload, results: &Results) {
    let rows = rows(workload, results);
    if rows.len() == 1 {
        println!("  not measured: nobody that takes part can do it");
        return;
    }
    print_aligned(&rows);
}

fn print_aligned(rows: &[Vec<String>]) {
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len))
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("  {}", cells.join("  ").trim_end());
    }
}

/// The table of one workload, headings first; only the headings when nothing was measured.
pub(super) fn rows(workload: &Workload, results: &Results) -> Vec<Vec<String>> {
    let timed = workload.is_timed();
    let by_time = is_by_cpu_time(workload);
    let ratio = format!("to {} (min–max)", workload.yardstick());
    let rate_ratio = format!("rate to {}", workload.yardstick());
    let headings: &[&str] = if by_time {
        &["contender", workload.unit, &ratio, "requests/s", &rate_ratio, "p50 µs", "p99 µs", "busy"]
    } else if timed {
        &[
            "contender",
            workload.unit,
            &ratio,
            "by CPU time",
            "CPU µs/request",
            "p50 µs",
            "p99 µs",
            "busy",
        ]
    } else {
        &["contender", workload.unit, "remark"]
    };
    let mut rows = vec![headings.iter().map(|&heading| heading.to_owned()).collect()];
    let yardstick = results.series(workload.yardstick(), workload.name);
    for series in results.of_workload(workload.name) {
        rows.push(match timed {
            true if by_time => by_time_row(series, yardstick),
            true => timed_row(series, yardstick),
            false => plain_row(series),
        });
    }
    for more in beside(workload) {
        rows.extend(results.of_workload(more).map(plain_row));
    }
    rows
}

/// Series that are measured in the same breath and have a name of their own.
pub(super) fn beside(workload: &Workload) -> &'static [&'static str] {
    match workload.kind {
        Kind::Loops => &[LOOPS_CPU],
        Kind::Many(Many::Functions) => &[FUNCTIONS_MEMORY, FUNCTIONS_START],
        Kind::Many(Many::Routes) => &[ROUTES_START],
        Kind::Slow => &[SLOW_RATE],
        _ => &[],
    }
}

/// Whether CPU time is what is compared, so that a column of its own would say it twice.
fn is_by_cpu_time(workload: &Workload) -> bool {
    matches!(&workload.kind, Kind::Timed(timed) if timed.figure == Figure::CpuTime)
}

fn timed_row(series: &Series, yardstick: Option<&Series>) -> Vec<String> {
    let cpu = |one: &Series| one.sampled(|sample| sample.cpu_us);
    let by_cpu = yardstick.and_then(|base| Spread::of_ratios(&cpu(base), &cpu(series)));
    let middle = [shown(by_cpu), number(series.median(|sample| sample.cpu_us))];
    row_of_load(series, yardstick, middle)
}

fn by_time_row(series: &Series, yardstick: Option<&Series>) -> Vec<String> {
    let rate = |one: &Series| one.sampled(|sample| sample.per_second);
    let ratio = yardstick.and_then(|base| Spread::of_ratios(&rate(series), &rate(base)));
    let middle = [number(series.median(|sample| sample.per_second)), shown(ratio)];
    row_of_load(series, yardstick, middle)
}

fn row_of_load(
    series: &Series,
    yardstick: Option<&Series>,
    [first, second]: [String; 2],
) -> Vec<String> {
    let ratio = yardstick.and_then(|base| Spread::of_ratios(&series.values, &base.values));
    let busy = series.median(|sample| sample.server_busy);
    let waits = if series.waits_for_load() { " (waits for load)" } else { "" };
    vec![
        series.contender.clone(),
        Spread::of(&series.values).map_or_else(String::new, |spread| number(spread.median)),
        shown(ratio),
        first,
        second,
        number(series.median(|sample| sample.p50_us)),
        number(series.median(|sample| sample.p99_us)),
        format!("{:.0} %{waits}", busy * 100.0),
    ]
}

fn shown(spread: Option<Spread>) -> String {
    spread.map_or_else(String::new, |spread| spread.to_string())
}

fn plain_row(series: &Series) -> Vec<String> {
    let figure = Spread::of(&series.values).map_or_else(String::new, |spread| {
        if series.values.len() > 1 { spread.to_string() } else { number(spread.median) }
    });
    vec![series.contender.clone(), figure, series.remark.clone()]
}

/// The budgets, each with its figure.
pub(super) fn print_verdicts(results: &Results) {
    println!("\nTargets (stress/BUDGETS.md; * is promised)");
    for verdict in &results.verdicts {
        let star = if verdict.budget.promised { '*' } else { ' ' };
        let figure = verdict.figure.map_or_else(String::new, |figure| figure.to_string());
        let said = outcome(verdict);
        let target = verdict.budget.target.to_string();
        println!("  {star} {said:<12} {target:<14} {figure:<20} {}", verdict.budget.figure);
    }
}

/// What changed since the results before.
pub(super) fn print_comparison(results: &Results) {
    let Some(comparison) = &results.comparison else {
        println!("\nNothing to compare with: no earlier results are committed.");
        return;
    };
    let Comparison { date, commit, newly_met, newly_missed, .. } = comparison;
    println!("\nSince {date} (sources {commit}); flagged is what changed by more than its spread");
    print_aligned(&changes(comparison));
    if !newly_met.is_empty() {
        println!("  now met: {}", newly_met.join(", "));
    }
    if !newly_missed.is_empty() {
        println!("  now missed: {}", newly_missed.join(", "));
    }
}

/// The table of what changed, headings first.
pub(super) fn changes(comparison: &Comparison) -> Vec<Vec<String>> {
    let headings = ["figure", "then", "now", "change", ""].map(str::to_owned).to_vec();
    let rows = comparison.changes.iter().map(|change| {
        let of = change.of.as_ref().map_or_else(String::new, |of| format!(", to {of}"));
        vec![
            format!("{} of {}{of}", change.workload, change.contender),
            change.then.to_string(),
            change.now.to_string(),
            format!("{:+.1} %", change.percent()),
            change.judgement.word().to_owned(),
        ]
    });
    std::iter::once(headings).chain(rows).collect()
}

/// One word or two about a budget.
pub(super) fn outcome(verdict: &Verdict) -> &'static str {
    match verdict.met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "not measured",
    }
}

fn number(value: f64) -> String {
    format!("{value:.*}", digits_for(value))
}

#[cfg(test)]
mod tests {
    use super::super::workload::WORKLOADS;
    use super::*;

    #[test]
    fn every_row_has_all_columns() {
        let mut results = Results::default();
        for workload in WORKLOADS {
            results.add(workload.name, workload.yardstick(), vec![2.0, 4.0], "");
            results.add(workload.name, "ours", vec![1.0, 3.0], "so");
        }
        for workload in WORKLOADS {
            let rows = rows(workload, &results);
            assert_eq!(rows.len(), 3, "{}", workload.name);
            assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{}", workload.name);
        }
        let rows = rows(&WORKLOADS[0], &results);
        assert_eq!(rows[2][..3], ["ours", "2.00", "0.62 (0.50–0.75)"]);
    }
}
