//! Draws what was measured beside a yardstick as bars: groups in two columns, ours in colour.

use std::path::Path;

use super::draw::{Anchor, Color, FAINT, GRID, INK, Scene, Style, width_of};
use super::error::BenchError;
use super::results::Results;
use super::stats::Spread;
use super::workload::{Figure, Kind, WORKLOADS, Workload};

const WIDTH: f64 = 1040.0;
const MARGIN: f64 = 28.0;
const GUTTER: f64 = 44.0;
const COLUMN: f64 = (WIDTH - 2.0 * MARGIN - GUTTER) / 2.0;
/// Room for the names at the left of a column, and for the numbers at its right.
const NAMES: f64 = 66.0;
const NUMBERS: f64 = 42.0;
const BAR: f64 = 15.0;
const BAR_STEP: f64 = 19.0;
const GROUP_TITLE: f64 = 22.0;
const GROUP_GAP: f64 = 22.0;
/// Longest bar that is drawn to scale; longer ones are cut and have their number all the same.
const RATIO_MAX: f64 = 1.6;

const OURS: Color = [0xea, 0x58, 0x0c];
const INLINE: Color = [0xf5, 0x9e, 0x0b];
const AUTO: Color = [0xfb, 0xbf, 0x24];
const OTHERS: Color = [0xa8, 0xb4, 0xc4];
const TARGET: Color = [0x0f, 0x76, 0x6e];

/// One bar: who, how much of the yardstick, and how much it should be.
#[derive(Debug, PartialEq)]
struct Bar {
    contender: String,
    ratio: Spread,
    target: Option<f64>,
}

/// The bars of one workload.
#[derive(Debug)]
struct Group {
    title: String,
    bars: Vec<Bar>,
}

/// Groups with the same meaning.
#[derive(Debug)]
struct Section {
    heading: &'static str,
    meaning: &'static str,
    groups: Vec<Group>,
}

/// Writes the chart of `results`, which were saved in `saved`, as SVG and as PNG.
pub(super) fn write(saved: &Path, results: &Results) -> Result<(), BenchError> {
    draw(results).write(saved)
}

fn draw(results: &Results) -> Scene {
    let mut scene = Scene::new(WIDTH);
    let sections: Vec<Section> = [rates(results), cpu_times(results)]
        .into_iter()
        .filter(|section| !section.groups.is_empty())
        .collect();
    let mut y = draw_opening(&mut scene, results);
    for section in &sections {
        y = draw_section(&mut scene, section, y);
    }
    if sections.is_empty() {
        let words = "Nothing was measured beside a yardstick.";
        scene.text((MARGIN, y), Anchor::Start, Style::plain(13.0, INK), words);
        y += GROUP_GAP;
    }
    scene.height = y + 8.0;
    scene
}

fn rates(results: &Results) -> Section {
    Section {
        heading: "Requests per second, beside the least server possible",
        meaning: "dashed: null, which finds a blank line and writes a constant. More is better.",
        groups: groups(results, |workload, figure| {
            workload.yardstick() == "null" && figure == Figure::Rate
        }),
    }
}

fn cpu_times(results: &Results) -> Section {
    Section {
        heading: "CPU time of the server per request, beside nginx",
        meaning: "dashed: nginx. Less is better.",
        groups: groups(results, |workload, figure| {
            workload.yardstick() == "nginx" && figure == Figure::CpuTime
        }),
    }
}

fn groups(results: &Results, wanted: impl Fn(&Workload, Figure) -> bool) -> Vec<Group> {
    let chosen = WORKLOADS.iter().filter(
        |workload| matches!(&workload.kind, Kind::Timed(timed) if wanted(workload, timed.figure)),
    );
    chosen
        .map(|workload| {
            // Where it is what is compared, the heading of the section says so.
            let title = workload.title.replace(", CPU time of the server", "");
            Group { title, bars: bars(results, workload) }
        })
        .filter(|group| !group.bars.is_empty())
        .collect()
}

fn bars(results: &Results, workload: &Workload) -> Vec<Bar> {
    let yardstick = workload.yardstick();
    let Some(base) = results.series(yardstick, workload.name) else { return Vec::new() };
    let others = results.of_workload(workload.name).filter(|one| one.contender != yardstick);
    others
        .filter_map(|series| {
            let ratio = Spread::of_ratios(&series.values, &base.values)?;
            let target = target(results, workload, &series.contender);
            Some(Bar { contender: series.contender.clone(), ratio, target })
        })
        .collect()
}

