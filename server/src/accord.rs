//! What a function and its host settle before the first call, and again when it has expired:
//! begin, shake hands, check.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use fezz_abi::Stage;
use fezz_abi::host::{Function, Handshake};
use fezz_abi::services::CAPABILITIES;
use fezz_wire::{Offer, SelfCheckSpec};

use crate::desk::{DESK, under_name};
use crate::fault::Fault;
use crate::log;

/// How long a function may take to begin before it serves.
const BEGIN_MAX: Duration = Duration::from_secs(10);

/// How far a function has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was loaded, or brought to an end since.
    New,
    /// It began before; its handshake has expired.
    Begun,
}

/// Begins where that is due, shakes hands, and checks what has just begun. On the calling thread:
/// a function that hangs keeps it.
///
/// # Errors
///
/// The step that failed, and why; the function must not be called.
pub(crate) fn settle(
    name: &str,
    function: &Function,
    settings: &[(String, String)],
    standing: Standing,
) -> Result<Handshake, Fault> {
    under_name(name, || {
        if standing == Standing::New {
            function
                .init(&DESK, &fezz_wire::encode_settings(settings))
                .map_err(|error| Fault::new(Stage::Load, error))?;
        }
        let handshake =
            function.handshake(&offer()).map_err(|error| Fault::new(Stage::Handshake, error))?;
        if standing == Standing::New {
            function
                .selfcheck(&SelfCheckSpec::default().encode())
                .map_err(|error| Fault::new(Stage::SelfCheck, error))?;
        }
        Ok(handshake)
    })
}

/// [`settle`] for a function that has just been loaded, on a thread of its own, for
/// [`BEGIN_MAX`] at most.
///
/// # Errors
///
/// As [`settle`], and when the function does not come back.
pub(crate) fn begin(
    name: &str,
    function: &Arc<Function>,
    settings: &[(String, String)],
) -> Result<Handshake, Fault> {
    let (told, answer) = channel();
    let (name, function, settings) = (name.to_owned(), Arc::clone(function), settings.to_vec());
    let begun = thread::Builder::new().name("fezz-begin".to_owned()).spawn(move || {
        // Nobody listens when it took too long.
        drop(told.send(settle(&name, &function, &settings, Standing::New)));
    });
    if let Err(error) = begun {
        return Err(Fault::new(Stage::Load, format_args!("no thread to begin on: {error}")));
    }
    match answer.recv_timeout(BEGIN_MAX) {
        Ok(settled) => settled,
        Err(RecvTimeoutError::Timeout) => Err(Fault::new(
            Stage::Handshake,
            format_args!(
                "did not begin within {} s: its init, handshake or self-check hangs",
                BEGIN_MAX.as_secs()
            ),
        )),
        Err(RecvTimeoutError::Disconnected) => {
            Err(Fault::new(Stage::Load, "the thread it began on ended: a bug of ours"))
        }
    }
}

/// Brings a function to an end that has begun and will never serve. On a thread of its own, and
/// nobody waits for it.
pub(crate) fn discard(name: &str, function: &Arc<Function>) {
    let exports = function.exports();
    if !exports.drain && !exports.fini {
        return;
    }
    let (owner, ending) = (name.to_owned(), Arc::clone(function));
    let end = move || {
        under_name(&owner, || {
            ending.drain(u64::try_from(BEGIN_MAX.as_nanos()).unwrap_or(u64::MAX));
            ending.fini();
        });
    };
    if let Err(error) = thread::Builder::new().name("fezz-discard".to_owned()).spawn(end) {
        let fields = [("function", name.into()), ("why", log::Value::Shown(&error))];
        log::warn("fezz::workers", &fields, "no thread to end this function on: it stays begun");
    }
}

fn offer() -> Offer {
    Offer {
        capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
        ..Offer::new(concat!("fezz ", env!("CARGO_PKG_VERSION")))
    }
}
