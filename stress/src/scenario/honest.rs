//! Honest clients: each asks one question after the other, compares every answer, and counts what
//! it was not given, was given wrong, or had to ask again.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::crowd::{Crowd, Ending};
use super::dice::Dice;
use super::failure::{Failure, Result};
use super::peer::{Peer, Target};
use super::question::{HONEST_HOST, Question};
use super::strict::{Flaw, Reader};
use crate::clock::Clock;

/// Longest latency that is told from longer ones, in microseconds.
const LATENCY_MICROS_MAX: u64 = 120_000_000;
/// How many flaws a report says in words.
const SHOWN_MAX: usize = 5;
/// Questions that are asked again so often are lost.
const AGAIN_MAX: u32 = 5;

/// Who asks, and how often.
#[derive(Clone)]
pub(super) struct Mix {
    /// Where those ask that keep their connection, and how many they are.
    pub(super) kept: Vec<(Target, usize)>,
    /// Where those ask that connect for each question, and how many they are.
    pub(super) fresh: Vec<(Target, usize)>,
    /// The time between two questions of one client; `None`: as soon as it was answered.
    pub(super) every: Option<Duration>,
    /// Whether a whole 503 is an answer, too.
    pub(super) takes_busy: bool,
    /// Whether all questions are short ones.
    pub(super) short: bool,
}

/// What clients came to.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// Right answers.
    pub(super) answers: u64,
    /// Whole answers 503, where these are taken.
    pub(super) busy: u64,
    /// Questions asked again because a kept connection ended before an answer began.
    pub(super) again: u64,
    /// Questions that got no answer, or a wrong one.
    pub(super) wrong: u64,
    /// The first of these, in words.
    pub(super) flaws: Vec<String>,
    /// Microseconds from when a question was due to when its answer was whole.
    pub(super) latency: Histogram<u64>,
    /// How long they asked, in seconds.
    pub(super) seconds: f64,
}

impl Report {
    pub(super) fn new() -> Result<Self> {
        let latency = Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3);
        Ok(Self {
            answers: 0,
            busy: 0,
            again: 0,
            wrong: 0,
            flaws: Vec::new(),
            latency: latency.map_err(Failure::Histogram)?,
            seconds: 0.0,
        })
    }

    /// All of `reports` in one.
    pub(super) fn sum(reports: Vec<Self>) -> Result<Self> {
        let mut sum = Self::new()?;
        for report in reports {
            sum.answers += report.answers;
            sum.busy += report.busy;
            sum.again += report.again;
            sum.wrong += report.wrong;
            sum.flaws.extend(report.flaws);
            sum.seconds = sum.seconds.max(report.seconds);
            // Both have the same bounds.
            let _added = sum.latency.add(&report.latency);
        }
        sum.flaws.truncate(SHOWN_MAX);
        Ok(sum)
    }

    /// Milliseconds within which so many of the answers were.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a run are below 2^53")]
    pub(super) fn millis(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }

    /// Answers per second.
    #[expect(clippy::cast_precision_loss, reason = "answers of a run are below 2^53")]
    pub(super) fn per_second(&self) -> f64 {
        self.answers as f64 / self.seconds.max(1e-9)
    }

    fn note(&mut self, flaw: &Flaw) {
        self.wrong += 1;
        if self.flaws.len() < SHOWN_MAX {
            self.flaws.push(flaw.to_string());
        }
    }
}

/// Starts the clients of `mix` on a thread of their own.
pub(super) fn gather(mix: &Mix, seed: u64) -> Result<Crowd<Result<Report>>> {
    let places = |all: &[(Target, usize)], kept: bool| {
        let each = all.iter().flat_map(|(target, count)| vec![target.clone(); *count]);
        each.map(|target| (target, kept)).collect::<Vec<_>>()
    };
    let all = [places(&mix.kept, true), places(&mix.fresh, false)].concat();
    let mix = mix.clone();
    Crowd::gather(all.len(), move |place, ending| {
        let (target, kept) = all[place].clone();
        let dice = Dice::new(seed ^ (place as u64) << 32);
        let client = Client { target, kept, place, dice, link: None, mix: mix.clone() };
        client.live(ending)
    })
}

/// Ends them and sums up.
pub(super) fn dismiss(crowd: Crowd<Result<Report>>) -> Result<Report> {
    Report::sum(crowd.dismiss()?.into_iter().collect::<Result<_>>()?)
}

