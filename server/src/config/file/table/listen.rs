//! Where to listen, who we are there, and on what terms.

use std::path::PathBuf;

use ipnet::IpNet;

use crate::config::file::datum::Choice as _;
use crate::config::file::fault::Fault;
use crate::config::file::key::{By, Caption, Datum, Header, Section, at, key};
use crate::config::file::place::{
    CLIENT_MODES, HSTS, TICKETS, TICKETS_ROTATE_AFTER, ca, label, mode, set_ca, set_mode,
};
use crate::config::file::value::{Kind, Value};
use crate::config::{
    CertificateFiles, ClientCa, Config, Forwarded, HTTPS_PORT, ListenAddress, ListenerConfig,
    Serves, TlsVersion, UnknownSni,
};

/// A listener as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListenerDraft {
    pub(crate) name: Option<String>,
    pub(crate) addresses: Vec<ListenAddress>,
    pub(crate) tls: bool,
    pub(crate) redirect: bool,
    pub(crate) https_port: Option<u16>,
    pub(crate) acme_dir: Option<PathBuf>,
    pub(crate) client_ca: Option<ClientCa>,
    pub(crate) proxy_protocol: bool,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) forwarded: Forwarded,
}

impl ListenerDraft {
    /// What a listener would be written as.
    pub(crate) fn of(config: &ListenerConfig) -> Self {
        let (https_port, acme_dir) = match &config.serves {
            Serves::Redirect { https_port, acme_dir } => (Some(*https_port), acme_dir.clone()),
            Serves::Plain | Serves::Tls => (None, None),
        };
        Self {
            name: Some(config.name.clone()),
            addresses: config.addresses.clone(),
            tls: config.serves == Serves::Tls,
            redirect: https_port.is_some(),
            https_port,
            acme_dir,
            client_ca: config.client_ca.clone(),
            proxy_protocol: config.proxy_protocol,
            trusted_proxies: config.trusted_proxies.clone(),
            forwarded: config.forwarded,
        }
    }

