//! The ClientHello before anybody acts on it: joined from its records, bounded, and read.
//!
//! Reading it here, and not after the handshake, lets a certificate be chosen, a name be refused
//! and a client be recognised before any cryptography is paid for. Nothing here judges a hello:
//! what cannot be read goes to rustls, whose alert is the better answer.

use std::borrow::Cow;

/// Octets of records that a hello may take. RFC 8446 §4.1.2 allows far more; hellos with
/// post-quantum key shares have about two thousand.
const HELLO_BYTES_MAX: usize = 16 * 1024;

/// RFC 8446 §5.1: type, version, length.
const RECORD_HEAD_BYTES: usize = 5;
const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Type and length of a handshake message (RFC 8446 §4).
const MESSAGE_HEAD_BYTES: usize = 4;

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// The number of TLS 1.2 on the wire.
const TLS12: u16 = 0x0303;

/// What the octets received so far are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look<'a> {
    /// The begin of a hello.
    Incomplete,
    /// A whole hello, its handshake head included.
    Whole(Cow<'a, [u8]>),
    /// A hello beyond [`HELLO_BYTES_MAX`].
    TooLarge,
    /// Something else.
    Foreign,
}

/// Looks at what a peer sent first. The work is linear in `input`, which the caller bounds.
pub(crate) fn look(input: &[u8]) -> Look<'_> {
    let mut joined: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut rest = input;
    loop {
        if let Some(whole) = whole_message(&joined) {
            return whole;
        }
        if input.len() - rest.len() > HELLO_BYTES_MAX {
            return Look::TooLarge;
        }
        let Some(head) = rest.first_chunk::<RECORD_HEAD_BYTES>() else {
            let foreign = rest.first().is_some_and(|kind| *kind != HANDSHAKE_RECORD)
                || rest.get(1).is_some_and(|major| *major != 3);
            return if foreign { Look::Foreign } else { Look::Incomplete };
        };
        let [kind, major, _, high, low] = *head;
        if kind != HANDSHAKE_RECORD || major != 3 {
            return Look::Foreign;
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length == 0 || length > HELLO_BYTES_MAX {
            // RFC 8446 §5.1: no empty fragments; rustls knows the alert for either.
            return Look::Foreign;
        }
        let Some(fragment) = rest.get(RECORD_HEAD_BYTES..RECORD_HEAD_BYTES + length) else {
            return Look::Incomplete;
        };
        if joined.is_empty() {
            joined = Cow::Borrowed(fragment);
        } else {
            joined.to_mut().extend_from_slice(fragment);
        }
        rest = rest.get(RECORD_HEAD_BYTES + length..).unwrap_or_default();
    }
}

/// The message, or what is wrong with it, once that can be told.
fn whole_message<'a>(joined: &Cow<'a, [u8]>) -> Option<Look<'a>> {
    if joined.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
        return Some(Look::Foreign);
    }
    let [_, high, middle, low] = *joined.first_chunk::<MESSAGE_HEAD_BYTES>()?;
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    if length > HELLO_BYTES_MAX {
        return Some(Look::TooLarge);
    }
    let end = MESSAGE_HEAD_BYTES + length;
    match joined {
        Cow::Borrowed(octets) => octets.get(..end).map(Cow::Borrowed),
        Cow::Owned(octets) => octets.get(..end).map(|octets| Cow::Owned(octets.to_vec())),
    }
    .map(Look::Whole)
}

/// A cursor over octets; what is missing is `None`.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().copied().map(u16::from_be_bytes)
    }

    fn short_vector(&mut self) -> Option<&'a [u8]> {
        let bytes = usize::from(self.u8()?);
        self.take(bytes)
    }

    fn long_vector(&mut self) -> Option<&'a [u8]> {
        let bytes = usize::from(self.u16()?);
        self.take(bytes)
    }
}

