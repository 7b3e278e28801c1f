//! The same format read a second time, by another library and another method: minicbor builds a
//! tree of values, and plain code looks into the tree. Slow, and made for judging the codec.
//!
//! [`check`] is what tests and fuzz targets call: readers and oracle must agree about any octets.
#![expect(clippy::panic, reason = "an oracle reports by panicking")]

use alloc::string::String;
use alloc::vec::Vec;

use minicbor::Decoder;
use minicbor::data::Type;

use crate::{RequestView, ResponseView, Str, WireError, WireLimits, joined};

mod handshake;

pub use handshake::check_handshake;

/// Names and values.
type HeaderList = Vec<(Vec<u8>, Vec<u8>)>;

/// Everything a request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `method`.
    pub method: String,
    /// `scheme`.
    pub scheme: Option<String>,
    /// `authority`.
    pub authority: Option<String>,
    /// `path_and_query`.
    pub path_and_query: String,
    /// `headers`.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// `meta.trace_id`.
    pub trace_id: Option<String>,
    /// `meta.deadline_ms`.
    pub deadline_ms: Option<u64>,
    /// `meta.client_ip`.
    pub client_ip: Option<String>,
    /// `meta.version`.
    pub version: Option<u64>,
    /// `meta.call`.
    pub call: Option<u64>,
    /// `body`.
    pub body: Vec<u8>,
}

/// Everything a response says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// `status`.
    pub status: u64,
    /// `headers`.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// `meta.panic`.
    pub panic: bool,
    /// `meta.version`.
    pub version: Option<u64>,
    /// `body`.
    pub body: Vec<u8>,
}

/// Reads `octets` as a request and as a response, with the codec and with the oracle.
///
/// # Panics
/// If they disagree about acceptance or about a value, or an error points outside the octets.
pub fn check(octets: &[u8], limits: &WireLimits) {
    let ours = ResponseView::decode(octets, limits).map(|view| response_of(&view));
    judge(octets, &ours, response(octets, limits).as_ref());
    let ours = match RequestView::decode(octets) {
        Err(WireError::Segmented { .. }) => match joined(octets) {
            Ok(octets) => RequestView::decode(&octets).map(|view| request_of(&view)),
            Err(error) => Err(error),
        },
        other => other.map(|view| request_of(&view)),
    };
    judge(octets, &ours, request(octets).as_ref());
}

fn judge<T: PartialEq + core::fmt::Debug>(
    octets: &[u8],
    ours: &Result<T, WireError>,
    oracle: Option<&T>,
) {
    match (ours, oracle) {
        (Ok(ours), Some(oracle)) if ours == oracle => {}
        (Err(error), None) if points_into(error, octets.len()) => {}
        _ => panic!("codec: {ours:?}, oracle: {oracle:?}, octets: {octets:02x?}"),
    }
}

fn points_into(error: &WireError, len: usize) -> bool {
    match *error {
        WireError::Empty => len == 0,
        WireError::Truncated { at, missing } => at <= len && missing > 0,
        WireError::TrailingOctets { at, len: rest } => rest > 0 && at + rest <= len,
        WireError::Malformed { at, .. }
        | WireError::NotUtf8 { at }
        | WireError::TooDeep { at, .. }
        | WireError::WrongType { at, .. }
        | WireError::DuplicateKey { at, .. }
        | WireError::MissingKey { at, .. }
        | WireError::EntryLength { at, .. }
        | WireError::HeaderNameEmpty { at }
        | WireError::HeaderNameOctet { at, .. }
        | WireError::HeaderValueOctet { at, .. } => at < len,
        WireError::StatusRange { found } => !(200..=599).contains(&found),
        WireError::HeaderCount { count, max } => count > max as u64,
        WireError::HeadTooLarge { len, max } | WireError::BodyTooLarge { len, max } => len > max,
        WireError::Segmented { .. } => false,
    }
}

/// What a view of a response says.
pub fn response_of(view: &ResponseView<'_>) -> Response {
    let headers: HeaderList =
        view.headers().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    assert_eq!(headers.len(), view.header_count());
    assert_eq!(view.body_segments().flatten().count(), view.body_len());
    assert!(view.body_segments().all(|segment| !segment.is_empty()));
    assert_eq!(view.body().as_slice().is_some(), view.body_segments().count() <= 1);
    Response {
        status: u64::from(view.status()),
        headers,
        panic: view.is_panic(),
        version: view.meta_version(),
        body: Str::to_vec(&view.body()),
    }
}

