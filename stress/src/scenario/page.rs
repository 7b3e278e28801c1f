//! The page of metrics, as far as scenarios need it: sums of samples by name and labels.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::failure::{Failure, Result};

/// How long the page may take.
const PAGE_SECONDS_MAX: Duration = Duration::from_secs(10);

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Page {
    /// Asks the metrics listener.
    pub(super) fn fetch(address: SocketAddr) -> Result<Self> {
        let text = fetch(address, "/metrics")?;
        Self::parse(text.split_once("\r\n\r\n").map_or("", |(_, page)| page))
    }

    fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines
            .map(|line| Sample::parse(line).ok_or_else(|| Failure::Page { line: line.to_owned() }))
            .collect::<Result<_>>()?;
        Ok(Self { samples })
    }

    /// The sum of all samples of `name` that have `labels` among theirs.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let of = self.samples.iter().filter(|sample| sample.name == name && sample.has(labels));
        of.map(|sample| sample.value).sum()
    }

    /// The samples of these names that are not 0, for a person.
    pub(super) fn shown(&self, names: &[&str]) -> String {
        let told = |sample: &&Sample| sample.value != 0.0 && names.contains(&sample.name.as_str());
        let line =
            |sample: &Sample| format!("{} {:?} {}", sample.name, sample.labels, sample.value);
        self.samples.iter().filter(told).map(line).collect::<Vec<_>>().join("; ")
    }

    /// The sum of all samples of `name` that have the label `label` at all.
    pub(super) fn sum_with(&self, name: &str, label: &str, labels: &[(&str, &str)]) -> f64 {
        let of = self.samples.iter().filter(|sample| sample.name == name && sample.has(labels));
        let with = of.filter(|sample| sample.labels.iter().any(|(name, _)| name == label));
        with.map(|sample| sample.value).sum()
    }
}

/// The status of one of the two pages about health; 0 when nobody answers.
pub(super) fn health(address: SocketAddr, path: &str) -> u16 {
    let text = fetch(address, path).unwrap_or_default();
    text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn fetch(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PAGE_SECONDS_MAX)?;
    stream.set_read_timeout(Some(PAGE_SECONDS_MAX))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}')?;
        let mut pairs = Vec::new();
        // No value of ours has a quote in it, so that quotes alone tell names from values.
        for pair in labels.split_inclusive('"').collect::<Vec<_>>().chunks(2) {
            if let [name, value] = pair {
                let name = name.trim_start_matches(',').strip_suffix("=\"")?;
                pairs.push((name.to_owned(), value.strip_suffix('"')?.to_owned()));
            }
        }
        Some(Self { name: name.to_owned(), labels: pairs, value: value.parse().ok()? })
    }

    fn has(&self, labels: &[(&str, &str)]) -> bool {
        let has = |&(name, value): &(&str, &str)| {
            self.labels.iter().any(|(other, it)| (other.as_str(), it.as_str()) == (name, value))
        };
        labels.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_their_labels() {
        let page = Page::parse(
            "# HELP a b\n# TYPE a counter\na{x=\"1\",route=\"h/{*rest}\"} 2\na{x=\"2\"} 3\nb 7\n",
        )
        .unwrap();
        assert_eq!(page.sum("a", &[]), 5.0);
        assert_eq!(page.sum("a", &[("route", "h/{*rest}")]), 2.0);
        assert_eq!(page.sum_with("a", "route", &[]), 2.0);
        assert_eq!((page.sum("b", &[]), page.sum("c", &[])), (7.0, 0.0));
        assert!(matches!(Page::parse("a{ b\n"), Err(Failure::Page { .. })));
    }
}
