//! The symbols a function may export beside the two: found by name, with a default where missing.
#![expect(unsafe_code, reason = "calling foreign code is what this module is for")]

use std::fmt;
use std::mem::{forget, transmute};
use std::path::Path;
use std::time::Duration;

use fezz_wire::{Answer, HANDSHAKE_BYTES_MAX, Offer, SelfCheckVerdict};
use libloading::os::unix::Library;

use super::step_error::{
    HandshakeError, HandshakeFault, InitError, InitFault, SelfCheckError, SelfCheckFault,
};
use super::{Culprit, Entry, Function, Handle, Pair, address};
use crate::artifact::Inspection;
use crate::load_error::LoadError;
use crate::load_options::Abi;
use crate::services::{self, CancelReason, FezzHostV1, HostServices};
use crate::types::FezzSlice;
use crate::version::{
    SYMBOL_CANCEL, SYMBOL_DRAIN, SYMBOL_FINI, SYMBOL_HANDSHAKE, SYMBOL_INIT, SYMBOL_SELFCHECK,
};

/// The words a function may name its fallback by.
pub const FALLBACKS: [&str; 3] = ["fail_request", "static", "previous"];

/// Settings of nobody: an empty map.
const NO_SETTINGS: &[u8] = b"\xa0";

type Init = unsafe extern "C-unwind" fn(*const FezzHostV1, FezzSlice) -> i32;
type Cancel = unsafe extern "C-unwind" fn(u64, u32);
type Drain = unsafe extern "C-unwind" fn(u64) -> i32;
type Fini = unsafe extern "C-unwind" fn();

/// What was found by name.
#[derive(Clone, Copy, Default)]
pub(super) struct Optional {
    handshake: Option<Handle>,
    selfcheck: Option<Handle>,
    init: Option<Init>,
    cancel: Option<Cancel>,
    drain: Option<Drain>,
    fini: Option<Fini>,
}

impl Optional {
    pub(super) fn bind(
        path: &Path,
        library: &Library,
        inspection: &Inspection,
    ) -> Result<Self, LoadError> {
        if inspection.abi == Abi::V1 {
            return Ok(Self::default());
        }
        let find = |symbol: &'static str| -> Result<Option<*mut ()>, LoadError> {
            if cfg!(target_os = "macos") {
                // Its tables are not examined, so only the linker knows.
                return Ok(address(path, library, symbol).ok());
            }
            // The linker would also find what a library of the artifact exports.
            match inspection.optional_symbols.contains(&symbol) {
                true => address(path, library, symbol).map(Some),
                false => Ok(None),
            }
        };
        // SAFETY: the examination found each of them defined as a function in this artifact. That
        // it has the signature of the boundary is the promise an artifact makes by its name.
        unsafe {
            Ok(Self {
                handshake: find(SYMBOL_HANDSHAKE)?.map(|it| transmute::<*mut (), Handle>(it)),
                selfcheck: find(SYMBOL_SELFCHECK)?.map(|it| transmute::<*mut (), Handle>(it)),
                init: find(SYMBOL_INIT)?.map(|it| transmute::<*mut (), Init>(it)),
                cancel: find(SYMBOL_CANCEL)?.map(|it| transmute::<*mut (), Cancel>(it)),
                drain: find(SYMBOL_DRAIN)?.map(|it| transmute::<*mut (), Drain>(it)),
                fini: find(SYMBOL_FINI)?.map(|it| transmute::<*mut (), Fini>(it)),
            })
        }
    }
}

/// Which optional symbols a function exports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// `fezz_handshake_v1`.
    pub handshake: bool,
    /// `fezz_selfcheck_v1`.
    pub selfcheck: bool,
    /// `fezz_init_v1`.
    pub init: bool,
    /// `fezz_cancel_v1`.
    pub cancel: bool,
    /// `fezz_drain_v1`.
    pub drain: bool,
    /// `fezz_fini_v1`.
    pub fini: bool,
}

impl Exports {
    /// Whether the function can use the number of a call, so that `meta.call` must say it.
    #[must_use]
    pub const fn wants_call(self) -> bool {
        self.init || self.cancel
    }
}

/// What host and function agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The version of `handle`; travels in `meta.version` of every request if there was a
    /// handshake.
    pub version: u64,
    /// What the function cannot do without; the host has all of it.
    pub capabilities: Vec<String>,
    /// One of [`FALLBACKS`], if the function names one.
    pub fallback: Option<String>,
    /// After so long the function wants to be asked again, before its next call.
    pub ttl: Option<Duration>,
}

