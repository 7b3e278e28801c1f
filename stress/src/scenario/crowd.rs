//! Many clients at once: on the thread that asks for them, or beside it on a thread of their own.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, LocalSet};

use super::failure::{Failure, Result};

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Runs one future to its end.
pub(super) fn alone<T>(one: impl Future<Output = T>) -> Result<T> {
    Ok(LocalSet::new().block_on(&runtime()?, one))
}

/// Runs `count` clients at once on this thread, and returns what they came to.
pub(super) fn together<T, F>(count: usize, client: impl Fn(usize) -> F) -> Result<Vec<T>>
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    alone(async {
        let mut clients = JoinSet::new();
        for place in 0..count {
            clients.spawn_local(client(place));
        }
        let mut outcomes = Vec::with_capacity(count);
        while let Some(outcome) = clients.join_next().await {
            outcomes.push(outcome.map_err(|_| Failure::Panicked)?);
        }
        Ok(outcomes)
    })?
}

/// Whether a crowd should go on, as its clients ask it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ending(Arc<AtomicBool>);

impl Ending {
    pub(super) fn has_come(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn come(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Clients on a thread of their own, until they are told to end.
#[derive(Debug)]
pub(super) struct Crowd<T> {
    ending: Ending,
    thread: Option<JoinHandle<Result<Vec<T>>>>,
}

impl<T: Send + 'static> Crowd<T> {
    /// Starts `count` clients beside this thread.
    pub(super) fn gather<F>(
        count: usize,
        client: impl Fn(usize, Ending) -> F + Send + 'static,
    ) -> Result<Self>
    where
        F: Future<Output = T> + 'static,
    {
        let ending = Ending::default();
        let told = ending.clone();
        let body = move || together(count, move |place| client(place, told.clone()));
        let thread = thread::Builder::new().name("crowd".to_owned()).spawn(body)?;
        Ok(Self { ending, thread: Some(thread) })
    }

    /// Tells the clients to end, and waits for what they came to.
    pub(super) fn dismiss(mut self) -> Result<Vec<T>> {
        self.ending.come();
        self.wait()
    }

    /// Waits for clients that end by themselves.
    pub(super) fn wait(&mut self) -> Result<Vec<T>> {
        let Some(thread) = self.thread.take() else { return Ok(Vec::new()) };
        thread.join().map_err(|_| Failure::Panicked)?
    }
}

impl<T> Drop for Crowd<T> {
    fn drop(&mut self) {
        self.ending.come();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_run_together_and_end_when_told() {
        let mut outcomes = together(5, |place| async move { place * 2 }).unwrap();
        outcomes.sort_unstable();
        assert_eq!(outcomes, [0, 2, 4, 6, 8]);
        let crowd = Crowd::gather(3, |place, ending| async move {
            while !ending.has_come() {
                tokio::task::yield_now().await;
            }
            place
        });
        assert_eq!(crowd.unwrap().dismiss().unwrap().len(), 3);
    }
}
