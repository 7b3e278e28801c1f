//! Paints a picture with twice as many pixels each way as its SVG has, and packs it as PNG.

use tiny_skia::{
    FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Stroke,
    StrokeDash, Transform,
};

use super::font::{cover, width_of};
use super::{Anchor, Color, PAPER, Scene, Shape};
use crate::bench::error::BenchError;

/// Pixels for each of the SVG's.
const SCALE: f64 = 2.0;
const DASH: [f32; 2] = [4.0, 3.0];
/// How far the control points of a quarter of a circle lie from its ends, in radii.
const QUARTER: f32 = 0.552_285;

pub(super) fn render(scene: &Scene) -> Result<Vec<u8>, BenchError> {
    paint(scene)?.encode_png().map_err(|error| BenchError::Picture { said: error.to_string() })
}

pub(super) fn paint(scene: &Scene) -> Result<Pixmap, BenchError> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a picture has some thousand pixels each way"
    )]
    let [width, height] = [scene.width, scene.height].map(|length| (length * SCALE).ceil() as u32);
    let none = || BenchError::Picture { said: format!("{width} x {height} pixels") };
    let mut map = Pixmap::new(width, height).ok_or_else(none)?;
    map.fill(tiny_skia::Color::from_rgba8(PAPER[0], PAPER[1], PAPER[2], u8::MAX));
    for shape in &scene.shapes {
        draw(&mut map, shape);
    }
    Ok(map)
}

fn draw(map: &mut Pixmap, shape: &Shape) {
    let scale = Transform::from_scale(single(SCALE), single(SCALE));
    match shape {
        Shape::Rect { at, radius, fill } => {
            if let Some(path) = rounded(*at, *radius) {
                map.fill_path(&path, &paint_of(*fill), FillRule::Winding, scale, None);
            }
        }
        Shape::Line { points, width, color, dashed } => {
            let mut builder = PathBuilder::new();
            for (index, (x, y)) in points.iter().enumerate() {
                let (x, y) = (single(*x), single(*y));
                if index == 0 { builder.move_to(x, y) } else { builder.line_to(x, y) }
            }
            let dash = if *dashed { StrokeDash::new(DASH.to_vec(), 0.0) } else { None };
            let (width, line_join) = (single(*width), LineJoin::Round);
            let stroke = Stroke { width, dash, line_join, ..Stroke::default() };
            if let Some(path) = builder.finish() {
                map.stroke_path(&path, &paint_of(*color), &stroke, scale, None);
            }
        }
        Shape::Dot { center: (x, y), radius, fill } => {
            let (x, y, radius) = (single(*x), single(*y), single(*radius));
            let Some(path) = PathBuilder::from_circle(x, y, radius) else { return };
            map.fill_path(&path, &paint_of(*fill), FillRule::Winding, scale, None);
            map.stroke_path(&path, &paint_of(PAPER), &Stroke::default(), scale, None);
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
                blend(map, (x, y), *color, covered);
            });
        }
    }
}

/// A rectangle with round corners; `None` when there is nothing of it.
fn rounded(at: [f64; 4], radius: f64) -> Option<Path> {
    let [x, y, width, height] = at.map(single);
    let rect = Rect::from_xywh(x, y, width, height)?;
    let radius = single(radius).min(width / 2.0).min(height / 2.0);
    let (left, top, right, bottom) = (rect.left(), rect.top(), rect.right(), rect.bottom());
    let inner = radius * (1.0 - QUARTER);
    let mut path = PathBuilder::new();
    path.move_to(left + radius, top);
    path.line_to(right - radius, top);
    path.cubic_to(right - inner, top, right, top + inner, right, top + radius);
    path.line_to(right, bottom - radius);
    path.cubic_to(right, bottom - inner, right - inner, bottom, right - radius, bottom);
    path.line_to(left + radius, bottom);
    path.cubic_to(left + inner, bottom, left, bottom - inner, left, bottom - radius);
    path.line_to(left, top + radius);
    path.cubic_to(left, top + inner, left + inner, top, left + radius, top);
    path.close();
    path.finish()
}

fn paint_of([red, green, blue]: Color) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, u8::MAX);
    paint.anti_alias = true;
    paint
}

/// Lets `color` cover one pixel so far; outside the picture nothing happens.
fn blend(map: &mut Pixmap, (x, y): (i64, i64), color: Color, covered: f32) {
    let width = i64::from(map.width());
    if x < 0 || y < 0 || x >= width || y >= i64::from(map.height()) {
        return;
    }
    let Ok(index) = usize::try_from(y * width + x) else { return };
    let Some(pixel) = map.pixels_mut().get_mut(index) else { return };
    let under = [pixel.red(), pixel.green(), pixel.blue()];
    let covered = covered.clamp(0.0, 1.0);
    let mut mixed = [0; 3];
    for (mixed, (under, over)) in mixed.iter_mut().zip(under.into_iter().zip(color)) {
        let value = f32::from(under) * (1.0 - covered) + f32::from(over) * covered;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between two octets lies an octet"
        )]
        let value = value.round() as u8;
        *mixed = value;
    }
    let [red, green, blue] = mixed;
    if let Some(opaque) = PremultipliedColorU8::from_rgba(red, green, blue, u8::MAX) {
        *pixel = opaque;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "places in a picture are small")]
fn single(length: f64) -> f32 {
    length as f32
}