/// What a self-check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfCheck {
    /// The function has none.
    Absent,
    /// It found nothing wrong.
    Passed {
        /// How many things it tried, if it counted.
        checks: Option<u64>,
    },
}

impl Function {
    /// Which optional symbols it exports. The methods below do nothing, or answer with the
    /// default they tell, where the symbol is missing.
    #[must_use]
    pub const fn exports(&self) -> Exports {
        Exports {
            handshake: self.optional.handshake.is_some(),
            selfcheck: self.optional.selfcheck.is_some(),
            init: self.optional.init.is_some(),
            cancel: self.optional.cancel.is_some(),
            drain: self.optional.drain.is_some(),
            fini: self.optional.fini.is_some(),
        }
    }

    /// Gives the function the services of its host and the operator's settings, a map of text to
    /// text ([`fezz_wire::encode_settings`]; no octets stand for an empty one). The first of its
    /// own code to run after its constructors; called once, and again after [`fini`](Self::fini).
    ///
    /// # Errors
    /// The function refused. It must not be called then.
    pub fn init(&self, host: &'static dyn HostServices, settings: &[u8]) -> Result<(), InitError> {
        let Some(init) = self.optional.init else { return Ok(()) };
        let settings = if settings.is_empty() { NO_SETTINGS } else { settings };
        let table = services::table(host);
        // SAFETY: the artifact's `fezz_init_v1`, still mapped. The table lives as long as the
        // process, the settings are lent for the call.
        let code =
            self.watched(|| unsafe { init(std::ptr::from_ref(table), FezzSlice::lend(settings)) });
        match code {
            0 => Ok(()),
            code => Err(InitError::new(&self.path, InitFault::Refused { code })),
        }
    }

    /// Settles with the function what both can do. Without `fezz_handshake_v1`: the function
    /// speaks version 2, needs nothing, names no fallback, and never wants to be asked again.
    ///
    /// # Errors
    /// They do not fit, or the function's answer is none. It must not be called then.
    pub fn handshake(&self, offer: &Offer) -> Result<Handshake, HandshakeError> {
        let outcome = match self.envelope_pair(self.optional.handshake) {
            None => negotiate(offer, Answer::default()),
            Some(pair) => {
                pair.call(&self.path, &offer.encode(), HANDSHAKE_BYTES_MAX, |answer| match answer {
                    Err(error) => Err(HandshakeFault::Answer(error)),
                    Ok(octets) => match Answer::decode(octets) {
                        Err(error) => Err(HandshakeFault::Envelope(error)),
                        Ok(answer) => negotiate(offer, answer),
                    },
                })
            }
        };
        outcome.map_err(|fault| HandshakeError::new(&self.path, fault))
    }

    /// Lets the function try itself on a specification ([`fezz_wire::SelfCheckSpec`]).
    ///
    /// # Errors
    /// What it found, or that it did not say. It should get no traffic then.
    pub fn selfcheck(&self, spec: &[u8]) -> Result<SelfCheck, SelfCheckError> {
        let Some(pair) = self.envelope_pair(self.optional.selfcheck) else {
            return Ok(SelfCheck::Absent);
        };
        let outcome = pair.call(&self.path, spec, HANDSHAKE_BYTES_MAX, |verdict| match verdict {
            Err(error) => Err(SelfCheckFault::Answer(error)),
            Ok(octets) => match SelfCheckVerdict::decode(octets) {
                Err(error) => Err(SelfCheckFault::Envelope(error)),
                Ok(SelfCheckVerdict { checks, failures }) if failures.is_empty() => {
                    Ok(SelfCheck::Passed { checks })
                }
                Ok(SelfCheckVerdict { failures, .. }) => Err(SelfCheckFault::Failed { failures }),
            },
        });
        outcome.map_err(|fault| SelfCheckError::new(&self.path, fault))
    }

    /// Tells the function that nobody waits for this call any more. It may come while the call
    /// runs, after it, or instead of it, on another thread.
    pub fn cancel(&self, call: u64, reason: CancelReason) {
        if let Some(cancel) = self.optional.cancel {
            // SAFETY: the artifact's `fezz_cancel_v1`, still mapped; two numbers.
            self.watched(|| unsafe { cancel(call, reason.code()) });
        }
    }

    /// Asks the function to bring to an end what it does beside its calls, within so many
    /// nanoseconds. Whether it says that it has; a function without `fezz_drain_v1` has nothing.
    pub fn drain(&self, deadline_ns: u64) -> bool {
        self.optional.drain.is_none_or(|drain| {
            // SAFETY: the artifact's `fezz_drain_v1`, still mapped; a number.
            self.watched(|| unsafe { drain(deadline_ns) }) == 0
        })
    }

