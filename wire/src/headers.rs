//! The list of headers: walked once when an envelope is read, and again, without checks, by
//! whoever asks for the headers.

use crate::check;
use crate::error::{Part, WireError};
use crate::fast;
use crate::item::{ARRAY, INDEFINITE, MAP, NULL};
use crate::key;
use crate::limits::WireLimits;
use crate::octets::Str;
use crate::reader::{Left, Reader};

/// Where the entries of a list that was read begin, and how many there are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct List<'b> {
    pub(crate) entries: &'b [u8],
    pub(crate) count: usize,
}

/// One entry and where its strings stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'b> {
    pub(crate) name: Str<'b>,
    pub(crate) name_at: usize,
    pub(crate) value: Str<'b>,
    pub(crate) value_at: usize,
}

impl Entry<'_> {
    /// What the host demands of a function's headers.
    pub(crate) fn check_octets(&self) -> Result<(), WireError> {
        if self.name.is_empty() {
            return Err(WireError::HeaderNameEmpty { at: self.name_at });
        }
        if let Some(octet) = check::name_fault_across(&self.name) {
            return Err(WireError::HeaderNameOctet { at: self.name_at, octet });
        }
        match check::value_fault_across(&self.value) {
            Some(octet) => Err(WireError::HeaderValueOctet { at: self.value_at, octet }),
            None => Ok(()),
        }
    }

    /// What a function's view of a request demands: strings that can be borrowed whole.
    pub(crate) fn check_whole(&self) -> Result<(), WireError> {
        if self.name.as_slice().is_none() {
            return Err(WireError::Segmented { at: self.name_at, part: Part::Name });
        }
        if self.value.as_slice().is_none() {
            return Err(WireError::Segmented { at: self.value_at, part: Part::Value });
        }
        Ok(())
    }
}

/// Reads the list, which stands inside `depth` containers, and lets `check` see every entry.
pub(crate) fn read_list<'b>(
    reader: &mut Reader<'b>,
    limits: &WireLimits,
    depth: u8,
    check: fn(&Entry<'b>) -> Result<(), WireError>,
) -> Result<List<'b>, WireError> {
    let item = reader.item()?;
    if item.octet == NULL {
        return Ok(List::default());
    }
    if item.major != ARRAY {
        return Err(item.wrong(Part::Headers));
    }
    let max = limits.header_count_max;
    if item.argument > max as u64 {
        return Err(WireError::HeaderCount { count: item.argument, max });
    }
    let depth = reader.enter(&item, depth)?;
    let (mut left, mut list) = (Left::of(&item), List { entries: reader.rest(), count: 0 });
    while reader.more(&mut left)? {
        if list.count == max {
            return Err(WireError::HeaderCount { count: max as u64 + 1, max });
        }
        check(&read_entry(reader, depth)?)?;
        list.count += 1;
    }
    Ok(list)
}

/// Reads one entry in any of its forms.
fn read_entry<'b>(reader: &mut Reader<'b>, depth: u8) -> Result<Entry<'b>, WireError> {
    let item = reader.item()?;
    let mut left = Left::of(&item);
    match item.major {
        MAP => {
            let depth = reader.enter(&item, depth)?;
            read_entry_map(reader, item.at, left, depth)
        }
        ARRAY => {
            reader.enter(&item, depth)?;
            if item.info != INDEFINITE && item.argument != 2 {
                return Err(WireError::EntryLength { at: item.at, found: item.argument });
            }
            let wrong = |found| WireError::EntryLength { at: item.at, found };
            reader.more(&mut left)?.then_some(()).ok_or(wrong(0))?;
            let (name_at, name) = (reader.at(), reader.any_string(Part::Name)?);
            reader.more(&mut left)?.then_some(()).ok_or(wrong(1))?;
            let (value_at, value) = (reader.at(), reader.any_string(Part::Value)?);
            if reader.more(&mut left)? {
                return Err(wrong(3));
            }
            Ok(Entry { name, name_at, value, value_at })
        }
        _ => Err(item.wrong(Part::Header)),
    }
}

fn read_entry_map<'b>(
    reader: &mut Reader<'b>,
    map_at: usize,
    mut left: Left,
    depth: u8,
) -> Result<Entry<'b>, WireError> {
    let (mut name, mut value) = (None, None);
    while reader.more(&mut left)? {
        let at = reader.at();
        let Some(part) = reader.key(&key::HEADER, depth)? else {
            reader.skip(depth)?;
            continue;
        };
        let slot = if part == Part::Name { &mut name } else { &mut value };
        if slot.is_some() {
            return Err(WireError::DuplicateKey { at, part });
        }
        *slot = Some((reader.at(), reader.any_string(part)?));
    }
    let missing = |part| WireError::MissingKey { at: map_at, part };
    let (name_at, name) = name.ok_or(missing(Part::Name))?;
    let (value_at, value) = value.ok_or(missing(Part::Value))?;
    Ok(Entry { name, name_at, value, value_at })
}

/// The headers of a response in their original order, duplicates kept: names and values.
#[derive(Debug, Clone)]
pub struct Headers<'b> {
    list: List<'b>,
}

impl<'b> Headers<'b> {
    #[inline]
    pub(crate) const fn new(list: List<'b>) -> Self {
        Headers { list }
    }
}

impl<'b> Iterator for Headers<'b> {
    type Item = (Str<'b>, Str<'b>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.list.count = self.list.count.checked_sub(1)?;
        if let Some(((name, value), rest)) = fast::entry(self.list.entries) {
            self.list.entries = rest;
            return Some((Str::whole(name), Str::whole(value)));
        }
        next_entry(&mut self.list)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.list.count, Some(self.list.count))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// The next entry of an unusual form. The list was checked when the envelope was read.
#[cold]
fn next_entry<'b>(list: &mut List<'b>) -> Option<(Str<'b>, Str<'b>)> {
    let mut reader = Reader::new(list.entries, u8::MAX);
    let entry = read_entry(&mut reader, 0).ok()?;
    list.entries = reader.rest();
    Some((entry.name, entry.value))
}

/// The headers of a request in their original order, duplicates kept: names and values.
#[derive(Debug, Clone)]
pub struct PlainHeaders<'b> {
    headers: Headers<'b>,
}

impl<'b> PlainHeaders<'b> {
    #[inline]
    pub(crate) const fn new(list: List<'b>) -> Self {
        PlainHeaders { headers: Headers::new(list) }
    }
}

impl<'b> Iterator for PlainHeaders<'b> {
    type Item = (&'b [u8], &'b [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.headers.next()?;
        Some((name.as_slice()?, value.as_slice()?))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.headers.size_hint()
    }
}

impl ExactSizeIterator for PlainHeaders<'_> {}
