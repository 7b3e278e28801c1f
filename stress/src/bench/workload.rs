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
    Idle {
        /// Connections that are held.
        connections: usize,
        /// Whether they are over TLS.
        secure: bool,
    },
    /// 99th percentile of one function while clients of another sleep.
    Sleeper,
    /// Two event loops against one.
    Loops,
    /// One function beside another that does not come back.
    Broken(Broken),
    /// A server that has many of something beside one that has few.
    Many(Many),
    /// Fast clients beside a thousand slow ones.
    Slow,
}

/// What a server has many of, while it is asked for the same as with few.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Many {
    /// A thousand functions, of which one is called.
    Functions,
    /// Ten thousand routes, of which one is asked for.
    Routes,
    /// Ten thousand connections, of which a hundred are used.
    Connections,
}

/// What a function does that does not come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Broken {
    /// It keeps the thread of the loop, once.
    Rescue,
    /// A hundred clients call it at the same time.
    Endless,
    /// It sleeps in every worker.
    Stuck,
    /// It computes in every worker.
    Spinning,
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
    /// Requests per second, whatever the server does; `None`: as many as it answers.
    pub rate: Option<u32>,
    /// Over TLS, with such handshakes; `None`: cleartext.
    pub tls: Option<Handshakes>,
    /// The figure that is compared.
    pub figure: Figure,
}

/// What connections over TLS begin with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Handshakes {
    /// All of it.
    Full,
    /// What an earlier connection is remembered by.
    Resumed,
}

/// Which figure of a run is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// Requests per second: more is better.
    Rate,
    /// Median latency: less is better.
    MedianLatency,
    /// CPU time of the server per request: less is better.
    CpuTime,
}

/// In which direction a figure improves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Better {
    /// Upwards: rates, and shares of them.
    More,
    /// Downwards: prices and waiting.
    Less,
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
    /// Answer GET with a mebioctet.
    Bulk,
    /// Read a body of a mebioctet and answer little.
    Upload,
    /// Answer GET with one of so many functions, which have a route each.
    Functions(u32),
    /// Answer GET through one of so many routes.
    Routes(u32),
    /// `/hello`, and `/echo` beside it.
    Slow,
    /// Answer GET over TLS.
    Secure,
    /// Answer GET over TLS with a mebioctet.
    SecureBulk,
    /// Answer GET with two event loops.
    TwoLoops,
    /// `/hello`, and `/delay/N` on the thread of the loop.
    Rescue,
    /// The same, and who does not come back is given up after a second.
    Endless,
    /// `/hello`, and `/delay/N`, which is given up after 300 ms.
    Stuck,
    /// `/hello`, and `/spin`, which computes without end and is given up after 300 ms.
    Spinning,
}

impl Broken {
    /// The role of the server.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Rescue => Role::Rescue,
            Self::Endless => Role::Endless,
            Self::Stuck => Role::Stuck,
            Self::Spinning => Role::Spinning,
        }
    }
}

impl Role {
    /// Whether its answers are long.
    #[must_use]
    pub fn is_bulk(self) -> bool {
        matches!(self, Self::Bulk | Self::SecureBulk)
    }

    /// Whether it is spoken over TLS.
    #[must_use]
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Secure | Self::SecureBulk)
    }
}

impl Workload {
    /// The contender that ratios are taken to: the null server speaks no TLS, and takes no long
    /// bodies.
    #[must_use]
    pub fn yardstick(&self) -> &'static str {
        let beyond_null = match &self.kind {
            Kind::Timed(timed) => !matches!(timed.role(), Role::Hello | Role::Echo),
            Kind::Idle { secure, .. } => *secure,
            _ => false,
        };
        if beyond_null { "nginx" } else { "null" }
    }

    /// In which direction its figure improves.
    #[must_use]
    pub fn better(&self) -> Better {
        let more = match &self.kind {
            Kind::Timed(timed) => timed.figure == Figure::Rate,
            Kind::Broken(broken) => matches!(broken, Broken::Stuck | Broken::Spinning),
            Kind::Loops => true,
            _ => false,
        };
        if more { Better::More } else { Better::Less }
    }

    /// Whether its rounds have samples of a load beside the figure.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        matches!(self.kind, Kind::Timed(_))
    }
}

impl Timed {
    /// The role that the template asks for.
    #[must_use]
    pub fn role(&self) -> Role {
        match (self.tls, self.template) {
            (Some(_), BULK) => Role::SecureBulk,
            (Some(_), _) => Role::Secure,
            (None, "post") => Role::Echo,
            (None, BULK) => Role::Bulk,
            (None, UPLOAD) => Role::Upload,
            (None, _) => Role::Hello,
        }
    }
}

