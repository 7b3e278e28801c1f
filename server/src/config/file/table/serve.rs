//! How much, how long, how many at once, and how to stop.

use crate::config::file::key::{Caption, Header, Section, at, key};
use crate::config::file::place::{NO_AGE, NO_CEILING, NO_COUNT, NO_COUNT_PER_IP, NO_RATE};
use crate::config::file::value::Kind;
use crate::config::{Config, LOOPS_MAX, THREADS_MAX};

const REJECTED: &str = "fezz_http_rejected_total";
const TIMEOUTS_TOTAL: &str = "fezz_http_timeouts_total";
const CLOSED: &str = "fezz_connections_closed_total";

const fn off(zero: bool) -> Kind {
    Kind::Time { word: Some("off"), zero }
}

const fn count_or(word: &'static str, most: u32) -> Kind {
    Kind::Count { least: 1, most, word: Some(word) }
}

const fn head(least: u64) -> Kind {
    Kind::Size { least, most: 60 << 10 }
}

pub(crate) static LIMITS: Section<Config> = Section {
    caption: Caption {
        name: "limits",
        header: Header::Table,
        title: "[limits]",
        meaning: "How much of everything. What is stated for the process is divided among its \
                  event loops.",
    },
    within: &[],
    keys: &[
        key(
            "connections",
            count_or("auto", 1 << 20),
            "\"auto\"",
            "1000",
            at!(Config: limits.connections_max),
            "Connections at once",
        )
        .live()
        .default_is("the descriptor limit less 256, at most 65536")
        .flag("--limit-connections")
        .breach(
            "the oldest idle one is closed, else nobody new is accepted",
            "limit",
            REFUSED,
        ),
        key(
            "connections_per_ip",
            count_or("off", 1 << 20),
            "256",
            "64",
            &NO_COUNT_PER_IP,
            "Connections at once of one IPv4 address or one IPv6 /64; loopback and trusted proxies \
             are exempt",
        )
        .live()
        .breach("closed", "limit_ip", REFUSED),
        key(
            "handshakes",
            Kind::count(1 << 20),
            "256",
            "64",
            at!(Config: tls.handshakes_max),
            "TLS handshakes under way at once in one event loop",
        )
        .live()
        .flag("--limit-handshakes")
        .breach("nobody new is accepted until one ends", "handshakes", REFUSED),
        key(
            "requests_per_connection",
            count_or("off", u32::MAX),
            "1000",
            "100",
            &NO_COUNT,
            "Requests on one connection",
        )
        .live()
        .flag("--limit-requests-per-connection")
        .breach("Connection: close with the last reply", "requests", CLOSED),
        key(
            "connection_age",
            off(false),
            "\"1h\"",
            "\"10m\"",
            &NO_AGE,
            "How old a connection gets",
        )
        .live()
        .flag("--timeout-connection-age")
        .breach("Connection: close with the next reply", "age", CLOSED),
        key(
            "request_line",
            head(64),
            "\"8KiB\"",
            "\"4KiB\"",
            at!(Config: limits.request_line_bytes_max),
            "Octets of a request line",
        )
        .flag("--limit-request-line")
        .breach("414, close", "request_line_too_long", REJECTED),
        key(
            "header_line",
            head(1),
            "\"8KiB\"",
            "\"4KiB\"",
            at!(Config: limits.field_line_bytes_max),
            "Octets of one header line; at most those of all",
        )
        .flag("--limit-header-line")
        .breach("431, close", "field_line_too_long", REJECTED),
        key(
            "headers",
            head(1),
            "\"16KiB\"",
            "\"12KiB\"",
            at!(Config: limits.field_section_bytes_max),
            "Octets of all header lines of a request",
        )
        .flag("--limit-headers")
        .breach("431, close", "field_section_too_long", REJECTED),
        key(
            "header_count",
            Kind::count(256),
            "100",
            "64",
            at!(Config: limits.field_count_max),
            "Header lines of a request",
        )
        .flag("--limit-header-count")
        .breach("431, close", "too_many_fields", REJECTED),
        key(
            "body",
            Kind::SIZE,
            "\"1MiB\"",
            "\"2MiB\"",
            at!(Config: limits.body_bytes_max),
            "Octets of a request's body, unless its route says otherwise",
        )
        .live()
        .flag("--limit-body")
        .breach(
            "413, before it is read where its length is announced",
            "body_too_large",
            REJECTED,
        ),
        key(
            "response_body",
            Kind::SIZE,
            "\"16MiB\"",
            "\"8MiB\"",
            at!(Config: limits.response_body_bytes_max),
            "Octets of a function's response body",
        )
        .flag("--limit-response-body")
        .breach("502", "too_large", "fezz_dispatch_errors_total"),
        key(
            "buffered",
            Kind::SIZE,
            "\"256MiB\"",
            "\"64MiB\"",
            at!(Config: limits.buffered_bytes_max),
            "Octets of all request bodies held at once in the process",
        )
        .live()
        .flag("--limit-buffered")
        .breach("503", "no_memory", REJECTED),
        key(
            "linger",
            Kind::SIZE,
            "\"64KiB\"",
            "\"128KiB\"",
            at!(Config: limits.linger_bytes_max),
            "Octets read and dropped after the last reply of a connection",
        )
        .live()
        .flag("--limit-linger")
        .breach("close", "linger", CLOSED),
    ],
};

