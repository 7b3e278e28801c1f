//! What is said to those who watch: three targets, and nothing else.

use fezz_proto::{ConnId, Hub, Instant, Refusal, Reply, Summary, Ticket, Void};

use super::pulses::Pulses;
use crate::envelope::constant;
use crate::health::Health;
use crate::link::{Facts, Judge};
use crate::metrics::CONTENT_TYPE;
use crate::peer::{Rejection, Source};
use crate::server::Handle;

/// Microseconds for which a page is the same for everybody: many scrapers cost as much as ten a
/// second.
const PAGE_US: u64 = 100_000;

/// The judge of those connections.
pub(super) struct Answers {
    handle: Handle,
    pulses: Pulses,
    page: String,
    page_until: Instant,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Metrics,
    Health,
    Ready,
}

impl Target {
    fn of(path: &[u8]) -> Option<Self> {
        match path {
            b"/metrics" => Some(Self::Metrics),
            b"/healthz" => Some(Self::Health),
            b"/readyz" => Some(Self::Ready),
            _ => None,
        }
    }
}

impl Answers {
    /// Whether another process serves in this one's place.
    pub(super) fn is_handed_over(&self) -> bool {
        self.handle.life.is_handed_over()
    }

    pub(super) fn new(handle: Handle) -> Self {
        let pulses = Pulses::new(handle.controls.len());
        Self { handle, pulses, page: String::new(), page_until: Instant::ZERO }
    }

    fn answer(&mut self, target: Target, into: Vec<u8>, now: Instant) -> Reply {
        match target {
            Target::Metrics => {
                if self.page.is_empty() || now >= self.page_until {
                    self.pulses.look(&self.handle);
                    let (health, stuck) = self.health(now);
                    let stuck = u64::try_from(stuck.len()).unwrap_or(u64::MAX);
                    self.page = self.handle.page(health, self.pulses.connections(), stuck);
                    self.page_until = now.plus_millis(PAGE_US / 1_000);
                }
                say(into, 200, CONTENT_TYPE, &self.page)
            }
            Target::Health => {
                self.pulses.look(&self.handle);
                match self.health(now).1.as_slice() {
                    [] => say(into, 200, TEXT, "ok\n"),
                    stuck => say(into, 503, TEXT, &format!("loops_stuck: {stuck:?}\n")),
                }
            }
            Target::Ready => {
                self.pulses.look(&self.handle);
                match self.health(now) {
                    (Health { reason: Some(reason), .. }, _) => {
                        say(into, 503, TEXT, &format!("{reason}\n"))
                    }
                    (_, stuck) if !stuck.is_empty() => say(into, 503, TEXT, "loops_stuck\n"),
                    _ => say(into, 200, TEXT, "ready\n"),
                }
            }
        }
    }

    /// The server's health, and the loops that are stuck. Loops that have drained do not answer
    /// any more, and are not.
    fn health(&self, now: Instant) -> (Health, Vec<usize>) {
        let health = self.handle.health();
        let stuck = if health.draining { Vec::new() } else { self.pulses.stuck(now) };
        (Health { ready: health.ready && stuck.is_empty(), ..health }, stuck)
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

fn say(into: Vec<u8>, status: u16, kind: &str, content: &str) -> Reply {
    // RFC 9111 §5.2.2.5: what is true now is not true later.
    let fields = [("content-type", kind), ("cache-control", "no-store")];
    constant(into, status, &fields, content.as_bytes())
}

impl Judge for Answers {
    fn route(&mut self, hub: &mut Hub, id: ConnId, _facts: &mut Facts, now: Instant) {
        let Some(head) = hub.head(id) else { return };
        let target = Target::of(head.path_octets());
        let reads = matches!(head.method_octets(), b"GET" | b"HEAD");
        match target {
            None => hub.handle_refused(id, Refusal::NoRoute, None, now),
            Some(_) if !reads => {
                let reply = crate::envelope::method_not_allowed(hub.buffer(), "GET, HEAD");
                hub.handle_refused(id, Refusal::NoMethod, Some(reply), now);
            }
            Some(target) => {
                let reply = self.answer(target, hub.buffer(), now);
                hub.handle_answered(id, reply, now);
            }
        }
    }

    /// Nothing is handed to anybody here.
    fn dispatch(&mut self, _: &Facts, _: Ticket, _: Vec<u8>, _: Instant) -> bool {
        debug_assert!(false, "a request was admitted");
        false
    }

    /// No proxy stands before this listener.
    fn announce(&mut self, _: &mut Facts, _: Source) -> Result<(), Rejection> {
        Ok(())
    }

    fn forget(&mut self, _: &mut Hub, _: &mut Facts, _: Ticket, _: Void) {}

    fn secure(&mut self, _: &Facts, _: u64) {}

    /// Those who watch are not watched.
    fn finish(&mut self, _: &mut Facts, _: ConnId, _: &Summary, _: Instant) {}
}
