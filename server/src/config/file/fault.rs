//! What can be wrong with a configuration file, in two parts: what is wrong, and what to do.

use std::fmt;
use std::io;

use super::lint::Lint;
use super::value::{Kind, quantity, show_size};
use crate::config::ConfigError;
use crate::config::error::ListenFault;
use crate::plugin::pattern::PatternError;
use crate::plugin::version::NameError;
use crate::units::UnitError;

/// A value that cannot be put into its place.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// Its place in a list, if it is in one.
    pub(crate) index: Option<usize>,
    /// What is wrong.
    pub(crate) fault: Fault,
}

impl Wrong {
    /// An element of a list.
    pub(crate) const fn within(index: usize, fault: Fault) -> Self {
        Self { index: Some(index), fault }
    }
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self { index: None, fault }
    }
}

/// What is wrong with a configuration file. The operator's fault.
#[derive(Debug)]
pub enum Fault {
    /// The file cannot be read.
    Unreadable(io::Error),
    /// The file is larger than any honest one.
    TooLarge {
        /// The most octets it may have.
        bytes_max: u64,
    },
    /// The file is not UTF-8.
    NotText,
    /// The file says nothing.
    Empty,
    /// This is not TOML.
    Syntax {
        /// What the reader of TOML says.
        why: String,
    },
    /// There is no `version`.
    NoVersion,
    /// An included file includes others.
    NestedInclude,
    /// A file includes itself.
    SelfInclude,
    /// A pattern has a `*` before its last part.
    IncludePattern,
    /// There are too many files.
    TooManyFiles {
        /// The most there may be.
        max: usize,
    },
    /// A section may stand in the main file only.
    MainOnly,
    /// There is no such section.
    UnknownSection {
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// There is no such key in this section.
    UnknownKey {
        /// What may have been meant.
        nearest: Option<&'static str>,
        /// Where such a key is.
        elsewhere: Vec<&'static str>,
        /// This section.
        section: &'static str,
    },
    /// A section is begun in the wrong way.
    Header {
        /// The right way.
        right: String,
    },
    /// A key that must be there is not.
    Missing {
        /// The key.
        key: &'static str,
        /// What is written there.
        expects: String,
    },
    /// The value is of another type.
    Type {
        /// The kind that is needed.
        expected: Kind,
        /// The type that is there.
        found: &'static str,
    },
    /// A number with a unit is wrong.
    Unit {
        /// What is there.
        text: String,
        /// What is wrong with it.
        why: UnitError,
        /// A word that may stand for it.
        word: Option<&'static str>,
    },
    /// A size is out of bounds.
    SizeRange {
        /// The least, in octets.
        least: u64,
        /// The most, in octets.
        most: u64,
    },
    /// A count is out of bounds.
    CountRange {
        /// The least.
        least: u32,
        /// The most.
        most: u32,
    },
    /// The value is not one of a few words.
    Word {
        /// What is there.
        text: String,
        /// The words.
        words: &'static [&'static str],
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// A path does not begin as it must.
    Prefix {
        /// How it must begin.
        prefix: &'static str,
    },
    /// A path is empty or has a NUL.
    NoPath,
    /// A name is not made of the right characters.
    Label,
    /// An address to listen on is wrong.
    Listen(ListenFault),
    /// The name of a handed over socket is missing.
    SystemdName,
    /// A list has nothing in it.
    EmptyList,
    /// Not an address or a range of addresses.
    Net,
    /// A range has octets behind its prefix.
    NetHost {
        /// The range without them.
        whole: String,
    },
    /// The name or version of a function is wrong.
    Name(NameError),
    /// A part of a route is wrong.
    Pattern(PatternError),
    /// Not the name of a field.
    FieldName,
    /// A field that carries a credential.
    Credential,
    /// Not the value of a field.
    FieldValue,
    /// A digest is not 64 hexadecimal digits.
    Digest {
        /// Its characters.
        digits: usize,
    },
    /// A status that cannot be sent.
    Status,
    /// Not `"max-age=SECONDS"`.
    MaxAge,
    /// Keys of tickets change too often or too seldom.
    TicketsRotate,
    /// Not `"50/s"`.
    RatePer,
    /// Not an origin.
    Origin,
    /// Every origin and credentials.
    OriginAny,
    /// Shares are not whole percents.
    Percent,
    /// Shares are not a hundred together.
    PercentSum {
        /// What they are.
        sum: u64,
    },
    /// Two keys that exclude each other.
    Both {
        /// The other one.
        other: &'static str,
    },
    /// A key that means something only beside another one.
    Needs {
        /// The other one, as written.
        other: &'static str,
    },
    /// A name that is there twice.
    Repeated {
        /// Where it was first.
        first: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A name that is nowhere.
    Undefined {
        /// What should have it.
        what: &'static str,
        /// What may have been meant.
        nearest: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// A value that must not be above another one.
    Above {
        /// The other one.
        other: String,
    },
    /// A value that must not be below another one.
    Below {
        /// The other one.
        other: String,
    },
    /// A route that takes the same requests as another one.
    Conflict {
        /// Where the other one is.
        other: String,
    },
    /// What is allowed and seldom wise.
    Lint(Lint),
    /// What is wrong between values, or with what they name.
    Config(Box<ConfigError>),
}

impl Fault {
    /// The stable reason word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge { .. } => "too_large",
            Self::NotText => "not_text",
            Self::Empty => "empty",
            Self::Syntax { .. } => "syntax",
            Self::NoVersion => "no_version",
            Self::NestedInclude => "nested_include",
            Self::SelfInclude => "self_include",
            Self::IncludePattern => "include_pattern",
            Self::TooManyFiles { .. } => "too_many_files",
            Self::MainOnly => "main_only",
            Self::UnknownSection { .. } => "unknown_section",
            Self::UnknownKey { .. } => "unknown_key",
            Self::Header { .. } => "header",
            Self::Missing { .. } => "missing",
            Self::Type { .. } => "type",
            Self::Unit { .. } => "unit",
            Self::SizeRange { .. } | Self::CountRange { .. } | Self::TicketsRotate => "range",
            Self::Word { .. } => "word",
            Self::Prefix { .. } | Self::NoPath => "path",
            Self::Label => "label",
            Self::Listen(_) | Self::SystemdName => "listen",
            Self::EmptyList => "empty_list",
            Self::Net | Self::NetHost { .. } => "net",
            Self::Name(_) => "name",
            Self::Pattern(_) => "pattern",
            Self::FieldName | Self::FieldValue => "field",
            Self::Credential => "credential",
            Self::Digest { .. } => "digest",
            Self::Status => "status",
            Self::MaxAge => "max_age",
            Self::RatePer => "rate",
            Self::Origin | Self::OriginAny => "origin",
            Self::Percent | Self::PercentSum { .. } => "percent",
            Self::Both { .. } => "both",
            Self::Needs { .. } => "needs",
            Self::Repeated { .. } => "repeated",
            Self::Undefined { .. } => "undefined",
            Self::Above { .. } | Self::Below { .. } => "order",
            Self::Conflict { .. } => "conflict",
            Self::Lint(lint) => lint.name(),
            Self::Config(error) => error.name(),
        }
    }

    /// What to do about it; empty where the fault says it all.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Type { expected, .. } => expected.expects(),
            Self::Unit { why, word, .. } => {
                let text = why.to_string();
                let hint = text.split_once(": ").map_or("", |(_, hint)| hint).to_owned();
                match (why, word) {
                    (UnitError::Zero, Some(word)) => format!("\"{word}\" turns it off"),
                    (_, Some(word)) => format!("{hint}, or \"{word}\""),
                    (_, None) => hint,
                }
            }
            Self::Word { words, nearest, .. } => match nearest {
                Some(word) => format!("did you mean \"{word}\"?"),
                None => Kind::Word(words).expects(),
            },
            Self::UnknownKey { nearest: Some(word), .. } => format!("did you mean '{word}'?"),
            Self::UnknownKey { elsewhere, .. } if !elsewhere.is_empty() => {
                format!("there is one: {}", elsewhere.join(", "))
            }
            Self::UnknownKey { section, .. } if !section.is_empty() => {
                format!("'fezz config explain {section}' lists those there are")
            }
            Self::UnknownSection { nearest: Some(word) } => format!("did you mean '{word}'?"),
            Self::Undefined { nearest: Some(word), .. } => format!("did you mean \"{word}\"?"),
            Self::Undefined { known, .. } if known.is_empty() => "there is none yet".to_owned(),
            Self::Undefined { known, .. } => format!("there are: {}", known.join(", ")),
            Self::Missing { expects, .. } => expects.clone(),
            Self::Header { right } => format!("write {right}"),
            Self::Repeated { remedy, .. } => (*remedy).to_owned(),
            Self::NetHost { whole } => format!("did you mean \"{whole}\"?"),
            _ => self.fixed_remedy().to_owned(),
        }
    }

    /// Remedies that are always the same.
    fn fixed_remedy(&self) -> &'static str {
        match self {
            Self::Lint(lint) => lint.remedy(),
            Self::NotText => "save it as UTF-8",
            Self::Empty => "the smallest one is in packaging/smallest.toml",
            Self::NoVersion => "write 'version = 1' at its top",
            Self::NestedInclude => "name all files in the main one",
            Self::MainOnly => {
                "an included file holds [[certificate]], [[function]], [[route]] and [policy.NAME]"
            }
            Self::Label => "letters, digits, '-', '_' and '.', at most 64",
            Self::SystemdName => "write \"systemd:NAME\", with the name of FileDescriptorName=",
            Self::EmptyList => "write one at least, or leave the key out",
            Self::Net => "write \"10.0.0.0/8\", \"2001:db8::/32\" or one address",
            Self::FieldName => "the name of a header field, such as \"user-agent\"",
            Self::FieldValue => "printable characters of ASCII, with no space at either end",
            Self::Digest { .. } => "'sha256sum FILE' prints it; so does 'fezz inspect FILE'",
            Self::Status => "a status from 200 to 599 that may have content",
            Self::MaxAge => "write \"max-age=31536000\" for a year, or \"off\"",
            Self::RatePer => "write \"50/s\", \"100/m\" or \"1000/h\"",
            Self::Origin => "write \"https://example.org\" without a path, or \"*\" alone",
            Self::OriginAny => "name the origins, or leave 'credentials' out",
            Self::Percent => "write whole numbers such as { \"a@1\" = 90, \"a@2\" = 10 }",
            Self::Conflict { .. } => "remove one or make it more specific",
            Self::IncludePattern => "write \"DIR/*.toml\"",
            _ => "",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(out, "cannot be read: {error}"),
            Self::TooLarge { bytes_max } => write!(out, "has more than {bytes_max} octets"),
            Self::Syntax { why } => write!(out, "this is not TOML: {why}"),
            Self::TooManyFiles { max } => write!(out, "more than {max} files are included"),
            Self::Missing { key, .. } => write!(out, "'{key}' is missing"),
            Self::Type { expected, found: "integer" | "float" } if quantity(expected).is_some() => {
                out.write_str("the unit is missing")
            }
            Self::Type { found, .. } => write!(out, "the value is of the wrong type: {found}"),
            Self::Unit { text, why, .. } => {
                let why = why.to_string();
                let what = why.split_once(": ").map_or(why.as_str(), |(what, _)| what);
                write!(out, "'{text}': {what}")
            }
            Self::SizeRange { least, most } => {
                write!(out, "the size must be from {} to {}", show_size(*least), show_size(*most))
            }
            Self::CountRange { least, most } if least == most => {
                write!(out, "the only number known here is {least}")
            }
            Self::CountRange { least, most } => {
                write!(out, "the number must be from {least} to {most}")
            }
            Self::Word { text, .. } => write!(out, "'{text}' is not one of the known words"),
            Self::Prefix { prefix } => write!(out, "the value must begin with '{prefix}'"),
            Self::Listen(why) => why.fmt(out),
            Self::Name(why) => why.fmt(out),
            Self::Pattern(why) => why.fmt(out),
            Self::Digest { digits } => {
                write!(out, "a SHA-256 is 64 hexadecimal digits, these are {digits} characters")
            }
            Self::PercentSum { sum } => write!(out, "the shares are {sum} together, not 100"),
            Self::Both { other } => write!(out, "this and '{other}' exclude each other"),
            Self::Needs { other } => write!(out, "this means nothing without '{other}'"),
            Self::Repeated { first, .. } => write!(out, "this was there before: {first}"),
            Self::Undefined { what, .. } => write!(out, "no {what} is called so"),
            Self::Above { other } => write!(out, "this must not be above {other}"),
            Self::Below { other } => write!(out, "this must not be below {other}"),
            Self::Conflict { other } => write!(out, "the route at {other} takes the same requests"),
            Self::Lint(lint) => lint.fmt(out),
            Self::Config(error) => error.fmt(out),
            _ => out.write_str(self.fixed()),
        }
    }
}

