//! Octets that somebody else chose, made harmless inside a line: nothing they hold ends the line,
//! ends the value, or moves a terminal's cursor.
//!
//! What is written is a function of the octets alone and never longer than six times as many.

use std::fmt::Write as _;

/// Where octets of a line go.
pub(crate) trait Out {
    /// Puts octets behind those that are there.
    fn put(&mut self, octets: &[u8]);
}

impl Out for Vec<u8> {
    #[inline]
    fn put(&mut self, octets: &[u8]) {
        self.extend_from_slice(octets);
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Into {
    /// Inside a JSON string (RFC 8259 §7). Whoever decodes it gets the characters back; octets
    /// that are no UTF-8 become the text `\xHH`.
    Json,
    /// Inside quotes of the combined format: everything but plain ASCII becomes `\xHH`.
    Combined,
}

/// Octets that stand for themselves in both: printable ASCII but `"` and `\`.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut octet = 0x20;
    while octet < 0x7F {
        plain[octet] = true;
        octet += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain
};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes `octets` as part of a value.
#[inline]
pub(crate) fn escape(out: &mut impl Out, octets: &[u8], into: Into) {
    // Nearly all values are plain throughout.
    if is_plain(octets) {
        out.put(octets);
    } else {
        match into {
            Into::Json => json(out, octets),
            Into::Combined => combined(out, octets),
        }
    }
}

/// Whether all octets stand for themselves, eight at a time.
#[inline]
fn is_plain(octets: &[u8]) -> bool {
    // The last eight may overlap the ones before.
    let Some(last) = octets.last_chunk::<8>() else {
        return octets.iter().all(|octet| PLAIN[usize::from(*octet)]);
    };
    let (words, _) = octets.as_chunks::<8>();
    let is_plain = |word: &[u8; 8]| is_plain_word(u64::from_ne_bytes(*word));
    is_plain(last) && words.iter().all(is_plain)
}

/// The same for eight octets, whatever their order. The top bit of an octet of `odd` is set if that
/// octet is no plain one, and may be set above such an octet.
#[inline]
const fn is_plain_word(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const fn zero(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let special =
        zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5C)) | zero(word ^ (ONES * 0x7F));
    let odd = below_space | special | word;
    odd & (ONES * 0x80) == 0
}

#[cold]
fn json(out: &mut impl Out, octets: &[u8]) {
    for chunk in octets.utf8_chunks() {
        for character in chunk.valid().chars() {
            json_character(out, character);
        }
        for octet in chunk.invalid() {
            out.put(b"\\");
            hex(out, *octet);
        }
    }
}

fn json_character(out: &mut impl Out, character: char) {
    match character {
        '"' | '\\' => {
            out.put(b"\\");
            put(out, character);
        }
        '\n' => out.put(b"\\n"),
        '\r' => out.put(b"\\r"),
        '\t' => out.put(b"\\t"),
        other if is_hidden(other) => {
            let mut units = [0; 2];
            for unit in other.encode_utf16(&mut units) {
                let [high, low] = unit.to_be_bytes();
                out.put(b"\\u");
                out.put(&digits(high));
                out.put(&digits(low));
            }
        }
        other => put(out, other),
    }
}

#[cold]
fn combined(out: &mut impl Out, octets: &[u8]) {
    for octet in octets {
        if PLAIN[usize::from(*octet)] {
            out.put(&[*octet]);
        } else {
            hex(out, *octet);
        }
    }
}

/// `text` for a person's eyes: what is hidden is shown escaped.
pub(crate) fn shown(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            other if is_hidden(other) => {
                let mut escaped = String::new();
                // Writing to a string cannot fail.
                let _infallible = write!(escaped, "\\u{{{:x}}}", u32::from(other));
                out.extend_from_slice(escaped.as_bytes());
            }
            other => put(out, other),
        }
    }
}

