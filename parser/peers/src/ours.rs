//! Our parser, asked in the same way as the others.

use fezz_parser::{
    ChunkLimits, Chunked, Framing, HeadLimits, Index, Persistence, Resume, Scheme, TargetForm,
    Version, parse_head,
};

use crate::peer::{Framed, Head, Said};

/// Octets of content taken from one request.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// What our parser says, and the head, when it took that, whatever became of the body.
#[derive(Clone, Debug)]
pub struct Ours<'a> {
    /// About the whole request.
    pub said: Said<'a>,
    /// The head.
    pub head: Option<Taken<'a>>,
}

/// A head that our parser took.
#[derive(Clone, Debug)]
pub struct Taken<'a> {
    /// The head.
    pub head: Head<'a>,
    /// How the body ends.
    pub framed: Framed,
    /// Octets of the head.
    pub bytes: usize,
}

/// Asks our parser about the request at the start of `octets`.
#[must_use]
pub fn read(octets: &[u8]) -> Ours<'_> {
    let mut index = Index::new();
    let limits = HeadLimits::DEFAULT;
    let bytes = match parse_head(octets, &limits, &mut Resume::default(), &mut index) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ours { said: Said::Partial, head: None },
        Err(error) => return Ours { said: Said::Refused(error.name()), head: None },
    };
    let read = fezz_parser::Head::new(octets, &index);
    let head = Head {
        method: within(octets, read.method_octets()),
        target: target(octets, &read),
        minor: match read.version() {
            Version::Http10 => 0,
            Version::Http11 => 1,
        },
        fields: read
            .fields()
            .map(|field| (within(octets, field.name), within(octets, field.value)))
            .collect(),
    };
    let framing = read.framing();
    let length = if let Framing::Length(length) = framing { Some(length) } else { None };
    let framed = Framed { chunked: framing == Framing::Chunked, length };
    let keeps_alive = read.persistence() != Persistence::Close;
    let taken = Taken { head, framed, bytes };
    let rest = octets.get(bytes..).unwrap_or_default();
    Ours { said: with_body(&taken, framing, keeps_alive, rest), head: Some(taken) }
}

fn with_body<'a>(taken: &Taken<'a>, framing: Framing, keeps_alive: bool, rest: &[u8]) -> Said<'a> {
    let Taken { head, framed, bytes: head_bytes } = taken.clone();
    let mut body = rest.to_vec();
    let bytes = match framing {
        Framing::None => Some(0),
        Framing::Length(length) => {
            usize::try_from(length).ok().filter(|length| *length <= rest.len())
        }
        Framing::Chunked => {
            let limits = ChunkLimits::DEFAULT;
            match Chunked::default().decode(&mut body, BODY_BYTES_MAX, &limits) {
                Ok(decoded) => {
                    body.truncate(decoded.written);
                    decoded.done.then_some(decoded.consumed)
                }
                Err(error) => return Said::Refused(error.name()),
            }
        }
    };
    let Some(bytes) = bytes else { return Said::Head { head, framed, body } };
    if framing != Framing::Chunked {
        body.truncate(bytes);
    }
    Said::Whole { head, framed, body, bytes: head_bytes + bytes, keeps_alive }
}

/// Whether our parser refuses these octets whatever the next one is.
#[must_use]
pub fn is_doomed(octets: &[u8]) -> bool {
    let mut longer = [octets, b"\0"].concat();
    (0..=u8::MAX).all(|next| {
        if let Some(last) = longer.last_mut() {
            *last = next;
        }
        matches!(read(&longer).said, Said::Refused(_))
    })
}

/// Octets in front of a part; more than there are, when it is no part of them.
fn place(octets: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().wrapping_sub(octets.as_ptr().addr())
}

/// A part, borrowed from the octets alone.
fn within<'a>(octets: &'a [u8], part: &[u8]) -> &'a [u8] {
    let start = place(octets, part);
    start.checked_add(part.len()).and_then(|end| octets.get(start..end)).unwrap_or_default()
}

/// The whole target, put together from the places of its parts.
fn target<'a>(octets: &'a [u8], head: &fezz_parser::Head<'_>) -> &'a [u8] {
    // An empty path stands nowhere.
    let path = Some(head.path_octets()).filter(|path| place(octets, path) < octets.len());
    let authority = head.authority_octets().filter(|_| head.form() == TargetForm::Absolute);
    let start = match (authority, head.target_scheme()) {
        (Some(authority), Some(Scheme::Http)) => place(octets, authority) - "http://".len(),
        (Some(authority), Some(Scheme::Https)) => place(octets, authority) - "https://".len(),
        _ => path.map_or(0, |path| place(octets, path)),
    };
    let last = head.query_octets().or(path).or(authority).unwrap_or_default();
    octets.get(start..place(octets, last) + last.len()).unwrap_or_default()
}
