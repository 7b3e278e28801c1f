//! Which octet may stand where: one table, built at compile time from the grammar.
//!
//! Each entry is a set of [`Class`] bits. Octets, never characters: everything above 0x7E is in
//! no class but [`Class::VALUE`].

/// A set of octets, as one bit in each entry of the table.
#[derive(Clone, Copy)]
pub(crate) struct Class(u8);

impl Class {
    /// `tchar`, the octets of methods and field names (RFC 9110 §5.6.2).
    pub(crate) const TOKEN: Self = Self(1);
    /// Visible ASCII: all a request target can be made of (RFC 3986 §2).
    pub(crate) const TARGET: Self = Self(2);
    /// `pchar` without the percent sign, and the slash (RFC 3986 §3.3).
    pub(crate) const PATH: Self = Self(4);
    /// Query octets without the percent sign, and the five raw ones that browsers send
    /// (RFC 3986 §3.4; WHATWG URL, query percent-encode set).
    pub(crate) const QUERY: Self = Self(8);
    /// Field values: HTAB, SP, VCHAR and opaque octets (RFC 9110 §5.5).
    pub(crate) const VALUE: Self = Self(16);
    /// `reg-name` without the percent sign and without the comma (RFC 3986 §3.2.2); a comma
    /// would make two joined Host lines look like one.
    pub(crate) const HOST: Self = Self(32);
    /// `qdtext`, the octets of a quoted string (RFC 9110 §5.6.4).
    pub(crate) const QUOTED: Self = Self(64);

    /// Whether `octet` is in the set.
    #[inline(always)]
    pub(crate) const fn has(self, octet: u8) -> bool {
        TABLE[octet as usize] & self.0 != 0
    }

    /// Whether all of `octets` are in the set: one decision, for those who expect a yes.
    #[inline]
    pub(crate) fn has_all(self, octets: &[u8]) -> bool {
        let common = |set, octet: &u8| set & TABLE[*octet as usize];
        let Some(last) = octets.last_chunk::<4>() else {
            return octets.iter().fold(self.0, common) != 0;
        };
        // The last ones may be looked at twice.
        let (chunks, _) = octets.as_chunks::<4>();
        let set = last.iter().fold(self.0, common);
        chunks.iter().fold(set, |set, chunk| chunk.iter().fold(set, common)) != 0
    }

    /// Index of the first octet from `at` on that is not in the set, or the length.
    #[inline]
    pub(crate) fn end(self, octets: &[u8], at: usize) -> usize {
        let Some(mut rest) = octets.get(at..) else { return at };
        while let Some((&[a, b, c, d], after)) = rest.split_first_chunk() {
            let at = octets.len() - rest.len();
            if !self.has(a) {
                return at;
            }
            if !self.has(b) {
                return at + 1;
            }
            if !self.has(c) {
                return at + 2;
            }
            if !self.has(d) {
                return at + 3;
            }
            rest = after;
        }
        while let [first, after @ ..] = rest
            && self.has(*first)
        {
            rest = after;
        }
        octets.len() - rest.len()
    }
}

/// Whether `octet` is optional white space (RFC 9110 §5.6.3).
#[inline(always)]
pub(crate) const fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// The value of a hexadecimal digit of either case.
#[inline(always)]
pub(crate) const fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// `value` without the white space around it.
#[inline]
pub(crate) fn trim(value: &[u8]) -> &[u8] {
    let mut value = value;
    while let [first, rest @ ..] = value
        && is_space(*first)
    {
        value = rest;
    }
    while let [rest @ .., last] = value
        && is_space(*last)
    {
        value = rest;
    }
    value
}

static TABLE: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0u8;
    loop {
        table[octet as usize] = classes(octet);
        if octet == u8::MAX {
            return table;
        }
        octet += 1;
    }
}

const fn classes(octet: u8) -> u8 {
    let unreserved = octet.is_ascii_alphanumeric() || among(octet, b"-._~");
    let sub_delim = among(octet, b"!$&'()*+,;=");
    let path = unreserved || sub_delim || among(octet, b":@/");
    let value = octet == b'\t' || (octet >= b' ' && octet != 0x7f);
    let mut set = 0;
    if octet.is_ascii_alphanumeric() || among(octet, b"!#$%&'*+-.^_`|~") {
        set |= Class::TOKEN.0;
    }
    if octet.is_ascii_graphic() {
        set |= Class::TARGET.0;
    }
    if path {
        set |= Class::PATH.0;
    }
    if path || among(octet, b"?|{}^`") {
        set |= Class::QUERY.0;
    }
    if value {
        set |= Class::VALUE.0;
    }
    if (unreserved || sub_delim) && octet != b',' {
        set |= Class::HOST.0;
    }
    if value && octet != b'"' && octet != b'\\' {
        set |= Class::QUOTED.0;
    }
    set
}

const fn among(octet: u8, list: &[u8]) -> bool {
    let mut at = 0;
    while at < list.len() {
        if list[at] == octet {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(class: Class) -> usize {
        (0..=u8::MAX).filter(|octet| class.has(*octet)).count()
    }

    #[test]
    fn each_class_has_the_size_the_grammar_gives_it() {
        assert_eq!(members(Class::TOKEN), 26 + 26 + 10 + 15);
        assert_eq!(members(Class::TARGET), 0x7e - 0x20);
        assert_eq!(members(Class::PATH), 26 + 26 + 10 + 4 + 11 + 3);
        assert_eq!(members(Class::QUERY), members(Class::PATH) + 6);
        assert_eq!(members(Class::VALUE), 256 - 32 - 1 + 1);
        assert_eq!(members(Class::HOST), 26 + 26 + 10 + 4 + 10);
        assert_eq!(members(Class::QUOTED), members(Class::VALUE) - 2);
    }

    #[test]
    fn a_percent_sign_is_never_taken_for_an_ordinary_character() {
        for class in [Class::PATH, Class::QUERY, Class::HOST] {
            assert!(!class.has(b'%'));
        }
    }

    #[test]
    fn trimming_takes_white_space_from_both_ends_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b" \t"), b"");
        assert_eq!(trim(b"\x0ba\x0c"), b"\x0ba\x0c");
    }
}