    /// The listener, and what its parts have against each other, each with its key.
    pub(crate) fn finish(self) -> (ListenerConfig, Vec<(&'static str, Fault)>) {
        let mut found = Vec::new();
        let (tls, redirect) = ("tls = true", "redirect = \"https\"");
        if self.redirect && self.tls {
            found.push(("redirect", Fault::Both { other: "tls" }));
        }
        for (key, there) in [
            ("https_port", self.https_port.is_some()),
            ("acme_challenges", self.acme_dir.is_some()),
        ] {
            if there && !self.redirect {
                found.push((key, Fault::Needs { other: redirect }));
            }
        }
        if self.client_ca.is_some() && !self.tls {
            found.push(("client_auth", Fault::Needs { other: tls }));
        }
        if self.client_ca.as_ref().is_some_and(|it| it.file.as_os_str().is_empty()) {
            found.push(("client_auth.mode", Fault::Needs { other: "client_auth.ca" }));
        }
        let (name, serves) = match (self.redirect, self.tls) {
            (true, _) => {
                let https_port = self.https_port.unwrap_or(HTTPS_PORT);
                ("redirect", Serves::Redirect { https_port, acme_dir: self.acme_dir })
            }
            (false, true) => ("https", Serves::Tls),
            (false, false) => ("http", Serves::Plain),
        };
        let listener = ListenerConfig {
            name: self.name.unwrap_or_else(|| name.to_owned()),
            addresses: self.addresses,
            serves,
            client_ca: self.client_ca,
            proxy_protocol: self.proxy_protocol,
            trusted_proxies: self.trusted_proxies,
            forwarded: self.forwarded,
        };
        (listener, found)
    }
}

static NAME: By<ListenerDraft> = By {
    get: |it| it.name.value(),
    set: |it, value| {
        it.name = Some(label(value)?);
        Ok(())
    },
};

static ADDRESS: By<ListenerDraft> = By {
    get: |it| it.addresses.value(),
    set: |it, value| {
        it.addresses = Datum::read(value)?;
        if it.addresses.is_empty() { Err(Fault::EmptyList.into()) } else { Ok(()) }
    },
};

static REDIRECT: By<ListenerDraft> = By {
    get: |it| if it.redirect { Value::Word("https") } else { Value::Unset },
    set: |it, _| {
        it.redirect = true;
        Ok(())
    },
};

static CLIENT_CA: By<ListenerDraft> =
    By { get: |it| ca(it.client_ca.as_ref()), set: |it, value| set_ca(&mut it.client_ca, value) };

static CLIENT_MODE: By<ListenerDraft> = By {
    get: |it| mode(it.client_ca.as_ref()),
    set: |it, value| {
        set_mode(&mut it.client_ca, &value);
        Ok(())
    },
};

static PROXY: By<ListenerDraft> = By {
    get: |it| Value::Word(if it.proxy_protocol { "require" } else { "off" }),
    set: |it, value| {
        it.proxy_protocol = value == Value::Word("require");
        Ok(())
    },
};

const NET: &str = "\"10.0.0.0/8\", \"2001:db8::/32\"";

pub(crate) static LISTENER: Section<ListenerDraft> = Section {
    caption: Caption {
        name: "listener",
        header: Header::Array,
        title: "[[listener]]",
        meaning: "Addresses that are served on the same terms.",
    },
    within: &[],
    keys: &[
        key(
            "name",
            Kind::text("a name such as \"https\""),
            "",
            "\"edge\"",
            &NAME,
            "Its name in logs and metrics",
        )
        .default_is("\"https\" with tls, \"redirect\" with redirect, else \"http\""),
        key(
            "address",
            Kind::List { like: "\"[::]:443\", \"systemd:NAME\"", single: true },
            "",
            "[\"0.0.0.0:443\", \"[::]:443\"]",
            &ADDRESS,
            "Where to listen; port 0 lets the system choose, systemd:NAME takes a socket that is \
             handed over under that name",
        )
        .required(),
        key(
            "tls",
            Kind::Flag,
            "false",
            "true",
            at!(ListenerDraft: tls),
            "Whether TLS is spoken there",
        )
        .flag("--listen-tls"),
        key(
            "redirect",
            Kind::Word(&["https"]),
            "",
            "\"https\"",
            &REDIRECT,
            "Answers everything with the same target under https (308)",
        )
        .flag("--redirect-https"),
        key(
            "https_port",
            Kind::count(65_535),
            "",
            "8443",
            at!(ListenerDraft: https_port),
            "The port in those answers",
        )
        .default_is("443"),
        key(
            "acme_challenges",
            Kind::PATH,
            "",
            "\"/var/lib/fezz/acme\"",
            at!(ListenerDraft: acme_dir),
            "A directory whose files answer /.well-known/acme-challenge/ before that",
        )
        .flag("--acme-dir"),
        key(
            "client_auth.ca",
            Kind::PATH,
            "",
            "\"/etc/fezz/tls/partners-ca.pem\"",
            &CLIENT_CA,
            "The authorities whose client certificates count there, in PEM",
        )
        .default_is("nobody is asked for one")
        .flag("--tls-client-ca")
        .breach("alert", "client_certificate", "fezz_tls_handshake_failures_total"),
        key(
            "client_auth.mode",
            Kind::Word(CLIENT_MODES),
            "",
            "\"optional\"",
            &CLIENT_MODE,
            "Whether a client without a certificate is refused",
        )
        .default_is("\"require\" beside a ca"),
        key(
            "proxy_protocol",
            Kind::Word(&["off", "require"]),
            "\"off\"",
            "\"require\"",
            &PROXY,
            "Whether every connection begins with a PROXY header, version 1 or 2",
        )
        .breach("close", "proxy", "fezz_connections_rejected_total"),
        key(
            "trusted_proxies",
            Kind::list(NET),
            "",
            "[\"10.0.0.0/8\", \"fd00::/8\"]",
            at!(ListenerDraft: trusted_proxies),
            "Who may say where a connection or a request really comes from",
        ),
        key(
            "forwarded",
            Kind::Word(Forwarded::WORDS),
            "\"off\"",
            "\"rfc7239\"",
            at!(ListenerDraft: forwarded),
            "The field by which trusted proxies say it, read from right to left up to the first \
             one that is not trusted",
        ),
    ],
};

pub(crate) static TLS: Section<Config> = Section {
    caption: Caption {
        name: "tls",
        header: Header::Table,
        title: "[tls]",
        meaning: "What all listeners with TLS have in common.",
    },
    within: &[],
    keys: &[
        key(
            "min_version",
            Kind::Word(TlsVersion::WORDS),
            "\"1.2\"",
            "\"1.3\"",
            at!(Config: tls.version_min),
            "The oldest version of TLS",
        )
        .flag("--tls-min")
        .breach("alert", "version", "fezz_tls_handshake_failures_total"),
        key(
            "unknown_sni",
            Kind::Word(UnknownSni::WORDS),
            "\"reject\"",
            "\"default\"",
            at!(Config: tls.unknown_sni),
            "What a client gets that asks for a name without a certificate: an alert, or the \
             default certificate",
        )
        .flag("--tls-unknown-sni")
        .breach("alert", "unknown_name", "fezz_tls_handshake_failures_total"),
        key(
            "self_signed",
            Kind::Flag,
            "false",
            "true",
            at!(Config: tls.self_signed),
            "Makes a certificate for localhost, for development",
        )
        .flag("--tls-self-signed"),
        key(
            "hsts",
            Kind::Text { like: "\"max-age=31536000\"", words: &["off"] },
            "\"off\"",
            "\"max-age=31536000\"",
            &HSTS,
            "Tells browsers for how many seconds to come with TLS only \
             (Strict-Transport-Security)",
        )
        .flag("--hsts"),
        key(
            "tickets",
            Kind::Word(&["off"]),
            "",
            "\"off\"",
            &TICKETS,
            "Turns tickets off: every connection begins with a whole handshake",
        ),
        key(
            "tickets.rotate",
            Kind::TIME,
            "\"6h\"",
            "\"1h\"",
            &TICKETS_ROTATE_AFTER,
            "How long one key makes tickets, from 1m to 6h; it reads them for as long again",
        ),
    ],
};

/// A certificate as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CertificateDraft {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) default: bool,
}

