//! The JSON Schema of the file (draft 2020-12), for editors.

use std::fmt::Write as _;

use super::key::{Caption, Card, Header};
use super::table;
use super::value::{Kind, quoted};

/// A piece of JSON.
enum Json {
    /// As it stands.
    Raw(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Map(Vec<(String, Json)>),
}

impl Json {
    fn text(text: &str) -> Self {
        Self::Raw(quoted(text))
    }

    fn map<const N: usize>(pairs: [(&str, Self); N]) -> Self {
        Self::Map(pairs.into_iter().map(|(name, json)| (name.to_owned(), json)).collect())
    }

    fn texts(texts: &[&str]) -> Self {
        Self::List(texts.iter().map(|text| Self::text(text)).collect())
    }

    fn write(&self, depth: usize, out: &mut String) {
        let mut each = |open: char, close: char, items: Vec<(Option<&String>, &Self)>| {
            out.push(open);
            for (index, (name, json)) in items.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let _infallible = write!(out, "{comma}\n{:width$}", "", width = (depth + 1) * 2);
                if let Some(name) = name {
                    let _infallible = write!(out, "{}: ", quoted(name));
                }
                json.write(depth + 1, out);
            }
            let _infallible = write!(out, "\n{:width$}{close}", "", width = depth * 2);
        };
        match self {
            Self::Raw(text) => out.push_str(text),
            Self::List(items) => each('[', ']', items.iter().map(|it| (None, it)).collect()),
            Self::Map(pairs) => {
                each('{', '}', pairs.iter().map(|(name, it)| (Some(name), it)).collect());
            }
        }
    }
}

/// The schema, as a file.
#[must_use]
pub fn schema() -> String {
    let all = table::all();
    let (mut properties, mut required) = (Vec::new(), Vec::new());
    for (caption, cards) in &all {
        let json = || object(caption, cards);
        let described = |json: Json| describe(json, caption.meaning);
        match caption.header {
            Header::Top => {
                properties.extend(cards.iter().map(|card| (card.name.to_owned(), of_card(card))));
                required.push("version");
            }
            Header::Table => properties.push((caption.name.to_owned(), described(json()))),
            Header::Array => {
                let json = Json::map([("type", Json::text("array")), ("items", json())]);
                properties.push((caption.name.to_owned(), described(json)));
            }
            Header::Named => {
                let json =
                    Json::map([("type", Json::text("object")), ("additionalProperties", json())]);
                properties.push((caption.name.to_owned(), described(json)));
            }
            Header::Within => {}
        }
    }
    let whole = Json::map([
        ("$schema", Json::text("https://json-schema.org/draft/2020-12/schema")),
        ("title", Json::text("Fezz, the configuration file, version 1")),
        ("type", Json::text("object")),
        ("required", Json::texts(&required)),
        ("properties", Json::Map(properties)),
        ("additionalProperties", Json::Raw("false".to_owned())),
    ]);
    let mut out = String::new();
    whole.write(0, &mut out);
    out.push('\n');
    out
}

fn describe(json: Json, text: &str) -> Json {
    match json {
        Json::Map(mut pairs) => {
            pairs.insert(0, ("description".to_owned(), Json::text(text)));
            Json::Map(pairs)
        }
        other => other,
    }
}

/// A table and everything in it, the tables within included.
fn object(caption: &Caption, cards: &[&Card]) -> Json {
    let mut properties: Vec<(String, Json)> = Vec::new();
    for card in cards {
        let Some((outer, _)) = card.name.split_once('.') else {
            let below = cards.iter().any(|it| within(it, card.name).is_some());
            if !below {
                properties.push((card.name.to_owned(), of_card(card)));
            }
            continue;
        };
        if properties.iter().any(|(name, _)| name == outer) {
            continue;
        }
        let inner = |it: &&&Card| within(it, outer).is_some();
        let inner = cards.iter().filter(inner);
        let inner = inner.map(|it| (within(it, outer).unwrap_or_default().to_owned(), of_card(it)));
        let table = closed(inner.collect(), &[]);
        let json = match cards.iter().find(|it| it.name == outer) {
            Some(word) => {
                let json = Json::map([("anyOf", Json::List(vec![of_kind(&word.kind), table]))]);
                describe(json, word.meaning)
            }
            None => table,
        };
        properties.push((outer.to_owned(), json));
    }
    if caption.header == Header::Named {
        let rates = table::all().into_iter().find(|(it, _)| it.header == Header::Within);
        if let Some((rate, cards)) = rates {
            let many = Json::map([("type", Json::text("array")), ("items", object(&rate, &cards))]);
            let either = Json::List(vec![object(&rate, &cards), many]);
            let json = describe(Json::map([("anyOf", either)]), rate.meaning);
            properties.push(("rate_limit".to_owned(), json));
        }
    }
    let required: Vec<&str> =
        cards.iter().filter(|card| card.required).map(|card| card.name).collect();
    closed(properties, &required)
}

