//! Clock, driver, clients: step until everything is over.

use crate::accounts::Accounts;
use crate::channel::{Channels, Peer, Wire};
use crate::client::Client;
use crate::driver::{Driver, Scene};
use crate::oracle::{self, Ledger, Rule, Tally, Violation};
use crate::pipe::{Pipe, Side};
use crate::plan::{Handshake, Plan};
use crate::reader::Reader;
use crate::rng::Rng;
use crate::trace::Trace;

/// Turns after which a world is called restless.
const TURNS_MAX: u64 = 400_000;
/// How far a leaping clock leaps, in microseconds.
const LEAP_US_MAX: u64 = 3_600_000_000;

/// What a world that broke no rule leaves behind.
#[derive(Clone, Debug)]
pub struct Report {
    /// One number for everything that happened in it.
    pub hash: u64,
    /// Things that happened.
    pub steps: u64,
    /// Final responses received.
    pub responses: u64,
    /// Statuses and contents of the whole ones, by client.
    pub answers: Vec<Vec<(u16, Vec<u8>)>>,
    /// Interim responses received.
    pub interims: u64,
    /// What happened how often.
    pub tally: Tally,
}

/// Runs a plan; `prints` writes the trace to standard error.
///
/// # Errors
///
/// The first rule that was broken.
pub fn run(plan: &Plan, prints: bool) -> Result<Report, Violation> {
    World::new(plan, prints)?.run(prints)
}

/// Runs a plan with every connection behind a transport, whose ends `channels` gives.
///
/// # Errors
///
/// The first rule that was broken.
pub fn run_secured(
    plan: &Plan,
    channels: &mut dyn Channels,
    prints: bool,
) -> Result<Report, Violation> {
    let mut world = World::new(plan, prints)?;
    for client in 0..plan.scripts.len() {
        let (channel, peer) = channels.open(client);
        world.scene.channels.push(channel);
        world.peers.push(peer);
        world.fronts.push(Pipe::new(plan.odds.pipe_bytes));
    }
    world.run(prints)
}

struct World<'p> {
    scene: Scene<'p>,
    driver: Driver,
    clients: Vec<Client>,
    /// Where there is a transport: the streams that the clients see, and who carries on.
    fronts: Vec<Pipe>,
    peers: Vec<Box<dyn Peer>>,
    connected: Vec<bool>,
    now_us: u64,
    drained: bool,
    killed: bool,
}

impl<'p> World<'p> {
    fn run(mut self, prints: bool) -> Result<Report, Violation> {
        let end = self.live();
        if prints {
            self.tell();
        }
        end?;
        self.end()
    }

    fn new(plan: &'p Plan, prints: bool) -> Result<Self, Violation> {
        let count = plan.scripts.len();
        let pipes = (0..count).map(|_| Pipe::new(plan.odds.pipe_bytes)).collect();
        Ok(Self {
            scene: Scene {
                plan,
                pipes,
                channels: Vec::new(),
                ledger: Ledger::new(plan),
                accounts: Accounts::new(count),
                tally: Tally::default(),
                rng: Rng::from_seed(plan.seed),
                trace: Trace::new(prints),
            },
            driver: Driver::new(plan)?,
            clients: (0..count).map(|_| Client::new()).collect(),
            fronts: Vec::new(),
            peers: Vec::new(),
            connected: vec![false; count],
            now_us: 0,
            drained: false,
            killed: false,
        })
    }

    fn is_over(&self) -> bool {
        self.driver.hub().is_empty() && self.clients.iter().all(Client::is_over)
    }

    fn live(&mut self) -> Result<(), Violation> {
        let mut turns = 0;
        while !self.is_over() {
            turns += 1;
            if turns > TURNS_MAX {
                return Err(Violation::of(Rule::Restless));
            }
            self.turn()?;
        }
        Ok(())
    }

    /// Prints what everybody asked and received.
    fn tell(&self) {
        let plan = self.scene.plan;
        let trace = &self.scene.trace;
        trace.say(&format_args!("{:?} {:?}", plan.limits, plan.odds));
        trace.say(&format_args!("{:?} {:?} {}", plan.drain_us, plan.kill_us, plan.generous));
        for (number, client) in self.clients.iter().enumerate() {
            trace.say(&format_args!("-- {number}: {:?}", plan.scripts[number]));
            trace.say(&format_args!("-- {:?}, {:?}", client.ended(), client.flaw()));
            trace.say(&client.received().escape_ascii());
        }
    }

