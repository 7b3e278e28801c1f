//! Removes chunk framing in place, resumably: one state per place in the grammar, one match.
//!
//! Only data survives. Extensions are checked and ignored, trailer fields are checked and
//! dropped: what has been framed and routed is not changed by octets behind the body.

use crate::class::{Class, hex_digit, is_space};
use crate::error::Error;
use crate::limits::{CHUNK_SIZE_DIGITS_MAX, ChunkLimits};

/// The decoder of one chunked body (RFC 9112 §7.1). Starts with [`Chunked::default`] for each
/// body, can stop and go on at every octet, and is spent after an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunked {
    /// Octets of framing and data read by earlier calls.
    octets_before: u64,
    /// The chunk size being read; then how much data of the chunk is missing.
    size: u64,
    /// Octets of the line being read, without its end.
    line_bytes: u32,
    /// Octets of extensions in the message so far.
    extension_bytes: u32,
    trailer_bytes: u32,
    trailer_count: u16,
    size_digits: u8,
    state: State,
}

/// What one call of [`Chunked::decode`] did to its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Data octets, now at the front.
    pub written: usize,
    /// Octets read. What is behind them belongs to the next request.
    pub consumed: usize,
    /// Whether the body is complete, its trailer section included.
    pub done: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// In front of the first digit of a chunk size.
    #[default]
    SizeStart,
    Size,
    /// White space where only `;` can follow.
    Space,
    /// Behind `;`.
    NameStart,
    Name,
    /// White space behind an extension name, where `;` or `=` can follow.
    NameSpace,
    /// Behind `=`.
    ValueStart,
    Value,
    Quoted,
    QuotedPair,
    QuotedEnd,
    SizeCr,
    Data,
    DataEnd,
    DataCr,
    TrailerStart,
    TrailerName,
    TrailerNameCr,
    TrailerValue,
    TrailerCr,
    EndCr,
    Done,
}

const _: () = assert!(size_of::<Chunked>() <= 48);

impl Chunked {
    /// Removes the chunk framing from the next octets of the body: data moves to the front of
    /// `raw`. Unless the body ends here, all of `raw` is consumed.
    ///
    /// `body_bytes_left` is how many data octets the caller still accepts, those of this call
    /// included; a larger chunk is refused by its size, before its data.
    ///
    /// # Errors
    /// The first thing that is wrong with the framing; the data in `raw` is then lost. Offsets
    /// count from the first octet of the body.
    pub fn decode(
        &mut self,
        raw: &mut [u8],
        body_bytes_left: u64,
        limits: &ChunkLimits,
    ) -> Result<Decoded, Error> {
        let (mut written, mut consumed) = (0, 0);
        while let Some(&octet) = raw.get(consumed)
            && self.state != State::Done
        {
            if self.state == State::Data {
                let here = raw.len() - consumed;
                let length = usize::try_from(self.size).map_or(here, |size| size.min(here));
                if written != consumed {
                    raw.copy_within(consumed..consumed + length, written);
                }
                written += length;
                consumed += length;
                self.size -= length as u64;
                if self.size == 0 {
                    self.state = State::DataEnd;
                }
                continue;
            }
            let offset = self.octets_before + consumed as u64;
            self.state = self.step(octet, offset, limits)?;
            if self.state == State::Data && self.size > body_bytes_left - written as u64 {
                let line_start = offset - 1 - u64::from(self.line_bytes);
                return Err(Error::BodyTooLarge { offset: line_start });
            }
            consumed += 1;
        }
        self.octets_before += consumed as u64;
        Ok(Decoded { written, consumed, done: self.state == State::Done })
    }