/// A hello that could be read (RFC 8446 §4.1.2). Lists are as they came, GREASE included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hello<'a> {
    pub(crate) legacy_version: u16,
    ciphers: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Hello<'a> {
    /// Reads a whole message; `None` when its structure is broken.
    pub(crate) fn read(message: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(message.get(MESSAGE_HEAD_BYTES..)?);
        let legacy_version = reader.u16()?;
        let _random = reader.take(32)?;
        let _session = reader.short_vector()?;
        let ciphers = reader.long_vector()?;
        let _compression = reader.short_vector()?;
        let extensions = if reader.0.is_empty() { &[] } else { reader.long_vector()? };
        if !reader.0.is_empty() {
            return None;
        }
        let hello = Self { legacy_version, ciphers, extensions };
        let mut walk = Reader(extensions);
        while !walk.0.is_empty() {
            walk.u16()?;
            walk.long_vector()?;
        }
        Some(hello)
    }

    /// Cipher suites in the client's order.
    pub(crate) fn ciphers(&self) -> impl Iterator<Item = u16> + use<'a> {
        numbers(self.ciphers)
    }

    /// Types and contents of all extensions, in the client's order.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut reader = Reader(self.extensions);
        std::iter::from_fn(move || Some((reader.u16()?, reader.long_vector()?)))
    }

    fn extension(&self, wanted: u16) -> Option<Reader<'a>> {
        self.extensions().find(|(kind, _)| *kind == wanted).map(|(_, octets)| Reader(octets))
    }

    /// The name asked for (RFC 6066 §3), in lower case; `None` when there is none or it is no host
    /// name.
    pub(crate) fn server_name(&self) -> Option<String> {
        let mut names = Reader(self.extension(SERVER_NAME)?.long_vector()?);
        while !names.0.is_empty() {
            let (kind, name) = (names.u8()?, names.long_vector()?);
            if kind == 0 {
                let name = std::str::from_utf8(name).ok().filter(|name| is_host_name(name))?;
                return Some(name.to_ascii_lowercase());
            }
        }
        None
    }

    /// The protocols offered (RFC 7301 §3.1), in the client's order.
    pub(crate) fn protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let list = self.extension(ALPN).and_then(|mut reader| reader.long_vector());
        let mut reader = Reader(list.unwrap_or_default());
        std::iter::from_fn(move || reader.short_vector())
    }

    /// Groups of the key exchange, in the client's order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.list(SUPPORTED_GROUPS)
    }

    /// Signature schemes, in the client's order.
    pub(crate) fn signature_schemes(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.list(SIGNATURE_ALGORITHMS)
    }

    /// Versions, in the client's order; none from clients before TLS 1.3.
    pub(crate) fn versions(&self) -> impl Iterator<Item = u16> + use<'a> {
        let list = self.extension(SUPPORTED_VERSIONS).and_then(|mut one| one.short_vector());
        numbers(list.unwrap_or_default())
    }

    /// Whether the client speaks nothing newer than TLS 1.1.
    pub(crate) fn is_outdated(&self) -> bool {
        self.legacy_version < TLS12 && self.extension(SUPPORTED_VERSIONS).is_none()
    }

    /// Point formats, in the client's order.
    pub(crate) fn point_formats(&self) -> &'a [u8] {
        let list = self.extension(POINT_FORMATS).and_then(|mut reader| reader.short_vector());
        list.unwrap_or_default()
    }

    fn list(&self, extension: u16) -> impl Iterator<Item = u16> + use<'a> {
        let list = self.extension(extension).and_then(|mut reader| reader.long_vector());
        numbers(list.unwrap_or_default())
    }
}

fn numbers(octets: &[u8]) -> impl Iterator<Item = u16> + use<'_> {
    octets.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