/// What a view of a request says.
pub fn request_of(view: &RequestView<'_>) -> Request {
    let headers: HeaderList =
        view.headers().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    assert_eq!(headers.len(), view.header_count());
    Request {
        method: view.method().into(),
        scheme: view.scheme().map(String::from),
        authority: view.authority().map(String::from),
        path_and_query: view.path_and_query().into(),
        headers,
        trace_id: view.meta().trace_id().map(String::from),
        deadline_ms: view.meta().deadline_ms(),
        client_ip: view.meta().client_ip().map(String::from),
        version: view.meta().version(),
        call: view.meta().call(),
        body: view.body().to_vec(),
    }
}

/// One CBOR item as a tree.
enum Value {
    Unsigned(u64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Bool(bool),
    Null,
    /// Items the format has no use for.
    Other,
}

/// Reads a whole request; `None` if anything is wrong with it.
pub fn request(octets: &[u8]) -> Option<Request> {
    let map = tree(octets, 8)?;
    let names = ["method", "scheme", "authority", "path_and_query", "headers", "meta", "body"];
    let [method, scheme, authority, path_and_query, headers, meta, body] = fields(map, names, 7)?;
    let meta = nullable(meta).unwrap_or(Value::Map(Vec::new()));
    let [trace_id, deadline_ms, client_ip, version, call] =
        fields(meta, ["trace_id", "deadline_ms", "client_ip", "version", "call"], 3)?;
    Some(Request {
        method: text(method?)?,
        scheme: nullable(scheme).map(text).flip()?,
        authority: nullable(authority).map(text).flip()?,
        path_and_query: text(path_and_query?)?,
        headers: header_list(headers, 256)?,
        trace_id: nullable(trace_id).map(text).flip()?,
        deadline_ms: nullable(deadline_ms).map(unsigned).flip()?,
        client_ip: nullable(client_ip).map(text).flip()?,
        version: nullable(version).map(unsigned).flip()?,
        call: nullable(call).map(unsigned).flip()?,
        body: nullable(body).map(string).flip()?.unwrap_or_default(),
    })
}

/// Reads a whole response; `None` if anything is wrong with it.
pub fn response(octets: &[u8], limits: &WireLimits) -> Option<Response> {
    let map = tree(octets, limits.nesting_max)?;
    let Value::Map(mut pairs) = map else { return None };
    for (key, value) in &mut pairs {
        // A string under key 2 is the body of a struct without `meta`.
        if matches!((&*key, value), (Value::Unsigned(2), Value::Bytes(_) | Value::Text(_))) {
            *key = Value::Unsigned(3);
        }
    }
    let [status, headers, meta, body] =
        fields(Value::Map(pairs), ["status", "headers", "meta", "body"], 4)?;
    let meta = nullable(meta).unwrap_or(Value::Map(Vec::new()));
    let [panic, version] = fields(meta, ["panic", "version"], 0)?;
    let status = unsigned(status?).filter(|status| (200..=599).contains(status))?;
    let headers = header_list(headers, limits.header_count_max)?;
    if !headers.iter().all(|(name, value)| is_token(name) && is_value(value)) {
        return None;
    }
    let body = nullable(body).map(string).flip()?.unwrap_or_default();
    let head = octets.len() - body.len();
    if body.len() > limits.body_bytes_max || head > limits.head_bytes_max {
        return None;
    }
    let panic = match nullable(panic) {
        None => false,
        Some(Value::Bool(panic)) => panic,
        Some(_) => return None,
    };
    Some(Response {
        status,
        headers,
        panic,
        version: nullable(version).map(unsigned).flip()?,
        body,
    })
}

/// The octets as exactly one tree.
fn tree(octets: &[u8], nesting_max: u8) -> Option<Value> {
    let mut decoder = Decoder::new(octets);
    let value = item(&mut decoder, nesting_max)?;
    (decoder.position() == octets.len()).then_some(value)
}

fn item(d: &mut Decoder<'_>, levels: u8) -> Option<Value> {
    let value = match d.datatype().ok()? {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Value::Unsigned(d.u64().ok()?),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
            d.int().ok()?;
            Value::Other
        }
        Type::Bytes | Type::BytesIndef => {
            Value::Bytes(d.bytes_iter().ok()?.collect::<Result<Vec<_>, _>>().ok()?.concat())
        }
        Type::String | Type::StringIndef => {
            Value::Text(d.str_iter().ok()?.collect::<Result<Vec<_>, _>>().ok()?.concat())
        }
        Type::Array | Type::ArrayIndef => {
            let (levels, mut left, mut items) =
                (levels.checked_sub(1)?, d.array().ok()?, Vec::new());
            while more(d, &mut left)? {
                items.push(item(d, levels)?);
            }
            Value::Array(items)
        }
        Type::Map | Type::MapIndef => {
            let (levels, mut left, mut pairs) = (levels.checked_sub(1)?, d.map().ok()?, Vec::new());
            while more(d, &mut left)? {
                pairs.push((item(d, levels)?, item(d, levels)?));
            }
            Value::Map(pairs)
        }
        Type::Tag => {
            d.tag().ok()?;
            item(d, levels.checked_sub(1)?)?;
            Value::Other
        }
        Type::Bool => Value::Bool(d.bool().ok()?),
        Type::Null => {
            d.null().ok()?;
            Value::Null
        }
        Type::Undefined => d.undefined().ok().map(|()| Value::Other)?,
        Type::Simple => {
            let spelled_out = d.input().get(d.position()) == Some(&0xf8);
            // RFC 8949 §3.3, which minicbor does not enforce.
            d.simple().ok().filter(|value| !spelled_out || *value >= 32)?;
            Value::Other
        }
        Type::F16 => {
            let end = d.position() + 3;
            d.set_position(end);
            (end <= d.input().len()).then_some(Value::Other)?
        }
        Type::F32 => d.f32().ok().map(|_| Value::Other)?,
        Type::F64 => d.f64().ok().map(|_| Value::Other)?,
        Type::Break | Type::Unknown(_) => return None,
    };
    Some(value)
}

