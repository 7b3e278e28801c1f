//! Which trace a request belongs to, as W3C Trace Context says it in `traceparent`: taken over
//! where it is valid, made where it is not. No clock, no socket; randomness is given at the start.
//!
//! Rows in comments are those of <https://www.w3.org/TR/trace-context-1/>.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

/// Octets of the field's value in the only version that is known.
const VALUE_BYTES: usize = 55;
/// A request's place in its trace, as it is passed on: `00-<trace>-<span>-<flags>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    value: [u8; VALUE_BYTES],
    continued: bool,
}

impl Trace {
    /// The value of `traceparent` for whoever is asked next.
    pub(crate) const fn value(&self) -> &[u8; VALUE_BYTES] {
        &self.value
    }

    /// The trace's number: 32 hexadecimal digits.
    pub(crate) fn trace_id(&self) -> &str {
        str::from_utf8(self.trace_id_octets()).unwrap_or_default()
    }

    /// The same, for those who take octets: nothing is left to check.
    #[inline]
    pub(crate) fn trace_id_octets(&self) -> &[u8] {
        self.value.get(3..35).unwrap_or_default()
    }

    /// The number of this request within it: 16 hexadecimal digits.
    pub(crate) fn span_id(&self) -> &str {
        let octets = self.value.get(36..52).unwrap_or_default();
        str::from_utf8(octets).unwrap_or_default()
    }

    /// Whether the client began it.
    const fn is_continued(&self) -> bool {
        self.continued
    }
}

/// What a request says of its trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Said<'h> {
    /// Nothing.
    #[default]
    Nothing,
    /// This, in one field line.
    Parent(&'h [u8]),
    /// Several things at once, none of which can be followed.
    Nonsense,
}

impl<'h> Said<'h> {
    /// One field line more; true when it is about traces, and perhaps not passed on as it is.
    #[inline]
    pub(crate) fn add(&mut self, name: &[u8], value: &'h [u8]) -> bool {
        if is_parent(name) {
            *self = match self {
                Self::Nothing => Self::Parent(value),
                Self::Parent(_) | Self::Nonsense => Self::Nonsense,
            };
            return true;
        }
        is_state(name)
    }
}

/// Whether a field is not passed on: our `traceparent` stands in place of the client's, and
/// `tracestate` means nothing without the trace that it belongs to (§3.3).
#[inline]
pub(crate) const fn is_replaced(name: &[u8], trace: &Trace) -> bool {
    is_parent(name) || (is_state(name) && !trace.is_continued())
}

/// Whether a field is `traceparent`.
#[inline]
const fn is_parent(name: &[u8]) -> bool {
    name.len() == 11 && name.eq_ignore_ascii_case(b"traceparent")
}

/// Whether a field is `tracestate`.
#[inline]
const fn is_state(name: &[u8]) -> bool {
    name.len() == 10 && name.eq_ignore_ascii_case(b"tracestate")
}

/// Gives requests their place in a trace. One for each loop: it has a state of its own.
#[derive(Debug)]
pub(crate) struct Tracer {
    state: Cell<u64>,
}

impl Tracer {
    /// Seeded by the operating system: the standard library's hash keys come from there.
    pub(crate) fn seeded() -> Self {
        Self { state: Cell::new(RandomState::new().build_hasher().finish()) }
    }

    /// The place of a request that says this, written to where it is kept.
    #[inline]
    pub(crate) fn place(&self, said: Said<'_>, kept: &mut Option<Trace>) {
        if let Said::Parent(value) = said
            && let Some(parent) = parse(value)
        {
            *kept = Some(self.follow(parent));
            return;
        }
        // Sampled: its request has a line with the trace's number, and functions that follow their
        // caller's decision would record nothing otherwise.
        let mut value = *b"00-00000000000000000000000000000000-0000000000000000-01";
        value[3..19].copy_from_slice(&digits(self.number()));
        value[19..35].copy_from_slice(&digits(self.number()));
        value[36..52].copy_from_slice(&digits(self.number()));
        *kept = Some(Trace { value, continued: false });
    }

