//! What functions may ask of their host: whether their call is still wanted, how long it has, and
//! to write a line to the log.
//!
//! A call is named by a number that is never given twice: the place of the thread that makes it,
//! and how many calls were made there. A number kept too long names nothing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use fezz_abi::CancelReason;
use fezz_abi::services::{HostServices, InvokeError, LogLevel};
use fezz_proto::{Instant, Ticket};

use crate::clock::Clock;
use crate::{config, log};

/// Bits of a call's number that count the calls of one thread.
const SERIAL_BITS: u32 = 40;
const SERIAL_MASK: u64 = (1 << SERIAL_BITS) - 1;

/// Cancellations kept for calls that are about to begin; beyond it the oldest are forgotten.
const EARLY_MAX: usize = 64;

/// The desk of this process.
pub(crate) static DESK: Desk = Desk {
    lines: RwLock::new(Vec::new()),
    early: Mutex::new(VecDeque::new()),
    any_early: AtomicBool::new(false),
};

/// Where functions ask.
pub(crate) struct Desk {
    lines: RwLock<Vec<Arc<Line>>>,
    /// Whose calls were cancelled when they had left the queue and were not under way.
    early: Mutex<VecDeque<(Whose, CancelReason)>>,
    any_early: AtomicBool,
}

/// Whose call it is: which server's, which loop's, which exchange's. Never the same twice.
type Whose = (u64, u16, u64);

/// One thread that calls functions, as the desk sees it.
pub(crate) struct Line {
    place: u64,
    /// Which server this is about: a process may have several.
    house: u64,
    clock: Clock,
    /// The number of the present call, 0 between them.
    call: AtomicU64,
    /// The call that nobody waits for.
    cancelled: AtomicU64,
    deadline_us: AtomicU64,
    home: AtomicU32,
    exchange: AtomicU64,
    serial: AtomicU64,
    /// Whose call it is: written when it is another function's than the one before.
    name: Mutex<&'static str>,
    /// Where that name is in memory; for the thread itself, which so asks for no lock.
    named_at: AtomicUsize,
}

/// A call that begins.
pub(crate) struct Begin {
    pub(crate) function: &'static str,
    pub(crate) home: u16,
    pub(crate) ticket: Ticket,
    pub(crate) deadline: Instant,
}

impl Line {
    /// A call begins on this line; its number, and why nobody waits for it if nobody does.
    pub(crate) fn begin(&self, begin: &Begin) -> (u64, Option<CancelReason>) {
        let serial = self.serial.load(Ordering::Relaxed).wrapping_add(1) & SERIAL_MASK;
        self.serial.store(serial, Ordering::Relaxed);
        let call = (self.place + 1) << SERIAL_BITS | serial;
        if self.named_at.load(Ordering::Relaxed) != begin.function.as_ptr().addr() {
            self.rename(begin.function);
        }
        self.deadline_us.store(begin.deadline.as_micros(), Ordering::Relaxed);
        self.home.store(begin.home.into(), Ordering::Relaxed);
        self.exchange.store(begin.ticket.exchange, Ordering::Release);
        // Either this finds what `cancel` noted, or `cancel` finds this line: both write, and then
        // read what the other wrote, in one order for all.
        self.call.swap(call, Ordering::SeqCst);
        let early = DESK.was_cancelled((self.house, begin.home, begin.ticket.exchange));
        if early.is_some() {
            self.cancelled.store(call, Ordering::Release);
        }
        (call, early)
    }

    #[cold]
    fn rename(&self, function: &'static str) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = function;
        self.named_at.store(function.as_ptr().addr(), Ordering::Relaxed);
    }

    /// The number of the call that is made here for an exchange, if one is.
    fn call_for(&self, home: u16, ticket: Ticket) -> Option<u64> {
        let call = self.call.load(Ordering::SeqCst);
        // What is read of a call is at least as new as its number; should the line have gone on to
        // another one meanwhile, that has another number.
        let same = self.home.load(Ordering::Relaxed) == u32::from(home)
            && self.exchange.load(Ordering::Acquire) == ticket.exchange
            && self.is_in(call);
        (same && call != 0).then_some(call)
    }

