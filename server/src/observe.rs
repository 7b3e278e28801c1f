//! The hook: what happened goes in, whatever the operator likes comes out.

use std::net::IpAddr;
use std::time::SystemTime;

use fezz_proto::{Instant, Notice, Refusal};

use crate::listen::AcceptFault;
use crate::peer::Rejection;

/// Told at the end of every turn what happened in it, on the thread that drives the loop: whatever
/// an observer does, the connections of that loop wait for.
pub trait Observer: Send {
    /// One thing happened.
    fn notice(&mut self, at: Instant, what: &Notice);

    /// Several things happened, in this order.
    fn notices(&mut self, at: Instant, what: &[Notice]) {
        for notice in what {
            self.notice(at, notice);
        }
    }

    /// A connection could not be taken.
    fn accept_failed(&mut self, _at: Instant, _why: AcceptFault) {}

    /// A connection was not served, or is not taken for now.
    fn rejected(&mut self, _at: Instant, _why: Rejection) {}

    /// So many notices were not reported because too much happened in one turn.
    fn notices_dropped(&mut self, _at: Instant, _count: u64) {}

    /// Whether [`Observer::notices`] should have what every request does: heads, hand-overs,
    /// replies, octets received and sent, exchanges that leave their connection. Each costs every
    /// request a little. Asked once; without it the notices of a turn are those of the exceptions,
    /// and may be none.
    fn wants_usual(&self) -> bool {
        true
    }

    /// Whether [`Record::said`] is wanted: what a request said is kept only for those who ask.
    fn wants_words(&self) -> bool {
        false
    }

    /// The names of fields, in lower case, whose values [`Said::fields`] should have. Asked once;
    /// means nothing without [`Observer::wants_words`].
    fn wants_fields(&self) -> &[String] {
        &[]
    }

    /// An exchange is over, as far as the server is concerned. Called at once, not at the end of
    /// the turn.
    fn exchange(&mut self, _at: Instant, _record: &Record<'_>) {}
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client has an answer: a function's, or one of the server's own that refuses nothing.
    Ok,
    /// The client left before.
    ClientAbort,
    /// The request was refused for what it is.
    Rejected,
    /// The request was refused for how many there are.
    Limited,
    /// Somebody took too long.
    Timeout,
    /// The function failed.
    FunctionError,
    /// The server ended first.
    Drained,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::ClientAbort,
        Self::Rejected,
        Self::Limited,
        Self::Timeout,
        Self::FunctionError,
        Self::Drained,
    ];

    /// The stable word in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientAbort => "client_abort",
            Self::Rejected => "rejected",
            Self::Limited => "limited",
            Self::Timeout => "timeout",
            Self::FunctionError => "function_error",
            Self::Drained => "drained",
        }
    }
}

/// Everything about one exchange that is over. Borrowed: whoever wants to keep something copies it.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// When its first octet came.
    pub began: SystemTime,
    /// The listener's name.
    pub listener: &'a str,
    /// The number of the connection in this process.
    pub connection: u64,
    /// Which request of its connection it is, from 1.
    pub request: u32,
    /// Who asked, as far as is known to be true.
    pub client: IpAddr,
    /// Who connected.
    pub peer: IpAddr,
    /// Who that is, as far as a credential says so.
    pub principal: Option<&'a str>,
    /// Whether the connection has TLS.
    pub secured: bool,
    /// What the request said; `None` when nobody wants it, or its head never became whole.
    pub said: Option<Said<'a>>,
    /// The method if it is one of RFC 9110 and RFC 5789; `None` when the head never became whole,
    /// `_OTHER` for others.
    pub method: Option<&'static str>,
    /// The minor version of HTTP/1, if known.
    pub minor_version: Option<u8>,
    /// The status that was sent; 0 when nothing was.
    pub status: u16,
    /// The route as it is configured, if one was found.
    pub route: Option<&'a str>,
    /// The function as it is configured, with its version, if one was asked.
    pub function: Option<(&'a str, Option<&'a str>)>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused, if it was.
    pub refusal: Option<Refusal>,
    /// The trace it belongs to: 32 and 16 hexadecimal digits; told to those who want words.
    pub trace: Option<(&'a str, &'a str)>,
    /// Octets received for it.
    pub received_bytes: u64,
    /// Octets sent or promised for it.
    pub sent_bytes: u64,
    /// How long each step took, in microseconds.
    pub took: Steps,
    /// What was settled in the handshake: version, cipher, name asked for.
    pub tls: Option<(&'a str, &'a str, Option<&'a str>)>,
}

/// Octets of a request, as sent.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The authority, if there was one.
    pub authority: Option<&'a [u8]>,
    /// The path.
    pub path: &'a [u8],
    /// What follows `?`.
    pub query: Option<&'a [u8]>,
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// `Referer`.
    pub referer: Option<&'a [u8]>,
    /// Those fields beside these that an observer wants.
    pub fields: Fields<'a>,
}

/// Values of fields that observers asked for; of several lines with one name, the first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    pub(crate) names: &'a [String],
    /// The values, end to end.
    pub(crate) text: &'a [u8],
    /// Where each begins and ends, if it is there.
    pub(crate) places: &'a [Option<(u32, u32)>],
}

impl<'a> Fields<'a> {
    /// The value of a field, by its name in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        let number = self.names.iter().position(|known| known == name)?;
        let (begin, end) = (*self.places.get(number)?)?;
        self.text.get(begin as usize..end as usize)
    }
}

/// How long each step of an exchange took, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// From the first octet to the end of the head.
    pub head_us: u64,
    /// From there to the end of the content.
    pub body_us: u64,
    /// Waiting for a worker.
    pub queue_us: u64,
    /// In the function.
    pub call_us: u64,
    /// From the answer until all of it was sent or promised.
    pub write_us: u64,
    /// From the first octet to the end.
    pub total_us: u64,
}
