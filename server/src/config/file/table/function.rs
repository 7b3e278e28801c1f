//! Artifacts to load, and what is said about each.

use std::path::PathBuf;

use crate::config::file::datum::Choice as _;
use crate::config::file::fault::{Fault, Wrong};
use crate::config::file::key::{By, Caption, Datum, Header, Section, at, key};
use crate::config::file::place::{is_field_value, label};
use crate::config::file::value::{Kind, Value};
use crate::config::{
    Abi, Fallback, FunctionConfig, FunctionOptions, OptionFault, Placement, TlsWish, parse_digest,
};
use crate::plugin::version::Version;

/// A function as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FunctionDraft {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<Version>,
    pub(crate) artifact: PathBuf,
    pub(crate) options: FunctionOptions,
    pub(crate) fallback: FallbackDraft,
}

/// What answers when a function does not, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FallbackDraft {
    pub(crate) word: Option<&'static str>,
    pub(crate) status: Option<u16>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Option<String>,
}

/// The media type of an answer of the operator's that does not say it.
const CONTENT_TYPE: &str = "text/plain; charset=utf-8";
/// Words of `fallback`.
pub(crate) const FALLBACKS: &[&str] = &["error", "previous"];
/// A status that may be sent in the place of an answer.
pub(crate) const STATUS: Kind = Kind::Count { least: 200, most: 599, word: None };

impl FallbackDraft {
    /// What a fallback would be written as.
    pub(crate) fn of(fallback: Option<&Fallback>) -> Self {
        let mut draft = Self::default();
        match fallback {
            None => {}
            Some(Fallback::FailRequest) => draft.word = Some("error"),
            Some(Fallback::Previous) => draft.word = Some("previous"),
            Some(Fallback::Static { status, content_type, body }) => {
                draft.status = Some(*status);
                draft.content_type = Some(content_type.clone());
                draft.body = Some(String::from_utf8_lossy(body).into_owned());
            }
        }
        draft
    }

    /// The fallback, and what its parts have against each other, each with its key.
    pub(crate) fn finish(self) -> (Option<Fallback>, Option<(&'static str, Fault)>) {
        match (self.word, self.status) {
            (Some("previous"), _) => (Some(Fallback::Previous), None),
            (Some(_), _) => (Some(Fallback::FailRequest), None),
            (None, None) => {
                let written = self.content_type.is_some() || self.body.is_some();
                let needs = || ("fallback", Fault::Needs { other: "fallback.status" });
                (None, written.then(needs))
            }
            (None, Some(status)) => {
                let body = self.body.unwrap_or_default().into_bytes();
                // RFC 9110 §15.3.5, §15.3.6, §15.4.5.
                let bare = matches!(status, 204 | 205 | 304) && !body.is_empty();
                let fault = bare.then_some(("fallback.status", Fault::Status));
                let content_type = self.content_type.unwrap_or_else(|| CONTENT_TYPE.to_owned());
                (Some(Fallback::Static { status, content_type, body }), fault)
            }
        }
    }
}

impl FunctionDraft {
    /// What a function would be written as.
    pub(crate) fn of(config: &FunctionConfig) -> Self {
        Self {
            name: config.name.clone(),
            version: config.version.clone(),
            artifact: config.artifact.clone(),
            fallback: FallbackDraft::of(config.options.fallback.as_ref()),
            options: config.options.clone(),
        }
    }

