//! What a function and its host have settled, how long that holds, and how long the function may
//! be idle before it is brought to an end.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use fezz_abi::host::Handshake;
use fezz_proto::Instant;

use crate::accord::Standing;

/// What stands for "never", in microseconds of the server's clock.
const NEVER: u64 = u64::MAX;
/// Idle time of a function that no route leads to any more.
const RETIRED_IDLE_US: u64 = 1_000_000;

/// The settlement of one function.
#[derive(Debug)]
pub(crate) struct Accord {
    settings: Vec<(String, String)>,
    /// Whether it shakes hands at all: else there is no version to speak of.
    shakes: bool,
    version: AtomicU64,
    /// From when on it has to be asked again before a call: 0 when it was brought to an end.
    expires_us: AtomicU64,
    /// Whether the roster knows that it has to be asked again.
    told: AtomicBool,
    begun: AtomicBool,
    /// Idle time after which it is brought to an end.
    idle_us_max: AtomicU64,
    used_us: AtomicU64,
    /// Threads that drive loops and are inside: see [`Stay`]. The roster does not know of them.
    stays: AtomicU32,
    /// Whether somebody is on the way to bring it to an end.
    end_sent: AtomicBool,
}

impl Accord {
    /// A function that has just begun.
    pub(crate) fn new(
        settings: Vec<(String, String)>,
        shakes: bool,
        idle_max: Option<Duration>,
        handshake: &Handshake,
        now: Instant,
    ) -> Self {
        let accord = Self {
            settings,
            shakes,
            version: AtomicU64::new(0),
            expires_us: AtomicU64::new(NEVER),
            told: AtomicBool::new(false),
            begun: AtomicBool::new(true),
            idle_us_max: AtomicU64::new(idle_max.map_or(NEVER, micros)),
            used_us: AtomicU64::new(now.as_micros()),
            stays: AtomicU32::new(0),
            end_sent: AtomicBool::new(false),
        };
        accord.settled(handshake, now);
        accord
    }

    /// What it is given when it begins.
    pub(crate) fn settings(&self) -> &[(String, String)] {
        &self.settings
    }

    /// The version that was agreed on, if there was a handshake.
    pub(crate) fn version(&self) -> Option<u64> {
        self.shakes.then(|| self.version.load(Ordering::Relaxed))
    }

    /// Until when that holds, if not for ever.
    pub(crate) fn expires_at(&self) -> Option<Instant> {
        let expires_us = self.expires_us.load(Ordering::Relaxed);
        (expires_us != NEVER).then(|| Instant::from_micros(expires_us))
    }

    /// Whether it may be called without asking it first.
    #[inline]
    pub(crate) fn is_current(&self, now: Instant) -> bool {
        now.as_micros() < self.expires_us.load(Ordering::Relaxed)
    }

    /// A request for it was handed over.
    #[inline]
    pub(crate) fn used(&self, now: Instant) {
        if self.idle_us_max.load(Ordering::Relaxed) != NEVER {
            self.used_us.store(now.as_micros(), Ordering::Relaxed);
        }
    }

    /// Whether a thread that drives a loop is inside it.
    pub(crate) fn is_inside(&self) -> bool {
        self.stays.load(Ordering::SeqCst) > 0
    }

    /// Whether the caller is the first to find that it has to be asked again.
    pub(crate) fn has_to_be_told(&self) -> bool {
        !self.told.swap(true, Ordering::AcqRel)
    }

    /// Where it stands, for whoever asks it.
    pub(crate) fn standing(&self) -> Standing {
        if self.begun.load(Ordering::Acquire) { Standing::Begun } else { Standing::New }
    }

    /// They agreed at `now`.
    pub(crate) fn settled(&self, handshake: &Handshake, now: Instant) {
        let expires_us =
            handshake.ttl.map_or(NEVER, |ttl| now.as_micros().saturating_add(micros(ttl)));
        self.version.store(handshake.version, Ordering::Relaxed);
        self.used_us.store(now.as_micros(), Ordering::Relaxed);
        self.begun.store(true, Ordering::Release);
        self.expires_us.store(expires_us, Ordering::Release);
    }

    /// The roster takes its jobs again, and may be told again. Not before: what it is told while
    /// somebody renews is not heard, and would never be said again.
    pub(crate) fn may_be_told(&self) {
        self.told.store(false, Ordering::Release);
    }

    /// No route leads to it any more.
    pub(crate) fn retire(&self, now: Instant) {
        self.used_us.store(now.as_micros(), Ordering::Relaxed);
        self.idle_us_max.store(RETIRED_IDLE_US, Ordering::Relaxed);
    }

