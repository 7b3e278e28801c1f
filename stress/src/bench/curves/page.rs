//! Shows curves: on the terminal while they are measured, and as `stress/GROWTH.md`.

use std::fs;
use std::path::Path;

use super::{Curve, Growth};
use crate::bench::error::BenchError;
use crate::bench::markdown::{self, link, push};
use crate::bench::stats::digits_for;

/// A curve that grows by less has no slope worth a word.
const GROWS_MIN: f64 = 1.02;

/// The figures of one curve.
pub(super) fn print(curve: &Curve, seconds: f64) {
    let axis = curve.axis;
    println!("\n{}: {} ({seconds:.0} s)", axis.name(), axis.title());
    for row in rows(curve) {
        let cells: Vec<String> = row.iter().map(|cell| format!("{cell:<18}")).collect();
        println!("  {}", cells.join(" ").trim_end());
    }
    if let Some(line) = summary(curve) {
        println!("  {line}");
    }
}

/// Writes the page of `growth`, which was saved in `saved`.
pub(super) fn write(page: &Path, growth: &Growth, saved: &Path) -> Result<(), BenchError> {
    fs::write(page, render(growth, saved)).map_err(|error| BenchError::file(page, error))
}

fn render(growth: &Growth, saved: &Path) -> String {
    let mut page = format!(
        "# How cost grows\n\n\
         Written by `stress/bench --curves` from [{saved}]({saved}). Instructions are those of the \
         server and its function in user mode, counted by callgrind; CPU time has the kernel's \
         part in it, medians of {rounds} rounds of {seconds} s with the least and the greatest. \
         One event loop, one worker, the function `hello`.\n\n\
         ![Curves]({chart})\n",
        saved = link(saved),
        chart = link(&saved.with_extension("svg")),
        rounds = growth.rounds,
        seconds = growth.seconds,
    );
    for curve in &growth.curves {
        push(&mut page, format_args!("\n## {}\n\n{}", curve.axis.title(), curve.axis.why()));
        if let Some(line) = summary(curve) {
            push(&mut page, format_args!(" {line}"));
        }
        page.push_str("\n\n");
        markdown::push_table(&mut page, &rows(curve));
    }
    if !growth.warnings.is_empty() {
        page.push_str("\n## Not measured\n\n");
        growth.warnings.iter().for_each(|one| push(&mut page, format_args!("- {one}\n")));
    }
    markdown::push_conditions(&mut page, &growth.date, &growth.machine);
    page
}

/// The table of a curve, headings first.
fn rows(curve: &Curve) -> Vec<Vec<String>> {
    let headings = [curve.axis.unit(), "instructions", "to the first", "CPU µs", "to the first"];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    let first = curve.points.first();
    for point in &curve.points {
        let instructions = point.instructions;
        let of_first = first.and_then(|first| Some(instructions? / first.instructions?));
        let (cpu, cpu_of_first) = (point.cpu(), first.and_then(super::Point::cpu));
        let cpu_ratio = cpu.and_then(|cpu| Some(cpu.median / cpu_of_first?.median));
        rows.push(vec![
            point.x.to_string(),
            instructions.map_or_else(none, |count| format!("{count:.0}")),
            of_first.map_or_else(none, times),
            cpu.map_or_else(none, |cpu| cpu.to_string()),
            cpu_ratio.map_or_else(none, times),
        ]);
    }
    rows
}

fn none() -> String {
    "–".to_owned()
}

fn times(ratio: f64) -> String {
    format!("{ratio:.*} x", digits_for(ratio))
}

/// What the ends of a curve say.
fn summary(curve: &Curve) -> Option<String> {
    let (growth, slope) = (curve.growth()?, curve.slope()?);
    let (first, last) = (curve.points.first()?.x, curve.points.last()?.x);
    let unit = curve.axis.unit();
    let each = if growth > GROWS_MIN {
        format!(", {slope:.*} more for each", if slope < 1.0 { 3 } else { digits_for(slope) })
    } else {
        String::new()
    };
    Some(format!("From {first} to {last} {unit}: {growth:.2} times the instructions{each}."))
}

#[cfg(test)]
mod tests {
    use super::super::Axis;
    use super::*;

    #[test]
    fn the_page_has_a_table_for_each_curve() {
        let mut growth = Growth::default();
        for axis in Axis::ALL {
            let mut curve = Curve::empty(axis);
            for point in &mut curve.points {
                point.instructions = Some(2_000.0 + f64::from(point.x));
                point.cpu_us = vec![5.0, 6.0, 7.0];
            }
            growth.curves.push(curve);
        }
        growth.curves[1].points[0].instructions = None;
        let page = render(&growth, Path::new("stress/results/growth-x.json"));
        for part in [
            "[results/growth-x.json](results/growth-x.json)",
            "(results/growth-x.svg)",
            "| 1 | 2001 | 1.00 x | 6.00 (5.00–7.00) | 1.00 x |",
            "| 10000 | 12000 | 6.00 x | 6.00 (5.00–7.00) | 1.00 x |",
            "| 2 | – | – | 6.00 (5.00–7.00) | 1.00 x |",
            "From 1 to 10000 routes: 6.00 times the instructions, 1.00 more for each.",
        ] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
        assert!(!page.contains("Not measured"));
    }
}
