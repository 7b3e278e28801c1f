//! The lines a server says of itself, for a person and for a script: ready, reloaded, drained.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// What a server that began to serve says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyReport {
    /// The addresses it listens on, with the ports the system chose.
    pub addresses: Vec<SocketAddr>,
    /// Those where it speaks TLS.
    pub secured: Vec<SocketAddr>,
    /// Those from where it leads to them.
    pub redirecting: Vec<SocketAddr>,
    /// The address where it is watched.
    pub metrics: Option<SocketAddr>,
    /// Functions loaded.
    pub functions: usize,
    /// Event loops.
    pub loops: usize,
    /// Threads that call functions.
    pub workers: usize,
}

/// What changed when other functions were published, by name and version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishReport {
    /// Those that had not been served before, or not this image of them.
    pub added: Vec<String>,
    /// Those that get no new requests any more.
    pub retired: Vec<String>,
    /// Those that are served as before.
    pub kept: Vec<String>,
    /// Whether the certificates that were read are not in use: they are for listeners that ask for
    /// client certificates of other authorities, and listeners do not change without a restart.
    pub certificates_stay: bool,
}

/// What a server that stopped says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Requests answered since the start.
    pub served: u64,
    /// Connections ended before their request was answered.
    pub cut: u64,
    /// Functions that had not come back at the end.
    pub abandoned: u64,
    /// From the signal to the end.
    pub took: Duration,
}

impl fmt::Display for ReadyReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("fezz ready:")?;
        for address in &self.addresses {
            write!(out, " http://{address}")?;
        }
        for address in &self.secured {
            write!(out, " https://{address}")?;
        }
        for address in &self.redirecting {
            write!(out, " redirect:http://{address}")?;
        }
        if let Some(address) = self.metrics {
            write!(out, " metrics:http://{address}")?;
        }
        let Self { functions, loops, workers, .. } = self;
        write!(out, " functions={functions} loops={loops} workers={workers}")
    }
}

impl fmt::Display for PublishReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("fezz reload:")?;
        let Self { added, retired, kept, certificates_stay } = self;
        for (what, names) in [("added", added), ("retired", retired), ("kept", kept)] {
            write!(out, " {what}={}", names.len())?;
            if !names.is_empty() {
                write!(out, " ({})", names.join(" "))?;
            }
        }
        if *certificates_stay {
            out.write_str("; certificates stay: other client authorities need a restart")?;
        }
        Ok(())
    }
}

impl fmt::Display for DrainReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { served, cut, abandoned, took } = self;
        write!(out, "fezz drained: served={served} cut={cut} abandoned={abandoned} ")?;
        write!(out, "took={}ms", took.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lines() {
        let ready = ReadyReport {
            addresses: vec!["127.0.0.1:8080".parse().unwrap(), "[::1]:80".parse().unwrap()],
            secured: vec!["[::1]:443".parse().unwrap()],
            redirecting: Vec::new(),
            metrics: "127.0.0.1:9464".parse().ok(),
            functions: 1,
            loops: 2,
            workers: 3,
        };
        let line = "fezz ready: http://127.0.0.1:8080 http://[::1]:80 https://[::1]:443 \
                    metrics:http://127.0.0.1:9464 functions=1 loops=2 workers=3";
        assert_eq!(ready.to_string(), line);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let published = PublishReport {
            added: names(&["a@1.2", "b"]),
            retired: names(&[]),
            kept: names(&["c"]),
            certificates_stay: false,
        };
        let line = "fezz reload: added=2 (a@1.2 b) retired=0 kept=1 (c)";
        assert_eq!(published.to_string(), line);
        let published = PublishReport { certificates_stay: true, ..published };
        let line = format!("{line}; certificates stay: other client authorities need a restart");
        assert_eq!(published.to_string(), line);
        let took = Duration::from_millis(1_500);
        let drained = DrainReport { served: 9, cut: 1, abandoned: 0, took };
        assert_eq!(drained.to_string(), "fezz drained: served=9 cut=1 abandoned=0 took=1500ms");
    }
}
