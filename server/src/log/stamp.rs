//! Moments as text: RFC 3339 in UTC, and the older form of the combined format. No time zones, no
//! leap seconds: a moment is seconds since 1970 as the system counts them.

use std::time::Duration;

use fezz_parser::civil_date;

use crate::escape::Out;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
/// Seconds of the year 9999: RFC 3339 has four digits for a year.
const SECONDS_MAX: u64 = 253_402_300_799;

/// The second that was asked for last, as text: nearly all moments share theirs with the one
/// before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stamp {
    second: Option<u64>,
    date_time: [u8; 19],
    combined: [u8; 28],
}

impl Stamp {
    /// `2026-11-20T10:00:00.123456Z`
    pub(crate) fn rfc3339(&mut self, out: &mut impl Out, since_1970: Duration) {
        self.set(since_1970.as_secs().min(SECONDS_MAX));
        out.put(&self.date_time);
        let mut fraction = *b".000000Z";
        decimal(&mut fraction[1..7], since_1970.subsec_micros().into());
        out.put(&fraction);
    }

    /// `[20/Nov/2026:10:00:00 +0000]`
    pub(crate) fn combined(&mut self, out: &mut impl Out, since_1970: Duration) {
        self.set(since_1970.as_secs().min(SECONDS_MAX));
        out.put(&self.combined);
    }

    fn set(&mut self, second: u64) {
        if self.second == Some(second) {
            return;
        }
        self.second = Some(second);
        let (year, month, day) = civil_date(second / 86_400);
        let within = second % 86_400;
        let (hour, minute, second) = (within / 3_600, within / 60 % 60, within % 60);
        self.date_time = *b"0000-00-00T00:00:00";
        for (range, value) in
            [(0..4, year), (5..7, month), (8..10, day), (11..13, hour), (14..16, minute)]
        {
            decimal(&mut self.date_time[range], value);
        }
        decimal(&mut self.date_time[17..19], second);
        self.combined = *b"[00/Jan/0000:00:00:00 +0000]";
        let name = usize::try_from(month - 1).ok().and_then(|place| MONTHS.get(place));
        self.combined[4..7].copy_from_slice(name.copied().unwrap_or(b"Jan"));
        for (range, value) in
            [(1..3, day), (8..12, year), (13..15, hour), (16..18, minute), (19..21, second)]
        {
            decimal(&mut self.combined[range], value);
        }
    }
}

/// Writes `value` with leading zeros; digits that do not fit are lost.
fn decimal(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_text() {
        let mut stamp = Stamp::default();
        let mut text = |seconds: u64, micros: u32| {
            let at = Duration::new(seconds, micros * 1_000);
            let (mut first, mut second) = (Vec::new(), Vec::new());
            stamp.rfc3339(&mut first, at);
            stamp.combined(&mut second, at);
            (String::from_utf8(first).unwrap(), String::from_utf8(second).unwrap())
        };
        for (seconds, date, other) in [
            (0, "1970-01-01T00:00:00", "01/Jan/1970:00:00:00"),
            (951_782_399, "2000-02-28T23:59:59", "28/Feb/2000:23:59:59"),
            (951_868_800, "2000-03-01T00:00:00", "01/Mar/2000:00:00:00"),
            (1_709_164_800, "2024-02-29T00:00:00", "29/Feb/2024:00:00:00"),
            (4_107_542_400, "2100-03-01T00:00:00", "01/Mar/2100:00:00:00"),
            (1_795_168_800, "2026-11-20T10:00:00", "20/Nov/2026:10:00:00"),
            (SECONDS_MAX, "9999-12-31T23:59:59", "31/Dec/9999:23:59:59"),
            (u64::MAX, "9999-12-31T23:59:59", "31/Dec/9999:23:59:59"),
        ] {
            let expected = (format!("{date}.000042Z"), format!("[{other} +0000]"));
            assert_eq!(text(seconds, 42), expected, "{seconds}");
        }
    }

    /// Every day from 1970 to 2100 follows the one before it.
    #[test]
    fn days_follow_each_other() {
        let mut before = (1969, 12, 31);
        for day in 0..47_482 {
            let (year, month, of_month) = civil_date(day);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            assert!((1..=length).contains(&of_month));
            let next = match before {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, of_month) if (year, month, of_month + 1) == civil_date(day) => {
                    (year, month, of_month + 1)
                }
                (year, month, _) => (year, month + 1, 1),
            };
            assert_eq!((year, month, of_month), next);
            before = next;
        }
    }
}
