//! Which site is served now: replaced as a whole, noticed by every loop before its next request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Site;

/// The site that is served now.
pub(crate) struct Present {
    /// The number of the site behind the lock: who holds an older one has to take the lock.
    number: AtomicU64,
    site: Mutex<Arc<Site>>,
    /// Held by whoever makes the next site, which takes long.
    next: Mutex<()>,
}

impl Present {
    pub(crate) fn new(site: Site) -> Self {
        Self {
            number: AtomicU64::new(site.number),
            site: Mutex::new(Arc::new(site)),
            next: Mutex::default(),
        }
    }

    /// The site that is served now.
    pub(crate) fn site(&self) -> Arc<Site> {
        Arc::clone(&self.lock())
    }

    /// Exchanges `held` for the present site if it is another one: one load if not. What was sent
    /// after a replacement is judged by what replaced it, because the octets are received before.
    #[inline]
    pub(crate) fn refresh(&self, held: &mut Arc<Site>) {
        if self.number.load(Ordering::Acquire) != held.number {
            *held = self.site();
        }
    }

    /// Replaces the site by what `make` makes of it. One after the other; who serves does not wait.
    pub(crate) fn replace<T>(&self, make: impl FnOnce(&Site) -> (Site, T)) -> T {
        // Nothing is left half done when `make` panics.
        let turn = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut site, told) = make(&self.site());
        let mut present = self.lock();
        site.number = present.number.wrapping_add(1);
        let number = site.number;
        // The old one is dropped by whoever holds it last, and here not under the lock.
        let old = std::mem::replace(&mut *present, Arc::new(site));
        self.number.store(number, Ordering::Release);
        drop((present, turn));
        drop(old);
        told
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Site>> {
        // Nothing panics while the lock is held.
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Router;
    use crate::site::Courses;

    fn empty() -> Site {
        Site {
            number: 0,
            router: Router::default(),
            courses: Courses::default(),
            lanes: Vec::new(),
            served: Vec::new(),
            entries: Vec::new(),
        }
    }

    #[test]
    fn a_site_is_taken_once_and_the_old_one_goes() {
        let present = Present::new(empty());
        let mut held = present.site();
        let first = Arc::downgrade(&held);
        present.refresh(&mut held);
        assert_eq!((held.number, Arc::strong_count(&held)), (0, 2));
        for number in 1..=3 {
            // Whatever number it was given.
            assert_eq!(present.replace(|before| (empty(), before.number)), number - 1);
        }
        assert!(first.upgrade().is_some(), "somebody serves it");
        present.refresh(&mut held);
        assert_eq!((held.number, Arc::strong_count(&held)), (3, 2));
        assert!(first.upgrade().is_none());
    }
}