const REFUSED: &str = "fezz_connections_rejected_total";

pub(crate) static TIMEOUTS: Section<Config> = Section {
    caption: Caption {
        name: "timeouts",
        header: Header::Table,
        title: "[timeouts]",
        meaning: "How long everything may take. Each clock runs on its own.",
    },
    within: &[],
    keys: &[
        key(
            "proxy_header",
            Kind::TIME,
            "\"5s\"",
            "\"2s\"",
            at!(Config: timeouts.proxy_header),
            "From accept to the end of a PROXY header",
        )
        .live()
        .breach("close", "proxy", TIMEOUTS_TOTAL),
        key(
            "tls_handshake",
            Kind::TIME,
            "\"10s\"",
            "\"5s\"",
            at!(Config: timeouts.tls_handshake),
            "From accept to the end of a TLS handshake",
        )
        .live()
        .flag("--timeout-tls-handshake")
        .breach("close", "handshake", TIMEOUTS_TOTAL),
        key(
            "request_header",
            Kind::TIME,
            "\"10s\"",
            "\"5s\"",
            at!(Config: timeouts.request_header),
            "From accept or the first octet to the blank line, however it trickles",
        )
        .live()
        .flag("--timeout-request-header")
        .breach("408, or nothing where no octet came; close", "head", TIMEOUTS_TOTAL),
        key(
            "body_idle",
            Kind::TIME,
            "\"30s\"",
            "\"10s\"",
            at!(Config: timeouts.body_idle),
            "Without an octet of a body",
        )
        .live()
        .flag("--timeout-body-idle")
        .breach("408, close", "body", TIMEOUTS_TOTAL),
        key(
            "body_min_rate",
            Kind::Rate { word: Some("off") },
            "\"500B/s\"",
            "\"1KiB/s\"",
            &NO_RATE,
            "The slowest a body may arrive, and a reply leave, on average",
        )
        .live()
        .flag("--limit-rate-min")
        .breach("408, close; a reply is cut off", "body", TIMEOUTS_TOTAL),
        key(
            "rate_grace",
            Kind::TIME,
            "\"20s\"",
            "\"10s\"",
            at!(Config: timeouts.pace_grace),
            "Before the minimum rate counts",
        )
        .live()
        .flag("--timeout-grace"),
        key(
            "transfer",
            off(false),
            "\"5m\"",
            "\"10m\"",
            &NO_CEILING,
            "For a whole body, or a whole reply, whatever its rate",
        )
        .live()
        .flag("--timeout-ceiling")
        .breach("408, close; a reply is cut off", "body", TIMEOUTS_TOTAL),
        key(
            "write_idle",
            Kind::TIME,
            "\"30s\"",
            "\"10s\"",
            at!(Config: timeouts.write_idle),
            "Without an octet of a reply leaving",
        )
        .live()
        .flag("--timeout-write-idle")
        .breach("reset", "write", TIMEOUTS_TOTAL),
        key(
            "keep_alive",
            Kind::TIME,
            "\"75s\"",
            "\"30s\"",
            at!(Config: timeouts.keep_alive),
            "Between a reply and the next request; longer than a load balancer's own, so that it \
             closes first",
        )
        .live()
        .flag("--timeout-keep-alive")
        .breach("close", "idle", TIMEOUTS_TOTAL),
        key(
            "queue",
            Kind::TIME,
            "\"5s\"",
            "\"1s\"",
            at!(Config: timeouts.queue),
            "Waiting for a worker",
        )
        .flag("--timeout-queue")
        .breach("503 with Retry-After", "busy", REJECTED),
        key(
            "handler",
            Kind::TIME,
            "\"30s\"",
            "\"10s\"",
            at!(Config: timeouts.handler),
            "From dispatch to a function's answer, unless its route or the function says \
             otherwise; also the deadline the function is told",
        )
        .live()
        .flag("--timeout-handler")
        .breach("504", "late", REJECTED),
        key(
            "linger",
            Kind::TIME,
            "\"2s\"",
            "\"1s\"",
            at!(Config: timeouts.linger),
            "For the client's end after ours, so that it can read an early answer",
        )
        .live()
        .flag("--timeout-linger")
        .breach("close", "linger", TIMEOUTS_TOTAL),
    ],
};

