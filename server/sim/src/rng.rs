//! A seed, or a row of octets, becomes choices; the same input, the same choices.
//!
//! From a seed the choices are pseudo-random (SplitMix64). From octets they are those octets, so
//! that a fuzzer which changes one octet changes one choice; when they run out every choice is the
//! first one, which plans are built to make the simplest.

/// A source of choices.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
    tape: Option<Tape>,
}

#[derive(Clone, Debug)]
struct Tape {
    octets: Vec<u8>,
    at: usize,
}

impl Rng {
    /// Choices drawn from a seed.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self { state: seed, tape: None }
    }

    /// Choices read from octets.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Self {
        Self { state: 0, tape: Some(Tape { octets: octets.to_vec(), at: 0 }) }
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        if self.tape.is_some() {
            return (0..8).fold(0, |number, _| number << 8 | self.octet());
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next octet of the tape; zero behind its end.
    fn octet(&mut self) -> u64 {
        let Some(tape) = self.tape.as_mut() else { return 0 };
        let octet = tape.octets.get(tape.at).copied().unwrap_or(0);
        tape.at += 1;
        u64::from(octet)
    }

    /// A number below `end`, which is not zero. Takes as few octets of a tape as hold it.
    pub fn below(&mut self, end: u64) -> u64 {
        debug_assert!(end > 0, "there is nothing to choose from");
        if self.tape.is_none() {
            return self.any() % end;
        }
        let mut number = self.octet();
        let mut reach = 256_u64;
        while reach < end {
            number = number << 8 | self.octet();
            reach = reach.saturating_mul(256);
        }
        number % end
    }

    /// A number from `first` to `last`, both possible.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// Like [`Self::between`], for lengths.
    pub fn size(&mut self, first: usize, last: usize) -> usize {
        usize::try_from(self.between(first as u64, last as u64)).unwrap_or(first)
    }

    /// True `per_mille` times out of a thousand.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1_000) + u64::from(per_mille) >= 1_000
    }

    /// One of `choices`, which are not none.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.size(0, choices.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let draw = |seed| {
            let mut rng = Rng::from_seed(seed);
            (0..100).map(|_| rng.below(1_000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn octets_are_the_choices_and_their_end_is_the_first_one() {
        let mut rng = Rng::from_octets(&[3, 1, 2]);
        assert_eq!(rng.below(10), 3);
        assert_eq!(rng.below(1_000), 258);
        assert_eq!(rng.below(1_000), 0);
        assert!(!rng.chance(999));
        assert!(rng.chance(1_000));
    }

    #[test]
    fn chances_are_about_what_they_say() {
        let mut rng = Rng::from_seed(1);
        let hits = (0..10_000).filter(|_| rng.chance(250)).count();
        assert!((2_200..2_800).contains(&hits), "{hits}");
    }
}
