//! The typeface of pictures: `DejaVu` Sans, which is linked in, so that no system needs to have it.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

static REGULAR: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(dejavu::sans::regular()).ok());
static BOLD: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(dejavu::sans::bold()).ok());

/// The size that the font's own scale calls what is set in `size` pixels to the em.
fn scale(font: &FontRef<'_>, size: f32) -> PxScale {
    let units = font.units_per_em().unwrap_or(1.0);
    PxScale::from(size * font.height_unscaled() / units)
}

fn font(bold: bool) -> Option<&'static FontRef<'static>> {
    if bold { BOLD.as_ref() } else { REGULAR.as_ref() }
}

/// Width of `words` on one line, in pixels.
pub(in crate::bench) fn width_of(words: &str, size: f64, bold: bool) -> f64 {
    let Some(font) = font(bold) else { return 0.0 };
    #[expect(clippy::cast_possible_truncation, reason = "sizes of letters are small")]
    let scaled = font.as_scaled(scale(font, size as f32));
    f64::from(words.chars().map(|letter| scaled.h_advance(font.glyph_id(letter))).sum::<f32>())
}

/// Hands out the pixels of `words`, whose base line begins at `at`, with how much each is covered.
pub(super) fn cover(
    words: &str,
    size: f32,
    bold: bool,
    at: (f32, f32),
    mut pixel: impl FnMut(i64, i64, f32),
) {
    let Some(font) = font(bold) else { return };
    let scale = scale(font, size);
    let scaled = font.as_scaled(scale);
    let mut x = at.0;
    for letter in words.chars() {
        let id = font.glyph_id(letter);
        let glyph = id.with_scale_and_position(scale, point(x, at.1));
        x += scaled.h_advance(id);
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let bounds = outline.px_bounds();
        #[expect(clippy::cast_possible_truncation, reason = "bounds are whole pixels")]
        let (left, top) = (bounds.min.x as i64, bounds.min.y as i64);
        outline.draw(|x, y, covered| pixel(left + i64::from(x), top + i64::from(y), covered));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_wide_as_their_letters() {
        let one = width_of("m", 10.0, false);
        assert!((width_of("mmmm", 10.0, false) - 4.0 * one).abs() < 0.01);
        assert!((width_of("m", 20.0, false) - 2.0 * one).abs() < 0.01);
        // DejaVu Sans: an m has 1995 of 2048 units to the em.
        assert!((one - 9.74).abs() < 0.01, "{one}");
        assert!(width_of("m", 10.0, true) > one);
    }

    #[test]
    fn signs_of_the_charts_exist() {
        for bold in [false, true] {
            let font = font(bold).unwrap();
            for sign in "µ×≥≤–…→%/".chars() {
                assert_ne!(font.glyph_id(sign).0, 0, "{sign}");
            }
        }
    }
}