    /// Ends the use of the function: no call runs, and none comes before another
    /// [`init`](Self::init).
    pub fn fini(&self) {
        if let Some(fini) = self.optional.fini {
            // SAFETY: the artifact's `fezz_fini_v1`, still mapped.
            self.watched(|| unsafe { fini() });
        }
    }

    /// Runs code of the function; an exception out of it ends the process under its name.
    fn watched<T>(&self, run: impl FnOnce() -> T) -> T {
        let culprit = Culprit { path: &self.path };
        let value = run();
        forget(culprit);
        value
    }

    /// An entry point from envelope to envelope, with the function's own `fezz_free_v2`.
    fn envelope_pair(&self, handle: Option<Handle>) -> Option<Pair> {
        match (&self.entry, handle) {
            (Entry::V2(pair), Some(handle)) => Some(Pair { handle, free: pair.free }),
            _ => None,
        }
    }
}

impl fmt::Debug for Optional {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Optional").finish_non_exhaustive()
    }
}

/// Decides whether an answer fits the offer.
fn negotiate(offer: &Offer, answer: Answer) -> Result<Handshake, HandshakeFault> {
    let (min, max) = (*offer.handle.start(), *offer.handle.end());
    if !offer.handle.contains(&answer.handle) {
        return Err(HandshakeFault::Version { found: answer.handle, min, max });
    }
    let lacks = |name: &&String| !offer.capabilities.contains(name);
    let missing: Vec<_> = answer.capabilities.iter().filter(lacks).cloned().collect();
    if !missing.is_empty() {
        let offered = offer.capabilities.clone();
        return Err(HandshakeFault::Capabilities { missing, offered });
    }
    if let Some(found) = &answer.fallback
        && !FALLBACKS.contains(&found.as_str())
    {
        return Err(HandshakeFault::Fallback { found: found.clone() });
    }
    if answer.ttl_ms == Some(0) {
        return Err(HandshakeFault::Expired);
    }
    Ok(Handshake {
        version: answer.handle,
        capabilities: answer.capabilities,
        fallback: answer.fallback,
        ttl: answer.ttl_ms.map(Duration::from_millis),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Offer {
        Offer { capabilities: vec!["log".into(), "cancelled".into()], ..Offer::new("test") }
    }

    #[test]
    fn an_answer_within_the_offer_is_agreed_on() {
        let answer = Answer {
            capabilities: vec!["log".into()],
            fallback: Some("previous".into()),
            ttl_ms: Some(1500),
            ..Answer::default()
        };
        let handshake = negotiate(&offer(), answer).unwrap();
        assert_eq!(handshake.version, 2);
        assert_eq!(handshake.capabilities, ["log"]);
        assert_eq!(handshake.fallback.as_deref(), Some("previous"));
        assert_eq!(handshake.ttl, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn what_does_not_fit_is_told_in_full() {
        let words = |offer: &Offer, answer| {
            let fault = negotiate(offer, answer).unwrap_err();
            HandshakeError::new(Path::new("x.so"), fault).to_string()
        };
        let version = |handle| Answer { handle, ..Answer::default() };
        assert_eq!(
            words(&offer(), version(3)),
            "x.so: found version 3 of handle; expected one of 2 to 2; remedy: use a newer host, \
             or build the function with an older SDK"
        );
        let later = Offer { handle: 3..=4, ..offer() };
        assert!(words(&later, Answer::default()).ends_with("a newer SDK"));
        let needs = |names: [&str; 2]| Answer {
            capabilities: names.map(str::to_owned).to_vec(),
            ..Answer::default()
        };
        assert_eq!(
            words(&offer(), needs(["log", "kv\n"])),
            "x.so: found a function that needs \"kv\\n\"; expected a function that needs nothing \
             beyond \"log\", \"cancelled\"; remedy: use a host that has them, or a build of the \
             function that can do without"
        );
        assert!(words(&Offer::new("x"), needs(["a", "b"])).contains("needs no capability"));
        let stale = Answer { fallback: Some("stale".into()), ..Answer::default() };
        assert!(words(&offer(), stale).contains("\"stale\"; expected \"fail_request\", "));
        let expired = Answer { ttl_ms: Some(0), ..Answer::default() };
        assert!(words(&offer(), expired).contains("0 ms"));
    }
}
