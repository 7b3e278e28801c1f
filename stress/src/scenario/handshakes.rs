//! TLS handshake floods: hellos whose answers nobody reads, beside connections that are secured.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::catalog::Scenario;
use super::crowd::{Crowd, Ending};
use super::failure::{Failure, Result};
use super::honest::{self, Mix, Report};
use super::peer::{Target, connect};
use super::stage::{Stage, Terms, count};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "handshakes",
    about: "A server with one loop on one processor is flooded from another one with recorded \
            ClientHellos, whose answers cost it a key exchange and a signature each. Connections \
            that are secured already keep at least half of their requests per second.",
    figures: &["kept_share", "hellos", "fresh_wrong"],
    without: &[],
    play,
};

const FLOODERS: usize = 48;
const KEPT: usize = 64;
/// Some two fifths of what others may claim of a processor (sched(7)).
const NICE: i32 = 4;
/// Octets of a ServerHello with its certificate that are taken before the end; the flight is
/// there when the first of them is.
const FLIGHT_BYTES: usize = 2048;

fn play(stage: &mut Stage) -> Result<()> {
    let pinned = Pinned::apart()?;
    let settings = stage.settings().set("workers.event_loops", "1").set("workers.threads", "1");
    let server = stage.serve(&settings)?;
    pinned.clients()?;
    let secure = stage.secure(&server)?;
    let hello = recorded_hello(&secure)?;
    let mix = Mix {
        kept: vec![(secure.clone(), KEPT)],
        fresh: Vec::new(),
        every: None,
        takes_busy: false,
        short: true,
    };
    let (mut shares, mut reports, mut hellos, mut seconds) = (Vec::new(), Vec::new(), 0, 0.0);
    // In turn, because no machine is the same for long.
    for round in 0..3 {
        let quiet = turn(stage, &mix, round)?;
        let (address, octets) = (server.secure, Arc::clone(&hello));
        let flood = Crowd::gather(FLOODERS, move |place, ending| {
            flood(address, place, Arc::clone(&octets), ending)
        })?;
        let beside = turn(stage, &mix, round + 10)?;
        hellos += flood.dismiss()?.into_iter().sum::<u64>();
        seconds += beside.seconds;
        shares.push((beside.per_second() / quiet.per_second(), quiet.per_second()));
        reports.extend([quiet, beside]);
    }
    pinned.everywhere()?;
    shares.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (share, before) = shares[shares.len() / 2];
    let remark = format!("{before:.0} → {:.0} requests/s", share * before);
    stage.measure("kept_share", share, "", remark);
    stage.measure("hellos", count(hellos) / seconds, "/s", "answered beside them");
    // Afterwards new connections are as good as before.
    let after = stage.quiet(&stage.mix(&server)?)?;
    stage.measure("fresh_wrong", count(after.wrong), "", format!("{} answers", after.answers));
    reports.push(after);
    let reports: Vec<&Report> = reports.iter().collect();
    stage.close(server, &reports, Terms::default())
}

fn turn(stage: &Stage, mix: &Mix, seed: u64) -> Result<Report> {
    let crowd = honest::gather(mix, 14 + seed)?;
    thread::sleep(Duration::from_millis(stage.scale.pick(1500, 4000)));
    honest::dismiss(crowd)
}

/// Hellos until told to end: how many were answered.
async fn flood(address: SocketAddr, place: usize, hello: Arc<Vec<u8>>, ending: Ending) -> u64 {
    if place == 0 {
        // All flooders have one thread, and share a processor with the clients: those go first, so
        // that it is the server that is measured. Where that cannot be had, the flood is stronger.
        let _nice = rustix::process::nice(NICE);
    }
    let mut answered = 0;
    let mut octets = vec![0; FLIGHT_BYTES];
    let mut number = place;
    while !ending.has_come() {
        number += FLOODERS;
        // What the server refuses in a flood is its own affair.
        let Ok(mut stream) = connect(address, number, None).await else { continue };
        if stream.write_all(&hello).await.is_err() {
            continue;
        }
        answered += u64::from(matches!(stream.read(&mut octets).await, Ok(bytes) if bytes > 0));
        let _gone = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
    answered
}

/// The first flight of a client, as it is sent to a listener of our own.
fn recorded_hello(target: &Target) -> Result<Arc<Vec<u8>>> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let Some(tls) = &target.tls else { return Ok(Arc::default()) };
    let mut client = rustls::ClientConnection::new(Arc::clone(&tls.config), tls.name.clone())?;
    let mut to = TcpStream::connect(listener.local_addr()?)?;
    let (mut from, _) = listener.accept()?;
    let mut octets = Vec::new();
    client.write_tls(&mut octets)?;
    to.write_all(&octets)?;
    drop(to);
    let mut hello = Vec::new();
    from.read_to_end(&mut hello)?;
    Ok(Arc::new(hello))
}

/// The server on one processor, the clients on another, if there are two.
struct Pinned {
    all: CpuSet,
    of_clients: CpuSet,
}

impl Pinned {
    /// From now on this thread is where the server will be; who is started inherits that.
    fn apart() -> Result<Self> {
        let all = sched_getaffinity(None).map_err(|error| Failure::Os(error.into()))?;
        let mut cpus = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu));
        let only = |cpu: Option<usize>| {
            let mut set = CpuSet::new();
            cpu.map_or(all, |cpu| {
                set.set(cpu);
                set
            })
        };
        let (of_server, of_clients) = (only(cpus.next()), only(cpus.next()));
        let pinned = Self { all, of_clients };
        set_affinity(&of_server)?;
        Ok(pinned)
    }

    fn clients(&self) -> Result<()> {
        set_affinity(&self.of_clients)
    }

    fn everywhere(&self) -> Result<()> {
        set_affinity(&self.all)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // A scenario that came to no end must not bind those after it.
        let _unbound = self.everywhere();
    }
}

fn set_affinity(cpus: &CpuSet) -> Result<()> {
    sched_setaffinity(None, cpus).map_err(|error| Failure::Os(error.into()))
}
