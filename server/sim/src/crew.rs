//! Workers that answer late, never, twice, to nobody, or with something that is no answer.

use fezz_proto::{Hub, Refusal, Reply, Ticket};

use crate::request::{Outcome, Request, reply_content};
use crate::rng::Rng;

/// Which request of which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The client's number.
    pub client: usize,
    /// The request's number.
    pub request: usize,
}

impl Marker {
    /// The marker in a path of the form `/f/CLIENT/REQUEST`.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let (client, request) = path.strip_prefix("/f/")?.split_once('/')?;
        Some(Self { client: client.parse().ok()?, request: request.parse().ok()? })
    }

    /// The envelope's head: what stands before the content.
    pub fn write(self, envelope: &mut Vec<u8>) {
        envelope.extend_from_slice(format!("{} {}\n", self.client, self.request).as_bytes());
    }

    /// The marker of an envelope, and its content.
    #[must_use]
    pub fn of_envelope(envelope: &[u8]) -> Option<(Self, &[u8])> {
        let end = envelope.iter().position(|&octet| octet == b'\n')?;
        let text = std::str::from_utf8(&envelope[..end]).ok()?;
        let (client, request) = text.split_once(' ')?;
        let marker = Self { client: client.parse().ok()?, request: request.parse().ok()? };
        Some((marker, &envelope[end + 1..]))
    }
}

/// A request that a worker has.
#[derive(Debug)]
struct Job {
    due_us: u64,
    ticket: Ticket,
    marker: Marker,
    outcome: Outcome,
    envelope: Vec<u8>,
}

/// What a worker brings back.
#[derive(Debug)]
pub struct Done {
    /// Whose answer it is.
    pub ticket: Ticket,
    /// The request it was asked for; none when the ticket is invented.
    pub marker: Option<Marker>,
    /// The answer.
    pub answer: Result<Reply, Refusal>,
}

/// The workers.
#[derive(Debug)]
pub struct Crew {
    jobs: Vec<Job>,
    jobs_max: usize,
    given: Vec<Ticket>,
}

/// Old tickets that are remembered to be misused.
const GIVEN_MAX: usize = 64;

impl Crew {
    /// Workers that take at most `jobs_max` jobs at a time.
    #[must_use]
    pub const fn new(jobs_max: usize) -> Self {
        Self { jobs: Vec::new(), jobs_max, given: Vec::new() }
    }

    /// Takes a request; false when there is no place for it.
    pub fn submit(
        &mut self,
        ticket: Ticket,
        marker: Marker,
        request: &Request,
        envelope: Vec<u8>,
        now_us: u64,
    ) -> bool {
        if self.jobs.len() >= self.jobs_max {
            return false;
        }
        if self.given.len() < GIVEN_MAX {
            self.given.push(ticket);
        }
        let due_us = match request.job.outcome {
            Outcome::Never => u64::MAX,
            _ => now_us + request.job.took_us,
        };
        let outcome = request.job.outcome;
        self.jobs.push(Job { due_us, ticket, marker, outcome, envelope });
        true
    }

    /// The ticket is void. A worker that has begun does not notice.
    pub fn forget(&mut self, ticket: Ticket, unrun: bool) {
        if unrun {
            self.jobs.retain(|job| job.ticket != ticket);
        }
    }

    /// When the next answer comes.
    #[must_use]
    pub fn next_us(&self) -> Option<u64> {
        self.jobs.iter().map(|job| job.due_us).min().filter(|&due_us| due_us < u64::MAX)
    }

    /// Whether any job has that ticket.
    #[must_use]
    pub fn another_ticket(&self, ticket: Ticket) -> Option<Ticket> {
        self.jobs.iter().map(|job| job.ticket).find(|&other| other != ticket)
    }

    /// Answers that are due, and some that nobody asked for.
    pub fn finish(
        &mut self,
        now_us: u64,
        invented: u32,
        rng: &mut Rng,
        hub: &mut Hub,
    ) -> Vec<Done> {
        let mut done = Vec::new();
        let mut at = 0;
        while at < self.jobs.len() {
            if self.jobs[at].due_us > now_us {
                at += 1;
                continue;
            }
            let job = self.jobs.swap_remove(at);
            if matches!(job.outcome, Outcome::Reply { twice: true, .. }) {
                let marker = Some(job.marker);
                let answer = answer(&job, hub.buffer());
                done.push(Done { ticket: job.ticket, marker, answer });
            }
            let answer = answer(&job, hub.buffer());
            done.push(Done { ticket: job.ticket, marker: Some(job.marker), answer });
            hub.keep_buffer(job.envelope);
        }
        if invented > 0 && rng.chance(invented) {
            done.push(self.invent(rng));
        }
        done
    }

    /// An answer with an old ticket whose job is over, or with one that was never given.
    fn invent(&self, rng: &mut Rng) -> Done {
        let mut ticket = match self.given.len() {
            0 => Ticket { index: 0, exchange: u64::MAX },
            count => self.given[rng.size(0, count - 1)],
        };
        if self.jobs.iter().any(|job| job.ticket == ticket) || rng.chance(300) {
            ticket = Ticket { index: rng.pick(&[0, 1, 7, u32::MAX]), exchange: u64::MAX };
        }
        let octets = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nstale".to_vec();
        Done { ticket, marker: None, answer: Ok(Reply { octets, head_bytes: 36, status: 200 }) }
    }
}

fn answer(job: &Job, mut octets: Vec<u8>) -> Result<Reply, Refusal> {
    let (status, bytes) = match job.outcome {
        Outcome::Reply { status, bytes, .. } => (status, bytes),
        Outcome::Bad | Outcome::Never => return Err(Refusal::BadHandler),
        Outcome::Failed => return Err(Refusal::HandlerFailed),
    };
    octets.extend_from_slice(format!("HTTP/1.1 {status} Said\r\nx-by: sim\r\n").as_bytes());
    // RFC 9110 §8.6: a 204 has no length; a 304 need not.
    let content = match status {
        204 | 304 => Vec::new(),
        _ => reply_content(job.marker.client, job.marker.request, bytes),
    };
    if status != 204 && status != 304 {
        octets.extend_from_slice(format!("content-length: {}\r\n", content.len()).as_bytes());
    }
    let head_bytes = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    octets.extend_from_slice(&content);
    Ok(Reply { octets, head_bytes, status })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_survives_the_envelope() {
        let marker = Marker { client: 3, request: 11 };
        let mut envelope = Vec::new();
        marker.write(&mut envelope);
        envelope.extend_from_slice(b"a\nb");
        assert_eq!(Marker::of_envelope(&envelope), Some((marker, b"a\nb".as_slice())));
        assert_eq!(Marker::of_path("/f/3/11"), Some(marker));
        assert_eq!(Marker::of_path("/elsewhere"), None);
    }
}
