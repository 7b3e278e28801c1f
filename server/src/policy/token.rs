//! Bearer tokens (RFC 6750) by their SHA-256: a file names who has each, and a request's token is
//! looked up without telling by the time it takes how much of it was right.
//!
//! The file has a line `HEX PRINCIPAL` for each token: 64 hexadecimal digits, blanks, and the name
//! of whoever has it, which may be on several lines. Empty lines and lines that begin with `#` say
//! nothing. The tokens themselves are nowhere.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Tokens of one file.
pub const TOKENS_MAX: usize = 65_536;
/// The largest file, in octets.
pub const FILE_BYTES_MAX: u64 = 16 << 20;
/// The longest name of somebody, in octets.
pub const PRINCIPAL_BYTES_MAX: usize = 128;
/// The longest token that is looked at, in octets: a longer one is nobody's, and hashing it would
/// be work for whoever asks.
const TOKEN_BYTES_MAX: usize = 512;

type Hash = [u8; 32];

/// The tokens of a policy.
#[derive(Debug)]
pub(crate) struct Tokens {
    secret: RandomState,
    /// Ascending by a secret hash of the token's hash: how long the search takes tells nothing
    /// about either.
    all: Vec<(u64, Hash, Box<str>)>,
}

/// Why a file of tokens is not usable. The operator's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// It cannot be read.
    Unreadable(io::ErrorKind),
    /// It is larger than [`FILE_BYTES_MAX`].
    TooLarge,
    /// It has more than [`TOKENS_MAX`] tokens.
    TooMany,
    /// It is not text.
    NotText,
    /// A line does not begin with 64 hexadecimal digits.
    Hash {
        /// Which line, from 1.
        line: usize,
    },
    /// A line names nobody.
    NoPrincipal {
        /// Which line, from 1.
        line: usize,
    },
    /// A name is too long or has a control character.
    Principal {
        /// Which line, from 1.
        line: usize,
    },
    /// A token is there twice.
    Repeated {
        /// Which line, from 1.
        line: usize,
        /// Where it was before.
        first: usize,
    },
}

impl TokenFault {
    /// The line it is about, from 1.
    #[must_use]
    pub const fn line(self) -> Option<usize> {
        match self {
            Self::Unreadable(_) | Self::TooLarge | Self::TooMany | Self::NotText => None,
            Self::Hash { line }
            | Self::NoPrincipal { line }
            | Self::Principal { line }
            | Self::Repeated { line, .. } => Some(line),
        }
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(kind) => write!(out, "cannot be read: {kind}"),
            Self::TooLarge => write!(out, "is larger than {} MiB", FILE_BYTES_MAX >> 20),
            Self::TooMany => write!(out, "has more than {TOKENS_MAX} tokens"),
            Self::NotText => out.write_str("is not UTF-8 text"),
            Self::Hash { .. } => out.write_str(
                "a line is 'HEX PRINCIPAL', where HEX is the SHA-256 of a token: 64 hexadecimal \
                 digits, as 'printf %s TOKEN | sha256sum' prints them",
            ),
            Self::NoPrincipal { .. } => {
                out.write_str("who has this token? Write a name behind its SHA-256")
            }
            Self::Principal { .. } => write!(
                out,
                "a name has at most {PRINCIPAL_BYTES_MAX} octets and no control characters"
            ),
            Self::Repeated { first, .. } => write!(out, "the same token is on line {first}"),
        }
    }
}

impl Tokens {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, TokenFault> {
        let unreadable = |error: io::Error| TokenFault::Unreadable(error.kind());
        let file = File::open(path).map_err(unreadable)?;
        let mut octets = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut octets).map_err(unreadable)?;
        if octets.len() as u64 > FILE_BYTES_MAX {
            return Err(TokenFault::TooLarge);
        }
        Self::parse(str::from_utf8(&octets).map_err(|_| TokenFault::NotText)?)
    }

    fn parse(text: &str) -> Result<Self, TokenFault> {
        let secret = RandomState::new();
        let mut all = Vec::new();
        let mut lines: HashMap<Hash, usize> = HashMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if all.len() >= TOKENS_MAX {
                return Err(TokenFault::TooMany);
            }
            let (hex, principal) = text.split_once([' ', '\t']).unwrap_or((text, ""));
            let hash = read_hash(hex).ok_or(TokenFault::Hash { line })?;
            let principal = principal.trim_start();
            if principal.is_empty() {
                return Err(TokenFault::NoPrincipal { line });
            }
            if principal.len() > PRINCIPAL_BYTES_MAX || principal.contains(char::is_control) {
                return Err(TokenFault::Principal { line });
            }
            if let Some(first) = lines.insert(hash, line) {
                return Err(TokenFault::Repeated { line, first });
            }
            all.push((secret.hash_one(hash), hash, principal.into()));
        }
        all.sort_unstable_by_key(|(order, ..)| *order);
        Ok(Self { secret, all })
    }

    /// Who has the token of a request's `Authorization`.
    pub(crate) fn principal(&self, authorization: &[u8]) -> Option<&str> {
        let hash: Hash = Sha256::digest(token(authorization)?).into();
        let order = self.secret.hash_one(hash);
        let from = self.all.partition_point(|(known, ..)| *known < order);
        let (_, known, principal) = self.all.get(from).or(self.all.last())?;
        is_same(known, &hash).then_some(principal)
    }
}

