//! Reads one CBOR item after the other, borrowing: every length is compared with the octets that
//! are there before anything is done with it, and nothing is ever allocated.

use crate::check::is_text;
use crate::error::{Kind, Part, WireError};
use crate::item::{
    ARRAY, BREAK, BYTES, EIGHT, FALSE, FOUR, INDEFINITE, MAP, NULL, ONE, SIMPLE, TAG, TEXT, TRUE,
    TWO, UNSIGNED,
};
use crate::key::Table;
use crate::octets::Str;

/// A place in an envelope.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
    end: usize,
    nesting_max: u8,
}

/// The head of an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    /// Where it begins.
    pub(crate) at: usize,
    pub(crate) octet: u8,
    pub(crate) major: u8,
    pub(crate) info: u8,
    pub(crate) argument: u64,
}

impl Item {
    pub(crate) fn wrong(&self, part: Part) -> WireError {
        WireError::WrongType { at: self.at, part, found: Kind::of(self.octet) }
    }
}

/// How many items a container still holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Left {
    Items(u64),
    UntilBreak,
}

impl Left {
    /// What the head of an array, or of a map (whose items are pairs), announces.
    pub(crate) fn of(item: &Item) -> Left {
        if item.info == INDEFINITE { Left::UntilBreak } else { Left::Items(item.argument) }
    }
}

impl<'b> Reader<'b> {
    #[inline]
    pub(crate) fn new(octets: &'b [u8], nesting_max: u8) -> Self {
        Reader { rest: octets, end: octets.len(), nesting_max }
    }

