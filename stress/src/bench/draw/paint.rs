//! Paints a picture with twice as many pixels each way as its SVG has.
//!
//! Everything but text becomes polygons, which are filled with smooth edges.

use ab_glyph_rasterizer::{Rasterizer, point};

use super::font::{cover, width_of};
use super::{Anchor, Color, PAPER, Scene, Shape};

/// Pixels for each of the SVG's.
pub(super) const SCALE: f64 = 2.0;
/// Lengths of a dash and of the gap after it, as in the SVG.
const DASH: [f64; 2] = [4.0, 3.0];
/// Corners of the polygon that stands for a circle.
const CIRCLE_CORNERS: u32 = 40;
/// Width of the rim of dots.
const RIM: f64 = 0.5;

type Place = (f64, f64);

/// Pixels, three octets each.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) octets: Vec<u8>,
}

impl Map {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, octets: PAPER.repeat(width * height) }
    }

    #[cfg(test)]
    pub(super) fn pixel(&self, x: usize, y: usize) -> Color {
        let at = (y * self.width + x) * 3;
        [self.octets[at], self.octets[at + 1], self.octets[at + 2]]
    }

    /// Lets `color` cover one pixel so far; outside the picture nothing happens.
    fn blend(&mut self, (x, y): (i64, i64), color: Color, covered: f32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= self.width || y >= self.height {
            return;
        }
        let at = (y * self.width + x) * 3;
        let covered = covered.clamp(0.0, 1.0);
        for (octet, over) in self.octets[at..at + 3].iter_mut().zip(color) {
            let mixed = f32::from(*octet) * (1.0 - covered) + f32::from(over) * covered;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between two octets lies an octet"
            )]
            let mixed = mixed.round() as u8;
            *octet = mixed;
        }
    }

    /// Fills the polygon with these corners, which are places in the SVG.
    fn fill(&mut self, corners: &[Place], color: Color) {
        let corners: Vec<Place> = corners.iter().map(|(x, y)| (x * SCALE, y * SCALE)).collect();
        let bound = |of: fn(&Place) -> f64, pick: fn(f64, f64) -> f64| {
            corners.iter().map(of).reduce(pick).unwrap_or(0.0)
        };
        let left = bound(|place| place.0, f64::min).floor() - 1.0;
        let top = bound(|place| place.1, f64::min).floor() - 1.0;
        let width = whole(bound(|place| place.0, f64::max) - left) + 2;
        let height = whole(bound(|place| place.1, f64::max) - top) + 2;
        let mut raster = Rasterizer::new(width, height);
        let inside = |place: &Place| point(single(place.0 - left), single(place.1 - top));
        for (index, from) in corners.iter().enumerate() {
            let to = &corners[(index + 1) % corners.len()];
            raster.draw_line(inside(from), inside(to));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a picture has some thousand pixels")]
        let (left, top) = (left as i64, top as i64);
        raster.for_each_pixel_2d(|x, y, covered| {
            if covered > 0.0 {
                self.blend((left + i64::from(x), top + i64::from(y)), color, covered);
            }
        });
    }
}

pub(super) fn paint(scene: &Scene) -> Map {
    let mut map = Map::new(whole(scene.width * SCALE), whole(scene.height * SCALE));
    for shape in &scene.shapes {
        draw(&mut map, shape);
    }
    map
}

fn draw(map: &mut Map, shape: &Shape) {
    match shape {
        Shape::Rect { at, radius, fill } => map.fill(&rounded(*at, *radius), *fill),
        Shape::Line { points, width, color, dashed } => {
            for pair in points.windows(2) {
                let pieces =
                    if *dashed { dashes(pair[0], pair[1]) } else { vec![[pair[0], pair[1]]] };
                pieces.iter().for_each(|piece| map.fill(&stroke(*piece, *width), *color));
            }
            // Round joints, where a line bends.
            for &joint in points.iter().skip(1).rev().skip(1) {
                map.fill(&circle(joint, width / 2.0), *color);
            }
        }
        Shape::Dot { center, radius, fill } => {
            map.fill(&circle(*center, radius + RIM), PAPER);
            map.fill(&circle(*center, radius - RIM), *fill);
        }
        Shape::Text { at: (x, y), anchor, size, bold, color, words } => {
            let width = width_of(words, *size, *bold);
            let start = match anchor {
                Anchor::Start => *x,
                Anchor::Middle => x - width / 2.0,
                Anchor::End => x - width,
            };
            let at = (single(start * SCALE), single(y * SCALE));
            cover(words, single(size * SCALE), *bold, at, |x, y, covered| {
                map.blend((x, y), *color, covered);
            });
        }
    }
}