    fn step(&mut self, octet: u8, offset: u64, limits: &ChunkLimits) -> Result<State, Error> {
        match self.state {
            State::SizeStart | State::Size => {
                self.count_line(octet, offset, limits)?;
                self.size(octet, offset)
            }
            State::Space
            | State::NameStart
            | State::Name
            | State::NameSpace
            | State::ValueStart
            | State::Value
            | State::Quoted
            | State::QuotedPair
            | State::QuotedEnd => {
                self.count_line(octet, offset, limits)?;
                self.extension(octet, offset)
            }
            State::SizeCr => self.end_size_line(octet, offset),
            // RFC 9112 §7.1: exactly CRLF behind the data, not any two octets.
            State::DataEnd if octet == b'\r' => Ok(State::DataCr),
            State::DataCr if octet == b'\n' => {
                self.size_digits = 0;
                self.line_bytes = 0;
                Ok(State::SizeStart)
            }
            State::DataEnd | State::DataCr => Err(Error::ChunkDataEnd { offset }),
            State::TrailerStart if octet == b'\r' => Ok(State::EndCr),
            State::TrailerStart => {
                self.begin_trailer(offset, limits)?;
                self.count_trailer(octet, offset, limits)?;
                trailer_start(octet, offset)
            }
            State::TrailerName => {
                self.count_trailer(octet, offset, limits)?;
                trailer_name(octet, offset)
            }
            State::TrailerNameCr => after_cr(octet, offset, State::TrailerStart)
                .and(Err(Error::FieldColonMissing { offset: offset - 1 })),
            State::TrailerValue => {
                self.count_trailer(octet, offset, limits)?;
                trailer_value(octet, offset)
            }
            State::TrailerCr => {
                self.count_trailer(octet, offset, limits)?;
                after_cr(octet, offset, State::TrailerStart)
            }
            State::EndCr => after_cr(octet, offset, State::Done),
            State::Data | State::Done => Ok(self.state),
        }
    }

    /// Counts the octets of a size line, and of its extensions, against their limits.
    fn count_line(&mut self, octet: u8, offset: u64, limits: &ChunkLimits) -> Result<(), Error> {
        if octet == b'\r' {
            return Ok(());
        }
        if self.line_bytes >= limits.size_line_bytes_max {
            let max = u64::from(limits.size_line_bytes_max);
            return Err(Error::ChunkLineTooLong { offset, max });
        }
        self.line_bytes += 1;
        let in_size = matches!(self.state, State::SizeStart | State::Size);
        if in_size && octet != b';' && !is_space(octet) {
            return Ok(());
        }
        if self.extension_bytes >= limits.extension_bytes_max {
            let max = u64::from(limits.extension_bytes_max);
            return Err(Error::ChunkExtensionsTooLong { offset, max });
        }
        self.extension_bytes += 1;
        Ok(())
    }

    /// RFC 9112 §7.1: chunk-size = 1*HEXDIG; no sign, no prefix, no space in front.
    fn size(&mut self, octet: u8, offset: u64) -> Result<State, Error> {
        if let Some(digit) = hex_digit(octet) {
            if usize::from(self.size_digits) >= CHUNK_SIZE_DIGITS_MAX {
                let max = CHUNK_SIZE_DIGITS_MAX as u64;
                return Err(Error::ChunkSizeTooLong { offset, max });
            }
            let higher = if self.size_digits == 0 { 0 } else { self.size << 4 };
            self.size = higher | u64::from(digit);
            self.size_digits += 1;
            return Ok(State::Size);
        }
        match (octet, self.state) {
            (_, State::SizeStart) => Err(Error::ChunkSizeInvalid { offset }),
            (b';', _) => Ok(State::NameStart),
            (b' ' | b'\t', _) => Ok(State::Space),
            (b'\r', _) => Ok(State::SizeCr),
            (b'\n', _) => Err(Error::BareLf { offset }),
            _ => Err(Error::ChunkSizeInvalid { offset }),
        }
    }

