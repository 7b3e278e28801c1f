//! Where a loop lies while its thread is inside a function: given away before the call, taken back
//! behind it, or taken over by a rescuer when the call does not come back soon.
//!
//! The loop is one owned box. It is in the berth or with exactly one thread at every instant,
//! because both ways out take it out of the same cell under the same lock. Under that lock one call
//! ends and the next one begins. It is contended only while somebody looks, or is being rescued.

use super::sync::{Mutex, MutexGuard, PoisonError};

/// The berth of one loop. `T` is the loop, `C` what is known of the call it waits for, `S` what a
/// rescuer leaves behind for the thread that comes back late. Apart from those of other loops,
/// which other cores write.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Berth<T, C, S> {
    state: Mutex<State<T, C, S>>,
}

#[derive(Debug)]
struct State<T, C, S> {
    /// Grows with every call.
    voyage: u64,
    parked: Option<Parked<T, C>>,
    /// For threads that are still inside their calls, by their voyage.
    left: Vec<(u64, S)>,
}

#[derive(Debug)]
struct Parked<T, C> {
    held: T,
    call: C,
    since_us: u64,
}

/// The right to take the loop back. Not cloneable: one thread has it.
#[derive(Debug)]
pub(crate) struct Voyage(u64);

/// What a rescuer takes over.
#[derive(Debug)]
pub(crate) struct Rescued<T, C> {
    /// The loop.
    pub(crate) held: T,
    /// The call that keeps its thread.
    pub(crate) call: C,
}

impl<T, C, S> State<T, C, S> {
    /// What a rescuer left behind for a call.
    fn left_for(&mut self, voyage: &Voyage) -> Option<S> {
        let place = self.left.iter().position(|(number, _)| *number == voyage.0);
        place.map(|place| self.left.swap_remove(place).1)
    }
}

impl<T, C, S> Berth<T, C, S> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { voyage: 0, parked: None, left: Vec::new() }) }
    }

    /// Gives the loop away for a call that begins at `since_us`.
    pub(crate) fn park(&self, held: T, call: C, since_us: u64) -> Voyage {
        let mut state = self.lock();
        debug_assert!(state.parked.is_none(), "a loop is driven by one thread");
        state.voyage += 1;
        state.parked = Some(Parked { held, call, since_us });
        Voyage(state.voyage)
    }

    /// Hands `outcome`, what became of the call, to the loop, and begins the next call if `turn`
    /// finds one, all under one lock: the loop stays where it is. `turn` says what is known of the
    /// next call, and when it begins. Without one, the loop is taken back.
    ///
    /// # Errors
    ///
    /// The loop was rescued, and nobody has `outcome`; what the rescuer left behind for this call.
    pub(crate) fn turn<O>(
        &self,
        voyage: &mut Voyage,
        outcome: O,
        turn: impl FnOnce(&mut T, O) -> Option<(C, u64)>,
    ) -> Result<Option<T>, (O, Option<S>)> {
        let mut state = self.lock();
        // A later voyage means that a rescuer drives the loop, and may be in a call of its own.
        let number = state.voyage;
        let Some(mut parked) = state.parked.take_if(|_| number == voyage.0) else {
            return Err((outcome, state.left_for(voyage)));
        };
        let Some((call, since_us)) = turn(&mut parked.held, outcome) else {
            return Ok(Some(parked.held));
        };
        state.parked = Some(Parked { held: parked.held, call, since_us });
        state.voyage += 1;
        *voyage = Voyage(state.voyage);
        Ok(None)
    }

    /// Takes the loop over when its call began before `before_us` and was under way when `seen` was
    /// glanced at. Whoever looks and whoever is looked at may both have been kept from running:
    /// then a call is old, and nobody saw it before. `leave` makes what the late thread will find.
    pub(crate) fn rescue(
        &self,
        seen: u64,
        before_us: u64,
        leave: impl FnOnce(&C) -> S,
    ) -> Option<Rescued<T, C>> {
        let mut state = self.lock();
        let voyage = state.voyage;
        let overdue = |parked: &mut Parked<T, C>| voyage == seen && parked.since_us < before_us;
        let Parked { held, call, .. } = state.parked.take_if(overdue)?;
        state.left.push((voyage, leave(&call)));
        Some(Rescued { held, call })
    }

    /// How many calls were begun, and whether one is under way.
    pub(crate) fn glance(&self) -> (u64, bool) {
        let state = self.lock();
        (state.voyage, state.parked.is_some())
    }

    fn lock(&self) -> MutexGuard<'_, State<T, C, S>> {
        // Whoever turns a loop ends the process when that panics; nothing else does.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
