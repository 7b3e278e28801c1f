//! Complaints about a configuration. Each says what is wrong, and where it can, what would be
//! right; they are collected and shown together.

use std::fmt;
use std::net::SocketAddr;

use fezz_abi::{LoadError, Stage};

use super::file::Complaint;
use super::grammar::FunctionFault;
use super::option_flag::OptionFault;
use crate::plugin::root::RootError;
use crate::plugin::router::RouteError;
use crate::plugin::version::{NameError, Selector};
use crate::policy::PolicyError;
use crate::tls::TlsError;
use crate::units::UnitError;

/// One thing the operator has to change.
#[derive(Debug)]
pub enum ConfigError {
    /// A number is wrong.
    Number {
        /// The flag.
        flag: &'static str,
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: UnitError,
    },
    /// An address to listen on is wrong.
    Listen {
        /// The flag.
        flag: &'static str,
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: ListenFault,
    },
    /// A flag about TLS is wrong.
    TlsFlag {
        /// The flag.
        flag: &'static str,
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: TlsFlagFault,
    },
    /// TLS is to be spoken without a certificate.
    NoCertificate,
    /// A certificate, a key or an authority is not usable.
    Tls(TlsError),
    /// A function is written in the wrong way.
    Function {
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: FunctionFault,
    },
    /// A route is written in the wrong way.
    Route {
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: FunctionFault,
    },
    /// An option of a function is wrong.
    Option {
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: OptionFault,
    },
    /// An option is about a function that is not loaded.
    OptionTarget {
        /// The function it names.
        selector: Selector,
        /// What may have been meant.
        nearest: Option<String>,
        /// What there is, with versions.
        loaded: Vec<String>,
    },
    /// A function does not begin.
    Begin {
        /// The function, with its version.
        function: String,
        /// The step that failed.
        stage: Stage,
        /// Why, and what to do.
        why: String,
    },
    /// There is nothing to listen on.
    NoListener,
    /// The same address is listed twice.
    RepeatedListener {
        /// The address.
        address: SocketAddr,
    },
    /// There are more addresses than one loop can watch.
    TooManyListeners {
        /// The most there may be.
        max: usize,
    },
    /// There is no function to serve.
    NoFunction,
    /// A limit that must not be above another one is.
    Order {
        /// The flag with the value that is too large.
        low: &'static str,
        /// The flag it must not exceed.
        high: &'static str,
    },
    /// An artifact cannot be loaded.
    Artifact(LoadError),
    /// The version an artifact says it has is none.
    ArtifactVersion {
        /// The function.
        name: String,
        /// What the artifact says.
        text: String,
        /// What is wrong with it.
        why: NameError,
    },
    /// Two artifacts have the same name and version.
    SameFunction {
        /// The function, with its version.
        function: String,
    },
    /// The directory of functions is not in order.
    Root(RootError),
    /// A route names a function that is not loaded.
    UnknownFunction {
        /// What was asked for.
        selector: Selector,
        /// What there is, with versions.
        loaded: Vec<String>,
    },
    /// A function has no route, so nothing can reach it.
    Unreachable {
        /// The function, with its version.
        function: String,
    },
    /// Two routes could both win.
    Conflict(RouteError),
    /// The shares of a route's functions do not make a hundred.
    Shares {
        /// The route.
        route: String,
        /// Their sum.
        sum: u64,
    },
    /// A route looks at a field that no request can have.
    HeaderMatch {
        /// The route.
        route: String,
    },
    /// A route has the place of a policy that is not there: a mistake of whoever made the
    /// configuration.
    NoPolicy {
        /// The route.
        route: String,
    },
    /// A policy cannot be served.
    Policy(PolicyError),
    /// Limits contradict each other.
    Limits(fezz_proto::LimitsError),
    /// A configuration file is wrong.
    File(Box<Complaint>),
}

/// What is wrong with an address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenFault {
    /// There is no port.
    NoPort,
    /// There is a port and no address.
    NoAddress,
    /// The host is a name.
    Name,
    /// The port is not a number from 0 to 65535.
    Port,
    /// It is not an address and a port.
    Shape,
}

/// What is wrong with a flag about TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFlagFault {
    /// Not two files.
    Pair,
    /// No file.
    NoFile,
    /// Not `reject` or `default`.
    UnknownSni,
    /// Not `1.2` or `1.3`.
    Version,
    /// Not a number of seconds.
    Seconds,
    /// Not a port.
    Port,
}

impl fmt::Display for TlsFlagFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Pair => "write the file of the certificate, a comma, and the file of its key",
            Self::NoFile => "the file of the authorities is missing",
            Self::UnknownSni => "write 'reject' or 'default'",
            Self::Version => "write '1.2' or '1.3'; older versions are broken and not offered",
            Self::Seconds => "write whole seconds, for example 31536000 for a year",
            Self::Port => "write ADDRESS:PORT=HTTPS_PORT with a port from 1 to 65535",
        })
    }
}