    /// RFC 9112 §7.1.1: `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`.
    fn extension(&self, octet: u8, offset: u64) -> Result<State, Error> {
        use State::{Name, NameSpace, NameStart, Quoted, QuotedEnd, QuotedPair, SizeCr, Space};
        use State::{Value, ValueStart};
        let is_token = Class::TOKEN.has(octet);
        match (self.state, octet) {
            (_, b'\n') => Err(Error::BareLf { offset }),
            (Name | NameStart, _) if is_token => Ok(Name),
            (Value | ValueStart, _) if is_token => Ok(Value),
            (Quoted, b'"') => Ok(QuotedEnd),
            (Quoted, b'\\') => Ok(QuotedPair),
            (Quoted, _) if Class::QUOTED.has(octet) => Ok(Quoted),
            (QuotedPair, _) if Class::VALUE.has(octet) => Ok(Quoted),
            (ValueStart, b'"') => Ok(Quoted),
            (Name | NameSpace, b'=') => Ok(ValueStart),
            (Space | Name | NameSpace | Value | QuotedEnd, b';') => Ok(NameStart),
            (Name | Value | QuotedEnd, b'\r') => Ok(SizeCr),
            // RFC 9110 §5.6.3: BWS is read for the sake of old senders, never at the end.
            (Name | NameSpace, b' ' | b'\t') => Ok(NameSpace),
            (Space | Value | QuotedEnd, b' ' | b'\t') => Ok(Space),
            (NameStart | ValueStart, b' ' | b'\t') => Ok(self.state),
            _ => Err(Error::ChunkExtensionInvalid { offset }),
        }
    }

    fn end_size_line(&mut self, octet: u8, offset: u64) -> Result<State, Error> {
        let next = if self.size == 0 { State::TrailerStart } else { State::Data };
        after_cr(octet, offset, next)
    }

    fn begin_trailer(&mut self, offset: u64, limits: &ChunkLimits) -> Result<(), Error> {
        if self.trailer_count >= limits.trailer_count_max {
            let max = u64::from(limits.trailer_count_max);
            return Err(Error::TooManyTrailers { offset, max });
        }
        self.trailer_count += 1;
        self.line_bytes = 0;
        Ok(())
    }

    fn count_trailer(&mut self, octet: u8, offset: u64, limits: &ChunkLimits) -> Result<(), Error> {
        let ends = octet == b'\r' || self.state == State::TrailerCr;
        if !ends && self.line_bytes >= limits.trailer_line_bytes_max {
            let max = u64::from(limits.trailer_line_bytes_max);
            return Err(Error::FieldLineTooLong { offset, max });
        }
        if self.trailer_bytes >= limits.trailer_bytes_max {
            let max = u64::from(limits.trailer_bytes_max);
            return Err(Error::TrailerSectionTooLong { offset, max });
        }
        self.line_bytes = self.line_bytes.saturating_add(1);
        self.trailer_bytes += 1;
        Ok(())
    }
}

/// RFC 9112 §2.2: a CR is followed by LF or is an error.
fn after_cr(octet: u8, offset: u64, next: State) -> Result<State, Error> {
    if octet == b'\n' { Ok(next) } else { Err(Error::BareCr { offset: offset - 1 }) }
}

/// RFC 9112 §7.1.2: trailer fields have the grammar of header fields, folding refused.
fn trailer_start(octet: u8, offset: u64) -> Result<State, Error> {
    match octet {
        b':' => Err(Error::FieldNameEmpty { offset }),
        _ if is_space(octet) => Err(Error::FieldLineSpace { offset }),
        _ => trailer_name(octet, offset),
    }
}

fn trailer_name(octet: u8, offset: u64) -> Result<State, Error> {
    match octet {
        _ if Class::TOKEN.has(octet) => Ok(State::TrailerName),
        b':' => Ok(State::TrailerValue),
        b' ' | b'\t' => Err(Error::FieldNameSpace { offset }),
        b'\r' => Ok(State::TrailerNameCr),
        b'\n' => Err(Error::BareLf { offset }),
        _ => Err(Error::FieldNameOctet { offset }),
    }
}

fn trailer_value(octet: u8, offset: u64) -> Result<State, Error> {
    match octet {
        _ if Class::VALUE.has(octet) => Ok(State::TrailerValue),
        b'\r' => Ok(State::TrailerCr),
        b'\n' => Err(Error::BareLf { offset }),
        _ => Err(Error::FieldValueOctet { offset }),
    }
}