    /// The function, and what its parts have against each other, each with its key.
    pub(crate) fn finish(self) -> (FunctionConfig, Vec<(&'static str, Fault)>) {
        let (fallback, fault) = self.fallback.finish();
        let mut found: Vec<(&'static str, Fault)> = fault.into_iter().collect();
        if self.version.is_some() && self.name.is_none() {
            found.push(("version", Fault::Needs { other: "name" }));
        }
        let options = FunctionOptions { fallback, ..self.options };
        let Self { name, version, artifact, .. } = self;
        (FunctionConfig { name, version, artifact, options }, found)
    }
}

static NAME: By<FunctionDraft> = By {
    get: |it| it.name.value(),
    set: |it, value| {
        let text = label(value)
            .map_err(|_| Wrong::from(Fault::Name(crate::plugin::version::NameError::Name)))?;
        it.name = Some(text);
        Ok(())
    },
};

static DIGEST: By<FunctionDraft> = By {
    get: |it| {
        let hex = |digest: [u8; 32]| digest.iter().map(|octet| format!("{octet:02x}")).collect();
        it.options.sha256.map(hex).map_or(Value::Unset, Value::Text)
    },
    set: |it, value| {
        let digest = parse_digest(&String::read(value)?).map_err(|why| match why {
            OptionFault::Digest { digits } => Fault::Digest { digits },
            _ => Fault::Digest { digits: 0 },
        })?;
        it.options.sha256 = Some(digest);
        Ok(())
    },
};

static FALLBACK: By<FunctionDraft> = By {
    get: |it| it.fallback.word.map_or(Value::Unset, Value::Word),
    set: |it, value| fallback_word(&mut it.fallback, &value),
};

static CONTENT: By<FunctionDraft> = By {
    get: |it| it.fallback.content_type.value(),
    set: |it, value| fallback_type(&mut it.fallback, value),
};

/// Puts the word for a fallback into its place.
pub(crate) fn fallback_word(draft: &mut FallbackDraft, value: &Value) -> Result<(), Wrong> {
    if let Value::Word(word) = value {
        draft.word = Some(word);
    }
    Ok(())
}

/// Puts the media type of a fallback into its place.
pub(crate) fn fallback_type(draft: &mut FallbackDraft, value: Value) -> Result<(), Wrong> {
    let text = String::read(value)?;
    if text.is_empty() || !is_field_value(&text) {
        return Err(Fault::FieldValue.into());
    }
    draft.content_type = Some(text);
    Ok(())
}

const DISPATCH: &str = "fezz_dispatch_errors_total";

pub(crate) static FUNCTION: Section<FunctionDraft> = Section {
    caption: Caption {
        name: "function",
        header: Header::Array,
        title: "[[function]]",
        meaning: "An artifact to load, and what is said about it. Several versions of one function \
                  are several of these.",
    },
    within: &[],
    keys: &[
        key(
            "name",
            Kind::text("a name such as \"orders\""),
            "",
            "\"orders\"",
            &NAME,
            "Its name in routes, logs and metrics",
        )
        .live()
        .default_is("what the artifact says"),
        key(
            "version",
            Kind::text("a version such as \"2.1.0\""),
            "",
            "\"2.1.0\"",
            at!(FunctionDraft: version),
            "Its version, by which routes choose: orders@2.1",
        )
        .live()
        .default_is("what the artifact says"),
        key(
            "artifact",
            Kind::PATH,
            "",
            "\"/var/lib/fezz/liborders.so\"",
            at!(FunctionDraft: artifact),
            "The shared library",
        )
        .required()
        .live()
        .flag("--function"),
        key(
            "sha256",
            Kind::text("64 hexadecimal digits"),
            "",
            "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
            &DIGEST,
            "The digest its octets must have",
        )
        .live()
        .flag("--set NAME.sha256"),
        key(
            "timeout",
            Kind::TIME,
            "",
            "\"10s\"",
            at!(FunctionDraft: options.timeout),
            "From dispatch to its answer, unless the route says otherwise",
        )
        .live()
        .default_is("timeouts.handler")
        .flag("--set NAME.timeout")
        .breach("504", "late", "fezz_http_rejected_total"),
        key(
            "max_in_flight",
            Kind::Count { least: 1, most: 1 << 20, word: Some("off") },
            "\"off\"",
            "8",
            at!(FunctionDraft: options.max_in_flight),
            "Requests waiting for it and calls inside it",
        )
        .live()
        .flag("--set NAME.max-in-flight")
        .breach("503 with Retry-After", "crowded", "fezz_http_rejected_total"),
        key(
            "max_concurrency",
            Kind::count(1 << 20),
            "",
            "4",
            at!(FunctionDraft: options.max_concurrency),
            "Calls inside it at once; the smaller of this and what the function says holds",
        )
        .live()
        .default_is("what the function says")
        .flag("--set NAME.max-concurrency"),
        key(
            "placement",
            Kind::Word(Placement::WORDS),
            "",
            "\"inline\"",
            at!(FunctionDraft: options.placement),
            "Where its calls run: on a worker, on the event loop, or there as long as they prove \
             to be short",
        )
        .live()
        .default_is("\"auto\" if the function says that its calls are short, else \"worker\"")
        .flag("--set NAME.placement"),
        key(
            "abandon_max",
            Kind::count(1 << 20),
            "2",
            "1",
            at!(FunctionDraft: options.abandon_max),
            "Calls given up before it gets no new ones for a while",
        )
        .live()
        .flag("--set NAME.abandon-max")
        .breach("503 with Retry-After", "quarantined", "fezz_http_rejected_total"),
        key(
            "quarantine",
            Kind::TIME,
            "\"10s\"",
            "\"30s\"",
            at!(FunctionDraft: options.quarantine),
            "How long that is, before one call is tried again",
        )
        .live()
        .flag("--set NAME.quarantine"),
        key(
            "fallback",
            Kind::Word(FALLBACKS),
            "",
            "\"previous\"",
            &FALLBACK,
            "What a client gets when it did not answer: the error, or the answer of the version \
             before; or a table with an answer of yours",
        )
        .live()
        .default_is("what the function asks for, else \"error\"")
        .flag("--set NAME.fallback")
        .breach("502 or 504 with \"error\"", "bad_handler", DISPATCH),
        key(
            "fallback.status",
            STATUS,
            "",
            "503",
            at!(FunctionDraft: fallback.status),
            "The status of your answer",
        )
        .live(),
        key(
            "fallback.content_type",
            Kind::text("a media type such as \"application/json\""),
            "",
            "\"application/json\"",
            &CONTENT,
            "Its media type",
        )
        .live()
        .default_is("\"text/plain; charset=utf-8\""),
        key(
            "fallback.body",
            Kind::text("any text"),
            "",
            "\"later\"",
            at!(FunctionDraft: fallback.body),
            "Its content",
        )
        .live(),
        key(
            "ttl",
            Kind::Time { word: Some("off"), zero: false },
            "\"off\"",
            "\"1h\"",
            at!(FunctionDraft: options.ttl),
            "Unused for so long, it is finished and begins anew with the next call",
        )
        .live()
        .flag("--set NAME.ttl"),
        key(
            "tls",
            Kind::Word(TlsWish::WORDS),
            "\"off\"",
            "\"facts\"",
            at!(FunctionDraft: options.tls),
            "What it is told about the connection's TLS: nothing, what was settled, or the \
             ClientHello too",
        )
        .live()
        .flag("--set NAME.tls"),
        key(
            "abi",
            Kind::Word(Abi::WORDS),
            "\"v2\"",
            "\"v1\"",
            at!(FunctionDraft: options.abi),
            "The boundary it speaks; v1 is the earlier one, for migration only",
        )
        .live()
        .flag("--set NAME.abi"),
        key(
            "config",
            Kind::Pairs { like: "{ greeting = \"hello\" }", counts: false },
            "",
            "{ \"greeting\" = \"hello\" }",
            at!(FunctionDraft: options.config),
            "What it is given when it begins: names and texts; write secrets as the paths of files",
        )
        .live()
        .flag("--set NAME.config.K"),
    ],
};