impl fmt::Display for ListenFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoPort => "the port is missing; write for example '127.0.0.1:8080' or '[::1]:80'",
            Self::NoAddress => {
                "the address is missing; write '127.0.0.1:PORT' for this machine alone, \
                 '[::]:PORT' for every network"
            }
            Self::Name => "an address is needed, not a name; 'localhost' is the one name known",
            Self::Port => "a port is a number from 0 to 65535",
            Self::Shape => "not an address and a port such as '127.0.0.1:8080' or '[::1]:8080'",
        })
    }
}

impl ConfigError {
    /// The stable reason word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Number { .. } => "number",
            Self::Listen { .. } => "listen",
            Self::TlsFlag { .. } => "tls_flag",
            Self::NoCertificate => "no_certificate",
            Self::Tls(error) => error.name(),
            Self::Function { .. } => "function",
            Self::Route { .. } => "route",
            Self::Option { .. } => "option",
            Self::OptionTarget { .. } => "option_target",
            Self::Begin { .. } => "begin",
            Self::NoListener => "no_listener",
            Self::RepeatedListener { .. } => "repeated_listener",
            Self::TooManyListeners { .. } => "too_many_listeners",
            Self::NoFunction => "no_function",
            Self::Order { .. } => "order",
            Self::Artifact(_) => "artifact",
            Self::ArtifactVersion { .. } => "artifact_version",
            Self::SameFunction { .. } => "same_function",
            Self::Root(_) => "root",
            Self::UnknownFunction { .. } => "unknown_function",
            Self::Unreachable { .. } => "unreachable",
            Self::Conflict(_) => "conflict",
            Self::Shares { .. } => "shares",
            Self::HeaderMatch { .. } => "header_match",
            Self::NoPolicy { .. } => "no_policy",
            Self::Policy(error) => error.fault.name(),
            Self::Limits(_) => "limits",
            Self::File(complaint) => complaint.fault.name(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { flag, text, why } => write!(out, "{flag} '{text}': {why}"),
            Self::Listen { flag, text, why } => write!(out, "{flag} '{text}': {why}"),
            Self::TlsFlag { flag, text, why } => write!(out, "{flag} '{text}': {why}"),
            Self::NoCertificate => out.write_str(
                "there is nothing to speak TLS with; add --certificate CERT.pem,KEY.pem, or \
                 --tls-self-signed for development",
            ),
            Self::Tls(error) => write!(out, "TLS: {error}"),
            Self::Function { text, why } => write!(out, "--function '{text}': {why}"),
            Self::Route { text, why } => write!(out, "--route '{text}': {why}"),
            Self::Option { text, why } => write!(out, "--set '{text}': {why}"),
            Self::OptionTarget { selector, nearest, loaded } => {
                write!(out, "--set '{selector}.': no loaded function is called so; there are: ")?;
                out.write_str(&loaded.join(", "))?;
                nearest.as_ref().map_or(Ok(()), |name| write!(out, "; did you mean '{name}'?"))
            }
            Self::Begin { function, stage, why } => {
                write!(out, "function '{function}' does not begin: stage={stage}: {why}")
            }
            Self::NoListener => out.write_str("there is nothing to listen on; add --listen"),
            Self::RepeatedListener { address } => write!(out, "--listen {address} is given twice"),
            Self::TooManyListeners { max } => write!(out, "there are more than {max} --listen"),
            Self::NoFunction => out.write_str(
                "there is no function to serve; add --function ./libhello.so or --root DIR",
            ),
            Self::Order { low, high } => write!(out, "{low} must not be above {high}"),
            Self::Artifact(error) => error.fmt(out),
            Self::ArtifactVersion { name, text, why } => write!(
                out,
                "the artifact of '{name}' says its version is '{text}': {why}; give it one with \
                 --function {name}@VERSION=PATH"
            ),
            Self::SameFunction { function } => write!(
                out,
                "two artifacts are called '{function}'; name one with --function NAME=PATH or \
                 NAME@VERSION=PATH"
            ),
            Self::Root(error) => write!(out, "--root: {error}"),
            Self::UnknownFunction { selector, loaded } => {
                write!(out, "no loaded function is called '{selector}'; there are: ")?;
                out.write_str(&loaded.join(", "))
            }
            Self::Unreachable { function } => write!(
                out,
                "no route leads to '{function}'; add one with --function NAME=PATH@/ROUTE or \
                 --route NAME=/ROUTE"
            ),
            Self::Conflict(error) => error.fmt(out),
            Self::Shares { route, sum } => write!(
                out,
                "the functions of route '{route}' share {sum} of a hundred requests; each needs at \
                 least 1, and together they need 100"
            ),
            Self::HeaderMatch { route } => write!(
                out,
                "route '{route}' matches a field that no request can have: its name is a token in \
                 lower case, its value has no control characters and no blanks around it"
            ),
            Self::NoPolicy { route } => {
                write!(out, "route '{route}' has a policy that is not there")
            }
            Self::Policy(error) => error.fmt(out),
            Self::Limits(error) => error.fmt(out),
            Self::File(complaint) => complaint.fmt(out),
        }
    }
}

impl ConfigError {
    /// The same in one line, for a log.
    pub(crate) fn brief(&self) -> String {
        match self {
            Self::File(complaint) => complaint.brief(),
            other => other.to_string(),
        }
    }
}

impl std::error::Error for ConfigError {}
