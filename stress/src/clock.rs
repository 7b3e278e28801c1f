//! The only place of this crate that reads a clock: monotonic nanoseconds, and the date for names.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point from which nanoseconds are counted.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that shows zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the load generator measures real time")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Nanoseconds since [`Clock::start`].
    #[must_use]
    pub fn nanos(&self) -> u64 {
        duration_nanos(self.start.elapsed())
    }

    /// Seconds since [`Clock::start`].
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

/// `duration` in nanoseconds; 584 years and more are `u64::MAX`.
#[must_use]
pub fn duration_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds since 1970 in UTC; zero when the machine's clock is before that.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "results are named by the date of the run")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

/// `2026-01-31T13-05-09Z`: sortable, and fit for the name of a file.
#[must_use]
pub fn date_stamp(unix_seconds: u64) -> String {
    let (days, second) = (unix_seconds / 86_400, unix_seconds % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{:02}Z", second % 60)
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    let mut left = days;
    while left >= days_of_year(year) {
        left -= days_of_year(year);
        year += 1;
    }
    let february = if days_of_year(year) == 366 { 29 } else { 28 };
    let mut month = 1;
    for days_of_month in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < days_of_month {
            break;
        }
        left -= days_of_month;
        month += 1;
    }
    (year, month, left + 1)
}

fn days_of_year(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date_stamp(0), "1970-01-01T00-00-00Z");
        assert_eq!(date_stamp(951_827_696), "2000-02-29T12-34-56Z");
        assert_eq!(date_stamp(1_767_225_599), "2025-12-31T23-59-59Z");
        assert_eq!(date_stamp(1_767_225_600), "2026-01-01T00-00-00Z");
    }

    #[test]
    fn the_clock_goes_forward() {
        let clock = Clock::start();
        let first = clock.nanos();
        assert!(clock.nanos() >= first);
        assert!(clock.seconds() < 60.0);
    }
}