/// The token of a field `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
fn token(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = authorization.split_at_checked(6)?;
    let blank = rest.iter().take_while(|octet| **octet == b' ').count();
    let token = rest.get(blank..)?;
    let in_token = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(octet);
    let sound = scheme.eq_ignore_ascii_case(b"bearer")
        && blank > 0
        && (1..=TOKEN_BYTES_MAX).contains(&token.len())
        && token.iter().all(in_token);
    sound.then_some(token)
}

/// Compares without stopping where they differ.
fn is_same(one: &Hash, other: &Hash) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (one, other)| sum | (one ^ other));
    black_box(differences) == 0
}

fn read_hash(hex: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if hex.len() != 2 * hash.len() || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (octet, place) in hash.iter_mut().zip((0..).step_by(2)) {
        *octet = u8::from_str_radix(hex.get(place..place + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(token: &str) -> String {
        Sha256::digest(token).iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn a_token_belongs_to_whoever_the_file_names() {
        let mut text = "# who may ask\n\n".to_owned();
        for number in 0..500 {
            text += &format!("{} user {number}\n", hex(&format!("token-{number}")));
        }
        text += &format!("{}\t  somebody \n", hex("a.b_c~d+e/f==").to_uppercase());
        let tokens = Tokens::parse(&text).unwrap();
        for number in 0..500 {
            let asked = format!("Bearer token-{number}");
            let name = format!("user {number}");
            assert_eq!(tokens.principal(asked.as_bytes()), Some(name.as_str()));
        }
        assert_eq!(tokens.principal(b"bearer   a.b_c~d+e/f=="), Some("somebody"));
        for wrong in ["token-500", "token-1 ", "", "token-", "token-1,token-2"] {
            assert_eq!(tokens.principal(format!("Bearer {wrong}").as_bytes()), None, "{wrong}");
        }
        let long = format!("Bearer {}", "a".repeat(TOKEN_BYTES_MAX + 1));
        for wrong in ["", "Bearer", "Bearertoken-1", "Basic token-1", "Bearer\ttoken-1", &long] {
            assert_eq!(tokens.principal(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Tokens::parse("#\n").unwrap().principal(b"Bearer token-1"), None);
    }

    #[test]
    fn every_fault_has_its_line() {
        let good = hex("x");
        let upper = good.to_uppercase();
        let long = "n".repeat(PRINCIPAL_BYTES_MAX + 1);
        let cases = [
            (format!("{good} a\n{} b", &good[1..]), TokenFault::Hash { line: 2 }),
            ("#\n\ntoken name".to_owned(), TokenFault::Hash { line: 3 }),
            (format!("{}é{} b", &good[..31], &good[33..]), TokenFault::Hash { line: 1 }),
            (format!("+{} b", &good[1..]), TokenFault::Hash { line: 1 }),
            (good.clone(), TokenFault::NoPrincipal { line: 1 }),
            (format!("{good}  "), TokenFault::NoPrincipal { line: 1 }),
            (format!("{good} {long}"), TokenFault::Principal { line: 1 }),
            (format!("{good} a\u{7}b"), TokenFault::Principal { line: 1 }),
            (format!("{good} a\n# \n{upper} b"), TokenFault::Repeated { line: 3, first: 1 }),
        ];
        for (text, fault) in cases {
            assert_eq!(Tokens::parse(&text).unwrap_err(), fault, "{text}");
        }
        let missing = Tokens::read(Path::new("/nonexistent")).unwrap_err();
        assert_eq!(missing, TokenFault::Unreadable(io::ErrorKind::NotFound));
        let many: String = (0..=TOKENS_MAX).map(|number| format!("{number:064x} a\n")).collect();
        assert_eq!(Tokens::parse(&many).unwrap_err(), TokenFault::TooMany);
    }
}
