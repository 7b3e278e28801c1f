//! How many requests may be under way at once: a number, and permits that give their share back
//! when they are dropped, whatever the end was.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many are inside now. Shared by all loops; one word, so that no order matters.
#[derive(Debug, Default)]
pub(crate) struct Cap(AtomicU32);

/// The right to be inside.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Cap>);

impl Cap {
    /// A permit, if fewer than `max` are given out.
    pub(crate) fn enter(self: &Arc<Self>, max: u32) -> Option<Permit> {
        let one_more = |inside: u32| (inside < max).then(|| inside + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Permit(Arc::clone(self)))
    }

    /// How many are inside.
    pub(crate) fn inside(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_come_back_once() {
        let cap = Arc::new(Cap::default());
        let held: Vec<Permit> = (0..3).map_while(|_| cap.enter(2)).collect();
        assert_eq!((held.len(), cap.inside()), (2, 2));
        assert!(cap.enter(3).is_some(), "on other terms");
        assert_eq!(cap.inside(), 2);
        drop(held);
        assert_eq!(cap.inside(), 0);
        assert!(cap.enter(0).is_none());
    }

    #[test]
    fn threads_never_exceed_it() {
        let cap = Arc::new(Cap::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let permit = cap.enter(3);
                        assert!(permit.is_none() || (1..=3).contains(&cap.inside()));
                    }
                });
            }
        });
        assert_eq!(cap.inside(), 0);
    }
}