    /// Somebody else decides when it comes to an end.
    pub(crate) fn abide(&self) {
        self.idle_us_max.store(NEVER, Ordering::Relaxed);
    }

    /// When it will have been idle too long, as things are; nothing when it never is, or was
    /// brought to an end already.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        let idle_us = self.idle_us_max.load(Ordering::Relaxed);
        let used_us = self.used_us.load(Ordering::Relaxed);
        let ends = idle_us != NEVER && self.begun.load(Ordering::Acquire);
        ends.then(|| Instant::from_micros(used_us.saturating_add(idle_us)))
    }

    /// Whether the caller is the first to send for somebody who brings it to an end.
    pub(crate) fn has_to_end(&self) -> bool {
        !self.end_sent.swap(true, Ordering::AcqRel)
    }

    /// Whoever was sent to bring it to an end is here.
    pub(crate) fn end_is_here(&self) {
        self.end_sent.store(false, Ordering::Release);
    }

    /// It is about to be brought to an end: calls wait until it is asked again. False when a thread
    /// that drives a loop has just begun one.
    pub(crate) fn ending(&self) -> bool {
        self.told.store(true, Ordering::Release);
        self.expires_us.store(0, Ordering::SeqCst);
        !self.is_inside()
    }

    /// It was brought to an end.
    pub(crate) fn ended(&self) {
        self.begun.store(false, Ordering::Release);
    }

    /// Whether it is idle and was brought to an end.
    pub(crate) fn is_dormant(&self) -> bool {
        !self.begun.load(Ordering::Acquire)
    }
}

/// The function that a thread which drives a loop is inside: for all the calls of it that the
/// thread makes one after the other, because to come and to go costs more than to stay.
///
/// Either the thread finds that the function is about to be brought to an end, or
/// [`Accord::ending`] finds the thread: both write first and then read, in one order for all.
#[derive(Debug, Default)]
pub(crate) struct Stay(Option<&'static Accord>);

impl Stay {
    /// A call is about to begin; false when the function has to be asked first, which is not for
    /// such a thread to do.
    #[inline]
    pub(crate) fn begin(&mut self, accord: &'static Accord, now: Instant) -> bool {
        if self.0.is_none_or(|held| !std::ptr::eq(held, accord)) {
            self.end();
            accord.stays.fetch_add(1, Ordering::SeqCst);
            self.0 = Some(accord);
        }
        let current = now.as_micros() < accord.expires_us.load(Ordering::SeqCst);
        if !current {
            self.end();
        }
        current
    }

    /// The thread makes no more calls of it for now, or came back too late from one.
    pub(crate) fn end(&mut self) {
        if let Some(accord) = self.0.take() {
            accord.stays.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.end();
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    /// A handshake that holds for so short a time that it has expired before its renewal is over.
    #[test]
    fn what_expires_while_it_is_renewed_is_told_afterwards() {
        let now = Instant::from_micros(5);
        let handshake = Handshake {
            version: 2,
            capabilities: Vec::new(),
            fallback: None,
            ttl: Some(Duration::ZERO),
        };
        let accord = Accord::new(Vec::new(), true, None, &handshake, now);
        assert!(!accord.is_current(now) && accord.has_to_be_told());
        accord.settled(&handshake, now);
        assert!(!accord.is_current(now) && !accord.has_to_be_told(), "nobody would hear it");
        accord.may_be_told();
        assert!(accord.has_to_be_told());
    }

    /// A function that is never asked again, unless it is brought to an end.
    fn lasting() -> Accord {
        let handshake =
            Handshake { version: 2, capabilities: Vec::new(), fallback: None, ttl: None };
        Accord::new(Vec::new(), true, None, &handshake, Instant::ZERO)
    }

    #[test]
    fn nobody_is_brought_to_an_end_while_a_loop_is_inside() {
        static BOTH: LazyLock<[Accord; 2]> = LazyLock::new(|| [lasting(), lasting()]);
        let ([one, other], now) = (&*BOTH, Instant::from_micros(5));
        let mut stay = Stay::default();
        assert!(stay.begin(one, now) && stay.begin(one, now) && one.is_inside());
        assert!(stay.begin(other, now) && !one.is_inside() && other.is_inside());
        assert!(!other.ending(), "somebody is inside");
        assert!(!stay.begin(other, now), "it has to be asked again all the same");
        assert!(!other.is_inside() && other.ending());
        assert!(stay.begin(one, now) && one.is_inside());
        drop(stay);
        assert!(one.ending());
    }
}