/// What `contender` should reach, as a share of the yardstick.
fn target(results: &Results, workload: &Workload, contender: &str) -> Option<f64> {
    let wanted = results.verdicts.iter().map(|verdict| &verdict.budget.target);
    let target = wanted
        .filter(|target| target.who == contender && target.workload == workload.name)
        .find(|target| target.times.is_some())?;
    let other = results.series(target.times.as_ref()?, workload.name)?;
    let base = results.series(workload.yardstick(), workload.name)?;
    let of_yardstick = Spread::of_ratios(&other.values, &base.values)?;
    Some(target.number * of_yardstick.median)
}

/// What the picture is about, and what its colours mean. Returns where the rest begins.
fn draw_opening(scene: &mut Scene, results: &Results) -> f64 {
    let title = "Fezz calls a function from a shared library; its peers answer a constant";
    let machine = &results.machine;
    let about = format!(
        "{}, {} CPUs; server and load on one each; medians of {} rounds, lines from the least to \
         the greatest; {}",
        machine.processor, machine.cpus, results.rounds, results.date
    );
    scene.opening(MARGIN, title, &about);
    let mut x = MARGIN;
    for (color, words) in [
        (OURS, "ours: a worker makes the call"),
        (INLINE, "inline: the loop's thread does"),
        (AUTO, "auto: where calls are better off"),
        (OTHERS, "no function is called"),
    ] {
        scene.rect([x, 69.0, 12.0, 12.0], 3.0, color);
        x = legend(scene, x, words);
    }
    scene.line((x + 5.0, 68.0), (x + 5.0, 82.0), 2.5, TARGET);
    legend(scene, x, "target");
    104.0
}

/// Words beside a sign at `x`; returns where the next sign stands.
fn legend(scene: &mut Scene, x: f64, words: &str) -> f64 {
    let at = x + 18.0;
    scene.text((at, 79.0), Anchor::Start, Style::plain(11.5, INK), words);
    at + width_of(words, 11.5, false) + 22.0
}

/// Draws a section from `y` on and returns where it ends.
fn draw_section(scene: &mut Scene, section: &Section, y: f64) -> f64 {
    scene.line((MARGIN, y), (WIDTH - MARGIN, y), 1.0, GRID);
    let top = y + 26.0;
    scene.text((MARGIN, top), Anchor::Start, Style::bold(14.0, INK), section.heading);
    let after = MARGIN + width_of(section.heading, 14.0, true) + 12.0;
    scene.text((after, top), Anchor::Start, Style::plain(11.0, FAINT), section.meaning);
    let widest = section.groups.iter().flat_map(|group| &group.bars).map(|bar| bar.ratio.max);
    let most = widest.fold(1.0, f64::max).min(RATIO_MAX);
    let mut ends = [top + 30.0; 2];
    for group in &section.groups {
        // Groups fill the column that is shorter, from left to right.
        let column = usize::from(ends[1] < ends[0]);
        let left = if column == 0 { MARGIN } else { MARGIN + COLUMN + GUTTER };
        ends[column] = draw_group(scene, group, (left, ends[column]), most) + GROUP_GAP;
    }
    ends[0].max(ends[1])
}

fn draw_group(scene: &mut Scene, group: &Group, (left, top): (f64, f64), most: f64) -> f64 {
    scene.text((left, top), Anchor::Start, Style::bold(12.0, INK), &group.title);
    let zero = left + NAMES;
    let first = top + GROUP_TITLE - BAR + 3.0;
    let mut y = first;
    for bar in &group.bars {
        draw_bar(scene, bar, (zero, y), most);
        y += BAR_STEP;
    }
    let one = zero + length(1.0, most);
    scene.line((zero, first - 3.0), (zero, y), 1.0, FAINT);
    scene.dashed((one, first - 3.0), (one, y), 1.0, FAINT);
    y
}

fn draw_bar(scene: &mut Scene, bar: &Bar, (zero, y): (f64, f64), most: f64) {
    let color = color_of(&bar.contender);
    let is_ours = color != OTHERS;
    let style = |size, color| Style { size, bold: is_ours, color };
    let Spread { median, min, max } = bar.ratio;
    let [width, low, high] = [median, min, max].map(|ratio| length(ratio, most));
    let (middle, baseline) = (y + BAR / 2.0, y + BAR - 3.5);
    let name = (zero - 7.0, baseline);
    scene.text(name, Anchor::End, style(11.0, INK), &bar.contender);
    scene.rect([zero, y, width.max(1.0), BAR], 2.0, color);
    scene.line((zero + low, middle), (zero + high, middle), 1.0, INK);
    if let Some(target) = bar.target {
        let at = length(target, most);
        scene.line((zero + at, y - 2.0), (zero + at, y + BAR + 2.0), 2.5, TARGET);
    }
    // All in one column: beside a mark or a line they would be taken for its number.
    let at = (zero + COLUMN - NAMES, baseline);
    scene.text(at, Anchor::End, style(11.0, INK), &format!("{median:.2}"));
}

