//! How long exchanges took, by method, scheme, status, route, version and error.
//!
//! Nothing a client chooses becomes a label: methods have names from a list, routes those that the
//! operator wrote, errors those of refusals.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fezz_proto::{End, Summary};

use super::table::{Cap, Table};
use crate::count::{CALL_BOUNDS_US, Count, Histogram, Spread};
use crate::exchange::{Exchange, Method};
use crate::label::Label;

/// One label set of `http_server_request_duration_seconds`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestLabels {
    /// `http_request_method`; `_OTHER` for unknown ones.
    pub method: &'static str,
    /// `url_scheme`.
    pub scheme: &'static str,
    /// `http_response_status_code`; 0 when nothing was said.
    pub status: u16,
    /// `http_route`, if one was found.
    pub route: Option<&'static str>,
    /// `network_protocol_version`, if the head became whole.
    pub version: Option<&'static str>,
    /// `error_type`: why it is an error, if it is one.
    pub error: Option<&'static str>,
    /// Whether this stands for all label sets beyond [`super::LABEL_SETS_MAX`].
    pub overflow: bool,
}

/// One label set's numbers.
#[derive(Debug)]
struct Series {
    labels: RequestLabels,
    took: Histogram,
}

/// What one loop counts of exchanges, for readers.
#[derive(Debug)]
pub(crate) struct Requests {
    /// Exchanges under way, by scheme and method.
    active: [[Count; Method::ALL.len()]; 2],
    all: Mutex<Vec<Arc<Series>>>,
    rest: Arc<Series>,
    cap: Arc<Cap<u64>>,
}

/// What the loop itself needs to count them.
#[derive(Debug)]
pub(crate) struct RequestTable {
    requests: Arc<Requests>,
    table: Table<Series>,
    /// Errors that occurred; the place of one is part of a key.
    errors: Vec<&'static str>,
}

/// The error of a status that a function chose; its text is the status.
const BY_STATUS: &str = "status";

impl Requests {
    pub(crate) fn new(cap: &Arc<Cap<u64>>) -> Self {
        let labels = RequestLabels { overflow: true, ..RequestLabels::default() };
        let rest = Arc::new(Series { labels, took: Histogram::new(&CALL_BOUNDS_US) });
        let cap = Arc::clone(cap);
        Self { active: Default::default(), all: Mutex::default(), rest, cap }
    }

    fn new_series(&self, key: u64, labels: RequestLabels) -> Option<Arc<Series>> {
        if !self.cap.admits(&key) {
            return None;
        }
        let series = Arc::new(Series { labels, took: Histogram::new(&CALL_BOUNDS_US) });
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&series));
        Some(series)
    }

    /// Adds the numbers of every label set that has any.
    pub(crate) fn gather(&self, into: &mut BTreeMap<RequestLabels, Spread>) {
        let mut add = |series: &Series| {
            let spread = series.took.spread();
            if spread.count() > 0 {
                into.entry(series.labels.clone()).or_default().add(&spread);
            }
        };
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().for_each(|series| add(series));
        add(&self.rest);
    }

    /// Adds the exchanges under way, by method and scheme.
    pub(crate) fn gather_active(&self, into: &mut BTreeMap<(&'static str, &'static str), u64>) {
        for (secured, counts) in self.active.iter().enumerate() {
            for (method, count) in Method::ALL.iter().zip(counts) {
                let labels = (method.name(), scheme(secured > 0));
                *into.entry(labels).or_default() += count.get();
            }
        }
    }

    fn active(&self, method: Method, secured: bool) -> Option<&Count> {
        self.active.get(usize::from(secured))?.get(method as usize)
    }
}

impl RequestTable {
    pub(crate) fn new(requests: Arc<Requests>) -> Self {
        Self { requests, table: Table::default(), errors: vec!["", BY_STATUS] }
    }

    /// A head is about to be judged.
    #[inline]
    pub(crate) fn begin(&self, exchange: &Exchange, secured: bool) {
        if let Some(active) = self.requests.active(exchange.method, secured) {
            active.add(1);
        }
    }

    /// An exchange is over.
    #[inline]
    pub(crate) fn finish(&mut self, one: &Summary, exchange: Option<&Exchange>, secured: bool) {
        let (mut method, mut route) = (Method::Other, None);
        let mut version = 0;
        if let Some(exchange) = exchange {
            method = exchange.method;
            route = exchange.route;
            version = 1 + u64::from(exchange.minor_version);
            if let Some(active) = self.requests.active(method, secured) {
                active.sub(1);
            }
        }
        let status = status_said(one);
        let error = if one.end == End::Said && status < 500 { 0 } else { self.error(one, status) };
        let key = route.map_or(0, |label| u64::from(label.number)) << 32
            | u64::from(status) << 16
            | error << 8
            | (method as u64) << 3
            | version << 1
            | u64::from(secured);
        let requests = &self.requests;
        let errors = &self.errors;
        let series = self.table.find(key, &requests.rest, || {
            let error = usize::try_from(error).ok().and_then(|place| errors.get(place).copied());
            requests.new_series(key, labels(method, secured, status, route, version, error))
        });
        series.took.observe(one.total_us());
    }

