//! What a function tries on itself before it gets traffic, and what it found.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Part, WireError};
use crate::item::{LEAD_ARRAY, put_head};
use crate::key::Table;
use crate::limits::BODY_BYTES_MAX;
use crate::record::{
    list, list_or_null, octets, put_map, put_nullable_unsigned, put_octets, put_text, put_texts,
    read_record, text,
};

/// Octets of a verdict, at most. Prices the texts in it.
const VERDICT_BYTES_MAX: usize = 64 * 1024;

const SPEC: Table = Table { rows: &[(b"samples", Part::Samples)], packed: 0 };

const VERDICT: Table =
    Table { rows: &[(b"checks", Part::Checks), (b"failures", Part::Failures)], packed: 0 };

/// What the host wants to be tried. Written by the host, read by the function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelfCheckSpec {
    /// Request envelopes to answer as in earnest, without effects that outlive the check.
    pub samples: Vec<Vec<u8>>,
}

impl SelfCheckSpec {
    /// Writes the envelope.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut buf = Vec::new();
        put_map(&mut buf, 1);
        put_text(&mut buf, "samples");
        put_head(&mut buf, LEAD_ARRAY, self.samples.len() as u64);
        for sample in &self.samples {
            put_octets(&mut buf, sample);
        }
        buf
    }

    /// Reads one envelope.
    ///
    /// # Errors
    /// A [`WireError`] about form, kinds, doubled keys or the size; the host is to blame.
    pub fn decode(octets_of_spec: &[u8]) -> Result<Self, WireError> {
        let mut samples = Vec::new();
        read_record(octets_of_spec, BODY_BYTES_MAX, &SPEC, |reader, part, depth| {
            samples = list_or_null(reader, part, depth, |reader| octets(reader, Part::Sample))?;
            Ok(())
        })?;
        Ok(SelfCheckSpec { samples })
    }
}

/// What a function found. Written by the function, read by the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelfCheckVerdict {
    /// How many things were tried, if somebody counted.
    pub checks: Option<u64>,
    /// What is wrong, one text for each finding. None: the function may get traffic.
    pub failures: Vec<String>,
}

impl SelfCheckVerdict {
    /// Writes the envelope.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut buf = Vec::new();
        put_map(&mut buf, 2);
        put_text(&mut buf, "checks");
        put_nullable_unsigned(&mut buf, self.checks);
        put_text(&mut buf, "failures");
        put_texts(&mut buf, &self.failures);
        buf
    }

    /// Reads one envelope. `failures` must be there: a map that says nothing is no good news.
    ///
    /// # Errors
    /// A [`WireError`] about form, kinds, missing and doubled keys, or the size; the function is
    /// to blame.
    pub fn decode(octets: &[u8]) -> Result<Self, WireError> {
        let (mut checks, mut failures) = (None, None);
        let map_at = read_record(octets, VERDICT_BYTES_MAX, &VERDICT, |reader, part, depth| {
            match part {
                Part::Checks => checks = reader.nullable_unsigned(part)?,
                // The table names nothing else.
                _ => {
                    let read = list(reader, part, depth, |reader| text(reader, Part::Failure));
                    failures = Some(read?);
                }
            }
            Ok(())
        })?;
        let missing = WireError::MissingKey { at: map_at, part: Part::Failures };
        Ok(SelfCheckVerdict { checks, failures: failures.ok_or(missing)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn both_are_read_as_they_were_written() {
        let spec = SelfCheckSpec { samples: vec![vec![0xa0], vec![], vec![7; 300]] };
        assert_eq!(SelfCheckSpec::decode(&spec.encode()).unwrap(), spec);
        for verdict in [
            SelfCheckVerdict { checks: Some(3), failures: vec!["no database".into()] },
            SelfCheckVerdict::default(),
        ] {
            assert_eq!(SelfCheckVerdict::decode(&verdict.encode()).unwrap(), verdict);
        }
    }

    #[test]
    fn a_verdict_without_failures_is_none() {
        let cases: [(&[u8], &str); 5] = [
            (b"\xa0", "missing_key"),
            (b"\xa1\x66checks\x01", "missing_key"),
            (b"\xa1\x68failures\xf6", "wrong_type"),
            (b"\xa1\x68failures\x81\x41x", "wrong_type"),
            (b"\xa2\x68failures\x80\x68failures\x80", "duplicate_key"),
        ];
        for (octets, name) in cases {
            assert_eq!(SelfCheckVerdict::decode(octets).unwrap_err().name(), name);
        }
        assert_eq!(SelfCheckSpec::decode(b"\xa0").unwrap(), SelfCheckSpec::default());
    }
}