const fn timed(connections: u32, template: &'static str) -> Timed {
    let figure = Figure::Rate;
    Timed { connections, depth: 1, template, fresh: false, rate: None, tls: None, figure }
}

/// The template of a GET whose answer is long.
const BULK: &str = "bulk";
/// The template of a POST whose body is long, and its answer short.
const UPLOAD: &str = "upload";

/// With long bodies copying them is the work, on both sides.
const fn long(template: &'static str) -> Timed {
    Timed { figure: Figure::CpuTime, ..timed(4, template) }
}

/// Over TLS the load generator is the dearer side: servers are compared by what they use.
const fn secured(connections: u32, tls: Handshakes) -> Timed {
    Timed { tls: Some(tls), figure: Figure::CpuTime, ..timed(connections, "get") }
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
        name: "hop",
        title: "CPU time of the server per GET at 20,000 a second, 64 kept connections",
        unit: "µs",
        kind: Kind::Timed(Timed {
            rate: Some(20_000),
            figure: Figure::CpuTime,
            ..timed(64, "get")
        }),
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
        kind: Kind::Idle { connections: 5_000, secure: false },
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
    Workload {
        name: "bulk_down",
        title: "GET of 1 MiB, 4 kept connections, CPU time of the server",
        unit: "µs",
        kind: Kind::Timed(long(BULK)),
    },
    Workload {
        name: "bulk_up",
        title: "POST of 1 MiB, 4 kept connections, CPU time of the server",
        unit: "µs",
        kind: Kind::Timed(long(UPLOAD)),
    },
    Workload {
        name: "functions",
        title: "CPU time per GET with 1,000 functions loaded, to one",
        unit: "x",
        kind: Kind::Many(Many::Functions),
    },
    Workload {
        name: "routes",
        title: "CPU time per GET with 10,000 routes, to one",
        unit: "x",
        kind: Kind::Many(Many::Routes),
    },
    Workload {
        name: "active",
        title: "CPU time per GET over 100 of 10,000 connections, to 100 of 100",
        unit: "x",
        kind: Kind::Many(Many::Connections),
    },
    Workload {
        name: "slow",
        title: "99th percentile of fast clients beside 1,000 slow ones, to without",
        unit: "x",
        kind: Kind::Slow,
    },
    Workload {
        name: "tls_full",
        title: "TLS 1.3: a full handshake for each GET, CPU time of the server, 16 clients",
        unit: "µs",
        kind: Kind::Timed(Timed { fresh: true, ..secured(16, Handshakes::Full) }),
    },
    // No more clients than a client of rustls keeps tickets.
    Workload {
        name: "tls_resumed",
        title: "TLS 1.3: a resumed handshake for each GET, CPU time of the server, 4 clients",
        unit: "µs",
        kind: Kind::Timed(Timed { fresh: true, ..secured(4, Handshakes::Resumed) }),
    },
    Workload {
        name: "tls_get64",
        title: "TLS 1.3: GET, 64 kept connections, CPU time of the server",
        unit: "µs",
        kind: Kind::Timed(secured(64, Handshakes::Full)),
    },
    Workload {
        name: "tls_bulk",
        title: "TLS 1.3: GET of 1 MiB, 4 kept connections, CPU time of the server",
        unit: "µs",
        kind: Kind::Timed(Timed { template: BULK, ..secured(4, Handshakes::Full) }),
    },
    Workload {
        name: "tls_idle",
        title: "TLS 1.3: resident memory per idle connection, of 2,000",
        unit: "octets",
        kind: Kind::Idle { connections: 2_000, secure: true },
    },
    Workload {
        name: "rescue",
        title: "slowest answer of a function while another keeps the thread of the loop for 10 s",
        unit: "ms",
        kind: Kind::Broken(Broken::Rescue),
    },
    Workload {
        name: "endless",
        title: "99th percentile of a function while 100 clients call an endless one, to without",
        unit: "x",
        kind: Kind::Broken(Broken::Endless),
    },
    Workload {
        name: "stuck",
        title: "requests/s of a function with 4 of 4 workers lost in sleep, to a server without",
        unit: "x",
        kind: Kind::Broken(Broken::Stuck),
    },
    Workload {
        name: "spinning",
        title: "requests/s of a function with 4 of 4 workers in a busy loop, to a server without",
        unit: "x",
        kind: Kind::Broken(Broken::Spinning),
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
                assert!(!(timed.fresh && timed.rate.is_some()), "{}", workload.name);
            }
        }
    }
}
