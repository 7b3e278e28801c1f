//! Draws curves: a row for each, instructions at the left and CPU time at the right.
//!
//! The horizontal axis is logarithmic, the vertical one begins at zero. The dashed line is what a
//! curve would be that does not grow at all.

use super::{Curve, Growth, Point};
use crate::bench::draw::{Anchor, Color, FAINT, GRID, INK, Scene, Style};
use crate::bench::stats::digits_for;

const WIDTH: f64 = 1040.0;
const MARGIN: f64 = 28.0;
const GUTTER: f64 = 40.0;
const PANEL: f64 = (WIDTH - 2.0 * MARGIN - GUTTER) / 2.0;
/// Room for the numbers of the vertical axis.
const NUMBERS: f64 = 58.0;
/// Room right of the last point, for half of its number.
const ROOM: f64 = 26.0;
const PLOT_HEIGHT: f64 = 116.0;
/// From the top of a row to its plot, and from one row to the next.
const ROW_TITLE: f64 = 44.0;
const ROW: f64 = ROW_TITLE + PLOT_HEIGHT + 52.0;
const TOP: f64 = 78.0;
/// Room above the highest point for its number.
const HEAD_ROOM: f64 = 1.22;
/// A curve that rises by more from one point to the next would cross the number between them.
const STEEP: f64 = 16.0;
const INSTRUCTIONS: Color = [0xea, 0x58, 0x0c];
const CPU_TIME: Color = [0x0f, 0x76, 0x6e];

pub(super) fn draw(growth: &Growth) -> Scene {
    let mut scene = Scene::new(WIDTH);
    let title = "How the cost of a request through a function grows";
    let about = format!(
        "{}, {} CPUs; horizontal axes are logarithmic, vertical ones begin at zero; dashed: no \
         growth; {}",
        growth.machine.processor, growth.machine.cpus, growth.date
    );
    scene.opening(MARGIN, title, &about);
    let mut y = TOP;
    for curve in &growth.curves {
        scene.line((MARGIN, y - 8.0), (WIDTH - MARGIN, y - 8.0), 1.0, GRID);
        scene.text((MARGIN, y + 14.0), Anchor::Start, Style::bold(13.0, INK), curve.axis.title());
        let right = MARGIN + PANEL + GUTTER;
        let count =
            Panel { left: MARGIN, top: y, color: INSTRUCTIONS, of: |point| point.instructions };
        count.draw(&mut scene, curve, "user instructions per request");
        let cpu = |point: &Point| point.cpu().map(|spread| spread.median);
        let time = Panel { left: right, top: y, color: CPU_TIME, of: cpu };
        time.draw(&mut scene, curve, "CPU µs per request");
        y += ROW;
    }
    scene.height = y + 4.0;
    scene
}

/// One plot.
struct Panel {
    left: f64,
    top: f64,
    color: Color,
    of: fn(&Point) -> Option<f64>,
}

impl Panel {
    fn draw(&self, scene: &mut Scene, curve: &Curve, what: &str) {
        let at = (self.left, self.top + 33.0);
        scene.text(at, Anchor::Start, Style::plain(11.0, self.color), what);
        let points: Vec<(u32, f64)> =
            curve.points.iter().filter_map(|point| Some((point.x, (self.of)(point)?))).collect();
        let Some(&(_, first)) = points.first() else { return };
        let highest = points.iter().map(|(_, value)| *value).fold(first, f64::max);
        let scale = Scale::new(curve, highest * HEAD_ROOM);
        let bottom = self.top + ROW_TITLE + PLOT_HEIGHT;
        let (begin, end) = (self.left + NUMBERS, self.left + PANEL);
        let height = |value: f64| bottom - value / scale.most * PLOT_HEIGHT;
        for number in scale.ticks() {
            scene.line((begin, height(number)), (end, height(number)), 1.0, GRID);
            let at = (begin - 8.0, height(number) + 3.5);
            scene.text(at, Anchor::End, Style::plain(10.0, FAINT), &short(number));
        }
        scene.dashed((begin, height(first)), (end, height(first)), 1.0, FAINT);
        let place = |x: u32| begin + 14.0 + scale.share(x) * (PANEL - NUMBERS - 14.0 - ROOM);
        let line: Vec<(f64, f64)> =
            points.iter().map(|&(x, value)| (place(x), height(value))).collect();
        scene.path(line.clone(), 2.0, self.color, false);
        for (index, (&(x, value), &at)) in points.iter().zip(&line).enumerate() {
            scene.dot(at, 4.0, self.color);
            // Above its point, unless the curve is on its way up there.
            let rises = line.get(index + 1).is_some_and(|next| next.1 < at.1 - STEEP);
            let (number, anchor) = match rises {
                true => ((at.0 + 4.0, at.1 - 8.0), Anchor::End),
                false => ((at.0, at.1 - 8.0), Anchor::Middle),
            };
            scene.text(number, anchor, Style::bold(10.0, INK), &short(value));
            let below = (at.0, bottom + 15.0);
            scene.text(below, Anchor::Middle, Style::plain(10.0, INK), &with_prefix(x));
        }
        let at = ((begin + end) / 2.0, bottom + 30.0);
        scene.text(at, Anchor::Middle, Style::plain(10.5, FAINT), curve.axis.unit());
    }
}

