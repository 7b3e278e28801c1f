//! Draws the ratios to the null server as bars: an SVG file of plain rectangles and text.

use std::fs;
use std::path::Path;

use super::error::BenchError;
use super::results::Results;
use super::stats::Spread;
use super::workload::{Figure, Kind, WORKLOADS};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 180.0;
const RIGHT: f64 = 70.0;
const BAR_HEIGHT: f64 = 14.0;
const GROUP_GAP: f64 = 26.0;
const TOP: f64 = 34.0;
/// Longest bar that is drawn to scale; longer ones are cut and have their number all the same.
const RATIO_MAX: f64 = 1.25;
const OURS: &str = "#c2410c";
const OTHERS: &str = "#94a3b8";

/// One bar: who, and how much of the yardstick.
#[derive(Debug, PartialEq)]
struct Bar {
    contender: String,
    ratio: Spread,
}

/// Writes the chart of the timed workloads' rates; without any, one that says so.
pub(super) fn write(file: &Path, results: &Results) -> Result<(), BenchError> {
    fs::write(file, draw(results)).map_err(|error| BenchError::file(file, error))
}

fn draw(results: &Results) -> String {
    let mut body = String::new();
    let mut y = TOP;
    for workload in WORKLOADS {
        let rate = matches!(&workload.kind, Kind::Timed(timed) if timed.figure == Figure::Rate);
        let bars = if rate { bars(results, workload.name) } else { Vec::new() };
        if bars.is_empty() {
            continue;
        }
        body.push_str(&text(8.0, y, "title", workload.title));
        y += 8.0;
        for bar in &bars {
            body.push_str(&draw_bar(bar, y));
            y += BAR_HEIGHT + 2.0;
        }
        y += GROUP_GAP;
    }
    if body.is_empty() {
        body.push_str(&text(8.0, y, "title", "No rate was measured beside the null server."));
    }
    let x = LEFT + scale(1.0);
    let bottom = y - 10.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <style>.title{{font-weight:bold;font-size:12px}}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{y}\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"14\">requests per second, as a share of the null server; \
         whiskers: least and greatest round</text>\n\
         {body}\
         <line x1=\"{x}\" y1=\"20\" x2=\"{x}\" y2=\"{bottom}\" stroke=\"#334155\" \
         stroke-dasharray=\"3 3\"/>\n</svg>\n"
    )
}

fn bars(results: &Results, workload: &str) -> Vec<Bar> {
    let Some(yardstick) = results.series("null", workload) else { return Vec::new() };
    let others = results.of_workload(workload).filter(|series| series.contender != "null");
    others
        .filter_map(|series| {
            let ratio = Spread::of_ratios(&series.values, &yardstick.values)?;
            Some(Bar { contender: series.contender.clone(), ratio })
        })
        .collect()
}

fn draw_bar(bar: &Bar, y: f64) -> String {
    let color = if bar.contender == "ours" { OURS } else { OTHERS };
    let (width, low, high) = (scale(bar.ratio.median), scale(bar.ratio.min), scale(bar.ratio.max));
    let baseline = y + BAR_HEIGHT - 3.0;
    let middle = y + BAR_HEIGHT / 2.0;
    format!(
        "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\" \
         fill=\"{color}\"/>\n\
         <line x1=\"{:.1}\" y1=\"{middle}\" x2=\"{:.1}\" y2=\"{middle}\" stroke=\"black\"/>\n{}{}",
        LEFT + low,
        LEFT + high,
        text(24.0, baseline, "name", &bar.contender),
        text(LEFT + high.max(width) + 6.0, baseline, "number", &format!("{:.2}", bar.ratio.median)),
    )
}

fn scale(ratio: f64) -> f64 {
    ratio.clamp(0.0, RATIO_MAX) / RATIO_MAX * (WIDTH - LEFT - RIGHT)
}

fn text(x: f64, y: f64, class: &str, words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{words}</text>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_for_everyone_but_the_yardstick() {
        let mut results = Results::default();
        results.add("get64", "null", vec![100.0, 200.0], "");
        results.add("get64", "ours", vec![80.0, 170.0], "");
        results.add("get64", "a<b", vec![50.0, 90.0], "");
        results.add("get1", "null", vec![20.0], "");
        let names: Vec<String> =
            bars(&results, "get64").into_iter().map(|bar| bar.contender).collect();
        assert_eq!(names, ["ours", "a<b"]);
        let svg = draw(&results);
        assert_eq!(svg.matches(OURS).count(), 1);
        assert_eq!(svg.matches(OTHERS).count(), 1);
        assert!(svg.contains("a&lt;b") && !svg.contains("1 kept connection"));
    }

    #[test]
    fn bars_stay_inside() {
        assert!(scale(9.0) <= WIDTH - LEFT - RIGHT);
        assert!(scale(-1.0).abs() < 1e-9);
        assert!(draw(&Results::default()).contains("No rate was measured"));
    }
}
