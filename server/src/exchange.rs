//! What belongs to one exchange, in a box that goes round: an idle connection has none.

use std::sync::Arc;

use fezz_parser::{Head, Version};
use fezz_wire::Layout;

use crate::crew::{Fallback, Served, Took};
use crate::label::Label;
use crate::observe::{Fields, Said};
use crate::policy::Permit;
use crate::trace::Trace;

/// Octets of texts that a box keeps room for between two exchanges.
const WORDS_BYTES_KEPT: usize = 4 * 1024;

/// The facts of one exchange, from its head on.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// Who answers it.
    pub(crate) served: Option<Served>,
    /// How its envelope is laid out.
    pub(crate) layout: Layout,
    /// The route that takes it.
    pub(crate) route: Option<&'static Label>,
    pub(crate) method: Method,
    pub(crate) minor_version: u8,
    /// Its place in a trace.
    pub(crate) trace: Option<Trace>,
    /// How long it waited for whom, if that is known.
    pub(crate) took: Option<Took>,
    /// It was given up before anybody was called.
    pub(crate) unrun: bool,
    /// Its dispatch failed, and the operator's own reply was said.
    pub(crate) failed: bool,
    /// What the route's policy has to do with it until it is answered, if it has one.
    pub(crate) guard: Option<Box<Guard>>,
    /// Its texts, where somebody wants any. Apart, because as many exchanges as there are requests
    /// under way are to fit into the processor's caches. The memory stays for the next one.
    texts: Option<Box<Texts>>,
}

/// Copies of texts that somebody wants to see when an exchange is over.
#[derive(Debug, Default)]
struct Texts {
    /// Who asked, as a credential says; empty if none does.
    principal: String,
    words: Words,
}

/// What a policy has to do with one request until that is answered.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    /// Its share of the requests under way.
    pub(crate) permit: Option<Permit>,
    /// What the client gets where the function does not answer.
    pub(crate) remedy: Option<Arc<Fallback>>,
    /// Field lines for the answer, until the core has them.
    pub(crate) fields: Option<Box<[u8]>>,
    /// Whether what a function says about origins is left out.
    pub(crate) decides_origins: bool,
}

impl Exchange {
    /// Notes what the head says; its texts, and those of `fields`, only if they are `wanted`.
    pub(crate) fn hear(&mut self, head: &Head<'_>, wanted: bool, fields: &[String]) {
        self.method = Method::of(head.method_octets());
        self.minor_version = match head.version() {
            Version::Http10 => 0,
            Version::Http11 => 1,
        };
        if wanted {
            self.texts.get_or_insert_default().words.keep(head, fields);
        }
    }

    /// What the request said, if that was kept, with the same `fields` as before.
    pub(crate) fn said<'e>(&'e self, fields: &'e [String]) -> Option<Said<'e>> {
        self.texts.as_ref()?.words.said(fields)
    }

    /// Keeps how long one of its jobs took.
    #[inline]
    pub(crate) fn note(&mut self, took: Took) {
        self.took = Some(self.took.map_or(took, |before| before.and(took)));
    }

    /// What its client gets where the function does not answer, if the route decides that.
    pub(crate) fn remedy(&self) -> Option<&Fallback> {
        self.guard.as_ref()?.remedy.as_deref()
    }

    /// Notes who asked, as a credential says.
    pub(crate) fn set_principal(&mut self, principal: &str) {
        principal.clone_into(&mut self.texts.get_or_insert_default().principal);
    }

    /// Who asked, if a credential says so.
    pub(crate) fn principal(&self) -> Option<&str> {
        let texts = self.texts.as_ref()?;
        Some(texts.principal.as_str()).filter(|name| !name.is_empty())
    }

    /// Nothing of the exchange is left but memory for the next one.
    pub(crate) fn reset(&mut self) {
        // Each exchange pays for this, so that what is small or rarely there is not written twice.
        let Self {
            served,
            layout,
            route,
            method,
            minor_version,
            trace,
            took,
            unrun,
            failed,
            guard,
            texts,
        } = self;
        *served = None;
        *layout = Layout::default();
        *route = None;
        *method = Method::default();
        *minor_version = 0;
        *trace = None;
        *took = None;
        *unrun = false;
        *failed = false;
        *guard = None;
        if let Some(texts) = texts {
            texts.clear();
        }
    }
}

impl Texts {
    fn clear(&mut self) {
        self.principal.clear();
        self.words.clear();
    }
}

/// A method as metrics name it: a client that makes up its own makes up no label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    #[default]
    Other,
}

impl Method {
    /// Every method, in counting order.
    pub(crate) const ALL: [Self; 10] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Delete,
        Self::Connect,
        Self::Options,
        Self::Trace,
        Self::Patch,
        Self::Other,
    ];

    /// RFC 9110 §9.1 and RFC 5789.
    fn of(octets: &[u8]) -> Self {
        // Most are, and need not be told apart from all others of three letters.
        if octets == b"GET" {
            return Self::Get;
        }
        match octets {
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            _ => Self::Other,
        }
    }

    /// The name; `_OTHER` for all that is not known.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other => "_OTHER",
        }
    }
}