/// Where values stand in a plot.
struct Scale {
    least_x: f64,
    most_x: f64,
    most: f64,
}

impl Scale {
    fn new(curve: &Curve, most: f64) -> Self {
        let log = |point: Option<&Point>| point.map_or(0.0, |point| f64::from(point.x).log10());
        Self { least_x: log(curve.points.first()), most_x: log(curve.points.last()), most }
    }

    /// How far along the horizontal axis, from 0 to 1.
    fn share(&self, x: u32) -> f64 {
        (f64::from(x).log10() - self.least_x) / (self.most_x - self.least_x)
    }

    /// Round numbers from zero up, three to six of them.
    fn ticks(&self) -> Vec<f64> {
        let rough = self.most / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
        let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        std::iter::successors(Some(0.0), |tick| Some(tick + step))
            .take_while(|tick| *tick <= self.most)
            .collect()
    }
}

/// A number in few signs.
fn short(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        large if large >= 100_000.0 => format!("{:.0}k", large / 1_000.0),
        large if large >= 10_000.0 => format!("{:.1}k", large / 1_000.0),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.*}", digits_for(value).min(1)),
    }
}

/// Octets in powers of two, everything else as it is.
fn with_prefix(x: u32) -> String {
    match x {
        _ if x >= 1 << 20 && x.is_multiple_of(1 << 20) => format!("{} Mi", x >> 20),
        _ if x >= 1 << 10 && x.is_multiple_of(1 << 10) => format!("{} Ki", x >> 10),
        _ => x.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Axis;
    use super::*;
    use crate::bench::draw::Shape;

    fn growth() -> Growth {
        let mut growth = Growth::default();
        for axis in Axis::ALL {
            let mut curve = Curve::empty(axis);
            for point in &mut curve.points {
                point.instructions = Some(6_000.0 + f64::from(point.x) / 7.0);
                point.cpu_us = vec![7.5];
            }
            growth.curves.push(curve);
        }
        growth
    }

    #[test]
    fn every_point_has_a_dot_inside_the_picture() {
        let scene = draw(&growth());
        let dots: Vec<(f64, f64)> = scene
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Dot { center, .. } => Some(*center),
                _ => None,
            })
            .collect();
        let expected: usize = Axis::ALL.iter().map(|axis| axis.places().len()).sum();
        assert_eq!(dots.len(), expected * 2);
        let inside = |(x, y): &(f64, f64)| {
            (0.0..=scene.width).contains(x) && (TOP..=scene.height).contains(y)
        };
        assert!(dots.iter().all(inside), "{dots:?}");
    }

    #[test]
    fn a_curve_without_figures_has_no_plot() {
        let mut growth = growth();
        growth.curves.truncate(1);
        growth.curves[0].points.iter_mut().for_each(|point| point.instructions = None);
        let dots = draw(&growth).shapes.into_iter().filter(|one| matches!(one, Shape::Dot { .. }));
        assert_eq!(dots.count(), Axis::Body.places().len());
    }

    #[test]
    fn numbers_are_short_and_round() {
        assert_eq!(
            [0.0, 7.46, 812.4, 6_725.0, 12_345.0].map(short),
            ["0", "7.5", "812", "6725", "12.3k"]
        );
        assert_eq!(
            [64, 1 << 10, 1 << 20, 10_000].map(with_prefix),
            ["64", "1 Ki", "1 Mi", "10000"]
        );
        let scale = Scale { least_x: 0.0, most_x: 4.0, most: 8_200.0 };
        assert_eq!(scale.ticks(), [0.0, 2_500.0, 5_000.0, 7_500.0]);
        assert!((scale.share(100) - 0.5).abs() < 1e-9);
    }
}
