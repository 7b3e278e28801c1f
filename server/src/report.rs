//! The two lines a server says of itself, for a person and for a script: ready, and drained.

use std::net::SocketAddr;

use crate::server::DrainReport;

/// What a server that began to serve says: where, and with how many of what.
#[must_use]
pub fn ready(addresses: &[SocketAddr], functions: usize, loops: usize, workers: usize) -> String {
    let mut line = String::from("fezz ready:");
    for address in addresses {
        line += &format!(" http://{address}");
    }
    line + &format!(" functions={functions} loops={loops} workers={workers}")
}

/// What a server that stopped says: functions' replies since the start, connections ended by
/// force, and the time from the signal to the end.
#[must_use]
pub fn drained(report: &DrainReport) -> String {
    let served: u64 = report.counted.replied.iter().sum();
    let took = report.took.as_millis();
    format!("fezz drained: served={served} cut={} took={took}ms", report.cut)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn both_lines() {
        let addresses = ["127.0.0.1:8080", "[::1]:80"].map(|text| text.parse().unwrap());
        assert_eq!(
            ready(&addresses, 1, 2, 3),
            "fezz ready: http://127.0.0.1:8080 http://[::1]:80 functions=1 loops=2 workers=3"
        );
        let mut report =
            DrainReport { cut: 1, took: Duration::from_millis(1_500), ..DrainReport::default() };
        report.counted.replied = [0, 0, 7, 0, 2, 0];
        assert_eq!(drained(&report), "fezz drained: served=9 cut=1 took=1500ms");
    }
}