/// Letters, digits, hyphens, underscores and dots: what can be asked of DNS, and shown in a log.
fn is_host_name(name: &str) -> bool {
    let legal = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 253 && name.bytes().all(legal)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A hello with a name, two ciphers and some lists, without record head.
    pub(crate) fn message() -> Vec<u8> {
        let mut extensions = Vec::new();
        let mut extension = |kind: u16, octets: &[u8]| {
            extensions.extend_from_slice(&kind.to_be_bytes());
            extensions.extend_from_slice(&u16::try_from(octets.len()).unwrap().to_be_bytes());
            extensions.extend_from_slice(octets);
        };
        extension(SERVER_NAME, b"\0\x0e\0\0\x0bExample.ORG");
        extension(ALPN, b"\0\x0c\x02h2\x08http/1.1");
        extension(SUPPORTED_VERSIONS, b"\x04\x03\x04\x03\x03");
        let mut body = vec![3, 3];
        body.extend_from_slice(&[7; 32]);
        body.extend_from_slice(b"\0\0\x04\x13\x01\x13\x02\x01\0");
        body.extend_from_slice(&u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend_from_slice(&extensions);
        let mut message = vec![CLIENT_HELLO, 0, 0, u8::try_from(body.len()).unwrap()];
        message.extend_from_slice(&body);
        message
    }

    /// The message in records of at most `bytes` octets.
    pub(crate) fn records(message: &[u8], bytes: usize) -> Vec<u8> {
        let record = |part: &[u8]| {
            let length = u16::try_from(part.len()).unwrap().to_be_bytes();
            [[HANDSHAKE_RECORD, 3, 1].as_slice(), &length, part].concat()
        };
        message.chunks(bytes).flat_map(record).collect()
    }

    #[test]
    fn a_hello_is_found_however_it_is_cut() {
        let message = message();
        for bytes in [1, 7, 64, 4096] {
            let records = records(&message, bytes);
            for end in 0..records.len() {
                assert_eq!(look(&records[..end]), Look::Incomplete, "{bytes} {end}");
            }
            assert_eq!(look(&records), Look::Whole(Cow::Borrowed(&message)));
        }
    }

    #[test]
    fn what_is_no_hello_is_told_by_its_first_octets() {
        for octets in [b"GET / HTTP/1.1\r\n".as_slice(), b"\x15\x03\x01\0\x02", b"\x16\x02", b"\0"]
        {
            assert_eq!(look(octets), Look::Foreign);
        }
        assert_eq!(look(b"\x16\x03\x01\0\0"), Look::Foreign, "an empty fragment");
        assert_eq!(look(b"\x16\x03\x01\xff\xff"), Look::Foreign, "an oversized record");
        assert_eq!(look(b"\x16\x03\x01\0\x04\x02\0\0\0"), Look::Foreign, "another message");
        assert_eq!(look(b"\x16\x03\x01\0\x04\x01\x01\0\0"), Look::TooLarge);
        let endless =
            records(&[&[CLIENT_HELLO, 0, 0x3f, 0xff], [0; 16 * 1024].as_slice()].concat(), 1);
        assert_eq!(look(&endless), Look::TooLarge, "many small records");
    }

    #[test]
    fn the_lists_are_read() {
        let message = message();
        let hello = Hello::read(&message).unwrap();
        assert_eq!(hello.server_name().as_deref(), Some("example.org"));
        assert_eq!(hello.ciphers().collect::<Vec<_>>(), [0x1301, 0x1302]);
        assert_eq!(hello.protocols().collect::<Vec<_>>(), [b"h2".as_slice(), b"http/1.1"]);
        assert_eq!(hello.versions().collect::<Vec<_>>(), [0x0304, 0x0303]);
        assert_eq!(hello.groups().count() + hello.signature_schemes().count(), 0);
    }

    #[test]
    fn a_hello_is_outdated_that_names_no_version_from_1_2_on() {
        let modern = message();
        assert!(!Hello::read(&modern).unwrap().is_outdated());
        let bare = MESSAGE_HEAD_BYTES + 2 + 32 + 1 + 6 + 2;
        for (version, outdated) in [(0x0300_u16, true), (0x0302, true), (0x0303, false)] {
            let mut old = modern[..bare].to_vec();
            old[MESSAGE_HEAD_BYTES..MESSAGE_HEAD_BYTES + 2].copy_from_slice(&version.to_be_bytes());
            assert_eq!(Hello::read(&old).unwrap().is_outdated(), outdated, "{version:#x}");
            let mut framed = modern.clone();
            framed[MESSAGE_HEAD_BYTES + 1] = 1;
            assert!(!Hello::read(&framed).unwrap().is_outdated(), "the extension counts");
        }
    }

    #[test]
    fn a_broken_structure_is_nothing_and_no_panic() {
        let message = message();
        // RFC 5246 §7.4.1.2: a hello may end where its extensions would begin.
        let bare = MESSAGE_HEAD_BYTES + 2 + 32 + 1 + 6 + 2;
        for end in (0..message.len()).filter(|end| *end != bare) {
            assert!(Hello::read(&message[..end]).is_none(), "{end}");
        }
        assert_eq!(Hello::read(&message[..bare]).unwrap().server_name(), None);
        for place in 0..message.len() {
            let mut wrong = message.clone();
            wrong[place] = wrong[place].wrapping_add(1);
            if let Some(hello) = Hello::read(&wrong) {
                let _name = hello.server_name();
                let _all = (hello.protocols().count(), hello.versions().count());
            }
        }
    }
}