fn color_of(contender: &str) -> Color {
    match contender {
        "ours" => OURS,
        "inline" => INLINE,
        "auto" => AUTO,
        _ => OTHERS,
    }
}

/// Length of a bar of `ratio` where the longest one is `most`.
fn length(ratio: f64, most: f64) -> f64 {
    ratio.clamp(0.0, most) / most * (COLUMN - NAMES - NUMBERS)
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::super::draw::Shape;
    use super::*;

    fn results() -> Results {
        let mut results = Results::default();
        results.add("get64", "null", vec![100.0, 200.0], "");
        results.add("get64", "ours", vec![80.0, 170.0], "");
        results.add("get64", "hyper", vec![50.0, 90.0], "");
        results.add("get1", "null", vec![20.0], "");
        results.add("tls_get64", "nginx", vec![20.0], "");
        results.add("tls_get64", "ours", vec![10.0], "");
        results
    }

    fn budgets() -> Vec<Budget> {
        let text = "| id | figure | target | status |\n\
            | a | GET | `ours:get64 >= 0.80 x null` | promised |\n\
            | b | GET | `hyper:get64 >= 2.0 x ours` | goal |";
        Budget::parse_all(text).unwrap()
    }

    fn shapes_of(scene: &Scene, color: Color) -> Vec<[f64; 4]> {
        let of = scene.shapes.iter().filter_map(|shape| match shape {
            Shape::Rect { at, fill, .. } if *fill == color => Some(*at),
            _ => None,
        });
        of.collect()
    }

    #[test]
    fn a_bar_for_everyone_but_the_yardstick() {
        let results = results();
        let groups = rates(&results).groups;
        let names: Vec<&str> = groups[0].bars.iter().map(|bar| bar.contender.as_str()).collect();
        assert_eq!((groups.len(), names), (1, vec!["ours", "hyper"]));
        assert_eq!(cpu_times(&results).groups.len(), 1);
        let scene = draw(&results);
        // One sign in the legend, and one bar in each section.
        assert_eq!(shapes_of(&scene, OURS).len(), 3);
        assert_eq!(shapes_of(&scene, OTHERS).len(), 2);
    }

    #[test]
    fn targets_are_shares_of_the_yardstick_whatever_they_are_relative_to() {
        let mut results = results();
        results.judge(&budgets());
        let bars = &rates(&results).groups[0].bars;
        assert_eq!(bars[0].target, Some(0.80));
        // Twice of what ours has, which is 0.825 of the null server's.
        assert!((bars[1].target.unwrap() - 1.65).abs() < 1e-9);
        let marks = draw(&results)
            .shapes
            .into_iter()
            .filter(|shape| matches!(shape, Shape::Line { color, .. } if *color == TARGET));
        assert_eq!(marks.count(), 3);
    }

    #[test]
    fn everything_is_inside_the_picture() {
        let mut results = Results::default();
        for workload in WORKLOADS {
            results.add(workload.name, workload.yardstick(), vec![1.0], "");
            results.add(workload.name, "ours", vec![9.0], "");
            results.add(workload.name, "haproxy", vec![0.1], "");
        }
        let scene = draw(&results);
        for shape in &scene.shapes {
            if let Shape::Rect { at: [x, y, width, height], .. } = shape {
                assert!(*x >= 0.0 && x + width <= scene.width, "{shape:?}");
                assert!(*y >= 0.0 && y + height <= scene.height, "{shape:?}");
            }
            if let Shape::Text { at: (x, y), anchor: Anchor::Start, size, bold, words, .. } = shape
            {
                assert!(x + width_of(words, *size, *bold) <= scene.width, "{words}");
                assert!(*y <= scene.height, "{words}");
            }
        }
        let none = draw(&Results::default());
        assert!(format!("{none:?}").contains("Nothing was measured"));
    }

    #[test]
    fn groups_do_not_lie_on_each_other() {
        let mut results = Results::default();
        for name in ["get64", "get16", "pipelined", "browser", "post"] {
            results.add(name, "null", vec![1.0], "");
            results.add(name, "ours", vec![0.8], "");
            results.add(name, "nginx", vec![0.5], "");
        }
        let scene = draw(&results);
        let bars = [shapes_of(&scene, OURS), shapes_of(&scene, OTHERS)].concat();
        for (index, one) in bars.iter().enumerate() {
            for other in &bars[index + 1..] {
                let apart = |axis: usize| {
                    one[axis] + one[axis + 2] <= other[axis]
                        || other[axis] + other[axis + 2] <= one[axis]
                };
                assert!(apart(0) || apart(1), "{one:?} {other:?}");
            }
        }
    }
}
