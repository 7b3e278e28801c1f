//! What is told about the server's work, who may tell it what, and what it gives up.

use crate::config::file::datum::Choice as _;
use crate::config::file::key::{Caption, Header, Section, at, key};
use crate::config::file::place::{
    ACCESS_FORMAT, ACCESS_HEADERS, ACCESS_OUTPUT, ACCESS_QUERY, ADMIN_MODE, AUDIT_OUTPUT,
    METRICS_LISTEN,
};
use crate::config::file::value::Kind;
use crate::config::{AccessFormat, Config, LogFormat, LogLevel, Propagate};

/// A log's place.
const OUTPUT: Kind = Kind::Path { prefix: "", words: &["stderr", "stdout"] };

pub(crate) static METRICS: Section<Config> = Section {
    caption: Caption {
        name: "metrics",
        header: Header::Table,
        title: "[metrics]",
        meaning: "The page for monitoring, on a listener of its own.",
    },
    within: &[],
    keys: &[key(
        "listen",
        Kind::Text { like: "an address and a port such as \"127.0.0.1:9464\"", words: &["off"] },
        "\"127.0.0.1:9464\"",
        "\"[::1]:9465\"",
        &METRICS_LISTEN,
        "Where /metrics, /healthz and /readyz are; never where strangers can reach it",
    )
    .flag("--metrics")],
};

pub(crate) static LOG: Section<Config> = Section {
    caption: Caption {
        name: "log",
        header: Header::Table,
        title: "[log]",
        meaning: "The server's own log.",
    },
    within: &[],
    keys: &[
        key(
            "level",
            Kind::Word(LogLevel::WORDS),
            "\"info\"",
            "\"warn\"",
            at!(Config: log.level),
            "What is worth a line",
        )
        .flag("--log-level"),
        key(
            "format",
            Kind::Word(LogFormat::WORDS),
            "\"auto\"",
            "\"json\"",
            at!(Config: log.format),
            "How lines look; auto is text on a terminal, JSON elsewhere",
        )
        .flag("--log-format"),
        key(
            "output",
            OUTPUT,
            "\"stderr\"",
            "\"/var/log/fezz/fezz.log\"",
            at!(Config: log.output),
            "Where they go; a file is opened anew on SIGUSR1",
        ),
    ],
};

pub(crate) static ACCESS_LOG: Section<Config> = Section {
    caption: Caption {
        name: "access_log",
        header: Header::Table,
        title: "[access_log]",
        meaning: "A line for each request; none without this section.",
    },
    within: &[],
    keys: &[
        key(
            "output",
            OUTPUT,
            "",
            "\"/var/log/fezz/access.log\"",
            &ACCESS_OUTPUT,
            "Where they go; a file is opened anew on SIGUSR1",
        )
        .required()
        .flag("--access-log"),
        key(
            "format",
            Kind::Word(AccessFormat::WORDS),
            "\"json\"",
            "\"combined\"",
            &ACCESS_FORMAT,
            "How they look",
        ),
        key(
            "query",
            Kind::Flag,
            "false",
            "true",
            &ACCESS_QUERY,
            "Whether query strings are part of them; they often carry what is private",
        ),
        key(
            "headers",
            Kind::list("\"user-agent\""),
            "",
            "[\"user-agent\", \"referer\"]",
            &ACCESS_HEADERS,
            "Request fields whose values are part of them; never one that carries a credential",
        ),
    ],
};

pub(crate) static AUDIT_LOG: Section<Config> = Section {
    caption: Caption {
        name: "audit_log",
        header: Header::Table,
        title: "[audit_log]",
        meaning: "A line for each request that asked a function: who, what, and how it ended; none \
                  without this section.",
    },
    within: &[],
    keys: &[key(
        "output",
        OUTPUT,
        "",
        "\"/var/log/fezz/audit.log\"",
        &AUDIT_OUTPUT,
        "Where they go; a file is opened anew on SIGUSR1",
    )
    .required()
    .flag("--audit-log")],
};

pub(crate) static TRACING: Section<Config> = Section {
    caption: Caption {
        name: "tracing",
        header: Header::Table,
        title: "[tracing]",
        meaning: "What goes along with a request through everybody who works on it.",
    },
    within: &[],
    keys: &[key(
        "propagate",
        Kind::Word(Propagate::WORDS),
        "\"w3c\"",
        "\"off\"",
        at!(Config: tracing.propagate),
        "Whether traceparent and tracestate are read, made where absent, logged and passed on",
    )],
};

pub(crate) static ADMIN: Section<Config> = Section {
    caption: Caption {
        name: "admin",
        header: Header::Table,
        title: "[admin]",
        meaning: "The operator's interface: a Unix socket, never TCP. None without this section.",
    },
    within: &[],
    keys: &[
        key(
            "listen",
            Kind::Path { prefix: "unix:", words: &["off"] },
            "\"off\"",
            "\"unix:/run/fezz/admin.sock\"",
            at!(Config: admin.socket),
            "The socket of 'fezz reload', 'drain' and 'status'",
        )
        .flag("--admin"),
        key(
            "mode",
            Kind::Word(&["0600"]),
            "\"0600\"",
            "\"0600\"",
            &ADMIN_MODE,
            "The socket's mode; there is no other, so that who may write there is its owner",
        ),
    ],
};

pub(crate) static SANDBOX: Section<Config> = Section {
    caption: Caption {
        name: "sandbox",
        header: Header::Table,
        title: "[sandbox]",
        meaning: "What the process gives up once everything is open.",
    },
    within: &[],
    keys: &[
        key(
            "user",
            Kind::text("the name of a user such as \"fezz\""),
            "",
            "\"fezz\"",
            at!(Config: sandbox.user),
            "Who it becomes when it was started as root",
        )
        .flag("--user"),
        key(
            "landlock",
            Kind::Flag,
            "false",
            "true",
            at!(Config: sandbox.landlock),
            "Whether it and its functions can no longer open what the configuration does not name",
        ),
    ],
};
