//! The reference card of a key, as text for a terminal and as the page of the documentation.

use std::fmt::Write as _;

use super::key::{Caption, Card, Header};
use super::table;
use crate::config::nearest;

/// Nothing is called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTerm {
    /// What may have been meant.
    pub nearest: Option<&'static str>,
}

/// What there is to say about a key such as `limits.body`, about every key of that name, or about
/// all of a section.
///
/// # Errors
/// [`UnknownTerm`].
pub fn explain(term: &str) -> Result<String, UnknownTerm> {
    let term = term.trim_matches(['[', ']']);
    let mut found = Vec::new();
    for (caption, cards) in table::all() {
        if caption.name == term && !term.is_empty() {
            return Ok(overview(&caption, &cards));
        }
        let whole = |card: &&&Card| full(&caption, card) == term;
        if let Some(card) = cards.iter().find(whole) {
            return Ok(card_text(&caption, card));
        }
        // Half a name is enough where it says which.
        let end = |card: &Card| full(&caption, card).ends_with(&format!(".{term}"));
        found.extend(cards.iter().filter(|card| end(card)).map(|card| card_text(&caption, card)));
    }
    if !found.is_empty() {
        return Ok(found.join("\n"));
    }
    let all = table::all();
    let names: Vec<String> = all
        .iter()
        .flat_map(|(caption, cards)| cards.iter().map(|card| full(caption, card)))
        .collect();
    let near = nearest(term, names.iter().map(String::as_str));
    let known = |name: &str| {
        let mut keys = all
            .iter()
            .flat_map(|(caption, cards)| cards.iter().map(|card| (full(caption, card), card.name)));
        keys.find(|(full, _)| full == name).map(|(_, short)| short)
    };
    let near = near.and_then(known);
    Err(UnknownTerm { nearest: near.or_else(|| nearest(term, table::section_names())) })
}

/// A key's name with that of its section.
pub(crate) fn full(caption: &Caption, card: &Card) -> String {
    match caption.name {
        "" => card.name.to_owned(),
        section => format!("{section}.{}", card.name),
    }
}

fn overview(caption: &Caption, cards: &[&'static Card]) -> String {
    let mut out = format!("{}\n  {}\n\n", caption.title, caption.meaning);
    for card in cards {
        let _infallible = writeln!(out, "  {:<24} {}", card.name, card.meaning);
    }
    out
}

/// What there is to say about a key, each with its heading.
fn facts(caption: &Caption, card: &Card) -> Vec<(&'static str, String)> {
    let mut facts = vec![("written", card.kind.expects())];
    let default = match (card.default, card.default_is) {
        ("", "") if card.required => "none: it must be written".to_owned(),
        ("", "") => "not set".to_owned(),
        ("", words) => words.to_owned(),
        (value, "") => value.to_owned(),
        (value, words) => format!("{value}: {words}"),
    };
    facts.push(("default", default));
    let place = match caption.header {
        Header::Top => "above the first section".to_owned(),
        _ => format!("in {}", caption.title.trim_start_matches("rate_limit in ")),
    };
    let example = match caption.header {
        Header::Within => format!("rate_limit = {{ {} = {}, ... }}", card.name, card.example),
        _ => format!("{} = {}", card.name, card.example),
    };
    facts.push(("example", format!("{example}   {place}")));
    if !card.flag.is_empty() {
        facts.push(("flag", format!("{} of 'fezz serve'", card.flag)));
    }
    if let Some(breach) = card.breach {
        let super::key::Breach { answer, reason, metric } = breach;
        facts.push(("beyond it", format!("{answer}; reason {reason}; counted in {metric}")));
    }
    let when = if card.live { "with a reload" } else { "after a restart" };
    facts.push(("takes effect", when.to_owned()));
    facts.push(("since", card.since.to_owned()));
    facts
}

fn card_text(caption: &Caption, card: &Card) -> String {
    let mut out = format!("{}\n  {}.\n\n", full(caption, card), card.meaning);
    for (heading, text) in facts(caption, card) {
        let _infallible = writeln!(out, "  {heading:<13} {text}");
    }
    out
}

/// The part of `docs/configuration.md` that has a card for each key.
#[must_use]
pub fn page() -> String {
    let mut out = String::new();
    for (caption, cards) in table::all() {
        let title = match caption.header {
            Header::Top => "The top of the file".to_owned(),
            _ => format!("`{}`", caption.title),
        };
        let _infallible = write!(out, "\n## {title}\n\n{}\n", caption.meaning);
        for card in cards {
            let name = full(&caption, card);
            let _infallible =
                write!(out, "\n### {name}\n\n{}.\n\n| | |\n|---|---|\n", card.meaning);
            for (heading, text) in facts(&caption, card) {
                let text = if heading == "example" {
                    let (code, place) = text.split_once("   ").unwrap_or((&text, ""));
                    format!("`{code}` {place}")
                } else {
                    text
                };
                let text = text.replace('|', "\\|");
                let _infallible = writeln!(out, "| {heading} | {text} |");
            }
        }
    }
    out
}
