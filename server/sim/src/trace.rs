//! What happened in a world, as one number and, when asked for, as lines.

use std::fmt::Display;

/// The trace of one world.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    steps: u64,
    prints: bool,
}

impl Trace {
    /// An empty trace; `prints` writes each step to standard error.
    #[must_use]
    pub const fn new(prints: bool) -> Self {
        Self { hash: 0xCBF2_9CE4_8422_2325, steps: 0, prints }
    }

    /// Notes that something happened to connection `place`, with a number that says how much.
    pub fn note(&mut self, now_us: u64, what: &'static str, place: usize, much: u64) {
        self.steps += 1;
        self.mix(now_us);
        self.mix(what.len() as u64 ^ u64::from(what.as_bytes()[0]) << 8);
        self.mix(place as u64);
        self.mix(much);
        if self.prints {
            eprintln!("{:>12.3} ms  {place:>3}  {what} {much}", now_us as f64 / 1_000.0);
        }
    }

    /// Prints a line when lines are asked for; does not change the number.
    pub fn say(&self, what: &dyn Display) {
        if self.prints {
            eprintln!("                       {what}");
        }
    }

    fn mix(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x0100_0000_01B3).rotate_left(29);
    }

    /// One number for all that was noted.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// Things noted.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }
}
