//! Types of the configuration as values of the file, and back.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::fault::{Fault, Wrong};
use super::key::Datum;
use super::value::{Kind, Value};
use crate::config::{
    Abi, AccessFormat, Forwarded, ListenAddress, LogFormat, LogLevel, LogOutput, Placement,
    Propagate, RateKey, TlsVersion, TlsWish, UnknownSni, parse_listen,
};
use crate::plugin::version::{Selector, Version};

/// A type with a word for each of its values.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    /// The words.
    const WORDS: &'static [&'static str];
    /// Their values, in the same order.
    const ALL: &'static [Self];
}

/// A table gave a value to a place of another type: a bug of ours, which a test of every key finds.
fn misfit(value: &Value) -> Wrong {
    debug_assert!(false, "{value:?} does not fit its place");
    Fault::Type { expected: Kind::Flag, found: "value" }.into()
}

impl<C: Choice> Datum for C {
    fn read(value: Value) -> Result<Self, Wrong> {
        let Value::Word(word) = value else { return Err(misfit(&value)) };
        let at = C::WORDS.iter().position(|known| *known == word);
        at.and_then(|at| C::ALL.get(at)).copied().ok_or_else(|| misfit(&Value::Word(word)))
    }

    fn value(&self) -> Value {
        let at = C::ALL.iter().position(|known| known == self);
        at.and_then(|at| C::WORDS.get(at)).map_or(Value::Unset, |word| Value::Word(word))
    }
}

impl Choice for LogLevel {
    const WORDS: &'static [&'static str] = &["error", "warn", "info", "debug"];
    const ALL: &'static [Self] = &[Self::Error, Self::Warn, Self::Info, Self::Debug];
}

impl Choice for LogFormat {
    const WORDS: &'static [&'static str] = &["auto", "text", "json"];
    const ALL: &'static [Self] = &[Self::Auto, Self::Text, Self::Json];
}

impl Choice for AccessFormat {
    const WORDS: &'static [&'static str] = &["json", "combined"];
    const ALL: &'static [Self] = &[Self::Json, Self::Combined];
}

impl Choice for Propagate {
    const WORDS: &'static [&'static str] = &["off", "w3c"];
    const ALL: &'static [Self] = &[Self::Off, Self::W3c];
}

impl Choice for Forwarded {
    const WORDS: &'static [&'static str] = &["off", "rfc7239", "x-forwarded-for"];
    const ALL: &'static [Self] = &[Self::Off, Self::Rfc7239, Self::XForwardedFor];
}

impl Choice for TlsVersion {
    const WORDS: &'static [&'static str] = &["1.2", "1.3"];
    const ALL: &'static [Self] = &[Self::V12, Self::V13];
}

impl Choice for UnknownSni {
    const WORDS: &'static [&'static str] = &["reject", "default"];
    const ALL: &'static [Self] = &[Self::Reject, Self::Default];
}

impl Choice for Placement {
    const WORDS: &'static [&'static str] = &["worker", "inline", "auto"];
    const ALL: &'static [Self] = &[Self::Worker, Self::Inline, Self::Auto];
}

impl Choice for Abi {
    const WORDS: &'static [&'static str] = &["v2", "v1"];
    const ALL: &'static [Self] = &[Self::V2, Self::V1];
}

impl Choice for TlsWish {
    const WORDS: &'static [&'static str] = &["off", "facts", "hello"];
    const ALL: &'static [Self] = &[Self::Off, Self::Facts, Self::Hello];
}

impl Choice for RateKey {
    const WORDS: &'static [&'static str] = &["client_ip", "principal", "route", "function"];
    const ALL: &'static [Self] = &[Self::ClientIp, Self::Principal, Self::Route, Self::Function];
}

impl Datum for bool {
    fn read(value: Value) -> Result<Self, Wrong> {
        if let Value::Flag(flag) = value { Ok(flag) } else { Err(misfit(&value)) }
    }

    fn value(&self) -> Value {
        Value::Flag(*self)
    }
}

impl Datum for u64 {
    fn read(value: Value) -> Result<Self, Wrong> {
        if let Value::Number(number) = value { Ok(number) } else { Err(misfit(&value)) }
    }

    fn value(&self) -> Value {
        Value::Number(*self)
    }
}

impl Datum for u32 {
    fn read(value: Value) -> Result<Self, Wrong> {
        let number = u64::read(value)?;
        Self::try_from(number).map_err(|_| misfit(&Value::Number(number)))
    }

    fn value(&self) -> Value {
        Value::Number((*self).into())
    }
}

impl Datum for u16 {
    fn read(value: Value) -> Result<Self, Wrong> {
        let number = u64::read(value)?;
        Self::try_from(number).map_err(|_| misfit(&Value::Number(number)))
    }

