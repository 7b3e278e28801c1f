//! A status as text for a terminal, and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use super::{CircuitStatus, FunctionStatus, ListenerStatus, LoopStatus, Status};
use crate::json::{Object, array};

impl Status {
    /// The members of a JSON object.
    #[must_use]
    pub(crate) fn members(&self, object: Object) -> Object {
        let workers = &self.workers;
        object
            .value("ready", self.health.ready)
            .value("draining", self.health.draining)
            .maybe("reason", self.health.reason.map(|it| format!("\"{it}\"")))
            .value("uptime_s", self.uptime.as_secs())
            .value("listeners", array(self.listeners.iter().map(ListenerStatus::json)))
            .value("functions", array(self.functions.iter().map(FunctionStatus::json)))
            .value("loops", array(self.loops.iter().enumerate().map(|(n, it)| it.json(n))))
            .value(
                "workers",
                Object::new()
                    .value("all", workers.posts)
                    .value("busy", workers.busy)
                    .value("abandoned", workers.abandoned)
                    .value("queue", workers.queue)
                    .end(),
            )
            .value(
                "images",
                Object::new()
                    .value("serving", self.images.serving)
                    .value("retired", self.images.retired)
                    .end(),
            )
    }

    /// Lines for a person.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        let mut page = String::new();
        for ListenerStatus { address, serves } in &self.listeners {
            line(&mut page, format_args!("listener  {serves} {address}"));
        }
        for function in &self.functions {
            line(&mut page, format_args!("function  {}", function.text()));
        }
        for (number, one) in self.loops.iter().enumerate() {
            line(&mut page, format_args!("loop      {number} {}", one.text()));
        }
        let workers = &self.workers;
        line(
            &mut page,
            format_args!(
                "workers   {} busy={} abandoned={} queue={}",
                workers.posts, workers.busy, workers.abandoned, workers.queue
            ),
        );
        line(
            &mut page,
            format_args!(
                "images    serving={} retired={}",
                self.images.serving, self.images.retired
            ),
        );
        page
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(page, "{text}");
}

impl ListenerStatus {
    fn json(&self) -> String {
        Object::new().text("address", &self.address.to_string()).text("serves", self.serves).end()
    }
}

impl FunctionStatus {
    fn json(&self) -> String {
        let open = match self.circuit {
            CircuitStatus::Open(left) => Some(left.as_millis()),
            CircuitStatus::Closed | CircuitStatus::Trial => None,
        };
        Object::new()
            .text("name", &self.name)
            .text("artifact", &self.artifact)
            .text("sha256", &self.sha256)
            .maybe("agreed_version", self.agreed)
            .maybe("expires_ms", self.expires_in.map(|it| it.as_millis()))
            .value("dormant", self.dormant)
            .value("retired", self.retired)
            .text("circuit", &self.circuit.to_string())
            .maybe("quarantine_ms", open)
            .value("in_flight", self.in_flight)
            .value("abandoned", self.abandoned)
            .value("errors", self.errors)
            .end()
    }

    fn text(&self) -> String {
        let mut out = self.name.clone();
        let mut say = |words: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            let _infallible = write!(out, " {words}");
        };
        match self.circuit {
            CircuitStatus::Open(left) => say(format_args!("circuit=open({})", short(left))),
            circuit => say(format_args!("circuit={circuit}")),
        }
        say(format_args!("in_flight={} abandoned={}", self.in_flight, self.abandoned));
        say(format_args!("errors={}", self.errors));
        if let Some(version) = self.agreed {
            say(format_args!("agreed={version}"));
        }
        if let Some(left) = self.expires_in {
            say(format_args!("expires={}", short(left)));
        }
        for (word, holds) in [("dormant", self.dormant), ("retired", self.retired)] {
            if holds {
                say(format_args!("{word}"));
            }
        }
        say(format_args!("sha256={}", self.sha256.get(..12).unwrap_or(&self.sha256)));
        say(format_args!("{}", self.artifact));
        out
    }
}

impl LoopStatus {
    fn json(&self, number: usize) -> String {
        let states = self.connections.iter();
        let connections = states.fold(Object::new(), |all, (state, count)| all.value(state, count));
        Object::new()
            .value("loop", number)
            .maybe("lag_us", self.lag.map(|it| it.as_micros()))
            .value("connections", connections.end())
            .end()
    }

    fn text(&self) -> String {
        let mut out = match self.lag {
            Some(lag) => format!("lag={}us", lag.as_micros()),
            None => "does not answer".to_owned(),
        };
        for (state, count) in self.connections.iter().filter(|(_, count)| *count > 0) {
            // Writing to a string cannot fail.
            let _infallible = write!(out, " {state}={count}");
        }
        out
    }
}

fn short(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{}ms", time.as_millis())
    } else {
        format!("{}s", time.as_secs())
    }
}