/// Whether a character does something to a line instead of standing in it: controls (C0, C1,
/// among them what begins an ANSI sequence), ends of lines and paragraphs, what turns the direction
/// of text, and what has no width.
pub(crate) const fn is_hidden(character: char) -> bool {
    matches!(character,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn put(out: &mut impl Out, character: char) {
    out.put(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// `\xHH`
fn hex(out: &mut impl Out, octet: u8) {
    out.put(b"\\x");
    out.put(&digits(octet));
}

fn digits(octet: u8) -> [u8; 2] {
    [HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]]
}

/// The first `bytes_max` octets of a value, ended between characters if it is text; true when that
/// is not all of it.
#[inline]
pub(crate) fn cut(octets: &[u8], bytes_max: usize) -> (&[u8], bool) {
    if octets.len() <= bytes_max { (octets, false) } else { (cut_off(octets, bytes_max), true) }
}

#[cold]
fn cut_off(octets: &[u8], bytes_max: usize) -> &[u8] {
    let mut kept = octets.get(..bytes_max).unwrap_or(octets);
    // At most three octets belong to a character that is not whole.
    for _ in 0..3 {
        match octets.get(kept.len()) {
            Some(next) if next & 0xC0 == 0x80 => kept = &kept[..kept.len().saturating_sub(1)],
            _ => break,
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(octets: &[u8], into: Into) -> String {
        let mut out = Vec::new();
        escape(&mut out, octets, into);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_leaves_its_value() {
        let rows: [(&[u8], &str, &str); 8] = [
            (b"plain /a?b=c", "plain /a?b=c", "plain /a?b=c"),
            (b"a\"b\\c", r#"a\"b\\c"#, r"a\x22b\x5cc"),
            (b"\r\n\t\0", r"\r\n\t\u0000", r"\x0d\x0a\x09\x00"),
            (b"\x1b[31m\x7f", r"\u001b[31m\u007f", r"\x1b[31m\x7f"),
            ("\u{9b}é".as_bytes(), "\\u009bé", r"\xc2\x9b\xc3\xa9"),
            (b"\xff\xc3(", r"\\xff\\xc3(", r"\xff\xc3("),
            ("\u{202e}\u{2028}".as_bytes(), r"\u202e\u2028", r"\xe2\x80\xae\xe2\x80\xa8"),
            ("\u{e0001}".as_bytes(), r"\udb40\udc01", r"\xf3\xa0\x80\x81"),
        ];
        for (octets, as_json, as_combined) in rows {
            assert_eq!(escaped(octets, Into::Json), as_json);
            assert_eq!(escaped(octets, Into::Combined), as_combined);
        }
        let mut out = Vec::new();
        shown(&mut out, "a\nfezz: forged \u{1b}[31m\u{202e}é");
        assert_eq!(out, "a\\nfezz: forged \\u{1b}[31m\\u{202e}é".as_bytes());
    }

    /// Every octet in every place of a word, alone and beside any other.
    #[test]
    fn eight_at_a_time_is_one_at_a_time() {
        for octet in 0..=255_u8 {
            for other in [b' ', b'a', b'~', b'!', b'#', b'[', b']', 0x1F, 0x7F, 0x80, 0] {
                for place in 0..8 {
                    let mut word = [other; 8];
                    word[place] = octet;
                    let expected = word.iter().all(|octet| PLAIN[usize::from(*octet)]);
                    assert_eq!(is_plain(&word), expected, "{word:?}");
                    assert_eq!(is_plain(&[word, [b'x'; 8]].concat()[1..]), {
                        word[1..].iter().all(|octet| PLAIN[usize::from(*octet)])
                    });
                }
            }
        }
    }

    #[test]
    fn a_value_is_cut_between_characters() {
        assert_eq!(cut(b"abc", 3), (&b"abc"[..], false));
        assert_eq!(cut(b"abcd", 3), (&b"abc"[..], true));
        assert_eq!(cut("aé".as_bytes(), 2), (&b"a"[..], true));
        assert_eq!(cut("é😀".as_bytes(), 5), ("é".as_bytes(), true));
        assert_eq!(cut(b"\x80\x80\x80\x80\x80", 4).0.len(), 1, "no text: three octets at most");
        assert_eq!(cut(b"", 0), (&b""[..], false));
    }
}
