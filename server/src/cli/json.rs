//! Text inside JSON.

/// `text` as a JSON string (RFC 8259 §7); every control character is escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for it in text.chars() {
        match it {
            '"' | '\\' => out.extend(['\\', it]),
            '\0'..='\x1f' | '\x7f'..='\u{9f}' => out += &format!("\\u{:04x}", u32::from(it)),
            _ => out.push(it),
        }
    }
    out.push('"');
    out
}

/// `["a","b"]`
pub(super) fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    format!("[{}]", texts.into_iter().map(quoted).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_string() {
        assert_eq!(quoted("x\"\\\n\u{1b}\u{9b}é"), "\"x\\\"\\\\\\u000a\\u001b\\u009bé\"");
        assert_eq!(list(["a", "\""]), "[\"a\",\"\\\"\"]");
    }
}
