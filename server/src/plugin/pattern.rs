//! What the operator writes to say which requests a route takes: methods, host, path. Text is
//! checked here; which of two routes wins is the router's question.
//!
//! `[METHOD[,METHOD]:][HOST]/PATH`, for example `/{*rest}`, `GET,POST:/orders/{id}`,
//! `api.example.org/v1/{*rest}`, `*.example.org/`.
//!
//! A segment of the path is a literal in its canonical spelling, `{name}` (exactly one segment,
//! never empty), or, as the last one, `{*name}` (everything below, and the bare prefix with and
//! without its slash).

use std::fmt;

use super::canonical::{BadPath, canonical};

/// The hosts a route takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPattern {
    /// Every host, and requests without one.
    Any,
    /// One host, in lower case, without port and without a final dot.
    Exact(String),
    /// Every host below a name: `*.example.org` is kept as `example.org`, in lower case.
    Below(String),
}

/// One route as written by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The methods taken, in the order written; empty means all.
    pub methods: Vec<String>,
    /// The hosts taken.
    pub host: HostPattern,
    /// The path pattern as written.
    pub path: String,
}

impl Pattern {
    /// The route of a function without one: everything.
    pub const EVERYTHING: &'static str = "/{*rest}";

    /// Reads `[METHOD[,METHOD]:][HOST]/PATH`.
    ///
    /// # Errors
    /// The first thing wrong with the text; the operator's fault.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (methods, rest) = split_methods(text)?;
        let slash = rest.find('/').ok_or(PatternError::NoPath)?;
        let (host, path) = rest.split_at(slash);
        check_path(path)?;
        Ok(Self { methods, host: parse_host(host)?, path: path.to_owned() })
    }

    /// The pattern in the router's spelling: parameters without their names, so that two patterns
    /// that take the same paths are the same text. The flag says whether it ends in a catch-all,
    /// which is then cut off: `/a/{id}/{*rest}` is `/a/{}/` and true.
    pub(crate) fn shape(&self) -> (String, bool) {
        let mut shape = String::new();
        let mut catch_all = false;
        for segment in self.path.split('/').skip(1) {
            shape.push('/');
            match parameter(segment) {
                Some(name) if name.starts_with('*') => catch_all = true,
                Some(_) => shape.push_str("{}"),
                None => shape.push_str(segment),
            }
        }
        (shape, catch_all)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            write!(out, "{}:", self.methods.join(","))?;
        }
        match &self.host {
            HostPattern::Any => {}
            HostPattern::Exact(host) => out.write_str(host)?,
            HostPattern::Below(name) => write!(out, "*.{name}")?,
        }
        out.write_str(&self.path)
    }
}

/// What is wrong with the text of a route. The operator's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// There is no `/`.
    NoPath,
    /// A method is not a word of upper-case letters.
    BadMethod,
    /// A method is named twice.
    RepeatedMethod,
    /// TRACE cannot be served.
    Trace,
    /// The host is not a name, an address or `*.` and a name.
    BadHost,
    /// A brace does not belong to a whole segment `{name}` or `{*name}`.
    BadBrace,
    /// A parameter's name is empty or has other characters than letters, digits and `_`.
    BadParameterName,
    /// A catch-all is not the last segment.
    CatchAllNotLast,
    /// The path holds an octet that no request path can hold.
    BadOctet,
    /// The path has no canonical form.
    NoCanonicalForm(BadPath),
    /// The path is not in its canonical form, which is the only one that requests are matched in.
    NotCanonical,
}

impl fmt::Display for PatternError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoPath => "a route needs a path that begins with '/', for example '/{*rest}'",
            Self::BadMethod => "a method is written in capitals, for example 'GET,POST:/x'",
            Self::RepeatedMethod => "a method is named twice",
            Self::Trace => "TRACE is always answered 405 and cannot be routed",
            Self::BadHost => {
                "the host is not a name, an address or '*.' and a name, without a port"
            }
            Self::BadBrace => "a parameter is a whole segment: '{name}', or '{*name}' at the end",
            Self::BadParameterName => "a parameter's name consists of letters, digits and '_'",
            Self::CatchAllNotLast => "a catch-all '{*name}' must be the last segment",
            Self::BadOctet => "the path holds an octet that must be percent-encoded",
            Self::NoCanonicalForm(why) => return why.fmt(out),
            Self::NotCanonical => {
                "the path is not in canonical form: no '//', no '.' or '..' segments, no needless \
                 percent-encodings, hexadecimal digits in upper case"
            }
        })
    }
}

impl std::error::Error for PatternError {}

