//! Numbers as an operator writes them: a duration or a size always names its unit, a count never
//! has one, and zero never means "for ever".

use std::fmt;
use std::time::Duration;

/// What is wrong with a number. The operator's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitError {
    /// There is nothing.
    Empty,
    /// The text does not begin with a digit.
    NotANumber,
    /// The unit is missing.
    NoUnit {
        /// What was asked for.
        quantity: Quantity,
    },
    /// The unit is unknown.
    UnknownUnit {
        /// What was asked for.
        quantity: Quantity,
    },
    /// A count has a unit.
    UnexpectedUnit,
    /// The number is zero.
    Zero,
    /// The number is beyond what can be obeyed.
    TooLarge {
        /// The largest number accepted, in the base unit of the quantity.
        max: u64,
    },
}

/// Kinds of numbers that have a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// `ms`, `s`, `m` or `h`.
    Duration,
    /// `B`, `KiB`, `MiB` or `GiB`.
    Size,
    /// `B/s` or `KiB/s`.
    Rate,
}

impl Quantity {
    const fn units(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Duration => &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)],
            Self::Size => &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)],
            Self::Rate => &[("B/s", 1), ("KiB/s", 1 << 10), ("MiB/s", 1 << 20)],
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Duration => "write a duration as '500ms', '10s', '5m' or '1h'",
            Self::Size => "write a size as '512B', '16KiB', '1MiB' or '1GiB'",
            Self::Rate => "write a rate as '500B/s' or '1KiB/s'",
        }
    }
}

impl fmt::Display for UnitError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => out.write_str("the value is empty"),
            Self::NotANumber => out.write_str("the value does not begin with a digit"),
            Self::NoUnit { quantity } => write!(out, "the unit is missing: {}", quantity.hint()),
            Self::UnknownUnit { quantity } => write!(out, "unknown unit: {}", quantity.hint()),
            Self::UnexpectedUnit => out.write_str("a count has no unit"),
            Self::Zero => out.write_str("zero is not a limit"),
            Self::TooLarge { max } => write!(out, "the value is above the largest one, {max}"),
        }
    }
}

impl std::error::Error for UnitError {}

/// The longest duration, in milliseconds: one the core can count and a person can mean (49 days).
pub const DURATION_MS_MAX: u64 = u32::MAX as u64;
/// The largest size, in octets: one that fits every pointer-sized offset of the envelope.
pub const SIZE_BYTES_MAX: u64 = u32::MAX as u64;

/// Reads `500ms`, `10s`, `5m` or `1h`.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    with_unit(text, Quantity::Duration, DURATION_MS_MAX).map(Duration::from_millis)
}

/// Reads `512B`, `16KiB`, `1MiB` or `1GiB`, in octets.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    with_unit(text, Quantity::Size, SIZE_BYTES_MAX)
}

/// Reads `500B/s`, in octets per second.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_rate(text: &str) -> Result<u64, UnitError> {
    with_unit(text, Quantity::Rate, SIZE_BYTES_MAX)
}

/// Reads a count of things, at most `max`.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_count(text: &str, max: u32) -> Result<u32, UnitError> {
    let (number, unit) = split(text)?;
    if !unit.is_empty() {
        return Err(UnitError::UnexpectedUnit);
    }
    match u32::try_from(number) {
        Ok(0) => Err(UnitError::Zero),
        Ok(count) if count <= max => Ok(count),
        _ => Err(UnitError::TooLarge { max: max.into() }),
    }
}

fn with_unit(text: &str, quantity: Quantity, max: u64) -> Result<u64, UnitError> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        return Err(UnitError::NoUnit { quantity });
    }
    let known = quantity.units().iter().find(|(name, _)| *name == unit);
    let (_, factor) = known.ok_or(UnitError::UnknownUnit { quantity })?;
    match number.checked_mul(*factor) {
        Some(0) => Err(UnitError::Zero),
        Some(value) if value <= max => Ok(value),
        _ => Err(UnitError::TooLarge { max }),
    }
}

/// The digits at the front as a number, and what follows them.
fn split(text: &str) -> Result<(u64, &str), UnitError> {
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    match text.split_at(end) {
        ("", "") => Err(UnitError::Empty),
        ("", _) => Err(UnitError::NotANumber),
        // Only digits are left, so the one way to fail is to be above u64::MAX.
        (digits, unit) => digits
            .parse()
            .map(|number| (number, unit))
            .map_err(|_| UnitError::TooLarge { max: u64::MAX }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let ms = |text| parse_duration(text).map(|it| it.as_millis());
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("10s"), Ok(10_000));
        assert_eq!(ms("5m"), Ok(300_000));
        assert_eq!(ms("1h"), Ok(3_600_000));
        let quantity = Quantity::Duration;
        assert_eq!(ms("10"), Err(UnitError::NoUnit { quantity }));
        assert_eq!(ms("10 s"), Err(UnitError::UnknownUnit { quantity }));
        assert_eq!(ms("10S"), Err(UnitError::UnknownUnit { quantity }));
        assert_eq!(ms("1.5s"), Err(UnitError::UnknownUnit { quantity }));
        assert_eq!(ms("0s"), Err(UnitError::Zero));
        assert_eq!(ms("-1s"), Err(UnitError::NotANumber));
        assert_eq!(ms(""), Err(UnitError::Empty));
        assert_eq!(ms("2000h"), Err(UnitError::TooLarge { max: DURATION_MS_MAX }));
        assert_eq!(ms("99999999999999999999s"), Err(UnitError::TooLarge { max: u64::MAX }));
        assert_eq!(ms("18446744073709551615h"), Err(UnitError::TooLarge { max: DURATION_MS_MAX }));
    }

    #[test]
    fn sizes_rates_and_counts() {
        assert_eq!(parse_size("512B"), Ok(512));
        assert_eq!(parse_size("16KiB"), Ok(16_384));
        assert_eq!(parse_size("1MiB"), Ok(1 << 20));
        assert_eq!(parse_size("3GiB"), Ok(3 << 30));
        assert_eq!(parse_size("4GiB"), Err(UnitError::TooLarge { max: SIZE_BYTES_MAX }));
        let quantity = Quantity::Size;
        assert_eq!(parse_size("1024"), Err(UnitError::NoUnit { quantity }));
        assert_eq!(parse_size("1MB"), Err(UnitError::UnknownUnit { quantity }));
        assert_eq!(parse_rate("500B/s"), Ok(500));
        assert_eq!(parse_rate("500B"), Err(UnitError::UnknownUnit { quantity: Quantity::Rate }));
        assert_eq!(parse_count("8", 10), Ok(8));
        assert_eq!(parse_count("8s", 10), Err(UnitError::UnexpectedUnit));
        assert_eq!(parse_count("11", 10), Err(UnitError::TooLarge { max: 10 }));
        assert_eq!(parse_count("0", 10), Err(UnitError::Zero));
        assert_eq!(parse_count("x", 10), Err(UnitError::NotANumber));
    }
}