impl CertificateDraft {
    /// What a certificate would be written as, when it is the `place`th one.
    pub(crate) fn of(files: &CertificateFiles, place: usize) -> Self {
        Self { cert: files.chain.clone(), key: files.key.clone(), default: place == 0 }
    }
}

pub(crate) static CERTIFICATE: Section<CertificateDraft> = Section {
    caption: Caption {
        name: "certificate",
        header: Header::Array,
        title: "[[certificate]]",
        meaning: "Who the server is. The names are read from the certificate; the files are \
                  watched and exchanged without a restart.",
    },
    within: &[],
    keys: &[
        key(
            "cert",
            Kind::PATH,
            "",
            "\"/etc/fezz/tls/fullchain.pem\"",
            at!(CertificateDraft: cert),
            "The certificate, then its issuers, in PEM",
        )
        .required()
        .live()
        .flag("--certificate"),
        key(
            "key",
            Kind::PATH,
            "",
            "\"/etc/fezz/tls/privkey.pem\"",
            at!(CertificateDraft: key),
            "Its private key, in PEM, not encrypted",
        )
        .required()
        .live()
        .flag("--certificate"),
        key(
            "default",
            Kind::Flag,
            "false",
            "true",
            at!(CertificateDraft: default),
            "Whether it serves clients that ask for no name",
        )
        .live()
        .default_is("the first one, if none says so"),
    ],
};
