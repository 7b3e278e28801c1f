//! The keys of the configuration file: static tables, one for each section, the single source of
//! what is read, shown, explained, checked by the schema and printed on the page.

pub(crate) mod function;
pub(crate) mod listen;
pub(crate) mod operate;
pub(crate) mod policy;
pub(crate) mod route;
pub(crate) mod serve;
pub(crate) mod top;

use super::key::{Caption, Card, Header, Section};
use crate::config::Config;

/// The sections that are there once and whose keys go straight into the configuration, in the order
/// in which they are shown.
pub(crate) const SINGLES: [&Section<Config>; 12] = [
    &listen::TLS,
    &serve::LIMITS,
    &serve::TIMEOUTS,
    &serve::WORKERS,
    &serve::DRAIN,
    &operate::METRICS,
    &operate::LOG,
    &operate::ACCESS_LOG,
    &operate::AUDIT_LOG,
    &operate::TRACING,
    &operate::ADMIN,
    &operate::SANDBOX,
];

/// A section and what is known about its keys.
pub(crate) type Leaf = (Caption, Vec<&'static Card>);

/// Everything there is, in the order of the page.
pub(crate) fn all() -> Vec<Leaf> {
    fn leaf<T>(section: &'static Section<T>) -> Leaf {
        (section.caption, section.cards())
    }
    let mut all = vec![
        leaf(&top::TOP),
        leaf(&listen::LISTENER),
        leaf(&listen::TLS),
        leaf(&listen::CERTIFICATE),
        leaf(&function::FUNCTION),
        leaf(&route::ROUTE),
        leaf(&policy::POLICY),
        leaf(&policy::RATE_LIMIT),
    ];
    all.extend(SINGLES.into_iter().skip(1).map(leaf));
    all
}

/// The names of sections as they stand at the top of a file.
pub(crate) fn section_names() -> impl Iterator<Item = &'static str> {
    let begins = |(caption, _): &Leaf| !matches!(caption.header, Header::Top | Header::Within);
    all().into_iter().filter(begins).map(|(caption, _)| caption.name)
}

/// Where else there is a key of this name, as it is begun there.
pub(crate) fn holders_of(name: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (caption, cards) in all() {
        let last = |card: &&Card| card.name == name;
        if cards.iter().any(last) && !found.contains(&caption.title) {
            found.push(caption.title);
        }
    }
    found
}