/// A table that has these keys and no others.
fn closed(properties: Vec<(String, Json)>, required: &[&str]) -> Json {
    let mut pairs = vec![("type".to_owned(), Json::text("object"))];
    if !required.is_empty() {
        pairs.push(("required".to_owned(), Json::texts(required)));
    }
    pairs.push(("properties".to_owned(), Json::Map(properties)));
    pairs.push(("additionalProperties".to_owned(), Json::Raw("false".to_owned())));
    Json::Map(pairs)
}

fn within<'c>(card: &Card, outer: &str) -> Option<&'c str> {
    let name: &'static str = card.name;
    name.strip_prefix(outer)?.strip_prefix('.')
}

fn of_card(card: &Card) -> Json {
    let Json::Map(mut pairs) = of_kind(&card.kind) else { return Json::Map(Vec::new()) };
    pairs.insert(0, ("description".to_owned(), Json::text(card.meaning)));
    if !card.default.is_empty() {
        // Texts, numbers and truth values are written alike in both.
        pairs.push(("default".to_owned(), Json::Raw(card.default.to_owned())));
    }
    Json::Map(pairs)
}

/// What a value must look like.
fn of_kind(kind: &Kind) -> Json {
    let text = || Json::map([("type", Json::text("string"))]);
    let like = |pattern: &str| {
        Json::map([("type", Json::text("string")), ("pattern", Json::text(pattern))])
    };
    let number = |least: u32, most: u32| {
        let bound = |it: u32| Json::Raw(it.to_string());
        let kind = ("type", Json::text("integer"));
        Json::map([kind, ("minimum", bound(least)), ("maximum", bound(most))])
    };
    let texts = || Json::map([("type", Json::text("array")), ("items", text())]);
    let json = match kind {
        Kind::Time { zero: true, .. } => like("^[0-9]+(ms|s|m|h)$"),
        Kind::Time { .. } => like("^0*[1-9][0-9]*(ms|s|m|h)$"),
        Kind::Size { .. } => like("^0*[1-9][0-9]*(B|KiB|MiB|GiB)$"),
        Kind::Rate { .. } => like("^0*[1-9][0-9]*(B|KiB|MiB)/s$"),
        Kind::Count { least, most, .. } => number(*least, *most),
        Kind::Flag => Json::map([("type", Json::text("boolean"))]),
        Kind::Word(words) => return Json::map([("enum", Json::texts(words))]),
        Kind::Text { .. } | Kind::Path { prefix: "", .. } => text(),
        Kind::Path { prefix, .. } => like(&format!("^({prefix}|off$)")),
        Kind::List { single: false, .. } => texts(),
        Kind::List { single: true, .. } => {
            Json::map([("anyOf", Json::List(vec![text(), texts()]))])
        }
        Kind::Pairs { counts: true, .. } => {
            Json::map([("type", Json::text("object")), ("additionalProperties", number(1, 100))])
        }
        Kind::Pairs { counts: false, .. } => {
            let scalar = Json::map([("type", Json::texts(&["string", "integer", "boolean"]))]);
            Json::map([("type", Json::text("object")), ("additionalProperties", scalar)])
        }
    };
    let open = matches!(kind, Kind::Text { .. } | Kind::Path { .. });
    match kind.words() {
        words if words.is_empty() || open => json,
        words => {
            let words = Json::map([("enum", Json::texts(&words))]);
            Json::map([("anyOf", Json::List(vec![json, words]))])
        }
    }
}