    /// The call is over.
    pub(crate) fn end(&self) {
        self.call.store(0, Ordering::Release);
    }

    fn is_in(&self, call: u64) -> bool {
        self.call.load(Ordering::Acquire) == call
    }
}

impl Desk {
    /// A line for the calling thread, which makes calls for the server `house`.
    pub(crate) fn claim(&self, house: u64, clock: Clock) -> Arc<Line> {
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        // A thread that has ended left its line behind; its numbers go on, so that none is given
        // twice.
        let free = lines.iter_mut().find(|line| Arc::strong_count(line) == 1);
        let serial = free.as_ref().map_or(0, |line| line.serial.load(Ordering::Relaxed));
        let place = free.as_ref().map(|line| line.place);
        let line = Arc::new(Line {
            place: place.unwrap_or(lines.len() as u64),
            house,
            clock,
            call: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            deadline_us: AtomicU64::new(0),
            home: AtomicU32::new(0),
            exchange: AtomicU64::new(0),
            serial: AtomicU64::new(serial),
            name: Mutex::new(""),
            named_at: AtomicUsize::new(0),
        });
        match lines.iter_mut().find(|known| known.place == line.place) {
            Some(known) => *known = Arc::clone(&line),
            None => lines.push(Arc::clone(&line)),
        }
        line
    }

    /// Nobody waits for the call that the server `house` makes for a ticket; its number, if it is
    /// under way. If it is about to begin, whoever begins it hears of it.
    pub(crate) fn cancel(
        &self,
        house: u64,
        home: u16,
        ticket: Ticket,
        reason: CancelReason,
    ) -> Option<u64> {
        self.find(house, home, ticket).or_else(|| {
            let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
            if early.len() >= EARLY_MAX {
                early.pop_front();
            }
            early.push_back(((house, home, ticket.exchange), reason));
            self.any_early.store(true, Ordering::SeqCst);
            drop(early);
            self.find(house, home, ticket)
        })
    }

    fn was_cancelled(&self, whose: Whose) -> Option<CancelReason> {
        if !self.any_early.load(Ordering::SeqCst) {
            return None;
        }
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        let place = early.iter().position(|(other, _)| *other == whose)?;
        let found = early.remove(place);
        self.any_early.store(!early.is_empty(), Ordering::Relaxed);
        found.map(|(_, reason)| reason)
    }

    fn find(&self, house: u64, home: u16, ticket: Ticket) -> Option<u64> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        let mut of_house = lines.iter().filter(|line| line.house == house);
        let (line, call) =
            of_house.find_map(|line| line.call_for(home, ticket).map(|call| (line, call)))?;
        line.cancelled.store(call, Ordering::Release);
        Some(call)
    }

    fn line(&self, call: u64) -> Option<Arc<Line>> {
        let place = usize::try_from((call >> SERIAL_BITS).checked_sub(1)?).ok()?;
        let line = self.lines.read().unwrap_or_else(PoisonError::into_inner).get(place).cloned();
        line.filter(|line| line.is_in(call))
    }
}