    #[inline(never)]
    fn follow(&self, parent: Parent<'_>) -> Trace {
        let mut value = *b"00-00000000000000000000000000000000-0000000000000000-00";
        value[3..35].copy_from_slice(parent.trace_id);
        value[36..52].copy_from_slice(&digits(self.number()));
        value[54] = parent.flags;
        Trace { value, continued: true }
    }

    /// A number that is not zero: all zeroes name nothing (§3.2.2.3, §3.2.2.4). The two halves of
    /// one wide product, folded; who can guess it can guess a number in a log, and nothing else.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    fn number(&self) -> u64 {
        let state = self.state.get().wrapping_add(0xA076_1D64_78BD_642F);
        self.state.set(state);
        let product = u128::from(state) * u128::from(state ^ 0xE703_7ED1_A0B4_28DB);
        ((product >> 64) as u64 ^ product as u64).max(1)
    }
}

/// What is taken over from a client.
#[derive(Clone, Copy)]
struct Parent<'h> {
    trace_id: &'h [u8],
    /// The last digit of the flags, with those two bits that mean something.
    flags: u8,
}

/// A valid `traceparent` (§3.2): `version "-" trace-id "-" parent-id "-" trace-flags`.
#[inline(never)]
fn parse(value: &[u8]) -> Option<Parent<'_>> {
    let (known, rest) = value.split_at_checked(VALUE_BYTES)?;
    let [v0, v1, b'-', ids @ .., b'-', f0, f1] = known else { return None };
    let (trace_id, ids) = ids.split_at_checked(32)?;
    let [b'-', parent_id @ ..] = ids else { return None };
    let is_version = digit(*v0)? != 15 || digit(*v1)? != 15;
    digit(*v1)?;
    // What a later version adds begins behind a dash (§4.1); this one adds nothing.
    let fits = rest.is_empty() || (&[*v0, *v1] != b"00" && rest.first() == Some(&b'-'));
    let names = |id: &[u8]| {
        id.iter().all(|octet| digit(*octet).is_some()) && id.iter().any(|octet| *octet != b'0')
    };
    digit(*f0)?;
    // Sampled, and random: other bits are not passed on by who does not know them (§3.2.2.5).
    let flags = digit(*f1)? & 3;
    (is_version && fits && names(trace_id) && names(parent_id))
        .then_some(Parent { trace_id, flags: b'0' + flags })
}

/// A digit is written small (§3.2.2).
const fn digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        _ => None,
    }
}

/// Sixteen digits for the sixteen nibbles of a random number, in an order that is nobody's
/// business: first those of the low halves of its octets, then those of the high ones, eight at a
/// time. Each request has three such numbers.
#[inline]
fn digits(number: u64) -> [u8; 16] {
    const LOW_HALVES: u64 = ONES * 15;
    let mut digits = [0; 16];
    let (low, high) = digits.split_at_mut(8);
    low.copy_from_slice(&eight_digits(number & LOW_HALVES));
    high.copy_from_slice(&eight_digits(number >> 4 & LOW_HALVES));
    digits
}

