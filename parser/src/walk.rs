//! Octet by octet through a head that arrives in pieces, or that is wrong.
//!
//! The walk is the authority on what is refused and where: it meets octets in their order, so
//! the first error is the same however they were cut. It never looks at an octet twice, except
//! for the target, which is taken apart when the space behind it has come.

use crate::class::{Class, is_space, trim};
use crate::error::Error;
use crate::index::{Index, Place, Span, Version, narrow};
use crate::limits::{
    FIELD_COUNT_CAP, HEAD_BYTES_CAP, HeadLimits, LEADING_EMPTY_LINES_MAX, METHOD_BYTES_MAX,
};
use crate::scan::value_end;
use crate::target::Target;

/// How far an incomplete head has been looked at. Starts with [`Resume::default`] for each head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// Octets looked at.
    at: u16,
    /// First octet of the line that is being read.
    line: u16,
    /// First octet of the part that is being read: target, version, value; or a CR in doubt.
    mark: u16,
    /// First octet of the field section.
    section: u16,
    /// Field lines that are complete.
    count: u16,
    empty_lines: u8,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    /// CR of an empty line in front of the request line.
    StartCr,
    Method,
    Target,
    Version,
    VersionCr,
    /// CR inside method or target.
    RequestLineCut,
    LineStart,
    Name,
    /// CR inside a field name.
    NameCut,
    Value,
    ValueCr,
    /// CR at the start of a line: the end of the head.
    EndCr,
    Done,
}

const _: () = assert!(size_of::<Resume>() <= 16);

impl Resume {
    /// Octets of the head that have been looked at and need not be looked at again.
    #[must_use]
    pub const fn octets_seen(&self) -> usize {
        self.at as usize
    }

    /// Goes on through `octets`, the head from its first octet on. `Ok(None)`: all of it has been
    /// looked at, and more is needed.
    pub(crate) fn walk(
        &mut self,
        octets: &[u8],
        limits: &HeadLimits,
        index: &mut Index,
    ) -> Result<Option<usize>, Error> {
        while let Some(&octet) = octets.get(usize::from(self.at)) {
            #[cfg(test)]
            crate::work::add(1);
            self.state = self.step(octet, octets, limits, index)?;
            self.at += 1;
            if self.state == State::Done {
                return Ok(Some(usize::from(self.at)));
            }
            if self.state == State::Value {
                self.skip_value(octets, limits);
            }
        }
        if octets.len() < HEAD_BYTES_CAP {
            return Ok(None);
        }
        // Only limits that were never checked let a head grow so long.
        let max = u64::from(limits.field_section_bytes_max);
        Err(Error::FieldSectionTooLong { offset: HEAD_BYTES_CAP as u64, max })
    }

    fn step(
        &mut self,
        octet: u8,
        octets: &[u8],
        limits: &HeadLimits,
        index: &mut Index,
    ) -> Result<State, Error> {
        match self.state {
            State::Start => self.start(octet),
            State::StartCr => self.after_cr(octet, State::Start),
            State::Method | State::Target | State::Version => {
                self.check_request_line(octet, limits)?;
                self.request_line(octet, octets, index)
            }
            State::VersionCr => {
                self.after_cr(octet, State::LineStart)?;
                self.version(octets, index)?;
                self.section = self.at + 1;
                self.line = self.at + 1;
                index.begin_fields();
                Ok(State::LineStart)
            }
            State::RequestLineCut => {
                self.after_cr(octet, State::Start)?;
                Err(Error::RequestLineIncomplete { offset: self.offset() - 1 })
            }
            State::LineStart if octet == b'\r' => Ok(State::EndCr),
            State::LineStart => {
                self.check_count(limits)?;
                self.check_field_line(octet, limits)?;
                self.line_start(octet)
            }
            State::Name => {
                self.check_field_line(octet, limits)?;
                self.name(octet)
            }
            State::NameCut => {
                self.after_cr(octet, State::Start)?;
                Err(Error::FieldColonMissing { offset: self.offset() - 1 })
            }
            State::Value => {
                self.check_field_line(octet, limits)?;
                self.value(octet)
            }
            State::ValueCr => {
                self.check_section(limits)?;
                self.after_cr(octet, State::LineStart)?;
                self.end_line(octets, index);
                Ok(State::LineStart)
            }
            State::EndCr => self.after_cr(octet, State::Done),
            State::Done => Ok(State::Done),
        }
    }

