//! One call of a function: tell it its time, and judge its answer. The same for workers and for the
//! threads that drive loops.

use std::sync::Arc;

use fezz_proto::{Instant, Reply};

use super::callee::Callee;
use super::inbound::Job;
use super::{Errand, Workplace};
use crate::accord::settle;
use crate::desk::{Begin, DESK, Line};
use crate::envelope;
use crate::fault::Fault;

/// Octets of buffer that a caller keeps between calls.
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// What a thread that calls functions needs.
pub(crate) struct Caller {
    place: Arc<Workplace>,
    /// The next answer is written into this.
    spare: Vec<u8>,
    /// Where functions may ask about their calls; there once one of them wants to.
    line: Option<Arc<Line>>,
}

impl Caller {
    pub(crate) fn new(place: &Arc<Workplace>) -> Self {
        Self { place: Arc::clone(place), spare: Vec::new(), line: None }
    }

    /// Makes the call that begins at `started`; also when it ended. The clock is read once: the end
    /// of one call is the begin of the next.
    pub(crate) fn call(
        &mut self,
        job: &mut Job,
        started: Instant,
    ) -> (Result<Reply, Box<Fault>>, Instant) {
        let place = &*self.place;
        let load = &mut job.job;
        let left_ms = job.deadline.micros_since(started) / 1_000;
        fezz_wire::set_deadline(&mut load.envelope, &mut load.layout, left_ms);
        let callee = load.callee;
        if callee.wants_call {
            let line = self.line.get_or_insert_with(|| DESK.claim(place.house, place.clock));
            let (home, ticket, deadline) = (job.home, job.ticket, job.deadline);
            let begin = Begin { function: &callee.name, home, ticket, deadline };
            let (call, cancelled) = line.begin(&begin);
            if let Some(reason) = cancelled.filter(|_| callee.function.exports().cancel) {
                self.place.errands.send(&self.place, Errand::Cancel { callee, call, reason });
            }
            fezz_wire::set_call(&mut load.envelope, &load.layout, call);
        }
        let spare = &mut self.spare;
        let decides_origins = load.decides_origins;
        let request = load.layout.envelope(&load.envelope);
        let negotiated = callee.accord.version();
        let judged = callee.function.call(request, |answer| {
            let limits = &place.response_limits;
            envelope::judge(answer, negotiated, limits, decides_origins, spare)
        });
        if callee.wants_call
            && let Some(line) = &self.line
        {
            line.end();
        }
        let ended = place.clock.now();
        callee.pace.took(ended.micros_since(started), ended);
        let reply = match judged {
            Ok(judged) => Ok(Reply {
                // The request's buffer is the next reply's.
                octets: std::mem::replace(spare, std::mem::take(&mut load.envelope)),
                head_bytes: judged.head_bytes,
                status: judged.status,
            }),
            Err(fault) => Err(Box::new(fault)),
        };
        if self.spare.capacity() > SPARE_BYTES_MAX {
            // One large request must not stay with the caller for good.
            self.spare = Vec::new();
        }
        (reply, ended)
    }

    /// Asks the function again, because what was settled has expired; it may have come to an end
    /// since.
    #[cold]
    pub(crate) fn renew(&self, callee: &'static Callee) -> Result<(), Fault> {
        let accord = &callee.accord;
        let began = self.place.clock.now();
        let anew = accord.is_dormant();
        let standing = accord.standing();
        let name = &callee.name;
        let handshake = settle(name, &callee.function, accord.settings(), standing)?;
        let now = self.place.clock.now();
        accord.settled(&handshake, now);
        callee.tally.begun(now.micros_since(began), anew);
        // It may be idle from now on.
        self.place.expect_idle(callee);
        Ok(())
    }
}
