//! Reload under load: good and bad configurations and certificates in turn, and nobody notices.

use std::fs;

use rustls::RootCertStore;

use super::catalog::Scenario;
use super::failure::{Failure, Result};
use super::honest::{self, Mix};
use super::stage::{Stage, Terms, certificates, count, identity, secured};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "reload",
    about: "Good and half-written configurations and certificates take turns while clients ask \
            over kept and over new connections. Every good one is taken, every bad one is refused \
            whole, and no handshake and no answer is lost.",
    figures: &["bad_taken", "good_refused", "reloads"],
    without: &[],
    play,
};

/// What is logged about a reload that is refused.
const WARNINGS: &[&str] = &["reload", "fezz::load", "fezz::tls", "fezz::config"];

fn play(stage: &mut Stage) -> Result<()> {
    let rounds = stage.scale.pick(30, 1000);
    let settings = stage.settings();
    let server = stage.serve(&settings)?;
    let folder = stage.folder();
    let file = |name: &str| folder.join(name);
    let read =
        |name: &str| fs::read_to_string(file(name)).map_err(|e| Failure::file(&file(name), e));
    let write = |name: &str, text: &str| {
        // Never half a file, but where half a file is meant.
        let new = file(&format!("{name}.new"));
        fs::write(&new, text).map_err(|error| Failure::file(&new, error))?;
        fs::rename(&new, file(name)).map_err(|error| Failure::file(&new, error))
    };
    let mut roots = RootCertStore::empty();
    let mut believe = || -> Result<()> {
        for certificate in certificates(&file("server.pem"))? {
            roots.add(certificate)?;
        }
        Ok(())
    };
    // Two identities, both known to the clients from the start.
    believe()?;
    let first = (read("server.pem")?, read("server.key")?);
    identity(&folder)?;
    believe()?;
    let second = (read("server.pem")?, read("server.key")?);
    let (plain, secure) = (stage.plain(&server), secured(&server, roots)?);
    let mix = Mix {
        kept: vec![(plain.clone(), 2), (secure.clone(), 2)],
        fresh: vec![(plain, 2), (secure, 3)],
        ..stage.mix(&server)?
    };
    let crowd = honest::gather(&mix, 15)?;
    let config = read("fezz.toml")?;
    let (mut taken, mut refused, mut said) = (0, 0, String::new());
    for round in 0..rounds {
        let good = round % 2 == 0;
        match round % 6 {
            1 => write("fezz.toml", &config[..config.len() * (round % 5 + 1) / 7])?,
            3 => write("fezz.toml", &format!("{config}\n[limits]\nboddy = \"1MiB\"\n"))?,
            5 => write("server.pem", &first.0[..first.0.len() / 2])?,
            _ => {
                let (certificate, key) = if round % 4 == 0 { &first } else { &second };
                write("server.key", key)?;
                write("server.pem", certificate)?;
                write("fezz.toml", &format!("# {round}\n{config}"))?;
            }
        }
        let (done, words) = server.operator("reload format=text timeout=20s")?;
        taken += u64::from(done && !good);
        refused += u64::from(!done && good);
        if done != good {
            said = words.lines().take(3).collect::<Vec<_>>().join(" ");
        }
    }
    let beside = honest::dismiss(crowd)?;
    stage.measure("bad_taken", count(taken), "", said.clone());
    stage.measure("good_refused", count(refused), "", said);
    stage.measure("reloads", count(rounds as u64), "", format!("{} answers", beside.answers));
    stage.close(server, &[&beside], Terms { warnings: WARNINGS, ..Terms::default() })
}