    fn turn(&mut self) -> Result<(), Violation> {
        let mut moves = self.act();
        self.stop();
        self.driver.turn(&mut self.scene, self.now_us)?;
        for client in self.driver.turn_away() {
            self.clients[client].turn_away();
            self.scene.pipes[client].client_becomes(Side::Closed);
            if let Some(front) = self.fronts.get_mut(client) {
                front.client_becomes(Side::Closed);
            }
        }
        // What the driver said is on its way before anybody calls this a rest.
        for number in 0..self.fronts.len() {
            moves |= self.connected[number] && self.carry(number);
        }
        moves |=
            self.driver.has_work(&self.scene) || self.soon().is_some_and(|at| at <= self.now_us);
        self.pass(moves)
    }

    /// Every client does what it can.
    fn act(&mut self) -> bool {
        let mut moves = false;
        for number in 0..self.clients.len() {
            let script = &self.scene.plan.scripts[number];
            if !self.connected[number] {
                if script.starts_us > self.now_us {
                    continue;
                }
                self.connected[number] = true;
                self.driver.connect(number);
            }
            let client = &mut self.clients[number];
            match self.fronts.get_mut(number) {
                None => moves |= client.step(script, &mut self.scene.pipes[number], self.now_us),
                Some(front) => {
                    moves |= client.step(script, front, self.now_us);
                    moves |= self.carry(number);
                }
            }
        }
        moves
    }

    /// A transport's octets move between the stream of the client and that of the server.
    fn carry(&mut self, number: usize) -> bool {
        let Scene { pipes, rng, plan, .. } = &mut self.scene;
        let ends = self.fronts.get_mut(number).zip(self.peers.get_mut(number));
        let Some((front, peer)) = ends else { return false };
        let mut wire = Wire { pipe: &mut pipes[number], rng, odds: plan.odds };
        peer.carry(front, &mut wire, plan.scripts[number].handshake != Handshake::Never)
    }

    fn stop(&mut self) {
        let due = |at: Option<u64>| at.is_some_and(|at| at <= self.now_us);
        if due(self.scene.plan.drain_us) && !self.drained {
            self.drained = true;
            self.scene.trace.note(self.now_us, "drain", 0, 0);
            self.driver.stop(false);
        }
        if due(self.scene.plan.kill_us) && !self.killed {
            self.killed = true;
            self.scene.trace.note(self.now_us, "kill", 0, 0);
            self.driver.stop(true);
        }
    }

    /// When the next thing happens that needs no more than time.
    fn soon(&self) -> Option<u64> {
        let plan = self.scene.plan;
        let clients = self.clients.iter().enumerate().filter_map(|(number, client)| {
            if self.connected[number] {
                let pipe = self.fronts.get(number).unwrap_or(&self.scene.pipes[number]);
                client.next_us(&plan.scripts[number], pipe)
            } else {
                Some(plan.scripts[number].starts_us)
            }
        });
        let drain = plan.drain_us.filter(|_| !self.drained);
        let kill = plan.kill_us.filter(|_| !self.killed);
        clients.chain(drain).chain(kill).chain(self.driver.next_us()).min()
    }

    /// Time passes: a little while something moves, else as much as nothing happens in.
    fn pass(&mut self, moves: bool) -> Result<(), Violation> {
        if moves {
            self.now_us += 1 + self.scene.rng.below(self.scene.plan.odds.turn_us_max);
        } else {
            self.driver.check_quiet(&self.scene, self.now_us)?;
            match self.soon() {
                Some(at_us) => self.now_us = self.now_us.max(at_us),
                None if self.is_over() => {}
                None => return Err(Violation::of(Rule::Stuck)),
            }
        }
        let leap = self.scene.plan.odds.leap;
        if leap > 0 && self.scene.rng.chance(leap) {
            self.now_us += self.scene.rng.below(LEAP_US_MAX);
        }
        Ok(())
    }

    fn end(self) -> Result<Report, Violation> {
        let scene = self.scene;
        if self.driver.hub().body_bytes_held() != 0 {
            return Err(Violation::of(Rule::MemoryHeld));
        }
        oracle::judge(scene.plan, &self.clients, &scene.ledger, &scene.accounts, &scene.tally)?;
        let readers = || self.clients.iter().map(Client::reader);
        Ok(Report {
            hash: scene.trace.hash(),
            steps: scene.trace.steps(),
            responses: readers().map(|reader| reader.responses().len() as u64).sum(),
            answers: readers().map(answers).collect(),
            interims: readers().map(|reader| u64::from(reader.interims())).sum(),
            tally: scene.tally,
        })
    }
}

fn answers(reader: &Reader) -> Vec<(u16, Vec<u8>)> {
    let all = reader.responses().iter();
    all.map(|response| (response.status, response.content.clone())).collect()
}