/// A prefix of letters and commas that ends in a colon is a method list; a host name cannot be
/// mistaken for one, as it has no port and so no colon, and an IPv6 address begins with `[`.
fn split_methods(text: &str) -> Result<(Vec<String>, &str), PatternError> {
    let Some((list, rest)) = text.split_once(':') else { return Ok((Vec::new(), text)) };
    if list.contains(['/', '[']) {
        return Ok((Vec::new(), text));
    }
    let mut methods = Vec::new();
    for method in list.split(',') {
        if method.is_empty() || !method.bytes().all(|octet| octet.is_ascii_uppercase()) {
            return Err(PatternError::BadMethod);
        }
        if method == "TRACE" {
            return Err(PatternError::Trace);
        }
        if methods.iter().any(|known| known == method) {
            return Err(PatternError::RepeatedMethod);
        }
        methods.push(method.to_owned());
    }
    Ok((methods, rest))
}

fn parse_host(host: &str) -> Result<HostPattern, PatternError> {
    if host.is_empty() {
        return Ok(HostPattern::Any);
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let valid = address.parse::<std::net::Ipv6Addr>().is_ok();
        return if valid { Ok(HostPattern::Exact(host)) } else { Err(PatternError::BadHost) };
    }
    let (below, name) = match host.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, host.as_str()),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    };
    if name.len() > 253 || !name.split('.').all(label) {
        return Err(PatternError::BadHost);
    }
    Ok(if below { HostPattern::Below(name.to_owned()) } else { HostPattern::Exact(host) })
}

fn check_path(path: &str) -> Result<(), PatternError> {
    let mut literal = String::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (index, segment) in segments.iter().enumerate() {
        literal.push('/');
        let Some(name) = parameter(segment) else {
            if segment.contains(['{', '}']) {
                return Err(PatternError::BadBrace);
            }
            literal.push_str(segment);
            continue;
        };
        let word = name.strip_prefix('*').unwrap_or(name);
        if word.is_empty() || !word.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_') {
            return Err(PatternError::BadParameterName);
        }
        if name.starts_with('*') && index + 1 < segments.len() {
            return Err(PatternError::CatchAllNotLast);
        }
        // A stand-in, so that what surrounds the parameter is judged as part of a whole path.
        literal.push('x');
    }
    // RFC 3986 §3.3 pchar and '/': what else could be written never arrives in a request.
    let pchar =
        |octet: u8| octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&octet);
    if !literal.bytes().all(pchar) {
        return Err(PatternError::BadOctet);
    }
    match canonical(&literal) {
        Err(why) => Err(PatternError::NoCanonicalForm(why)),
        Ok(form) if form == literal => Ok(()),
        Ok(_) => Err(PatternError::NotCanonical),
    }
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written() {
        let texts = [
            "/",
            "/{*rest}",
            "/a/{id}/b",
            "GET:/x",
            "GET,POST:api.example.org/v1/{*rest}",
            "*.example.org/",
            "[::1]/x",
            "PUT:[::1]/x",
            "127.0.0.1/a:b",
            "/a%2Fb",
        ];
        for text in texts {
            assert_eq!(Pattern::parse(text).map(|it| it.to_string()).as_deref(), Ok(text));
        }
        let host = |text: &str| Pattern::parse(text).unwrap().host;
        assert_eq!(host("Example.ORG./"), HostPattern::Exact("example.org".to_owned()));
        assert_eq!(host("*.Example.org/"), HostPattern::Below("example.org".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let texts = [
            ("", PatternError::NoPath),
            ("example.org", PatternError::NoPath),
            ("get:/", PatternError::BadMethod),
            ("GET,:/", PatternError::BadMethod),
            ("example.org:80/", PatternError::BadMethod),
            ("GET,GET:/", PatternError::RepeatedMethod),
            ("TRACE:/", PatternError::Trace),
            ("GET:example.org:80/", PatternError::BadHost),
            ("a..b/", PatternError::BadHost),
            ("*/", PatternError::BadHost),
            ("a.*.b/", PatternError::BadHost),
            ("[::g]/", PatternError::BadHost),
            ("/a{x}", PatternError::BadBrace),
            ("/{x}b", PatternError::BadBrace),
            ("/{{x}}", PatternError::BadParameterName),
            ("/{}", PatternError::BadParameterName),
            ("/{*}", PatternError::BadParameterName),
            ("/{a-b}", PatternError::BadParameterName),
            ("/{*a}/b", PatternError::CatchAllNotLast),
            ("/a b", PatternError::BadOctet),
            ("/ä", PatternError::BadOctet),
            ("/a?b", PatternError::BadOctet),
            ("/..", PatternError::NoCanonicalForm(BadPath::AboveRoot)),
            ("/a//b", PatternError::NotCanonical),
            ("/{x}/../b", PatternError::NotCanonical),
            ("/%41", PatternError::NotCanonical),
        ];
        for (text, why) in texts {
            assert_eq!(Pattern::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn the_shape_forgets_names() {
        let shape = |text: &str| Pattern::parse(text).unwrap().shape();
        assert_eq!(shape("/a/{id}/{*rest}"), ("/a/{}/".to_owned(), true));
        assert_eq!(shape("/a/{key}/"), ("/a/{}/".to_owned(), false));
        assert_eq!(shape("/{*x}"), ("/".to_owned(), true));
    }
}