    fn offset(&self) -> u64 {
        u64::from(self.at)
    }

    /// RFC 9112 §2.2: a CR is followed by LF or is an error.
    fn after_cr(&self, octet: u8, next: State) -> Result<State, Error> {
        match octet {
            b'\n' => Ok(next),
            _ => Err(Error::BareCr { offset: self.offset() - 1 }),
        }
    }

    /// RFC 9112 §2.2: at least one empty line is ignored in front of a request line.
    fn start(&mut self, octet: u8) -> Result<State, Error> {
        let offset = self.offset();
        match octet {
            b'\r' if usize::from(self.empty_lines) < LEADING_EMPTY_LINES_MAX => {
                self.empty_lines += 1;
                Ok(State::StartCr)
            }
            b'\r' => Err(Error::LeadingEmptyLines { offset }),
            b'\n' => Err(Error::BareLf { offset }),
            _ if Class::TOKEN.has(octet) => {
                self.line = self.at;
                Ok(State::Method)
            }
            _ => Err(Error::MethodOctet { offset }),
        }
    }

    /// RFC 9112 §3: the limit counts the line without its end.
    fn check_request_line(&self, octet: u8, limits: &HeadLimits) -> Result<(), Error> {
        let max = u64::from(limits.request_line_bytes_max);
        if octet != b'\r' && u64::from(self.at - self.line) >= max {
            return Err(Error::RequestLineTooLong { offset: self.offset(), max });
        }
        Ok(())
    }

    fn request_line(
        &mut self,
        octet: u8,
        octets: &[u8],
        index: &mut Index,
    ) -> Result<State, Error> {
        let offset = self.offset();
        match (self.state, octet) {
            (_, b'\n') => Err(Error::BareLf { offset }),
            (State::Version, b'\r') if self.at - self.mark == 8 => Ok(State::VersionCr),
            (State::Version, _) => self.version_octet(octet),
            (_, b'\r') => Ok(State::RequestLineCut),
            (State::Target, b' ') => self.end_target(octets, index),
            (State::Target, _) if Class::TARGET.has(octet) => Ok(State::Target),
            (State::Target, _) => Err(Error::TargetOctet { offset }),
            (_, b' ') => {
                index.facts.method = span(self.line, self.at);
                self.mark = self.at + 1;
                Ok(State::Target)
            }
            _ if !Class::TOKEN.has(octet) => Err(Error::MethodOctet { offset }),
            _ if usize::from(self.at - self.line) >= METHOD_BYTES_MAX => {
                Err(Error::MethodTooLong { offset, max: METHOD_BYTES_MAX as u64 })
            }
            _ => Ok(State::Method),
        }
    }

    fn end_target(&mut self, octets: &[u8], index: &mut Index) -> Result<State, Error> {
        if self.at == self.mark {
            return Err(Error::TargetEmpty { offset: self.offset() });
        }
        // The index may have served another head since the method went by.
        let method = span(self.line, self.mark - 1);
        let target = span(self.mark, self.at);
        #[cfg(test)]
        crate::work::add(target.of(octets).len());
        index.facts.target = Target::read(octets, method, target)?;
        self.mark = self.at + 1;
        Ok(State::Version)
    }

    /// RFC 9112 §2.3: `HTTP/`, a digit, a dot, a digit; names are compared with their case.
    fn version_octet(&self, octet: u8) -> Result<State, Error> {
        let right = match self.at - self.mark {
            place @ (0..=4 | 6) => b"HTTP/ .".get(usize::from(place)) == Some(&octet),
            5 | 7 => octet.is_ascii_digit(),
            _ => false,
        };
        right.then_some(State::Version).ok_or(Error::VersionSyntax { offset: self.offset() })
    }

