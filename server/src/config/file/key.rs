//! A key of the file: what it is called, how it is written, what it means, and where its value
//! goes. Keys stand in the static tables of [`table`](super::table); everything that is said about
//! a key anywhere (reading, showing, explaining, the schema, the page) comes from there.

use super::fault::Wrong;
use super::value::{Kind, Value};

/// What is known about a key without its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Card {
    /// Its name in its section; with a dot where it stands in a table within.
    pub(crate) name: &'static str,
    /// How it is written.
    pub(crate) kind: Kind,
    /// What holds where it is not written, as it would be written; empty: nothing does.
    pub(crate) default: &'static str,
    /// What is not obvious about the default.
    pub(crate) default_is: &'static str,
    /// Another value, as it would be written.
    pub(crate) example: &'static str,
    /// Whether it must be written.
    pub(crate) required: bool,
    /// Whether a reload changes it.
    pub(crate) live: bool,
    /// The flag of `serve` for the same.
    pub(crate) flag: &'static str,
    /// What happens beyond it.
    pub(crate) breach: Option<Breach>,
    /// The version of Fezz that knew it first.
    pub(crate) since: &'static str,
    /// What it is for, in one line.
    pub(crate) meaning: &'static str,
}

/// What happens beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    /// What the client gets.
    pub(crate) answer: &'static str,
    /// The stable reason word.
    pub(crate) reason: &'static str,
    /// The counter.
    pub(crate) metric: &'static str,
}

/// A key and its place in a `T`.
pub(crate) struct Key<T: 'static> {
    /// What is known about it.
    pub(crate) card: Card,
    /// Where its value goes.
    pub(crate) place: &'static (dyn Place<T> + Sync),
}

/// Where values of a key are put, and found again.
pub(crate) trait Place<T> {
    /// The value that holds.
    fn get(&self, whole: &T) -> Value;

    /// Puts a value there.
    fn set(&self, whole: &mut T, value: Value) -> Result<(), Wrong>;
}

/// A field whose type says how it is written.
pub(crate) struct At<T, D> {
    /// The field.
    pub(crate) get: fn(&T) -> &D,
    /// The field, to be changed.
    pub(crate) get_mut: fn(&mut T) -> &mut D,
}

/// A place with its own way in and out.
pub(crate) struct By<T> {
    /// The way out.
    pub(crate) get: fn(&T) -> Value,
    /// The way in.
    pub(crate) set: fn(&mut T, Value) -> Result<(), Wrong>,
}

/// A type that can be written as a value.
pub(crate) trait Datum: Sized {
    /// From a value of the kind that belongs to it.
    fn read(value: Value) -> Result<Self, Wrong>;

    /// As a value.
    fn value(&self) -> Value;
}

impl<T, D: Datum> Place<T> for At<T, D> {
    fn get(&self, whole: &T) -> Value {
        (self.get)(whole).value()
    }

    fn set(&self, whole: &mut T, value: Value) -> Result<(), Wrong> {
        *(self.get_mut)(whole) = D::read(value)?;
        Ok(())
    }
}

impl<T> Place<T> for By<T> {
    fn get(&self, whole: &T) -> Value {
        (self.get)(whole)
    }

    fn set(&self, whole: &mut T, value: Value) -> Result<(), Wrong> {
        (self.set)(whole, value)
    }
}

/// `at!(Config: limits.body)`: the place of a field.
macro_rules! at {
    ($whole:ty: $($field:ident).+) => {
        &$crate::config::file::key::At {
            get: |whole: &$whole| &whole.$($field).+,
            get_mut: |whole: &mut $whole| &mut whole.$($field).+,
        }
    };
}
pub(crate) use at;

/// A key: its name, its kind, what holds without it, another value, its place, its meaning. What
/// else there is to say is chained to it.
pub(crate) const fn key<T>(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    example: &'static str,
    place: &'static (dyn Place<T> + Sync),
    meaning: &'static str,
) -> Key<T> {
    let card = Card {
        name,
        kind,
        default,
        default_is: "",
        example,
        required: false,
        live: false,
        flag: "",
        breach: None,
        since: "0.1",
        meaning,
    };
    Key { card, place }
}

impl<T> Key<T> {
    /// It must be written.
    pub(crate) const fn required(mut self) -> Self {
        self.card.required = true;
        self
    }

    /// A reload changes it.
    pub(crate) const fn live(mut self) -> Self {
        self.card.live = true;
        self
    }

    /// There is a flag for the same.
    pub(crate) const fn flag(mut self, flag: &'static str) -> Self {
        self.card.flag = flag;
        self
    }

    /// The default, in words.
    pub(crate) const fn default_is(mut self, words: &'static str) -> Self {
        self.card.default_is = words;
        self
    }

    /// What happens beyond it: what the client gets, the reason word, the counter.
    pub(crate) const fn breach(
        mut self,
        answer: &'static str,
        reason: &'static str,
        metric: &'static str,
    ) -> Self {
        self.card.breach = Some(Breach { answer, reason, metric });
        self
    }
}

/// How a section is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// By nothing: the top of the file.
    Top,
    /// By `[name]`, once.
    Table,
    /// By `[[name]]`, as often as needed.
    Array,
    /// By `[name.NAME]`, once for each name.
    Named,
    /// Within another one: `name = { ... }`, or several of them in brackets.
    Within,
}

/// What is known about a section without its keys' places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caption {
    /// Its name; empty for the top of the file.
    pub(crate) name: &'static str,
    /// How it is begun.
    pub(crate) header: Header,
    /// How that is written.
    pub(crate) title: &'static str,
    /// What it is for.
    pub(crate) meaning: &'static str,
}

/// A section of the file whose keys go into a `T`.
pub(crate) struct Section<T: 'static> {
    /// What is known about it.
    pub(crate) caption: Caption,
    /// Its keys, in the order in which they are shown.
    pub(crate) keys: &'static [Key<T>],
    /// Names in it that are sections of their own.
    pub(crate) within: &'static [&'static str],
}

impl<T> Section<T> {
    /// The cards of its keys.
    pub(crate) fn cards(&self) -> Vec<&'static Card> {
        let keys: &'static [Key<T>] = self.keys;
        keys.iter().map(|key| &key.card).collect()
    }
}
