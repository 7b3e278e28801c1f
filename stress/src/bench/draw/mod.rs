//! A picture as a list of shapes, so that the same one can be written as SVG and as PNG.
//!
//! Lengths are in pixels of the SVG, from the upper left corner. Text is set in the same typeface
//! in both, whose widths are known here; a picture therefore looks alike wherever it is opened.

mod font;
mod paint;
mod png;
mod svg;

use std::fs;
use std::path::Path;

use super::error::BenchError;
pub(super) use font::width_of;

/// A colour, opaque: red, green, blue.
pub(super) type Color = [u8; 3];

pub(super) const INK: Color = [0x1e, 0x29, 0x3b];
pub(super) const FAINT: Color = [0x64, 0x74, 0x8b];
pub(super) const GRID: Color = [0xe2, 0xe8, 0xf0];
pub(super) const PAPER: Color = [0xff, 0xff, 0xff];

/// One shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A filled rectangle with round corners.
    Rect {
        /// Left, top, width, height.
        at: [f64; 4],
        /// Radius of the corners.
        radius: f64,
        fill: Color,
    },
    /// A line through all points.
    Line { points: Vec<(f64, f64)>, width: f64, color: Color, dashed: bool },
    /// A filled circle with a rim of paper.
    Dot { center: (f64, f64), radius: f64, fill: Color },
    /// Words on one line.
    Text {
        /// Where the base line begins, is halved, or ends.
        at: (f64, f64),
        anchor: Anchor,
        size: f64,
        bold: bool,
        color: Color,
        words: String,
    },
}

/// Which part of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scene {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) shapes: Vec<Shape>,
}

impl Scene {
    pub(super) fn new(width: f64) -> Self {
        Self { width, height: 0.0, shapes: Vec::new() }
    }

    /// What the picture is about, in its first lines; the rest begins at 64.
    pub(super) fn opening(&mut self, left: f64, title: &str, about: &str) {
        self.text((left, 34.0), Anchor::Start, Style::bold(18.0, INK), title);
        self.text((left, 54.0), Anchor::Start, Style::plain(11.0, FAINT), about);
    }

    pub(super) fn rect(&mut self, at: [f64; 4], radius: f64, fill: Color) {
        self.shapes.push(Shape::Rect { at, radius, fill });
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, color: Color) {
        self.path(vec![from, to], width, color, false);
    }

    pub(super) fn dashed(&mut self, from: (f64, f64), to: (f64, f64), width: f64, color: Color) {
        self.path(vec![from, to], width, color, true);
    }

    pub(super) fn path(&mut self, points: Vec<(f64, f64)>, width: f64, color: Color, dashed: bool) {
        self.shapes.push(Shape::Line { points, width, color, dashed });
    }

    pub(super) fn dot(&mut self, center: (f64, f64), radius: f64, fill: Color) {
        self.shapes.push(Shape::Dot { center, radius, fill });
    }

    pub(super) fn text(&mut self, at: (f64, f64), anchor: Anchor, style: Style, words: &str) {
        let Style { size, bold, color } = style;
        let words = words.to_owned();
        self.shapes.push(Shape::Text { at, anchor, size, bold, color, words });
    }

    /// Writes the picture beside `saved`, as SVG and as PNG.
    pub(super) fn write(&self, saved: &Path) -> Result<(), BenchError> {
        let put = |file: &Path, octets: &[u8]| {
            fs::write(file, octets).map_err(|error| BenchError::file(file, error))
        };
        put(&saved.with_extension("svg"), svg::render(self).as_bytes())?;
        put(&saved.with_extension("png"), &png::render(self))
    }
}

/// How words look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Style {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) color: Color,
}

impl Style {
    pub(super) const fn plain(size: f64, color: Color) -> Self {
        Self { size, bold: false, color }
    }

    pub(super) const fn bold(size: f64, color: Color) -> Self {
        Self { size, bold: true, color }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Scene {
        let mut scene = Scene::new(120.0);
        scene.height = 60.0;
        scene.rect([10.0, 10.0, 40.0, 20.0], 2.0, [200, 30, 10]);
        scene.dashed((0.0, 50.0), (120.0, 50.0), 1.0, INK);
        scene.dot((100.0, 20.0), 6.0, [0, 0, 255]);
        scene.text((60.0, 45.0), Anchor::Middle, Style::bold(12.0, INK), "a < b & c");
        scene
    }

    #[test]
    fn both_files_are_written_beside_the_results() {
        let folder = tempfile::tempdir().unwrap();
        let saved = folder.path().join("x.json");
        scene().write(&saved).unwrap();
        let svg = fs::read_to_string(folder.path().join("x.svg")).unwrap();
        assert!(svg.contains("a &lt; b &amp; c") && svg.contains("stroke-dasharray"), "{svg}");
        let png = fs::read(folder.path().join("x.png")).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n"));
    }

    #[test]
    fn what_is_drawn_is_on_the_paper() {
        let map = paint::paint(&scene());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small and not negative"
        )]
        let pixel =
            |x: f64, y: f64| map.pixel((x * paint::SCALE) as usize, (y * paint::SCALE) as usize);
        assert_eq!(pixel(30.0, 20.0), [200, 30, 10]);
        assert_eq!(pixel(100.0, 20.0), [0, 0, 255]);
        assert_eq!(pixel(80.0, 5.0), PAPER);
        // Somewhere below the middle of the picture there are letters.
        let inked = (25..95).any(|x| pixel(f64::from(x), 42.0) != PAPER);
        assert!(inked);
    }
}
