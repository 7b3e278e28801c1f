//! Request templates: the octets of one request, made once and sent over and over.

use std::fmt;

/// Octets of the `browser` head, blank line included, whatever its path is.
pub const BROWSER_HEAD_BYTES: usize = 765;
/// Octets of the body of `post`.
pub const POST_BODY_BYTES: usize = 1024;

const CLOSE: &str = "connection: close\r\n";

/// What a request looks like.
#[derive(Clone, Debug, PartialEq)]
pub enum Template {
    /// Request line and Host: the shortest legal request.
    Get,
    /// The head a desktop browser sends, cookie included: [`BROWSER_HEAD_BYTES`] octets.
    Browser,
    /// A body of [`POST_BODY_BYTES`] octets with its Content-Length.
    Post,
    /// Octets as they are, from a file of the user's.
    Custom(Vec<u8>),
}

/// Why a request cannot be made.
#[derive(Debug, PartialEq)]
pub enum TemplateError {
    /// The path leaves no room for a cookie inside [`BROWSER_HEAD_BYTES`].
    PathTooLong {
        /// Octets of the path.
        path_bytes: usize,
    },
    /// A path is one word that starts with a slash.
    PathMalformed,
    /// A custom request has no blank line.
    NoBlankLine,
    /// A custom request is sent as it is: it cannot be made to ask for a close.
    CustomCannotClose,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PathTooLong { path_bytes } => {
                write!(f, "a path of {path_bytes} octets does not fit the browser head")
            }
            Self::PathMalformed => f.write_str("a path starts with '/' and has no spaces"),
            Self::NoBlankLine => f.write_str("the custom request has no blank line (CRLF CRLF)"),
            Self::CustomCannotClose => {
                f.write_str("--fresh cannot be used with a custom request: write it with `close`")
            }
        }
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// The octets of one request for `path`. With `close` the last field line asks the server to
    /// close the connection after its answer (RFC 9112 §9.6).
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn request(&self, path: &str, close: bool) -> Result<Vec<u8>, TemplateError> {
        if !path.starts_with('/') || path.bytes().any(|octet| !octet.is_ascii_graphic()) {
            return Err(TemplateError::PathMalformed);
        }
        let tail = if close { CLOSE } else { "" };
        match self {
            Self::Get => Ok(format!("GET {path} HTTP/1.1\r\n{HOST}{tail}\r\n").into_bytes()),
            Self::Browser => browser(path, tail),
            Self::Post => {
                let mut octets = format!(
                    "POST {path} HTTP/1.1\r\n{HOST}content-type: application/octet-stream\r\n\
                     content-length: {POST_BODY_BYTES}\r\n{tail}\r\n"
                )
                .into_bytes();
                octets.extend_from_slice(&post_body());
                Ok(octets)
            }
            Self::Custom(_) if close => Err(TemplateError::CustomCannotClose),
            Self::Custom(octets) if memchr::memmem::find(octets, b"\r\n\r\n").is_none() => {
                Err(TemplateError::NoBlankLine)
            }
            Self::Custom(octets) => Ok(octets.clone()),
        }
    }

    /// The octets that come back when the server echoes; empty without a body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        match self {
            Self::Get | Self::Browser => Vec::new(),
            Self::Post => post_body(),
            Self::Custom(octets) => memchr::memmem::find(octets, b"\r\n\r\n")
                .map_or_else(Vec::new, |blank| octets[blank + 4..].to_vec()),
        }
    }
}

const HOST: &str = "Host: 127.0.0.1:8080\r\n";

/// Field lines of a desktop browser, apart from the cookie that fills up to the fixed size.
const BROWSER_FIELDS: &str = "Host: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\
    \r\n\
    Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.com/catalogue/garden?page=2\r\n\
    DNT: 1\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-User: ?1\r\n\
    Priority: u=0, i\r\n\
    Cookie: session=";

/// Browser requests keep their size when they ask for a close: the cookie is shorter by that line.
fn browser(path: &str, tail: &str) -> Result<Vec<u8>, TemplateError> {
    let mut head = format!("GET {path} HTTP/1.1\r\n{BROWSER_FIELDS}");
    let end = format!("\r\n{tail}\r\n");
    let cookie_bytes = BROWSER_HEAD_BYTES
        .checked_sub(head.len() + end.len())
        .ok_or(TemplateError::PathTooLong { path_bytes: path.len() })?;
    head.extend("0123456789abcdef".chars().cycle().take(cookie_bytes));
    head.push_str(&end);
    Ok(head.into_bytes())
}

/// Not constant octets, so that an echo which shifts or cuts is seen.
fn post_body() -> Vec<u8> {
    (b'!'..=b'~').cycle().take(POST_BODY_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_request_has_40_octets() {
        assert_eq!(Template::Get.request("/", false).unwrap().len(), 40);
        assert_eq!(Template::Get.body(), b"");
    }

    #[test]
    fn the_browser_head_has_765_octets_for_every_path() {
        for (path, close) in [("/", false), ("/", true), ("/catalogue/garden/7", false)] {
            let head = Template::Browser.request(path, close).unwrap();
            assert_eq!(head.len(), 765);
            assert!(head.ends_with(b"\r\n\r\n"));
            assert_eq!(memchr::memmem::find_iter(&head, b"\r\n\r\n").count(), 1);
        }
        let path = format!("/{}", "p".repeat(400));
        let refused = Template::Browser.request(&path, false);
        assert_eq!(refused, Err(TemplateError::PathTooLong { path_bytes: 401 }));
    }

    #[test]
    fn a_post_carries_the_body_its_length_promises() {
        let octets = Template::Post.request("/echo", false).unwrap();
        let blank = memchr::memmem::find(&octets, b"\r\n\r\n").unwrap();
        assert_eq!(octets[blank + 4..], Template::Post.body());
        assert_eq!(Template::Post.body().len(), POST_BODY_BYTES);
        let text = String::from_utf8(octets).unwrap();
        assert!(text.starts_with("POST /echo HTTP/1.1\r\n"));
        assert!(text.contains("content-length: 1024\r\n"));
    }

    #[test]
    fn a_request_that_asks_for_a_close_says_so_last() {
        for template in [Template::Get, Template::Browser] {
            let octets = template.request("/", true).unwrap();
            assert!(octets.ends_with(b"\r\nconnection: close\r\n\r\n"));
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let spaced = Template::Get.request("/a b", false);
        assert_eq!(spaced, Err(TemplateError::PathMalformed));
        let endless = Template::Custom(b"GET / HTTP/1.1\r\n".to_vec());
        assert_eq!(endless.request("/", false), Err(TemplateError::NoBlankLine));
        let whole = Template::Custom(b"PUT / HTTP/1.1\r\ncontent-length: 2\r\n\r\nok".to_vec());
        assert_eq!(whole.body(), b"ok");
        assert_eq!(whole.request("/", true), Err(TemplateError::CustomCannotClose));
    }
}
