//! Which pages of other origins may read answers: field lines, made when the policy is read.
//!
//! Nothing of a request is repeated: an origin that is allowed is said in the operator's own
//! spelling (Fetch standard, CORS protocol).

use std::fmt::Write;

use crate::config::Cors;

/// The rules of one policy as field lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    origins: Origins,
    /// For an answer, behind the origin.
    answer: String,
    /// For a preflight, behind the origin; the methods are the route's where the policy names
    /// none.
    preflight: String,
    names_methods: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origins {
    Every,
    /// Ascending.
    These(Vec<String>),
}

/// All answers of a route depend on the origin, those without one included, or a cache would give
/// one origin's answer to another (RFC 9110 §12.5.5).
const VARY: &str = "vary: Origin\r\n";
const VARY_PREFLIGHT: &str =
    "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n";

impl Rules {
    /// The rules that `cors` writes.
    pub(crate) fn of(cors: &Cors) -> Self {
        let origins = match cors.origins.as_slice() {
            [every] if every == "*" => Origins::Every,
            these => {
                let mut these = these.to_vec();
                these.sort_unstable();
                Origins::These(these)
            }
        };
        let mut answer = String::new();
        let mut preflight = String::new();
        let say = |text: &mut String, name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _infallible = write!(text, "access-control-{name}: {value}\r\n");
        };
        if cors.credentials {
            say(&mut answer, "allow-credentials", "true");
            say(&mut preflight, "allow-credentials", "true");
        }
        if !cors.expose.is_empty() {
            say(&mut answer, "expose-headers", &cors.expose.join(", "));
        }
        if !cors.headers.is_empty() {
            say(&mut preflight, "allow-headers", &cors.headers.join(", "));
        }
        if let Some(max_age) = cors.max_age {
            say(&mut preflight, "max-age", &max_age.as_secs().to_string());
        }
        if !cors.methods.is_empty() {
            say(&mut preflight, "allow-methods", &cors.methods.join(", "));
        }
        Self { origins, answer, preflight, names_methods: !cors.methods.is_empty() }
    }

    /// What every answer to a request from `origin` says too.
    pub(crate) fn answer(&self, origin: Option<&[u8]>) -> String {
        match (&self.origins, self.allowed(origin)) {
            (Origins::Every, Some(origin)) => line(origin) + &self.answer,
            (Origins::These(_), Some(origin)) => line(origin) + &self.answer + VARY,
            (_, None) => VARY.to_owned(),
        }
    }

    /// What the answer to a preflight from `origin` says; `methods` are those of the route.
    pub(crate) fn preflight(&self, origin: Option<&[u8]>, methods: &str) -> String {
        let Some(origin) = self.allowed(origin) else { return VARY_PREFLIGHT.to_owned() };
        let mut text = line(origin) + &self.preflight;
        if !self.names_methods {
            let _infallible = write!(text, "access-control-allow-methods: {methods}\r\n");
        }
        text + VARY_PREFLIGHT
    }

    /// The origin as it is said back, if it may read answers.
    fn allowed(&self, origin: Option<&[u8]>) -> Option<&str> {
        match &self.origins {
            Origins::Every => Some("*"),
            Origins::These(these) => {
                let origin = origin?;
                let at = these.binary_search_by(|known| known.as_bytes().cmp(origin));
                these.get(at.ok()?).map(String::as_str)
            }
        }
    }
}

fn line(origin: &str) -> String {
    format!("access-control-allow-origin: {origin}\r\n")
}

/// Whether a field of a function's answer is the policy's business: where the server decides who
/// may read answers, a second opinion would make them unreadable.
pub(crate) fn is_about_origins(name: &[u8]) -> bool {
    name.get(..15).is_some_and(|front| front.eq_ignore_ascii_case(b"access-control-"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn texts(all: &[&str]) -> Vec<String> {
        all.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn a_list_of_origins_is_answered_one_by_one() {
        let rules = Rules::of(&Cors {
            origins: texts(&["https://b.example", "https://a.example"]),
            headers: texts(&["x-one", "content-type"]),
            expose: texts(&["x-two"]),
            credentials: true,
            max_age: Some(Duration::from_mins(10)),
            ..Cors::default()
        });
        assert_eq!(
            rules.answer(Some(b"https://a.example")),
            "access-control-allow-origin: https://a.example\r\n\
             access-control-allow-credentials: true\r\n\
             access-control-expose-headers: x-two\r\n\
             vary: Origin\r\n"
        );
        for other in [None, Some("https://A.example"), Some("null"), Some("https://a.example.")] {
            assert_eq!(rules.answer(other.map(str::as_bytes)), VARY, "{other:?}");
            assert_eq!(rules.preflight(other.map(str::as_bytes), "GET"), VARY_PREFLIGHT);
        }
        assert_eq!(
            rules.preflight(Some(b"https://b.example"), "GET, HEAD"),
            "access-control-allow-origin: https://b.example\r\n\
             access-control-allow-credentials: true\r\n\
             access-control-allow-headers: x-one, content-type\r\n\
             access-control-max-age: 600\r\n\
             access-control-allow-methods: GET, HEAD\r\n\
             vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
        );
    }

    #[test]
    fn every_origin_is_one_answer_for_all() {
        let methods = texts(&["PUT"]);
        let rules = Rules::of(&Cors { origins: texts(&["*"]), methods, ..Cors::default() });
        let answer = "access-control-allow-origin: *\r\n";
        assert_eq!(rules.answer(None), answer);
        assert_eq!(rules.answer(Some(b"https://x.example")), answer);
        let preflight = rules.preflight(Some(b"https://x.example"), "GET");
        assert!(preflight.contains("access-control-allow-methods: PUT\r\n"), "{preflight}");
    }

    #[test]
    fn fields_about_origins_are_known_by_their_front() {
        assert!(is_about_origins(b"Access-Control-Allow-Origin"));
        assert!(is_about_origins(b"access-control-max-age"));
        assert!(!is_about_origins(b"access-control"));
        assert!(!is_about_origins(b"vary"));
    }
}
