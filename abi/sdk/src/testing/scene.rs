//! A host for tests: it knows the calls that are on stage and what each of them should hear.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fezz_abi::guest::hooks;
use fezz_abi::services::{self, HostServices, InvokeError, LogLevel, NO_DEADLINE_NS};

/// What one call should hear, and what was heard of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scene {
    pub(super) cancelled: bool,
    pub(super) remaining: Option<Duration>,
    lines: Vec<(LogLevel, String)>,
}

/// Calls on stage by their numbers.
struct Theatre(Mutex<Option<HashMap<u64, Scene>>>);

static THEATRE: Theatre = Theatre(Mutex::new(None));

/// Numbers as a server gives them: never twice, and beyond 32 bits.
static NEXT_CALL: AtomicU64 = AtomicU64::new(1 << 32);

impl Theatre {
    fn scenes(&self) -> MutexGuard<'_, Option<HashMap<u64, Scene>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look<T>(&self, call: u64, look: impl FnOnce(&mut Scene) -> T) -> Option<T> {
        self.scenes().as_mut()?.get_mut(&call).map(look)
    }
}

impl HostServices for Theatre {
    fn log(&self, call: u64, level: LogLevel, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into_owned();
        let line = (level, text);
        if self.look(call, |scene| scene.lines.push(line.clone())).is_none() {
            crate::call::to_standard_error(line.0, &line.1);
        }
    }

    fn cancelled(&self, call: u64) -> bool {
        self.look(call, |scene| scene.cancelled).unwrap_or(false)
    }

    fn remaining_ns(&self, call: u64) -> u64 {
        let left = self.look(call, |scene| scene.remaining).flatten();
        left.map_or(NO_DEADLINE_NS, |left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX - 1))
    }

    fn invoke(&self, _: u64, _: u32, _: &[u8]) -> Result<Vec<u8>, InvokeError> {
        Err(InvokeError::Unsupported)
    }
}

/// One call on stage, until this is dropped.
pub(super) struct Stage {
    call: u64,
}

impl Stage {
    pub(super) fn set(scene: Scene) -> Self {
        hooks::adopt_first(services::table(&THEATRE));
        let call = NEXT_CALL.fetch_add(1, Ordering::Relaxed);
        THEATRE.scenes().get_or_insert_default().insert(call, scene);
        Self { call }
    }

    pub(super) fn call(&self) -> u64 {
        self.call
    }

    pub(super) fn lines(&self) -> Vec<(LogLevel, String)> {
        THEATRE.look(self.call, |scene| std::mem::take(&mut scene.lines)).unwrap_or_default()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(scenes) = THEATRE.scenes().as_mut() {
            scenes.remove(&self.call);
        }
    }
}
