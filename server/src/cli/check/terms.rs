//! What holds for every probe: the same words for the parent and for the child it starts.

use std::time::Duration;

use clap::Args;

use super::ask::Target;
use crate::units::parse_duration;

/// Said to the parent by a person, and to the child by the parent.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// Ask for PATH, with its query
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = Target::parse)]
    pub(super) path: Target,
    /// Hand this over when the function begins, as --set NAME.config.K=V would
    #[arg(long, value_name = "K=V", value_parser = setting)]
    pub(super) config: Vec<(String, String)>,
    /// Each thing that is tried may take so long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
}

impl Terms {
    /// As words of a command line.
    pub(super) fn to_words(&self) -> Vec<String> {
        let mut words = vec![
            format!("--path={}", self.path.as_str()),
            format!("--timeout={}ms", self.timeout.as_millis()),
        ];
        words.extend(self.config.iter().map(|(key, value)| format!("--config={key}={value}")));
        words
    }
}

pub(crate) fn setting(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write a setting as K=V"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        terms: Terms,
    }

    #[test]
    fn the_child_is_told_what_the_parent_was() {
        let words = ["", "--path", "/-a?b", "--config", "k=v=w", "--config=k2=", "--timeout=2s"];
        let terms = Line::try_parse_from(words).unwrap().terms;
        assert_eq!(terms.config, [("k", "v=w"), ("k2", "")].map(|(k, v)| (k.into(), v.into())));
        let words = ["".to_owned()].into_iter().chain(terms.to_words());
        assert_eq!(Line::try_parse_from(words).unwrap().terms, terms);
        assert!(Line::try_parse_from(["", "--config", "x"]).is_err());
    }
}