    /// The place of the error in the list. The list is one of names in this program's text.
    #[cold]
    fn error(&mut self, one: &Summary, status: u16) -> u64 {
        let name = match (one.end, one.refusal) {
            (End::PeerLeft, _) => "client_abort",
            (End::TimedOut, _) => "write_timeout",
            (End::Killed, _) => "drained",
            (End::Said, Some(why)) if status >= 500 => why.name(),
            (End::Said, _) => BY_STATUS,
        };
        let place = self.errors.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.errors.push(name);
            self.errors.len() - 1
        });
        u64::try_from(place).unwrap_or(0).min(0xff)
    }
}

/// The status that the client can have seen; 0 where it can have seen none.
pub(crate) const fn status_said(one: &Summary) -> u16 {
    let nothing = !matches!(one.end, End::Said) && one.sent_bytes == 0;
    if nothing { 0 } else { one.status }
}

fn labels(
    method: Method,
    secured: bool,
    status: u16,
    route: Option<&'static Label>,
    version: u64,
    error: Option<&'static str>,
) -> RequestLabels {
    RequestLabels {
        method: method.name(),
        scheme: scheme(secured),
        status,
        route: route.map(|label| &*label.text),
        version: match version {
            0 => None,
            1 => Some("1.0"),
            _ => Some("1.1"),
        },
        error: error.filter(|name| !name.is_empty()),
        overflow: false,
    }
}

const fn scheme(secured: bool) -> &'static str {
    if secured { "https" } else { "http" }
}

impl RequestLabels {
    /// The text of `error_type`.
    #[must_use]
    pub fn error_type(&self) -> Option<String> {
        let error = self.error?;
        Some(if error == BY_STATUS { self.status.to_string() } else { error.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use fezz_proto::Refusal;

    use super::*;
    use crate::metrics::table::LABEL_SETS_MAX;

    fn said(status: u16, refusal: Option<Refusal>) -> Summary {
        Summary { status, refusal, end: End::Said, ..Summary::default() }
    }

    fn gathered(requests: &Requests) -> BTreeMap<RequestLabels, Spread> {
        let mut all = BTreeMap::new();
        requests.gather(&mut all);
        all
    }

    fn table() -> RequestTable {
        RequestTable::new(Arc::new(Requests::new(&Arc::new(Cap::new(LABEL_SETS_MAX)))))
    }

    #[test]
    fn an_error_is_ours_and_a_four_hundred_is_not() {
        let mut table = table();
        let left = Summary { end: End::PeerLeft, ..Summary::default() };
        for one in [
            said(200, None),
            said(404, Some(Refusal::NoRoute)),
            said(503, None),
            said(504, Some(Refusal::Late)),
            left,
        ] {
            table.finish(&one, None, false);
        }
        let all = gathered(&table.requests);
        let errors: Vec<_> =
            all.keys().map(|labels| (labels.status, labels.error_type())).collect();
        let expected = [(0, "client_abort"), (200, ""), (404, ""), (503, "503"), (504, "late")];
        let expected = expected.map(|(status, error)| {
            (status, Some(error).filter(|error| !error.is_empty()).map(str::to_owned))
        });
        assert_eq!(errors, expected);
    }

    #[test]
    fn exchanges_under_way_are_those_that_began_and_are_not_over() {
        let mut table = table();
        let mut exchange = Exchange::default();
        exchange.method = Method::Put;
        table.begin(&exchange, true);
        table.begin(&exchange, true);
        table.finish(&said(200, None), Some(&exchange), true);
        table.finish(&said(400, None), None, true);
        let mut active = BTreeMap::new();
        table.requests.gather_active(&mut active);
        assert_eq!(active.get(&("PUT", "https")), Some(&1));
        assert_eq!(active.values().sum::<u64>(), 1);
    }

    #[test]
    fn beyond_the_cap_all_are_one_set_in_every_loop() {
        let cap = Arc::new(Cap::new(LABEL_SETS_MAX));
        let mut tables = [(); 2].map(|()| RequestTable::new(Arc::new(Requests::new(&cap))));
        for place in 0..2 * LABEL_SETS_MAX {
            let route = Some(Label::of(&format!("/cap/{place}")));
            let mut exchange = Exchange::default();
            exchange.route = route;
            for table in &mut tables {
                table.finish(&said(200, None), Some(&exchange), false);
            }
        }
        let mut all = BTreeMap::new();
        tables.iter().for_each(|table| table.requests.gather(&mut all));
        assert_eq!(all.len(), LABEL_SETS_MAX + 1);
        assert_eq!(all.values().map(Spread::count).sum::<u64>(), 4 * LABEL_SETS_MAX as u64);
        let rest = all.iter().find(|(labels, _)| labels.overflow).map(|(_, spread)| spread.count());
        assert_eq!(rest, Some(2 * LABEL_SETS_MAX as u64));
    }
}
