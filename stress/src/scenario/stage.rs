//! What every scenario is played on: a server, honest clients beside it, figures, and the checks
//! at the end that are the same for all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use super::budget::Figure;
use super::failure::{Failure, Result};
use super::honest::{self, Mix, Report};
use super::peer::{Target, Tls};
use super::question::{HONEST_HOST, HONEST_ROUTE};
use super::server::{Holdings, Server};
use super::settings::Settings;
use crate::clock::Clock;

/// The figures that [`Stage::close`] measures in every scenario.
pub(super) const COMMON: [&str; 8] = [
    "wrong",
    "connections_off",
    "requests_off",
    "descriptors_left",
    "threads_lost",
    "warnings",
    "unclean_exits",
    "core_faults",
];

/// How long counters and descriptors may take to settle after the last client left: the server
/// lingers for 2 s.
const SETTLE_SECONDS_MAX: f64 = 15.0;
/// Latencies without load are taken for at least this long where others are compared with them.
const FLOOR_MS: f64 = 10.0;

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scale {
    /// For every push.
    Quick,
    /// For every night, and before a release.
    Full,
}

impl Scale {
    /// One of two sizes.
    pub(super) fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// Where things are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The server.
    pub(super) fezz: PathBuf,
    /// The functions.
    pub(super) functions: PathBuf,
    /// Files of this run.
    pub(super) scratch: PathBuf,
}

/// One scenario under way.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) scale: Scale,
    pub(super) places: Places,
    /// All that was measured so far.
    pub(super) figures: Vec<Figure>,
    servers: u32,
}

/// What is normal at the end of a scenario.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms {
    /// Words of log lines that have to be expected.
    pub(super) warnings: &'static [&'static str],
    /// Connections that do not come to an end by themselves.
    pub(super) cut: bool,
}

impl Stage {
    pub(super) fn new(scale: Scale, places: Places) -> Self {
        Self { scale, places, figures: Vec::new(), servers: 0 }
    }

    /// The function that mirrors.
    pub(super) fn echo(&self) -> PathBuf {
        self.places.functions.join("libecho.so")
    }

    /// A function that is broken on purpose.
    pub(super) fn hostile(&self, name: &str) -> PathBuf {
        self.places.functions.join("hostile").join(format!("libhostile_{name}.so"))
    }

    /// The configuration that most scenarios begin with.
    pub(super) fn settings(&self) -> Settings {
        Settings::new(&self.echo())
    }

    /// Starts a server.
    pub(super) fn serve(&mut self, settings: &Settings) -> Result<Server> {
        self.serve_under(&[], settings)
    }

    /// Starts a server below another program, such as prlimit.
    pub(super) fn serve_under(&mut self, prefix: &[&str], settings: &Settings) -> Result<Server> {
        self.servers += 1;
        let folder = self.places.scratch.join(format!("server-{}", self.servers));
        fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
        identity(&folder)?;
        let text = settings.text(&folder, rustix::process::getuid().as_raw());
        let file = folder.join("fezz.toml");
        fs::write(&file, text).map_err(|error| Failure::file(&file, error))?;
        let mut words: Vec<String> = prefix.iter().map(|word| (*word).to_owned()).collect();
        words.push(self.places.fezz.display().to_string());
        Server::start(&words, &folder)
    }

    /// The folder of the server that was started last.
    pub(super) fn folder(&self) -> PathBuf {
        self.places.scratch.join(format!("server-{}", self.servers))
    }

    /// The way to a server's HTTP.
    pub(super) fn plain(&self, server: &Server) -> Target {
        Target { address: server.plain, tls: None }
    }

