//! Which of several functions gets a request: a round of a hundred turns, gone through in one
//! order by everybody.
//!
//! The order spreads each share as evenly as it goes, so that a function with ten of a hundred has
//! every tenth request; any hundred requests in a row are shared out exactly. A round begins at the
//! first request of a route. Nothing of a request is looked at: a client cannot choose, and one
//! that asks twice may get two functions.

use std::sync::atomic::{AtomicU64, Ordering};

/// Turns of a round.
pub(crate) const TURNS: usize = 100;

/// What a turn costs, in hundredths of one.
const HUNDRED: i64 = 100;

/// The rounds of one route, shared by all loops: one word, raised by each request.
#[derive(Debug)]
pub(crate) struct Rounds {
    order: [u8; TURNS],
    next: AtomicU64,
}

impl Rounds {
    /// Rounds for these shares of a hundred; `None` when they are not that, or too many.
    pub(crate) fn of(percents: &[u32]) -> Option<Self> {
        let sum: u64 = percents.iter().map(|percent| u64::from(*percent)).sum();
        if sum != TURNS as u64 || percents.len() > TURNS || percents.contains(&0) {
            return None;
        }
        // At each turn everybody earns his share, and whoever has most gives up a hundred.
        let mut earned = vec![0_i64; percents.len()];
        let mut order = [0; TURNS];
        for turn in &mut order {
            for (sum, percent) in earned.iter_mut().zip(percents) {
                *sum += i64::from(*percent);
            }
            let most = earned.iter().max().copied().unwrap_or(0);
            let whose = earned.iter().position(|sum| *sum == most).unwrap_or(0);
            earned[whose] -= HUNDRED;
            *turn = u8::try_from(whose).unwrap_or(0);
        }
        Some(Self { order, next: AtomicU64::new(0) })
    }

    /// Whose turn it is.
    pub(crate) fn turn(&self) -> usize {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % TURNS as u64;
        usize::from(self.order[usize::try_from(turn).unwrap_or(0)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_hundred_in_a_row_are_exact_and_each_ten_nearly() {
        let cases: [&[u32]; 5] = [&[90, 10], &[1, 99], &[50, 50], &[33, 33, 34], &[1; 100]];
        for percents in cases {
            let rounds = Rounds::of(percents).unwrap();
            let turns: Vec<usize> = (0..350).map(|_| rounds.turn()).collect();
            let count = |turns: &[usize], whose| turns.iter().filter(|it| **it == whose).count();
            for (whose, percent) in percents.iter().enumerate() {
                let percent = *percent as usize;
                for hundred in turns.windows(TURNS) {
                    assert_eq!(count(hundred, whose), percent, "{whose} of {percents:?}");
                }
                for ten in turns.windows(10) {
                    let twice = 10 * count(ten, whose);
                    assert!(twice.abs_diff(percent) <= 15, "{whose} of {percents:?}: {ten:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_hundred_is_no_split() {
        for percents in [&[][..], &[100, 0], &[50, 49], &[u32::MAX, 101], &[60, 60]] {
            assert!(Rounds::of(percents).is_none(), "{percents:?}");
        }
        assert_eq!(Rounds::of(&[100]).unwrap().turn(), 0);
    }

    #[test]
    fn threads_share_rounds() {
        let rounds = Rounds::of(&[70, 30]).unwrap();
        let second: usize = std::thread::scope(|scope| {
            let ask = || (0..2_500).filter(|_| rounds.turn() == 1).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(second, 3_000);
    }
}