    /// Octets read so far.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.end - self.rest.len()
    }

    /// Octets not read yet.
    #[inline]
    pub(crate) fn rest(&self) -> &'b [u8] {
        self.rest
    }

    /// The first octet of the next item.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Reads the head of the next item.
    // RFC 8949 §3
    #[inline]
    pub(crate) fn item(&mut self) -> Result<Item, WireError> {
        let at = self.at();
        let Some((&octet, rest)) = self.rest.split_first() else {
            return Err(WireError::Truncated { at, missing: 1 });
        };
        let (major, info) = (octet >> 5, octet & 0x1f);
        let (argument, rest) = match info {
            ..ONE => (u64::from(info), rest),
            ONE => argument::<1>(at, rest)?,
            TWO => argument::<2>(at, rest)?,
            FOUR => argument::<4>(at, rest)?,
            EIGHT => argument::<8>(at, rest)?,
            INDEFINITE if matches!(major, BYTES | TEXT | ARRAY | MAP) => (0, rest),
            _ => return Err(WireError::Malformed { at, octet }),
        };
        // RFC 8949 §3.3: a simple value below 32 is never spelled with a second octet.
        if major == SIMPLE && info == ONE && argument < 32 {
            return Err(WireError::Malformed { at, octet });
        }
        self.rest = rest;
        Ok(Item { at, octet, major, info, argument })
    }

    /// Takes the content of a string of definite length.
    #[inline]
    pub(crate) fn take(&mut self, item: &Item) -> Result<&'b [u8], WireError> {
        let split = usize::try_from(item.argument).ok().and_then(|n| self.rest.split_at_checked(n));
        let Some((octets, rest)) = split else {
            let missing = item.argument - self.rest.len() as u64;
            return Err(WireError::Truncated { at: item.at, missing });
        };
        self.rest = rest;
        Ok(octets)
    }

    /// Whether the container has another item; consumes the break at the end of an indefinite one.
    pub(crate) fn more(&mut self, left: &mut Left) -> Result<bool, WireError> {
        match left {
            Left::Items(0) => Ok(false),
            Left::Items(n) => {
                *n -= 1;
                Ok(true)
            }
            Left::UntilBreak => match self.rest.split_first() {
                Some((&BREAK, rest)) => {
                    self.rest = rest;
                    Ok(false)
                }
                Some(_) => Ok(true),
                None => Err(WireError::Truncated { at: self.end, missing: 1 }),
            },
        }
    }

    /// One level down: the depth inside a container found at `depth`.
    pub(crate) fn enter(&self, item: &Item, depth: u8) -> Result<u8, WireError> {
        if depth < self.nesting_max {
            Ok(depth + 1)
        } else {
            Err(WireError::TooDeep { at: item.at, max: self.nesting_max })
        }
    }

    /// Reads the content of a string whose head was read.
    pub(crate) fn string(&mut self, item: &Item) -> Result<Str<'b>, WireError> {
        if item.info != INDEFINITE {
            let octets = self.take(item)?;
            check_text(item, octets)?;
            return Ok(Str::whole(octets));
        }
        // RFC 8949 §3.2.3: segments are definite strings of the same major type, and a character
        // does not cross from one into the next.
        let (start, from) = (self.rest, self.at());
        let (mut len, mut pieces, mut piece, mut until) = (0, 0, &[][..], self.at());
        let mut left = Left::UntilBreak;
        while self.more(&mut left)? {
            let segment = self.item()?;
            if segment.major != item.major || segment.info == INDEFINITE {
                return Err(WireError::Malformed { at: segment.at, octet: segment.octet });
            }
            let octets = self.take(&segment)?;
            check_text(&segment, octets)?;
            if !octets.is_empty() {
                pieces += 1;
                piece = octets;
                len += octets.len();
            }
            until = self.at();
        }
        if pieces <= 1 {
            return Ok(Str::whole(piece));
        }
        let raw = start.get(..until - from).unwrap_or_default();
        Ok(Str::segmented(raw, len))
    }

    /// Reads a byte or text string.
    pub(crate) fn any_string(&mut self, part: Part) -> Result<Str<'b>, WireError> {
        let item = self.item()?;
        match item.major {
            BYTES | TEXT => self.string(&item),
            _ => Err(item.wrong(part)),
        }
    }

    /// Reads a text string that may be `null`.
    pub(crate) fn nullable_text(&mut self, part: Part) -> Result<Option<Str<'b>>, WireError> {
        let item = self.item()?;
        match item.major {
            TEXT => self.string(&item).map(Some),
            SIMPLE if item.octet == NULL => Ok(None),
            _ => Err(item.wrong(part)),
        }
    }

    /// Reads an unsigned integer that may be `null`.
    pub(crate) fn nullable_unsigned(&mut self, part: Part) -> Result<Option<u64>, WireError> {
        let item = self.item()?;
        match item.major {
            UNSIGNED => Ok(Some(item.argument)),
            SIMPLE if item.octet == NULL => Ok(None),
            _ => Err(item.wrong(part)),
        }
    }

    /// Reads a boolean that may be `null`.
    pub(crate) fn nullable_bool(&mut self, part: Part) -> Result<Option<bool>, WireError> {
        let item = self.item()?;
        match item.octet {
            TRUE => Ok(Some(true)),
            FALSE => Ok(Some(false)),
            NULL => Ok(None),
            _ => Err(item.wrong(part)),
        }
    }

    /// Reads a map key at `depth` and looks it up; `None` is a key nobody knows.
    pub(crate) fn key(&mut self, table: &Table, depth: u8) -> Result<Option<Part>, WireError> {
        let item = self.item()?;
        match item.major {
            UNSIGNED if item.argument < table.packed => {
                let row = usize::try_from(item.argument).ok().and_then(|n| table.rows.get(n));
                Ok(row.map(|(_, part)| *part))
            }
            TEXT => {
                let key = self.string(&item)?;
                let row = table.rows.iter().find(|(name, _)| key == **name);
                Ok(row.map(|(_, part)| *part))
            }
            _ => {
                self.skip_item(&item, depth)?;
                Ok(None)
            }
        }
    }

    /// Skips the next item, which stands inside `depth` containers.
    pub(crate) fn skip(&mut self, depth: u8) -> Result<(), WireError> {
        let item = self.item()?;
        self.skip_item(&item, depth)
    }

    /// Skips the rest of an item. Recursion ends at the nesting limit.
    pub(crate) fn skip_item(&mut self, item: &Item, depth: u8) -> Result<(), WireError> {
        match item.major {
            BYTES | TEXT => {
                self.string(item)?;
            }
            ARRAY => {
                let (depth, mut left) = (self.enter(item, depth)?, Left::of(item));
                while self.more(&mut left)? {
                    self.skip(depth)?;
                }
            }
            MAP => {
                let (depth, mut left) = (self.enter(item, depth)?, Left::of(item));
                while self.more(&mut left)? {
                    self.skip(depth)?;
                    self.skip(depth)?;
                }
            }
            TAG => {
                let depth = self.enter(item, depth)?;
                self.skip(depth)?;
            }
            // Integers, simple values and floating-point numbers end with their head.
            _ => {}
        }
        Ok(())
    }
}

/// Reads an argument of `N` octets in network order.
#[inline]
fn argument<const N: usize>(at: usize, rest: &[u8]) -> Result<(u64, &[u8]), WireError> {
    match rest.split_first_chunk::<N>() {
        Some((octets, rest)) => {
            let value = octets.iter().fold(0, |value, &octet| value << 8 | u64::from(octet));
            Ok((value, rest))
        }
        None => Err(WireError::Truncated { at, missing: (N - rest.len()) as u64 }),
    }
}

/// A text string is UTF-8.
// RFC 8949 §3.1
#[inline]
fn check_text(item: &Item, octets: &[u8]) -> Result<(), WireError> {
    if item.major == TEXT && !is_text(octets) {
        return Err(WireError::NotUtf8 { at: item.at });
    }
    Ok(())
}