    fn value(&self) -> Value {
        Value::Number((*self).into())
    }
}

impl Datum for Duration {
    fn read(value: Value) -> Result<Self, Wrong> {
        if let Value::Time(time) = value { Ok(time) } else { Err(misfit(&value)) }
    }

    fn value(&self) -> Value {
        Value::Time(*self)
    }
}

impl Datum for String {
    fn read(value: Value) -> Result<Self, Wrong> {
        if let Value::Text(text) = value { Ok(text) } else { Err(misfit(&value)) }
    }

    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl Datum for PathBuf {
    fn read(value: Value) -> Result<Self, Wrong> {
        String::read(value).map(Self::from)
    }

    fn value(&self) -> Value {
        Value::Text(self.to_string_lossy().into_owned())
    }
}

/// `"off"` and `"auto"` are nothing.
impl<D: Datum> Datum for Option<D> {
    fn read(value: Value) -> Result<Self, Wrong> {
        match value {
            Value::Word("off" | "auto") | Value::Unset => Ok(None),
            value => D::read(value).map(Some),
        }
    }

    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Unset, D::value)
    }
}

impl<D: Datum> Datum for Vec<D> {
    fn read(value: Value) -> Result<Self, Wrong> {
        let Value::List(texts) = value else { return Err(misfit(&value)) };
        let one = |(index, text)| {
            D::read(Value::Text(text)).map_err(|wrong| Wrong::within(index, wrong.fault))
        };
        texts.into_iter().enumerate().map(one).collect()
    }

    fn value(&self) -> Value {
        if self.is_empty() {
            return Value::Unset;
        }
        let text = |one: &D| match one.value() {
            Value::Text(text) => Some(text),
            _ => None,
        };
        Value::List(self.iter().filter_map(text).collect())
    }
}

impl Datum for Vec<(String, String)> {
    fn read(value: Value) -> Result<Self, Wrong> {
        if let Value::Pairs(pairs) = value { Ok(pairs) } else { Err(misfit(&value)) }
    }

    fn value(&self) -> Value {
        if self.is_empty() { Value::Unset } else { Value::Pairs(self.clone()) }
    }
}

impl Datum for SocketAddr {
    fn read(value: Value) -> Result<Self, Wrong> {
        parse_listen(&String::read(value)?).map_err(|why| Fault::Listen(why).into())
    }

    fn value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

impl Datum for ListenAddress {
    fn read(value: Value) -> Result<Self, Wrong> {
        let text = String::read(value)?;
        let Some(name) = text.strip_prefix("systemd:") else {
            return SocketAddr::read(Value::Text(text)).map(Self::Socket);
        };
        // sd_listen_fds_with_names(3): no control characters, no ':', at most 255.
        let sound = !name.is_empty()
            && name.len() <= 255
            && name.bytes().all(|octet| octet.is_ascii_graphic() && octet != b':');
        if sound { Ok(Self::Systemd(name.to_owned())) } else { Err(Fault::SystemdName.into()) }
    }

    fn value(&self) -> Value {
        Value::Text(match self {
            Self::Socket(address) => address.to_string(),
            Self::Systemd(name) => format!("systemd:{name}"),
        })
    }
}

/// One address is a range of its own; a range has nothing behind its prefix.
impl Datum for IpNet {
    fn read(value: Value) -> Result<Self, Wrong> {
        let text = String::read(value)?;
        let address = text.parse().map(|address: std::net::IpAddr| Self::from(address));
        let net: Self = address.or_else(|_| text.parse()).map_err(|_| Fault::Net)?;
        if net.trunc() == net {
            return Ok(net);
        }
        Err(Fault::NetHost { whole: net.trunc().to_string() }.into())
    }

    fn value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

impl Datum for Version {
    fn read(value: Value) -> Result<Self, Wrong> {
        Self::parse(&String::read(value)?).map_err(|why| Fault::Name(why).into())
    }

    fn value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

impl Datum for Selector {
    fn read(value: Value) -> Result<Self, Wrong> {
        Self::parse(&String::read(value)?).map_err(|why| Fault::Name(why).into())
    }

    fn value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

impl Datum for LogOutput {
    fn read(value: Value) -> Result<Self, Wrong> {
        Ok(match value {
            Value::Word("stderr") => Self::Stderr,
            Value::Word("stdout") => Self::Stdout,
            value => Self::File(PathBuf::read(value)?),
        })
    }

    fn value(&self) -> Value {
        match self {
            Self::Stderr => Value::Word("stderr"),
            Self::Stdout => Value::Word("stdout"),
            Self::File(path) => path.value(),
        }
    }
}
