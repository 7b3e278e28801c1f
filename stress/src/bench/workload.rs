//! The workloads: what is sent, how many at a time, and which figure of it is compared.

/// One line of the benchmark.
#[derive(Debug)]
pub struct Workload {
    /// Name on the command line and in the budgets.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// The unit of its figure.
    pub unit: &'static str,
    /// How it is measured.
    pub kind: Kind,
}

/// How a workload is measured.
#[derive(Debug)]
pub enum Kind {
    /// Runs of the load generator, in rounds, all contenders in turn.
    Timed(Timed),
    /// System calls per request of a kept connection (strace).
    Syscalls,
    /// User instructions per request (callgrind).
    Instructions,
    /// Resident memory per idle connection.
    Idle,
    /// 99th percentile of one function while clients of another sleep.
    Sleeper,
    /// Two event loops against one.
    Loops,
}

/// A load of the load generator.
#[derive(Debug)]
pub struct Timed {
    /// Connections at the same time.
    pub connections: u32,
    /// Requests in one write.
    pub depth: u32,
    /// The request's template.
    pub template: &'static str,
    /// A connection for each request.
    pub fresh: bool,
    /// The figure that is compared.
    pub figure: Figure,
}

/// Which figure of a run is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// Requests per second: more is better.
    Rate,
    /// Median latency: less is better.
    MedianLatency,
}

/// What a server has to do in a workload; decides with which command it is started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Answer GET.
    Hello,
    /// Answer POST, with its body if it can.
    Echo,
    /// Two functions: `/hello`, and `/delay/5` which takes five milliseconds.
    Both,
    /// Answer GET with two event loops.
    TwoLoops,
}

impl Timed {
    /// The role that the template asks for.
    #[must_use]
    pub fn role(&self) -> Role {
        if self.template == "post" { Role::Echo } else { Role::Hello }
    }
}

const fn timed(connections: u32, template: &'static str) -> Timed {
    Timed { connections, depth: 1, template, fresh: false, figure: Figure::Rate }
}

/// All workloads in the order in which they run.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "get64",
        title: "GET, 64 kept connections",
        unit: "requests/s",
        kind: Kind::Timed(timed(64, "get")),
    },
    Workload {
        name: "get16",
        title: "GET, 16 kept connections",
        unit: "requests/s",
        kind: Kind::Timed(timed(16, "get")),
    },
    Workload {
        name: "get1",
        title: "GET, 1 kept connection, median latency",
        unit: "µs",
        kind: Kind::Timed(Timed { figure: Figure::MedianLatency, ..timed(1, "get") }),
    },
    Workload {
        name: "pipelined",
        title: "GET, 16 requests in each write, 64 kept connections",
        unit: "requests/s",
        kind: Kind::Timed(Timed { depth: 16, ..timed(64, "get") }),
    },
    Workload {
        name: "browser",
        title: "GET with a browser's head of 765 octets, 64 kept connections",
        unit: "requests/s",
        kind: Kind::Timed(timed(64, "browser")),
    },
    Workload {
        name: "post",
        title: "POST of 1 KiB, 64 kept connections",
        unit: "requests/s",
        kind: Kind::Timed(timed(64, "post")),
    },
    Workload {
        name: "newconn",
        title: "a new connection for each GET, 16 clients",
        unit: "requests/s",
        kind: Kind::Timed(Timed { fresh: true, ..timed(16, "get") }),
    },
    Workload {
        name: "syscalls",
        title: "system calls per GET, 64 kept connections",
        unit: "calls",
        kind: Kind::Syscalls,
    },
    Workload {
        name: "instructions",
        title: "user instructions per GET, 64 kept connections",
        unit: "instructions",
        kind: Kind::Instructions,
    },
    Workload {
        name: "idle",
        title: "resident memory per idle connection, of 5,000",
        unit: "octets",
        kind: Kind::Idle,
    },
    Workload {
        name: "sleeper",
        title: "99th percentile of a function while two clients call a 5 ms sleeper, to without",
        unit: "x",
        kind: Kind::Sleeper,
    },
    Workload {
        name: "loops",
        title: "two event loops on two cores, to one",
        unit: "x",
        kind: Kind::Loops,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_loads_are_possible() {
        for (index, workload) in WORKLOADS.iter().enumerate() {
            assert!(WORKLOADS[..index].iter().all(|other| other.name != workload.name));
            if let Kind::Timed(timed) = &workload.kind {
                assert!(timed.connections > 0 && timed.depth > 0);
                assert!(!(timed.fresh && timed.depth > 1), "{}", workload.name);
            }
        }
    }
}
