//! The callees that have a job which may start now, in the order of their turns.

use alloc::vec::Vec;

/// Nobody: the callee is not in the ring, or the ring is empty.
const NIL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    behind: u32,
}

/// A ring over the numbers of callees. Everything is done in constant time.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    front: u32,
    links: Vec<Link>,
}

impl Ring {
    pub(super) const fn new() -> Self {
        Self { front: NIL, links: Vec::new() }
    }

    /// One number more may be in the ring: the next one.
    pub(super) fn widen(&mut self) {
        self.links.push(Link { before: NIL, behind: NIL });
    }

    /// Whose turn it is.
    #[inline]
    pub(super) const fn front(&self) -> Option<u32> {
        if self.front == NIL { None } else { Some(self.front) }
    }

    /// The one whose turn it is goes to the end.
    #[inline]
    pub(super) fn rotate(&mut self) {
        if let Some(link) = self.links.get(self.front as usize) {
            self.front = link.behind;
        }
    }

    /// Puts a number that is not in the ring at its end.
    #[inline]
    pub(super) fn push(&mut self, number: u32) {
        let before = match self.links.get(self.front as usize) {
            Some(front) => front.before,
            None => {
                self.front = number;
                number
            }
        };
        let behind = self.front;
        if let Some(link) = self.links.get_mut(number as usize) {
            *link = Link { before, behind };
        }
        self.join(before, number);
        self.join(number, behind);
    }

    /// Removes a number that is in the ring.
    #[inline]
    pub(super) fn remove(&mut self, number: u32) {
        let Some(link) = self.links.get_mut(number as usize) else { return };
        let Link { before, behind } = *link;
        *link = Link { before: NIL, behind: NIL };
        if behind == number {
            self.front = NIL;
            return;
        }
        if self.front == number {
            self.front = behind;
        }
        self.join(before, behind);
    }

    #[inline]
    fn join(&mut self, before: u32, behind: u32) {
        if let Some(link) = self.links.get_mut(before as usize) {
            link.behind = behind;
        }
        if let Some(link) = self.links.get_mut(behind as usize) {
            link.before = before;
        }
    }

    /// All of them in the order of their turns.
    #[cfg(test)]
    pub(super) fn order(&self) -> Vec<u32> {
        let mut order = Vec::new();
        let mut at = self.front;
        while at != NIL && (order.is_empty() || at != self.front) {
            order.push(at);
            at = self.links[at as usize].behind;
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;

    use super::*;

    /// A row of pseudo-random operations, compared with a plain queue.
    #[test]
    fn agrees_with_a_queue() {
        let mut ring = Ring::new();
        (0..5).for_each(|_| ring.widen());
        let mut queue = VecDeque::new();
        let mut random = 1_u32;
        for _ in 0..10_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = (random >> 8) % 5;
            match queue.iter().position(|&other| other == number) {
                None => {
                    ring.push(number);
                    queue.push_back(number);
                }
                Some(place) if random >> 30 == 0 => {
                    ring.remove(number);
                    queue.remove(place);
                }
                Some(_) => {
                    ring.rotate();
                    queue.rotate_left(1);
                }
            }
            assert_eq!(ring.order(), Vec::from(queue.clone()));
            assert_eq!(ring.front(), queue.front().copied());
        }
    }
}