/// One in each octet.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The digits of eight nibbles, each in an octet of its own: those above nine go on from `a`.
#[inline]
const fn eight_digits(nibbles: u64) -> [u8; 8] {
    let above_nine = (nibbles + ONES * 6) >> 4 & ONES;
    // All bits of an octet where one was: without a multiplication, two of these are one step.
    let letters = (above_nine << 8).wrapping_sub(above_nine);
    let from_a = letters & (ONES * (b'a' - b'0' - 10) as u64);
    (nibbles + ONES * b'0' as u64 + from_a).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn place(value: &str) -> Trace {
        place_of(&Tracer { state: Cell::new(7) }, Said::Parent(value.as_bytes()))
    }

    fn place_of(tracer: &Tracer, said: Said<'_>) -> Trace {
        let mut kept = None;
        tracer.place(said, &mut kept);
        kept.expect("every request has a place")
    }

    #[test]
    fn a_valid_parent_is_continued_with_a_span_of_our_own() {
        for (value, flags) in [
            (format!("00-{TRACE}-{SPAN}-01"), "01"),
            (format!("00-{TRACE}-{SPAN}-00"), "00"),
            (format!("00-{TRACE}-{SPAN}-02"), "02"),
            (format!("00-{TRACE}-{SPAN}-ff"), "03"),
            // Later versions, with and without more.
            (format!("01-{TRACE}-{SPAN}-01"), "01"),
            (format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"), "01"),
            (format!("fe-{TRACE}-{SPAN}-01-"), "01"),
            (format!("00-{TRACE}-0000000000000001-01"), "01"),
        ] {
            let trace = place(&value);
            assert!(trace.is_continued(), "{value}");
            assert_eq!(trace.trace_id(), TRACE);
            assert_ne!(trace.span_id(), SPAN);
            let expected = format!("00-{TRACE}-{}-{flags}", trace.span_id());
            assert_eq!(trace.value(), expected.as_bytes(), "{value}");
        }
    }

    #[test]
    fn what_is_no_parent_begins_a_trace() {
        let zeroes = "0".repeat(32);
        for value in [
            String::new(),
            "00".to_owned(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{zeroes}-{SPAN}-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01."),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("cc-{TRACE}-{SPAN}-0"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("00-{TRACE}-{SPAN}-g1"),
            format!("0g-{TRACE}-{SPAN}-01"),
            format!("f -{TRACE}-{SPAN}-01"),
            format!("00_{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}_{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}_01"),
            format!("00-.{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-.{}-01", &SPAN[1..]),
            format!("00-{}-{SPAN}0-01", &TRACE[1..]),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01 "),
            format!("00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01"),
        ] {
            let trace = place(&value);
            assert!(!trace.is_continued(), "{value}");
            assert_ne!(trace.trace_id(), TRACE, "{value}");
            assert_eq!(trace.value()[..3], *b"00-");
            assert_eq!(trace.value()[52..], *b"-01");
            assert!(
                place(str::from_utf8(trace.value()).unwrap()).is_continued(),
                "our own is valid"
            );
        }
    }

    #[test]
    fn more_than_one_parent_is_none() {
        const VALUE: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent = (&b"TraceParent"[..], VALUE);
        let other = (&b"traceparenu"[..], &b"x"[..]);
        let state = (&b"Tracestate"[..], &b"a=b"[..]);
        let said = |fields: &[(&'static [u8], &'static [u8])]| {
            let mut said = Said::Nothing;
            let about_traces = fields.iter().filter(|field| said.add(field.0, field.1)).count();
            (said, about_traces)
        };
        assert_eq!(said(&[other, parent, state]), (Said::Parent(VALUE), 2));
        assert_eq!(said(&[parent, parent]), (Said::Nonsense, 2));
        assert_eq!(said(&[parent, parent, parent]), (Said::Nonsense, 3));
        assert_eq!(said(&[other, state]), (Said::Nothing, 1));
        assert!(is_state(state.0) && is_parent(parent.0) && !is_parent(other.0));
    }

    /// Every nibble of a number has its own digit, and the digit is its own.
    #[test]
    fn digits_are_those_of_the_nibbles() {
        let mut number = 0x0123_4567_89ab_cdef_u64;
        for _ in 0..1_000 {
            let octets = number.to_le_bytes();
            let halves = octets.map(|octet| octet & 15).into_iter().chain(octets.map(|it| it >> 4));
            let expected = halves.map(|nibble| format!("{nibble:x}")).collect::<String>();
            assert_eq!(digits(number), *expected.as_bytes());
            number = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(7);
        }
        assert_eq!((digits(0), digits(u64::MAX)), (*b"0000000000000000", *b"ffffffffffffffff"));
    }

    #[test]
    fn numbers_do_not_repeat_between_loops_or_requests() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..16 {
            let tracer = Tracer::seeded();
            for _ in 0..1_000 {
                let trace = place_of(&tracer, Said::Nothing);
                assert_eq!((trace.trace_id().len(), trace.span_id().len()), (32, 16));
                assert!(seen.insert(trace.trace_id().to_owned()), "twice");
                assert!(seen.insert(trace.span_id().to_owned()), "twice");
            }
        }
    }
}