struct Client {
    target: Target,
    kept: bool,
    place: usize,
    dice: Dice,
    link: Option<(Peer, Reader)>,
    mix: Mix,
}

impl Client {
    async fn live(mut self, ending: Ending) -> Result<Report> {
        let mut report = Report::new()?;
        let clock = Clock::start();
        let period = self.mix.every.map_or(0, |every| micros(every.as_nanos()));
        // Clients that begin together would ask together for ever.
        let mut due = period * self.dice.below(1000) as u64 / 1000;
        while !ending.has_come() {
            let mut asked = micros(clock.nanos().into());
            if period > 0 {
                if due > asked {
                    tokio::time::sleep(Duration::from_micros(due - asked)).await;
                    // What the timer is late by is not the server's fault.
                    due = micros(clock.nanos().into());
                }
                (asked, due) = (due, due + period);
            }
            self.ask(&mut report).await;
            let passed = micros(clock.nanos().into()).saturating_sub(asked);
            report.latency.saturating_record(passed);
        }
        if let Some((mut peer, _)) = self.link.take() {
            // It may have been closed from the other side.
            let _closed = peer.finish().await;
        }
        report.seconds = clock.seconds();
        Ok(report)
    }

    async fn ask(&mut self, report: &mut Report) {
        let close = !self.kept;
        let question = if self.mix.short {
            Question::short(&mut self.dice, HONEST_HOST, close)
        } else {
            Question::any(&mut self.dice, HONEST_HOST, close)
        };
        for _ in 0..AGAIN_MAX {
            let fresh = self.link.is_none();
            match self.exchange(&question).await {
                Ok(busy) => {
                    report.answers += u64::from(!busy);
                    report.busy += u64::from(busy);
                    return;
                }
                Err(flaw) => {
                    self.link = None;
                    if fresh || !flaw.may_be_asked_again() {
                        report.note(&flaw);
                        return;
                    }
                    report.again += 1;
                }
            }
        }
        report.note(&Flaw::Unanswered);
    }

    /// `Ok(true)`: it was refused as it should be.
    async fn exchange(&mut self, question: &Question) -> std::result::Result<bool, Flaw> {
        let (mut peer, mut reader) = match self.link.take() {
            Some(link) => link,
            None => (Peer::connect(&self.target, self.place).await?, Reader::default()),
        };
        peer.send(&question.octets).await?;
        let answer = reader.answer(&mut peer).await?;
        let busy = self.mix.takes_busy && answer.status == 503;
        if !busy {
            question.check(&answer)?;
        }
        if !self.kept || answer.closes() {
            reader.end(&mut peer).await?;
        } else if reader.is_clean() {
            self.link = Some((peer, reader));
        } else {
            return Err(Flaw::Unasked);
        }
        Ok(busy)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a run lasts less than 2^64 microseconds")]
fn micros(nanos: u128) -> u64 {
    (nanos / 1000) as u64
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// What a client makes of a server that answers the request on each connection with `answer`,
    /// then closes. It is let go while its first question is under way, or later.
    fn report_of(answer: &'static [u8]) -> Report {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (came, first) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _request = stream.read(&mut [0; 65_536]);
                // Nobody may wait for it any more.
                let _told = came.send(());
                let _sent = stream.write_all(answer);
            }
        });
        let target = Target { address, tls: None };
        let mix = Mix {
            kept: Vec::new(),
            fresh: vec![(target, 1)],
            every: None,
            takes_busy: true,
            short: true,
        };
        let crowd = gather(&mix, 1).unwrap();
        first.recv().unwrap();
        dismiss(crowd).unwrap()
    }

    #[test]
    fn an_answer_that_is_not_its_own_is_wrong() {
        let report = report_of(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        assert!(report.wrong > 0 && report.answers == 0 && report.busy == 0, "{report:?}");
        let report = report_of(b"HTTP/1.1 200 OK\r\nContent-Le");
        assert!(report.wrong > 0 && report.answers == 0, "{report:?}");
        let report = report_of(b"");
        assert!(report.wrong > 0 && report.again == 0, "a fresh connection has no excuse");
    }

    #[test]
    fn a_whole_refusal_is_none_of_both() {
        let report = report_of(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");
        assert!(report.busy > 0 && report.answers == 0 && report.wrong == 0, "{report:?}");
    }
}