/// The corners of a line between two places.
fn stroke([from, to]: [Place; 2], width: f64) -> [Place; 4] {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(f64::MIN_POSITIVE);
    let (x, y) = (-dy / length * width / 2.0, dx / length * width / 2.0);
    [(from.0 + x, from.1 + y), (to.0 + x, to.1 + y), (to.0 - x, to.1 - y), (from.0 - x, from.1 - y)]
}

/// The parts of a line that are drawn when it is dashed.
fn dashes(from: Place, to: Place) -> Vec<[Place; 2]> {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let place = |at: f64| {
        let share = (at / length).min(1.0);
        (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
    };
    let starts = std::iter::successors(Some(0.0), |at| Some(at + DASH[0] + DASH[1]));
    let starts = starts.take_while(|at| *at < length);
    starts.map(|at| [place(at), place(at + DASH[0])]).collect()
}

fn circle(center: Place, radius: f64) -> Vec<Place> {
    let turn = std::f64::consts::TAU / f64::from(CIRCLE_CORNERS);
    arc(center, radius, (0..CIRCLE_CORNERS).map(|corner| f64::from(corner) * turn))
}

/// The corners of a rectangle with round corners.
fn rounded([x, y, width, height]: [f64; 4], radius: f64) -> Vec<Place> {
    let radius = radius.min(width / 2.0).min(height / 2.0);
    let (left, right) = (x + radius, x + width - radius);
    let (top, bottom) = (y + radius, y + height - radius);
    let quarter = CIRCLE_CORNERS / 4;
    let turn = std::f64::consts::FRAC_PI_2 / f64::from(quarter);
    // Clockwise from the lower right, as angles grow where y grows downwards.
    let centers = [(right, bottom), (left, bottom), (left, top), (right, top)];
    let corners = centers.into_iter().zip(0_u32..).flat_map(|(center, corner)| {
        let first = corner * quarter;
        arc(center, radius, (first..=first + quarter).map(|step| f64::from(step) * turn))
    });
    corners.collect()
}

fn arc(center: Place, radius: f64, angles: impl Iterator<Item = f64>) -> Vec<Place> {
    angles.map(|angle| (center.0 + radius * angle.cos(), center.1 + radius * angle.sin())).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "lengths in a picture are small")]
fn single(length: f64) -> f32 {
    length as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a picture has some thousand pixels each way"
)]
fn whole(length: f64) -> usize {
    length.max(0.0).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twice the area inside, by the shoelace formula.
    fn area(corners: &[Place]) -> f64 {
        let next = |index: usize| corners[(index + 1) % corners.len()];
        let sum = corners.iter().enumerate().map(|(index, (x, y))| {
            let (other_x, other_y) = next(index);
            x * other_y - other_x * y
        });
        sum.sum::<f64>().abs() / 2.0
    }

    #[test]
    fn polygons_are_as_large_as_what_they_stand_for() {
        let circle = area(&circle((5.0, 5.0), 3.0));
        assert!((circle / (std::f64::consts::PI * 9.0) - 1.0).abs() < 0.01, "{circle}");
        let corners = 4.0 - std::f64::consts::PI;
        let rounded = area(&rounded([1.0, 2.0, 10.0, 6.0], 1.0));
        assert!((rounded - (60.0 - corners)).abs() < 0.05, "{rounded}");
        assert!((area(&stroke([(0.0, 0.0), (3.0, 4.0)], 2.0)) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn dashes_leave_gaps_and_end_with_their_line() {
        let pieces = dashes((0.0, 1.0), (9.0, 1.0));
        assert_eq!(pieces, [[(0.0, 1.0), (4.0, 1.0)], [(7.0, 1.0), (9.0, 1.0)]]);
        assert!(dashes((1.0, 1.0), (1.0, 1.0)).is_empty());
    }
}
