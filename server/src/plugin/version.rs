//! Versions of functions: numbers between dots and perhaps a pre-release, in the order of semantic
//! versioning, and the selectors that name them.

use std::cmp::Ordering;
use std::fmt;

/// The most numbers a version has.
const NUMBERS_MAX: usize = 4;
/// The longest version, in octets.
const VERSION_BYTES_MAX: usize = 64;
/// The longest function name, in octets.
pub const NAME_BYTES_MAX: usize = 64;

/// A version such as `2`, `1.4`, `2.0.1` or `2.0.0-rc.1`. Missing numbers count as zero in
/// comparisons, and the text stays as written.
#[derive(Clone, Debug)]
pub struct Version {
    numbers: Vec<u32>,
    pre_release: Option<String>,
    text: String,
}

/// What is wrong with a version, a function's name or a selector. The operator's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// A version is not one to four numbers between dots with an optional `-pre.release`.
    Version,
    /// A name is not letters, digits, '-', '_' and '.', beginning with a letter or digit, of at
    /// most 64 octets.
    Name,
}

impl fmt::Display for NameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Version => "a version is written as '2', '1.4' or '2.0.0-rc.1'",
            Self::Name => {
                "a function's name consists of letters, digits, '-', '_' and '.', begins with a \
                 letter or digit and has at most 64 octets"
            }
        })
    }
}

impl std::error::Error for NameError {}

/// Checks the name of a function.
///
/// # Errors
/// [`NameError::Name`].
pub fn check_name(name: &str) -> Result<(), NameError> {
    let begins = name.bytes().next().is_some_and(|octet| octet.is_ascii_alphanumeric());
    let word = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    let valid = begins && name.len() <= NAME_BYTES_MAX && name.bytes().all(word);
    if valid { Ok(()) } else { Err(NameError::Name) }
}

impl Version {
    /// Reads a version; a leading `v` is allowed.
    ///
    /// # Errors
    /// [`NameError::Version`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        // SemVer 2.0.0 §10: build metadata does not take part in precedence.
        let bare = bare.split_once('+').map_or(bare, |(before, _)| before);
        let (numbers, pre_release) = match bare.split_once('-') {
            Some((numbers, pre)) => (numbers, Some(pre)),
            None => (bare, None),
        };
        let identifier = |part: &str| {
            !part.is_empty() && part.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
        };
        let word = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.+".contains(&octet);
        let sound = text.len() <= VERSION_BYTES_MAX
            && text.bytes().all(word)
            && pre_release.is_none_or(|pre| pre.split('.').all(identifier));
        let digits = |part: &str| part.bytes().all(|it| it.is_ascii_digit());
        let parts: Option<Vec<u32>> =
            numbers.split('.').map(|part| part.parse().ok().filter(|_| digits(part))).collect();
        match parts {
            Some(numbers) if sound && numbers.len() <= NUMBERS_MAX => {
                Ok(Self { numbers, pre_release: pre_release.map(str::to_owned), text: text.into() })
            }
            _ => Err(NameError::Version),
        }
    }

    /// Whether `prefix` names this version: `2.1` names every 2.1.x, and a prefix with a
    /// pre-release only exactly that. A pre-release is named by nothing else.
    #[must_use]
    pub fn is_named_by(&self, prefix: &Self) -> bool {
        match (&self.pre_release, &prefix.pre_release) {
            (None, None) => self.numbers.starts_with(&prefix.numbers) || self == prefix,
            (Some(_), Some(_)) => self == prefix,
            _ => false,
        }
    }

    /// Whether this is a pre-release.
    #[must_use]
    pub const fn is_pre_release(&self) -> bool {
        self.pre_release.is_some()
    }
}

impl Ord for Version {
    // SemVer 2.0.0 §11.
    fn cmp(&self, other: &Self) -> Ordering {
        let padded = |version: &Self| {
            let mut all = [0; NUMBERS_MAX];
            all.iter_mut().zip(&version.numbers).for_each(|(slot, number)| *slot = *number);
            all
        };
        padded(self).cmp(&padded(other)).then_with(|| {
            match (&self.pre_release, &other.pre_release) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(mine), Some(theirs)) => pre_release_order(mine, theirs),
            }
        })
    }
}

/// Identifier by identifier: numbers by value and before words; fewer identifiers first.
fn pre_release_order(mine: &str, theirs: &str) -> Ordering {
    let key = |part: &str| match part.parse::<u64>() {
        Ok(number) => (0, number, String::new()),
        Err(_) => (1, 0, part.to_owned()),
    };
    mine.split('.').map(key).cmp(theirs.split('.').map(key))
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// `NAME` or `NAME@VERSION`: the newest loaded function it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The function's name.
    pub name: String,
    /// A version or the front of one; none means any release.
    pub version: Option<Version>,
}

impl Selector {
    /// Reads `NAME` or `NAME@VERSION`.
    ///
    /// # Errors
    /// Which of the two is wrong.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(Version::parse(version)?)),
            None => (text, None),
        };
        check_name(name)?;
        Ok(Self { name: name.to_owned(), version })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(out, "@{version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn the_order_of_semantic_versioning() {
        let ascending = [
            "0.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.2",
            "1.10",
            "2",
            "2.0.0.1",
        ];
        for pair in ascending.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version("v1"), version("1.0.0"));
        assert_eq!(version("1.0+build.7"), version("1.0"));
        assert_eq!(version("v1.0").to_string(), "v1.0");
    }

    #[test]
    fn a_prefix_names_its_releases() {
        assert!(version("2.1.7").is_named_by(&version("2.1")));
        assert!(version("2.1").is_named_by(&version("2.1.0")));
        assert!(!version("2.10").is_named_by(&version("2.1")));
        assert!(!version("2.1.0-rc.1").is_named_by(&version("2.1")));
        assert!(version("2.1.0-rc.1").is_named_by(&version("2.1.0-rc.1")));
        assert!(!version("2.1.0").is_named_by(&version("2.1.0-rc.1")));
    }

    #[test]
    fn what_is_no_version_and_no_name() {
        for text in
            ["", "v", "1.", ".1", "1..2", "a", "1.2.3.4.5", "1-", "1-a..b", "+1", "1 ", "1/2"]
        {
            assert_eq!(Version::parse(text), Err(NameError::Version), "{text}");
        }
        for text in ["", "-a", ".a", "a b", "a/b", "é", &"a".repeat(65)] {
            assert_eq!(check_name(text), Err(NameError::Name), "{text}");
        }
        assert_eq!(Selector::parse("a@x"), Err(NameError::Version));
        assert_eq!(Selector::parse("@1"), Err(NameError::Name));
        assert_eq!(Selector::parse("orders@2.1").unwrap().to_string(), "orders@2.1");
    }
}
