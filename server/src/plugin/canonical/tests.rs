//! The canonical form against its table, against a second implementation that shares no code
//! with it, and against its own output.

use super::*;

fn form(path: &str) -> Result<String, BadPath> {
    canonical(path).map(Cow::into_owned)
}

#[test]
fn the_table_of_the_module() {
    let same =
        ["/", "/a", "/a/", "/a/b.c", "/.well-known/x", "/..a", "/a..", "/...", "*", "/a%2Fb"];
    for path in same.into_iter().chain(["/%252e%252e", "/%20", "/%E2%82%AC", "/a%5Cb", "/a;x=.."]) {
        assert_eq!(form(path).as_deref(), Ok(path));
    }
    let changed = [
        ("/%41%7e%2E%2e%2e", "/A~..."),
        ("/%e2%82", "/%E2%82"),
        ("//", "/"),
        ("//a///b//", "/a/b/"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a//../b", "/b"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/.%2e", "/"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/.", "/"),
        ("/./a", "/a"),
        ("/a%2fb/../c", "/c"),
    ];
    for (path, expected) in changed {
        assert_eq!(form(path).as_deref(), Ok(expected), "{path}");
    }
    let refused = [
        ("", BadPath::NoLeadingSlash),
        ("a/b", BadPath::NoLeadingSlash),
        ("**", BadPath::NoLeadingSlash),
        ("/%", BadPath::BadPercent),
        ("/%4", BadPath::BadPercent),
        ("/%zz", BadPath::BadPercent),
        ("/%4/1", BadPath::BadPercent),
        ("/%00", BadPath::EncodedNul),
        ("/a%00/..", BadPath::EncodedNul),
        ("/..", BadPath::AboveRoot),
        ("/%2e%2e/", BadPath::AboveRoot),
        ("/a/../../b", BadPath::AboveRoot),
        ("//..", BadPath::AboveRoot),
        ("/..%2Fa", BadPath::HiddenDotSegment),
        ("/a%2f%2e", BadPath::HiddenDotSegment),
        ("/a%5c..", BadPath::HiddenDotSegment),
        ("/a%2F..%5Cb", BadPath::HiddenDotSegment),
        ("/.%2f.", BadPath::HiddenDotSegment),
    ];
    for (path, expected) in refused {
        assert_eq!(form(path), Err(expected), "{path}");
    }
}

#[test]
fn a_canonical_path_is_not_copied() {
    for path in ["/", "/a/b", "/a%20b/%2F", "/.well-known/%C3%A9", "/a/b/../..", "/a/."] {
        assert!(matches!(canonical(path), Ok(Cow::Borrowed(_))), "{path}");
    }
    assert!(matches!(canonical("/%61"), Ok(Cow::Owned(_))));
}

/// The same rules in the most literal way: decode the whole text, split, walk with a stack.
fn reference(path: &str) -> Option<String> {
    if path == "*" {
        return Some(path.to_owned());
    }
    let mut text = path.strip_prefix('/')?.to_owned();
    let mut spelled = String::new();
    while !text.is_empty() {
        if text.starts_with('%') {
            let digits = text.get(1..3)?.to_owned();
            if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            match u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)? {
                '\0' => return None,
                it if it.is_ascii_alphanumeric() || "-._~".contains(it) => spelled.push(it),
                _ => spelled += &format!("%{}", digits.to_uppercase()),
            }
            text.drain(..3);
        } else {
            spelled.push(text.remove(0));
        }
    }
    let mut stack: Vec<&str> = Vec::new();
    let mut directory = true;
    for segment in spelled.split('/') {
        let parts: Vec<&str> = segment.split("%2F").flat_map(|part| part.split("%5C")).collect();
        if parts.len() > 1 && parts.iter().any(|part| *part == "." || *part == "..") {
            return None;
        }
        directory = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => drop(stack.pop()?),
            _ => stack.push(segment),
        }
    }
    let slash = if directory && !stack.is_empty() { "/" } else { "" };
    Some(format!("/{}{slash}", stack.join("/")))
}

/// xorshift64*: a seed is a path.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    fn path(&mut self) -> String {
        const PIECES: [&str; 24] = [
            "/", "/", "/", "/", ".", ".", "..", "/..", "/../", "%2e", "%2E", "%2f", "%2F", "%5c",
            "a", "B", "é", "%41", "%e2", "%C3", "%25", "%00", "%", "*",
        ];
        let plain = self.below(2) == 0;
        let mut path = String::from("/");
        for _ in 0..self.below(12) {
            // Half of the paths avoid the pieces that are refused on sight.
            let bound = if plain { 21 } else { 24 };
            path += PIECES[usize::try_from(self.below(bound)).unwrap()];
        }
        path
    }
}

#[test]
fn two_implementations_agree_and_the_form_is_a_fixed_point() {
    let mut choices = Choices(0x9E37_79B9_7F4A_7C15);
    let (mut accepted, mut changed) = (0_u32, 0_u32);
    for _ in 0..200_000 {
        let path = choices.path();
        let found = form(&path).ok();
        assert_eq!(found, reference(&path), "{path}");
        let Some(found) = found else { continue };
        accepted += 1;
        changed += u32::from(found != path);
        assert_eq!(form(&found).as_deref(), Ok(found.as_str()), "{path} -> {found}");
        for odd in ["//", "/./", "/../"] {
            assert!(!found.contains(odd), "{path} -> {found}");
        }
    }
    // The generator reaches both sides of the question often enough to mean something.
    assert!(accepted > 40_000 && changed > 30_000, "{accepted} accepted, {changed} changed");
}