    fn version(&self, octets: &[u8], index: &mut Index) -> Result<(), Error> {
        let start = usize::from(self.mark);
        // RFC 9110 §15.6.6, §6.2: another major version is refused, a later minor one is not.
        if octets.get(start + 5) != Some(&b'1') {
            return Err(Error::VersionUnsupported { offset: start as u64 });
        }
        index.facts.version = match octets.get(start + 7) {
            Some(b'0') => Version::Http10,
            _ => Version::Http11,
        };
        Ok(())
    }

    fn check_count(&self, limits: &HeadLimits) -> Result<(), Error> {
        let max = u64::from(limits.field_count_max).min(FIELD_COUNT_CAP as u64);
        if u64::from(self.count) >= max {
            return Err(Error::TooManyFields { offset: self.offset(), max });
        }
        Ok(())
    }

    fn check_section(&self, limits: &HeadLimits) -> Result<(), Error> {
        let max = u64::from(limits.field_section_bytes_max);
        if u64::from(self.at - self.section) >= max {
            return Err(Error::FieldSectionTooLong { offset: self.offset(), max });
        }
        Ok(())
    }

    fn check_field_line(&self, octet: u8, limits: &HeadLimits) -> Result<(), Error> {
        let max = u64::from(limits.field_line_bytes_max);
        if octet != b'\r' && u64::from(self.at - self.line) >= max {
            return Err(Error::FieldLineTooLong { offset: self.offset(), max });
        }
        self.check_section(limits)
    }

    /// RFC 9112 §2.2, §5.2: a line that starts with white space is refused.
    fn line_start(&mut self, octet: u8) -> Result<State, Error> {
        let offset = self.offset();
        match octet {
            b'\n' => Err(Error::BareLf { offset }),
            b' ' | b'\t' => Err(Error::FieldLineSpace { offset }),
            b':' => Err(Error::FieldNameEmpty { offset }),
            _ => self.name(octet),
        }
    }

    /// RFC 9112 §5.1: nothing stands between the name and its colon.
    fn name(&mut self, octet: u8) -> Result<State, Error> {
        let offset = self.offset();
        match octet {
            _ if Class::TOKEN.has(octet) => Ok(State::Name),
            b':' => {
                self.mark = self.at;
                Ok(State::Value)
            }
            b' ' | b'\t' => Err(Error::FieldNameSpace { offset }),
            b'\r' => Ok(State::NameCut),
            b'\n' => Err(Error::BareLf { offset }),
            _ => Err(Error::FieldNameOctet { offset }),
        }
    }

    fn value(&self, octet: u8) -> Result<State, Error> {
        let offset = self.offset();
        match octet {
            _ if Class::VALUE.has(octet) => Ok(State::Value),
            b'\r' => Ok(State::ValueCr),
            b'\n' => Err(Error::BareLf { offset }),
            _ => Err(Error::FieldValueOctet { offset }),
        }
    }

    /// Goes to the next octet of a value that needs a decision.
    fn skip_value(&mut self, octets: &[u8], limits: &HeadLimits) {
        let line_end = usize::from(self.line) + limits.field_line_bytes_max as usize;
        let section_end = usize::from(self.section) + limits.field_section_bytes_max as usize;
        let end = octets.len().min(line_end).min(section_end);
        let at = usize::from(self.at);
        let stop = octets.get(..end).map_or(at, |free| value_end(free, at));
        #[cfg(test)]
        crate::work::add(stop - at);
        self.at = narrow(stop);
    }

    /// Takes down the field line whose CRLF ends at this octet.
    fn end_line(&mut self, octets: &[u8], index: &mut Index) {
        let colon = usize::from(self.mark);
        let end = usize::from(self.at) - 1;
        let value = octets.get(colon + 1..end).unwrap_or(&[]);
        let start = value.iter().position(|octet| !is_space(*octet)).unwrap_or(value.len());
        let length = trim(value).len();
        let value = Span::new(colon + 1 + start, colon + 1 + start + length);
        let name = span(self.line, self.mark);
        // An index that served other heads in between may be full: it is made anew at the end.
        index.note(octets, Place::new(name, value));
        self.count += 1;
        self.line = self.at + 1;
    }
}

fn span(start: u16, end: u16) -> Span {
    Span::new(usize::from(start), usize::from(end))
}
