//! The call a thread is in, and what its host can be asked about it.

use std::cell::Cell;
use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use fezz_abi::guest::hooks;
use fezz_abi::{CancelReason, LogLevel};

use crate::outcome::IntoResponse;
use crate::request::Request;
use crate::serve::serve;

thread_local! {
    /// Number of the call this thread is in; 0 outside of calls.
    static CURRENT: Cell<u64> = const { Cell::new(0) };
}

/// The call this thread is in, if the attribute says `host`. A thread of the function's own asks
/// [`Request::call`] first and takes the answer along.
#[must_use]
pub fn call() -> Call {
    Call { number: CURRENT.get() }
}

/// One call, as its host knows it. It may be kept and asked at any time, on any thread; about a
/// call that has ended nothing is known. Without services (see the crate's documentation) nothing
/// is cancelled, nobody counts, and lines for the log go to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    number: u64,
}

impl Call {
    pub(crate) fn numbered(number: Option<u64>) -> Self {
        Self { number: number.unwrap_or(0) }
    }

    /// The number; 0 outside of calls.
    #[must_use]
    pub fn number(self) -> u64 {
        self.number
    }

    /// Whether nobody waits for the answer any more: the client went away, or the time is up. A
    /// loop that may take long asks every now and then, and returns anything.
    #[must_use]
    pub fn cancelled(self) -> bool {
        hooks::cancelled(self.number)
    }

    /// How much time is left, if somebody counts.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        hooks::remaining_ns(self.number).map(Duration::from_nanos)
    }

    /// Gives a line to the server's log.
    pub fn log(self, level: LogLevel, text: impl fmt::Display) {
        let text = text.to_string();
        if !hooks::log(self.number, level, &text) {
            to_standard_error(level, &text);
        }
    }

    /// Gives a line to the server's log: somebody must act.
    pub fn error(self, text: impl fmt::Display) {
        self.log(LogLevel::Error, text);
    }

    /// Gives a line to the server's log: somebody should look.
    pub fn warn(self, text: impl fmt::Display) {
        self.log(LogLevel::Warn, text);
    }

    /// Gives a line to the server's log: worth knowing.
    pub fn info(self, text: impl fmt::Display) {
        self.log(LogLevel::Info, text);
    }

    /// Gives a line to the server's log: for the author.
    pub fn debug(self, text: impl fmt::Display) {
        self.log(LogLevel::Debug, text);
    }
}

/// Where lines go without a host.
pub(crate) fn to_standard_error(level: LogLevel, text: &str) {
    // If standard error is gone, there is nobody to tell.
    writeln!(std::io::stderr(), "fezz: {}: {text}", level.name()).ok();
}

/// As `serve`, with [`call`] set while the function runs and its outcome is made a response.
#[inline]
pub fn serve_in_call<R: IntoResponse>(
    octets: &[u8],
    function: impl FnOnce(Request<'_>) -> R,
) -> Vec<u8> {
    serve(octets, |request| {
        let _entered = Entered::into(request.call());
        function(request).into_response()
    })
}

/// Tells the author's function that a call was cancelled. Reasons that came later than this SDK
/// are told as none.
pub fn cancelled(number: u64, reason: u32, tell: impl FnOnce(Call, Option<CancelReason>)) {
    tell(Call { number }, CancelReason::from_code(reason));
}

/// A thread inside a call; what it was in before comes back when this is dropped.
struct Entered {
    before: u64,
}

impl Entered {
    fn into(call: Call) -> Self {
        Self { before: CURRENT.replace(call.number) }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}