    /// The way to a server's HTTPS.
    pub(super) fn secure(&self, server: &Server) -> Result<Target> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.folder().join("server.pem"))? {
            roots.add(certificate)?;
        }
        secured(server, roots)
    }

    /// Eight honest clients: five keep their connection, two of these with TLS; three connect for
    /// each question, one of these with TLS. Each asks every 10 ms.
    pub(super) fn mix(&self, server: &Server) -> Result<Mix> {
        let (plain, secure) = (self.plain(server), self.secure(server)?);
        Ok(Mix {
            kept: vec![(plain.clone(), 3), (secure.clone(), 2)],
            fresh: vec![(plain, 2), (secure, 1)],
            every: Some(Duration::from_millis(10)),
            takes_busy: false,
            short: false,
        })
    }

    /// Honest clients with nobody beside them.
    pub(super) fn quiet(&self, mix: &Mix) -> Result<Report> {
        let crowd = honest::gather(mix, 1)?;
        thread::sleep(Duration::from_millis(self.scale.pick(1000, 3000)));
        honest::dismiss(crowd)
    }

    /// Writes a figure down.
    pub(super) fn measure(&mut self, id: &str, value: f64, unit: &str, remark: impl Into<String>) {
        let figure =
            Figure { id: id.to_owned(), value, unit: unit.to_owned(), remark: remark.into() };
        self.figures.push(figure);
    }

    /// How much went wrong, and the first of it in words.
    pub(super) fn measure_wrong(&mut self, id: &str, wrong: &[impl ToString]) {
        let first = wrong.first().map_or_else(String::new, ToString::to_string);
        self.measure(id, count(wrong.len() as u64), "", first);
    }

    /// The 99th percentile of `beside` to that of `quiet`, which counts as 10 ms at least.
    pub(super) fn measure_slowdown(&mut self, quiet: &Report, beside: &Report) {
        let (before, after) = (quiet.millis(0.99), beside.millis(0.99));
        let remark = format!("p99 {before:.2} → {after:.2} ms, {} answers", beside.answers);
        self.measure("slowdown", after / before.max(FLOOR_MS), "", remark);
    }

    /// The checks that are the same for all scenarios, and the end of the server.
    pub(super) fn close(
        &mut self,
        mut server: Server,
        reports: &[&Report],
        terms: Terms,
    ) -> Result<()> {
        self.check_answers(reports);
        self.check_counters(&mut server, reports)?;
        self.check_holdings(&mut server)?;
        server.signal(Signal::TERM)?;
        self.check_end(&mut server, terms)
    }

    fn check_answers(&mut self, reports: &[&Report]) {
        let wrong: u64 = reports.iter().map(|report| report.wrong).sum();
        let flaws: Vec<&str> =
            reports.iter().flat_map(|report| &report.flaws).map(String::as_str).collect();
        let asked: u64 = reports.iter().map(|report| report.answers + report.busy).sum();
        let again: u64 = reports.iter().map(|report| report.again).sum();
        let remark = format!("{asked} answers, {again} asked again {}", flaws.join("; "));
        self.add("wrong", count(wrong), &remark);
    }

    fn check_counters(&mut self, server: &mut Server, reports: &[&Report]) -> Result<()> {
        let page = server.page_when(SETTLE_SECONDS_MAX, |page| {
            page.sum("fezz_connections_accepted_total", &[])
                == page.sum("fezz_connections_closed_total", &[])
                && page.sum("fezz_connections_active", &[]) == 0.0
        })?;
        let accepts = page.sum("fezz_connections_accepted_total", &[]);
        let ends = page.sum("fezz_connections_closed_total", &[]);
        self.add("connections_off", (accepts - ends).abs(), &format!("{accepts} accepted"));
        let said = page.sum_with(
            "http_server_request_duration_seconds_count",
            "http_response_status_code",
            &[("http_route", HONEST_ROUTE)],
        );
        let heard = count(reports.iter().map(|report| report.answers + report.busy).sum());
        let remark = format!("{said} said, {heard} heard");
        self.add("requests_off", (said - heard).abs(), &remark);
        let faults =
            page.sum("fezz_forbidden_total", &[]) + page.sum("fezz_event_loops_stuck", &[]);
        self.add("core_faults", faults, "");
        Ok(())
    }

    fn check_holdings(&mut self, server: &mut Server) -> Result<()> {
        let clock = Clock::start();
        let before = server.before;
        let settled =
            |now: Holdings| now.descriptors <= before.descriptors && now.threads >= before.threads;
        let mut now = server.holdings();
        while !settled(now) && clock.seconds() < SETTLE_SECONDS_MAX {
            server.alive()?;
            thread::sleep(Duration::from_millis(50));
            now = server.holdings();
        }
        let left = now.descriptors.saturating_sub(before.descriptors);
        let remark = format!("{} → {}", before.descriptors, now.descriptors);
        self.add("descriptors_left", count(left as u64), &remark);
        let lost = before.threads.saturating_sub(now.threads);
        self.add(
            "threads_lost",
            count(lost as u64),
            &format!("{} → {}", before.threads, now.threads),
        );
        Ok(())
    }

    /// Waits for a server that was told to end, and looks at how it did.
    pub(super) fn check_end(&mut self, server: &mut Server, terms: Terms) -> Result<()> {
        let (code, drained) = server.wait()?;
        let clean = code == Some(0) && drained.is_some_and(|end| end.cut == 0 || terms.cut);
        let remark = if clean { String::new() } else { format!("exit {code:?}, {drained:?}") };
        self.add("unclean_exits", f64::from(u8::from(!clean)), &remark);
        let warnings = server.warnings(terms.warnings);
        let first = warnings.first().map_or("", String::as_str);
        self.add("warnings", count(warnings.len() as u64), first);
        Ok(())
    }

    /// Adds to a figure that scenarios with many servers have from each of them.
    pub(super) fn add(&mut self, id: &str, value: f64, remark: &str) {
        match self.figures.iter_mut().find(|figure| figure.id == id) {
            None => self.measure(id, value, "", remark.trim()),
            Some(figure) => {
                if value > 0.0 || figure.value == 0.0 {
                    figure.remark = remark.trim().to_owned();
                }
                figure.value += value;
            }
        }
    }
}

/// A way to `server` for clients that believe `roots`.
pub(super) fn secured(server: &Server, roots: RootCertStore) -> Result<Target> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(HONEST_HOST)
        .map_err(|_| Failure::Tls(rustls::Error::General("the name is none".to_owned())))?;
    Ok(Target { address: server.secure, tls: Some(Tls { config: Arc::new(config), name }) })
}

/// The certificates in a file.
pub(super) fn certificates(file: &Path) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>> {
    use rustls::pki_types::pem::PemObject;
    let octets = fs::read(file).map_err(|error| Failure::file(file, error))?;
    let read = rustls::pki_types::CertificateDer::pem_slice_iter(&octets);
    let bad = |_| Failure::Tls(rustls::Error::General(format!("{}: no PEM", file.display())));
    read.map(|certificate| certificate.map_err(bad)).collect()
}

/// Makes a new certificate and its key in `folder`.
pub(super) fn identity(folder: &Path) -> Result<()> {
    let names = ["localhost", HONEST_HOST, "any.test", "127.0.0.1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).map_err(Failure::Certificate)?;
    for (name, text) in
        [("server.key", made.signing_key.serialize_pem()), ("server.pem", made.cert.pem())]
    {
        let (file, new) = (folder.join(name), folder.join(format!("{name}.new")));
        fs::write(&new, text).map_err(|error| Failure::file(&new, error))?;
        fs::rename(&new, &file).map_err(|error| Failure::file(&file, error))?;
    }
    Ok(())
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "counts of a run are below 2^53")]
pub(super) fn count(number: u64) -> f64 {
    number as f64
}