pub(crate) static WORKERS: Section<Config> = Section {
    caption: Caption {
        name: "workers",
        header: Header::Table,
        title: "[workers]",
        meaning: "Threads, and what may wait for them.",
    },
    within: &[],
    keys: &[
        key(
            "event_loops",
            count_or("auto", LOOPS_MAX),
            "\"auto\"",
            "3",
            &crate::config::file::place::LOOPS,
            "Event loops, each with a thread of its own",
        )
        .default_is("one per processor")
        .flag("--event-loops"),
        key(
            "threads",
            count_or("auto", THREADS_MAX),
            "\"auto\"",
            "7",
            &crate::config::file::place::THREADS,
            "Threads that call functions",
        )
        .default_is("one per processor")
        .flag("--workers"),
        key(
            "queue",
            Kind::count(1 << 20),
            "256",
            "128",
            at!(Config: workers.queue_jobs_max),
            "Requests that may wait for a worker",
        )
        .flag("--queue")
        .breach("503 with Retry-After", "busy", REJECTED),
        key(
            "abandon_max",
            Kind::count(THREADS_MAX),
            "4",
            "2",
            at!(Config: workers.abandoned_max),
            "Calls that may be given up at once; each leaves a thread behind",
        )
        .flag("--abandon-max")
        .breach(
            "no worker is replaced any more; not ready",
            "busy",
            "fezz_workers_abandoned_total",
        ),
    ],
};

pub(crate) static DRAIN: Section<Config> = Section {
    caption: Caption {
        name: "drain",
        header: Header::Table,
        title: "[drain]",
        meaning: "How to stop.",
    },
    within: &[],
    keys: &[
        key(
            "delay",
            Kind::Time { word: None, zero: true },
            "\"0s\"",
            "\"3s\"",
            at!(Config: drain.delay),
            "Still serving after the signal, while /readyz says 503 already",
        )
        .live()
        .flag("--drain-delay"),
        key(
            "grace",
            Kind::TIME,
            "\"25s\"",
            "\"10s\"",
            at!(Config: drain.grace),
            "For requests under way to finish",
        )
        .live()
        .flag("--drain-grace")
        .breach("connections are cut", "drained", CLOSED),
    ],
};
