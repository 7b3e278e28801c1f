//! How functions, routes and addresses are written in one word each.
//!
//! ```text
//! function  [NAME[@VERSION]=]PATH[@ROUTE]
//! route     NAME[@VERSION]=ROUTE
//! ROUTE     [METHOD[,METHOD]:][HOST]/PATTERN
//! ```
//!
//! What stands before the first `=` is a name if it could be one, so a path with a `=` in it is
//! written as `./a=b.so`. What stands behind the last `@` is a route if it contains a `/`, so a
//! path with a `@` in one of its directories is written with its route: `./a@b/c.so@/{*rest}`.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::error::ListenFault;
use crate::plugin::pattern::{Pattern, PatternError};
use crate::plugin::version::{NameError, Selector, Version, check_name};

/// The value of `--function`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionFlag {
    /// The name given to it.
    pub name: Option<String>,
    /// The version given to it.
    pub version: Option<Version>,
    /// The file.
    pub artifact: PathBuf,
    /// The route given to it.
    pub pattern: Option<Pattern>,
}

/// The value of `--route`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteFlag {
    /// The function.
    pub selector: Selector,
    /// The requests it takes.
    pub pattern: Pattern,
}

/// What is wrong with a function or a route. The operator's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionFault {
    /// There is no path to an artifact.
    NoPath,
    /// The name or version is wrong.
    Name(NameError),
    /// The route is wrong.
    Pattern(PatternError),
    /// A route does not say to which function it leads.
    NoFunction,
}

impl fmt::Display for FunctionFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPath => out.write_str("the path of the artifact is missing"),
            Self::Name(why) => why.fmt(out),
            Self::Pattern(why) => why.fmt(out),
            Self::NoFunction => out.write_str("write a route as NAME=/PATTERN or NAME@1=/PATTERN"),
        }
    }
}

impl FunctionFlag {
    /// Reads `[NAME[@VERSION]=]PATH[@ROUTE]`.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn parse(text: &str) -> Result<Self, FunctionFault> {
        let (selector, rest) = match text.split_once('=') {
            Some((name, rest)) if !name.contains('/') && !name.starts_with('.') => {
                (Some(Selector::parse(name).map_err(FunctionFault::Name)?), rest)
            }
            _ => (None, text),
        };
        let (path, pattern) = match rest.rsplit_once('@') {
            Some((path, route)) if route.contains('/') => {
                (path, Some(Pattern::parse(route).map_err(FunctionFault::Pattern)?))
            }
            _ => (rest, None),
        };
        if path.is_empty() {
            return Err(FunctionFault::NoPath);
        }
        let (name, version) = selector.map_or((None, None), |it| (Some(it.name), it.version));
        Ok(Self { name, version, artifact: PathBuf::from(path), pattern })
    }
}

impl RouteFlag {
    /// Reads `NAME[@VERSION]=ROUTE`.
    ///
    /// # Errors
    /// The first thing wrong with it.
    pub fn parse(text: &str) -> Result<Self, FunctionFault> {
        let (name, route) = text.split_once('=').ok_or(FunctionFault::NoFunction)?;
        check_name(name.split('@').next().unwrap_or(name)).map_err(FunctionFault::Name)?;
        let selector = Selector::parse(name).map_err(FunctionFault::Name)?;
        let pattern = Pattern::parse(route).map_err(FunctionFault::Pattern)?;
        Ok(Self { selector, pattern })
    }
}

/// Reads the value of `--listen`: an address and a port; `localhost` is `127.0.0.1`.
///
/// # Errors
/// What is missing or wrong.
pub fn parse_listen(text: &str) -> Result<SocketAddr, ListenFault> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Err(ListenFault::NoPort);
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        return Err(if digits { ListenFault::NoAddress } else { ListenFault::NoPort });
    };
    let port: u16 = port.parse().map_err(|_| ListenFault::Port)?;
    match host {
        "localhost" => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        "" | "*" => Err(ListenFault::NoAddress),
        name if name.contains(':') => Err(ListenFault::Shape),
        _ => Err(ListenFault::Name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(text: &str) -> (Option<String>, Option<String>, String, Option<String>) {
        let it = FunctionFlag::parse(text).unwrap();
        let path = it.artifact.display().to_string();
        let shown = (it.version.map(|it| it.to_string()), it.pattern.map(|it| it.to_string()));
        (it.name, shown.0, path, shown.1)
    }

    #[test]
    fn functions() {
        let some = |text: &str| Some(text.to_owned());
        let path = |text: &str| text.to_owned();
        assert_eq!(function("./a.so"), (None, None, path("./a.so"), None));
        assert_eq!(function("a=b.so"), (some("a"), None, path("b.so"), None));
        assert_eq!(function("./a=b.so"), (None, None, path("./a=b.so"), None));
        assert_eq!(function("a@1.2=b.so"), (some("a"), some("1.2"), path("b.so"), None));
        assert_eq!(function("b.so@/x/{*y}"), (None, None, path("b.so"), some("/x/{*y}")));
        assert_eq!(function("b@2.so"), (None, None, path("b@2.so"), None));
        assert_eq!(function("./a@b/c.so@/"), (None, None, path("./a@b/c.so"), some("/")));
        assert_eq!(
            function("a=b.so@GET:*.example.org/x"),
            (some("a"), None, path("b.so"), some("GET:*.example.org/x"))
        );
    }

    #[test]
    fn what_is_wrong_with_functions_and_routes() {
        assert_eq!(FunctionFlag::parse(""), Err(FunctionFault::NoPath));
        assert_eq!(FunctionFlag::parse("a="), Err(FunctionFault::NoPath));
        assert_eq!(FunctionFlag::parse("a b=c"), Err(FunctionFault::Name(NameError::Name)));
        assert_eq!(FunctionFlag::parse("a@x=c"), Err(FunctionFault::Name(NameError::Version)));
        let hidden = FunctionFlag::parse("a.so@/{*x}/y");
        assert_eq!(hidden, Err(FunctionFault::Pattern(PatternError::CatchAllNotLast)));
        assert_eq!(RouteFlag::parse("/x"), Err(FunctionFault::NoFunction));
        assert_eq!(RouteFlag::parse("=/x"), Err(FunctionFault::Name(NameError::Name)));
        let route = RouteFlag::parse("orders@2=/orders/{*rest}").unwrap();
        assert_eq!(route.selector.to_string(), "orders@2");
        assert_eq!(route.pattern.to_string(), "/orders/{*rest}");
    }

    #[test]
    fn addresses() {
        assert_eq!(parse_listen("localhost:0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(parse_listen("[::]:80").unwrap().to_string(), "[::]:80");
        let wrong = [
            ("127.0.0.1", ListenFault::NoPort),
            ("example.org", ListenFault::NoPort),
            ("::1", ListenFault::NoPort),
            ("8080", ListenFault::NoAddress),
            (":8080", ListenFault::NoAddress),
            ("*:8080", ListenFault::NoAddress),
            ("example.org:80", ListenFault::Name),
            ("127.0.0.1:http", ListenFault::Port),
            ("127.0.0.1:65536", ListenFault::Port),
            ("a:b:1", ListenFault::Shape),
            ("", ListenFault::NoPort),
        ];
        for (text, why) in wrong {
            assert_eq!(parse_listen(text), Err(why), "{text}");
        }
    }
}