thread_local! {
    /// Whose code this thread runs outside of calls: while a function begins or ends.
    static SUBJECT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs code of the function `name` outside of calls, so that its lines in the log are its own.
pub(crate) fn under_name<T>(name: &str, run: impl FnOnce() -> T) -> T {
    SUBJECT.replace(name.to_owned());
    let value = run();
    SUBJECT.take();
    value
}

impl HostServices for Desk {
    fn log(&self, call: u64, level: LogLevel, text: &[u8]) {
        let name = match self.line(call) {
            Some(line) => (*line.name.lock().unwrap_or_else(PoisonError::into_inner)).to_owned(),
            None => SUBJECT.with_borrow(Clone::clone),
        };
        let level = match level {
            LogLevel::Error => config::LogLevel::Error,
            LogLevel::Warn => config::LogLevel::Warn,
            LogLevel::Info => config::LogLevel::Info,
            LogLevel::Debug => config::LogLevel::Debug,
        };
        let fields = [("function", (&name).into())];
        log::event(level, "fezz::function", &fields, String::from_utf8_lossy(text));
    }

    /// A call that is over is wanted by nobody.
    fn cancelled(&self, call: u64) -> bool {
        self.line(call).is_none_or(|line| line.cancelled.load(Ordering::Acquire) == call)
    }

    fn remaining_ns(&self, call: u64) -> u64 {
        self.line(call).map_or(0, |line| {
            let deadline = Instant::from_micros(line.deadline_us.load(Ordering::Relaxed));
            deadline.micros_since(line.clock.now()).saturating_mul(1_000)
        })
    }

    /// The services themselves come later; the question has its answer now.
    fn invoke(&self, _call: u64, _format: u32, _request: &[u8]) -> Result<Vec<u8>, InvokeError> {
        Err(InvokeError::Unsupported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(exchange: u64) -> Begin {
        let ticket = Ticket { index: 0, exchange };
        let deadline = Instant::from_micros(u64::MAX / 2);
        Begin { function: "f", home: 3, ticket, deadline }
    }

    fn cancel(house: u64, home: u16, exchange: u64) -> Option<u64> {
        DESK.cancel(house, home, Ticket { index: 0, exchange }, CancelReason::ClientGone)
    }

    /// It had left the queue, and was not under way.
    #[test]
    fn a_call_that_is_cancelled_before_it_begins_hears_of_it() {
        let house = u64::MAX - 3;
        let line = DESK.claim(house, Clock::start());
        assert_eq!(cancel(house, 3, 7), None);
        let (other, early) = line.begin(&begin(6));
        assert!(early.is_none() && !DESK.cancelled(other));
        line.end();
        let (call, early) = line.begin(&begin(7));
        assert!(early == Some(CancelReason::ClientGone) && DESK.cancelled(call));
        line.end();
        assert_eq!(line.begin(&begin(7)).1, None, "once");
    }

    #[test]
    fn a_call_is_wanted_until_it_is_cancelled_or_over() {
        let house = u64::MAX - 1;
        let line = DESK.claim(house, Clock::start());
        let (first, early) = line.begin(&begin(1));
        assert_eq!(early, None);
        assert!(!DESK.cancelled(first) && DESK.remaining_ns(first) > 0);
        assert_eq!(cancel(house, 3, 2), None);
        assert_eq!(cancel(house, 4, 1), None);
        assert_eq!(cancel(house - 1, 3, 1), None);
        assert_eq!(cancel(house, 3, 1), Some(first));
        assert!(DESK.cancelled(first));
        line.end();
        assert!(DESK.cancelled(first));
        assert_eq!(DESK.remaining_ns(first), 0);
        let (second, early) = line.begin(&begin(3));
        assert_eq!(early, None);
        assert_ne!(first, second);
        assert!(DESK.cancelled(first) && !DESK.cancelled(second));
        assert_eq!(DESK.invoke(second, 2, b""), Err(InvokeError::Unsupported));
    }

    #[test]
    fn a_line_left_behind_is_used_again_with_other_numbers() {
        let house = u64::MAX - 2;
        let line = DESK.claim(house, Clock::start());
        let (number, _) = line.begin(&begin(1));
        let place = line.place;
        line.end();
        drop(line);
        // Other tests claim lines too: until one of ours gets the same place.
        let others: Vec<_> = (0..64).map(|_| DESK.claim(house, Clock::start())).collect();
        if let Some(same) = others.iter().find(|line| line.place == place) {
            assert_ne!(same.begin(&begin(1)).0, number);
        }
        assert!(DESK.cancelled(number));
        assert!(DESK.cancelled(0) && DESK.cancelled(u64::MAX), "numbers that were never given");
    }
}