impl Fault {
    /// Texts without a number in them.
    fn fixed(&self) -> &'static str {
        match self {
            Self::NotText => "the file is not UTF-8 from here on",
            Self::Empty => "the file says nothing",
            Self::NoVersion => "the file does not say its version",
            Self::NestedInclude => "an included file cannot include others",
            Self::SelfInclude => "the file includes itself",
            Self::IncludePattern => "'*' may stand in the last part of a path only",
            Self::MainOnly => "this may stand in the main file only",
            Self::UnknownSection { .. } => "there is no such section or key",
            Self::UnknownKey { .. } => "there is no such key here",
            Self::Header { .. } => "the section is begun in the wrong way",
            Self::NoPath => "the path is empty or has a NUL in it",
            Self::Label => "the name has other characters than it may have, or none, or too many",
            Self::SystemdName => "the name of the socket is missing",
            Self::EmptyList => "the list is empty",
            Self::Net => "this is neither an address nor a range of addresses",
            Self::NetHost { .. } => "the range has bits set behind its prefix",
            Self::FieldName => "this cannot be the name of a field",
            Self::Credential => "this field carries a credential and is never written to a log",
            Self::FieldValue => "this cannot be the value of a field",
            Self::Status => "this status cannot be sent in the place of an answer",
            Self::MaxAge => "this is not how long browsers shall remember it",
            Self::TicketsRotate => "keys of tickets change after one minute to six hours",
            Self::RatePer => "this is not a number of requests in a time",
            Self::Origin => "this is not an origin",
            Self::OriginAny => "credentials are never sent to every origin",
            Self::Percent => "a share is not a whole number from 1 to 100",
            _ => "this is wrong",
        }
    }
}
