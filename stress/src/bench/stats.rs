//! Median and range of a few runs. A best run alone is never quoted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Median, least and greatest of the values of all rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle value; the mean of the middle two of an even number.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`; `None` without any, or with one that is not a number.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
        Some(Self { median: low.midpoint(high), min, max })
    }

    /// The spread of the ratios of one round each; rounds that only one side has are left out.
    #[must_use]
    pub fn of_ratios(values: &[f64], bases: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> = values.iter().zip(bases).map(|(value, base)| value / base).collect();
        Self::of(&ratios)
    }

    /// How far the values lie apart, as a share of the median.
    #[must_use]
    pub fn relative_width(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.max - self.min) / self.median }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = digits_for(self.median);
        write!(f, "{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.min, self.max)
    }
}

/// Decimals that leave about three figures to read.
#[must_use]
pub fn digits_for(value: f64) -> usize {
    match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let odd = Spread::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!(odd, Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(odd.relative_width(), 1.0);
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine was half as fast in the second round: the ratio does not see it.
        let ratios = Spread::of_ratios(&[80.0, 40.0, 90.0], &[100.0, 50.0, 100.0]).unwrap();
        assert_eq!((ratios.median, ratios.min, ratios.max), (0.8, 0.8, 0.9));
        assert_eq!(Spread::of_ratios(&[1.0], &[0.0]), None);
    }

    #[test]
    fn figures_are_short() {
        let spread = Spread { median: 0.8123, min: 0.79, max: 0.834 };
        assert_eq!(spread.to_string(), "0.81 (0.79–0.83)");
        let rate = Spread { median: 123_456.7, min: 1.0, max: 2.0 };
        assert_eq!(rate.to_string(), "123457 (1–2)");
    }
}