/// Copies of texts of a head, end to end. The head's limits are theirs.
#[derive(Debug, Default)]
struct Words {
    text: Vec<u8>,
    /// Where each of them ends; one that is absent has no end.
    ends: [Option<u32>; 6],
    /// Where the values of the fields that somebody wants are.
    fields: Vec<Option<(u32, u32)>>,
    kept: bool,
}

impl Words {
    fn keep(&mut self, head: &Head<'_>, fields: &[String]) {
        let parts = [
            Some(head.method_octets()),
            head.authority_octets(),
            Some(head.path_octets()),
            head.query_octets(),
            head.field("user-agent"),
            head.field("referer"),
        ];
        self.clear();
        for (end, part) in self.ends.iter_mut().zip(parts) {
            let Some(part) = part else { continue };
            self.text.extend_from_slice(part);
            *end = u32::try_from(self.text.len()).ok();
        }
        for name in fields {
            let begin = u32::try_from(self.text.len()).ok();
            let place = head.field(name).and_then(|value| {
                self.text.extend_from_slice(value);
                Some((begin?, u32::try_from(self.text.len()).ok()?))
            });
            self.fields.push(place);
        }
        self.kept = true;
    }

    fn said<'w>(&'w self, fields: &'w [String]) -> Option<Said<'w>> {
        let mut start = 0;
        let parts = self.ends.map(|end| {
            let end = end? as usize;
            let part = self.text.get(start..end);
            start = end;
            part
        });
        let [method, authority, path, query, user_agent, referer] = parts;
        self.kept.then_some(Said {
            method: method.unwrap_or_default(),
            authority,
            path: path.unwrap_or_default(),
            query,
            user_agent,
            referer,
            fields: Fields { names: fields, text: &self.text, places: &self.fields },
        })
    }

    fn clear(&mut self) {
        self.kept = false;
        self.ends = [None; 6];
        self.fields.clear();
        self.text.clear();
        if self.text.capacity() > WORDS_BYTES_KEPT {
            self.text = Vec::new();
        }
    }
}

/// Two lines of the cache, and the head of a third.
const _: () = assert!(size_of::<Exchange>() <= 144);

#[cfg(test)]
mod tests {
    use fezz_parser::{HeadLimits, Index, Resume, parse_head};

    use super::*;

    fn names() -> [String; 2] {
        ["x-absent", "x-a"].map(str::to_owned)
    }

    fn heard(octets: &[u8], wanted: bool) -> Exchange {
        let mut index = Index::new();
        let limits = HeadLimits::default();
        parse_head(octets, &limits, &mut Resume::default(), &mut index).unwrap().unwrap();
        let mut exchange = Exchange::default();
        exchange.hear(&Head::new(octets, &index), wanted, &names());
        exchange
    }

    #[test]
    fn what_was_said_is_kept_for_those_who_ask() {
        let octets = b"GET /a?b=c HTTP/1.1\r\nX-A: 1\r\nhost: h\r\nx-a: 2\r\nreferer: r\r\n\r\n";
        let mut exchange = heard(octets, true);
        let names = names();
        let said = exchange.said(&names).unwrap();
        assert_eq!((said.method, said.path), (&b"GET"[..], &b"/a"[..]));
        assert_eq!((said.authority, said.query), (Some(&b"h"[..]), Some(&b"b=c"[..])));
        assert_eq!((said.user_agent, said.referer), (None, Some(&b"r"[..])));
        assert_eq!((said.fields.get("x-a"), said.fields.get("x-absent")), (Some(&b"1"[..]), None));
        assert_eq!(said.fields.get("host"), None, "nobody asked");
        exchange.reset();
        assert!(exchange.said(&[]).is_none(), "the next one has said nothing yet");
        assert!(heard(octets, false).said(&[]).is_none());
    }

    #[test]
    fn a_method_that_is_made_up_has_no_name_of_its_own() {
        let exchange = heard(b"BREW /a HTTP/1.0\r\n\r\n", false);
        assert_eq!((exchange.method.name(), exchange.minor_version), ("_OTHER", 0));
        for method in Method::ALL {
            let known = Method::of(method.name().as_bytes());
            assert_eq!(known, method, "{}", method.name());
        }
        assert!(Method::ALL.iter().enumerate().all(|(place, method)| *method as usize == place));
    }

    #[test]
    fn a_large_request_leaves_no_large_buffer() {
        let path = "a".repeat(6_000);
        let text = format!("GET /{path} HTTP/1.1\r\nhost: h\r\n\r\n");
        let mut exchange = heard(text.as_bytes(), true);
        exchange.reset();
        let texts = exchange.texts.expect("its memory stays");
        assert!(texts.words.text.capacity() <= WORDS_BYTES_KEPT);
    }
}
