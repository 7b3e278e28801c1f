//! Clock, driver, clients: step until everything is over.

use crate::accounts::Accounts;
use crate::client::Client;
use crate::driver::{Driver, Scene};
use crate::oracle::{self, Ledger, Rule, Tally, Violation};
use crate::pipe::{Pipe, Side};
use crate::plan::Plan;
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
    let mut world = World::new(plan, prints)?;
    let end = world.live();
    if prints {
        world.tell();
    }
    end?;
    world.end()
}

struct World<'p> {
    scene: Scene<'p>,
    driver: Driver,
    clients: Vec<Client>,
    connected: Vec<bool>,
    now_us: u64,
    drained: bool,
    killed: bool,
}

impl<'p> World<'p> {
    fn new(plan: &'p Plan, prints: bool) -> Result<Self, Violation> {
        let count = plan.scripts.len();
        let pipes = (0..count).map(|_| Pipe::new(plan.odds.pipe_bytes)).collect();
        Ok(Self {
            scene: Scene {
                plan,
                pipes,
                ledger: Ledger::new(plan),
                accounts: Accounts::new(count),
                tally: Tally::default(),
                rng: Rng::from_seed(plan.seed),
                trace: Trace::new(prints),
            },
            driver: Driver::new(plan)?,
            clients: (0..count).map(|_| Client::new()).collect(),
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
        }
        moves |=
            self.driver.has_work(&self.scene) || self.soon().is_some_and(|at| at <= self.now_us);
        self.pass(moves)
    }

    /// Every client does what it can.
    fn act(&mut self) -> bool {
        let mut moves = false;
        for (number, client) in self.clients.iter_mut().enumerate() {
            let script = &self.scene.plan.scripts[number];
            if !self.connected[number] {
                if script.starts_us > self.now_us {
                    continue;
                }
                self.connected[number] = true;
                self.driver.connect(number);
            }
            moves |= client.step(script, &mut self.scene.pipes[number], self.now_us);
        }
        moves
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
                client.next_us(&plan.scripts[number], &self.scene.pipes[number])
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
            interims: readers().map(|reader| u64::from(reader.interims())).sum(),
            tally: scene.tally,
        })
    }
}
