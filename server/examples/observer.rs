//! A program that embeds the server and looks on:
//! `observer ARTIFACT [bare|counts|observed] [ADDRESS]`.
//!
//! It serves one artifact with one loop and one worker: on an address until it is ended, or on a
//! port of the system's choice until its standard input ends. `observed`, which is the default,
//! attaches an observer that keeps the slowest exchange, and says at the end which it was. The
//! other two words are for comparing what looking on costs: `counts` is the server as it is
//! without an observer, and `bare` one that counts nothing at all.
#![expect(clippy::print_stdout, reason = "what was seen is what there is to say")]

use std::error::Error;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use fezz_proto::{Instant, Notice};
use fezz_server::assemble::Functions;
use fezz_server::config::{
    Config, FunctionConfig, FunctionOptions, ListenerConfig, RouteConfig, Target,
};
use fezz_server::plugin::pattern::Pattern;
use fezz_server::{Observer, Record, Server, Settings};

/// What is kept of an exchange: its status, its route, and how long it took.
#[derive(Clone, Debug, Default)]
struct Slowest {
    exchanges: u64,
    total_us: u64,
    status: u16,
    route: String,
}

/// Looks on, one for each loop. What all of them saw is behind a lock that is taken once a turn.
struct Onlooker {
    seen: Slowest,
    all: Arc<Mutex<Slowest>>,
}

impl Observer for Onlooker {
    fn notice(&mut self, _at: Instant, _what: &Notice) {}

    /// The turn is over: what it brought is handed on.
    fn notices(&mut self, _at: Instant, _what: &[Notice]) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let exchanges = all.exchanges + std::mem::take(&mut self.seen.exchanges);
        if self.seen.total_us > all.total_us {
            all.clone_from(&self.seen);
        }
        all.exchanges = exchanges;
    }

    fn exchange(&mut self, _at: Instant, record: &Record<'_>) {
        self.seen.exchanges += 1;
        if record.took.total_us > self.seen.total_us {
            self.seen.total_us = record.took.total_us;
            self.seen.status = record.status;
            record.route.unwrap_or("no route").clone_into(&mut self.seen.route);
        }
    }
}

fn config(artifact: PathBuf, address: SocketAddr) -> Result<Config, Box<dyn Error>> {
    let mut config = Config {
        listeners: vec![ListenerConfig::plain(address)],
        event_loops: 1,
        ..Config::default()
    };
    config.workers.threads = 1;
    let options = FunctionOptions::default();
    config.functions.push(FunctionConfig { name: None, version: None, artifact, options });
    let pattern = Pattern::parse("/{*rest}")?;
    config.routes.push(RouteConfig::new(pattern, Target::Function(0)));
    Ok(config)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let usage = "usage: observer ARTIFACT [bare|counts|observed] [ADDRESS]";
    let artifact = words.next().ok_or(usage)?;
    let looks = words.next();
    let looks = looks.as_ref().and_then(|word| word.to_str()).unwrap_or("observed");
    let address = words.next().map(|word| word.into_string().map_err(|_| usage)).transpose()?;
    let place = address.as_deref().unwrap_or("127.0.0.1:0").parse()?;
    let config = config(artifact.into(), place)?;
    let functions = Functions::load(&config).map_err(|complaints| format!("{complaints:?}"))?;
    let mut settings = Settings::of(&config, functions, 4_096)?;
    settings.counts = looks != "bare";
    let mut server = Server::bind(settings).map_err(|error| error.to_string())?;
    let all = Arc::new(Mutex::new(Slowest::default()));
    if looks == "observed" {
        let seen = Slowest::default;
        server.observe(|_| Box::new(Onlooker { seen: seen(), all: Arc::clone(&all) }));
    }
    println!("observer ready: http://{}", server.addresses()[0]);
    if address.is_none() {
        let handle = server.handle();
        std::thread::spawn(move || {
            drop(std::io::stdin().read_to_end(&mut Vec::new()));
            handle.drain();
        });
    }
    server.run()?;
    let Slowest { exchanges, total_us, status, route } =
        all.lock().unwrap_or_else(PoisonError::into_inner).clone();
    println!("{exchanges} exchanges; the slowest took {total_us} us: {status} on {route}");
    Ok(())
}