fn more(d: &mut Decoder<'_>, left: &mut Option<u64>) -> Option<bool> {
    match left {
        Some(0) => Some(false),
        Some(n) => {
            *n -= 1;
            Some(true)
        }
        None if d.datatype().ok()? == Type::Break => {
            d.set_position(d.position() + 1);
            Some(false)
        }
        None => Some(true),
    }
}

/// The values under these keys, each at most once, by name or by place below `packed`.
fn fields<const N: usize>(map: Value, names: [&str; N], packed: u64) -> Option<[Option<Value>; N]> {
    let Value::Map(pairs) = map else { return None };
    let mut values = [const { None }; N];
    for (key, value) in pairs {
        let place = match key {
            Value::Text(key) => names.iter().position(|name| *name == key),
            Value::Unsigned(n) if n < packed => usize::try_from(n).ok(),
            _ => None,
        };
        if let Some(slot) = place.and_then(|place| values.get_mut(place))
            && slot.replace(value).is_some()
        {
            return None;
        }
    }
    Some(values)
}

fn header_list(list: Option<Value>, count_max: usize) -> Option<HeaderList> {
    let Some(list) = nullable(list) else { return Some(Vec::new()) };
    let Value::Array(entries) = list else { return None };
    if entries.len() > count_max {
        return None;
    }
    entries.into_iter().map(header).collect()
}

fn header(entry: Value) -> Option<(Vec<u8>, Vec<u8>)> {
    let [name, value] = match entry {
        Value::Array(items) => <[Value; 2]>::try_from(items).ok()?.map(Some),
        map => fields(map, ["name", "value"], 2)?,
    };
    Some((string(name?)?, string(value?)?))
}

fn nullable(value: Option<Value>) -> Option<Value> {
    value.filter(|value| !matches!(value, Value::Null))
}

fn text(value: Value) -> Option<String> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

fn unsigned(value: Value) -> Option<u64> {
    if let Value::Unsigned(n) = value { Some(n) } else { None }
}

fn string(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::Bytes(octets) => Some(octets),
        Value::Text(text) => Some(text.into_bytes()),
        _ => None,
    }
}

fn is_token(name: &[u8]) -> bool {
    let others = b"!#$%&'*+-.^_`|~";
    !name.is_empty() && name.iter().all(|o| o.is_ascii_alphanumeric() || others.contains(o))
}

fn is_value(value: &[u8]) -> bool {
    value.iter().all(|o| *o == b'\t' || !o.is_ascii_control())
}

/// An absent value is fine, a wrong one is not.
trait Flip<T> {
    fn flip(self) -> Option<Option<T>>;
}

impl<T> Flip<T> for Option<Option<T>> {
    fn flip(self) -> Option<Option<T>> {
        match self {
            None => Some(None),
            Some(None) => None,
            Some(value) => Some(value),
        }
    }
}

#[cfg(test)]
mod spelling;
#[cfg(test)]
mod tests;
