//! What the child tells its parent: lines with a word in front, so that what was said before the
//! child ended is never lost. The pipe belongs to them alone; the function's output goes elsewhere.

use super::finding::{Finding, Outcome};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// What is done from now on.
    Doing(String),
    /// Something is wrong.
    Found(Finding),
    /// What there is to know in any case.
    Detail(String),
    /// There was nothing to try, for this reason.
    Skipped(String),
    /// The probe is over; only the end of the process is left.
    Done,
}

impl Line {
    /// With its line feed.
    pub(super) fn to_text(&self) -> String {
        let fields: Vec<&str> = match self {
            Self::Doing(what) => vec!["doing", what],
            Self::Found(it) => {
                vec!["found", it.outcome.name(), &it.reason, &it.stage, &it.text, &it.remedy]
            }
            Self::Detail(what) => vec!["detail", what],
            Self::Skipped(why) => vec!["skipped", why],
            Self::Done => vec!["done"],
        };
        let escaped: Vec<String> = fields.into_iter().map(escape).collect();
        escaped.join("\t") + "\n"
    }

    /// Reads a line without its line feed; nothing for one that is not ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<String> = text.split('\t').map(unescape).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        match fields.as_slice() {
            ["doing", what] => Some(Self::Doing((*what).to_owned())),
            ["found", outcome, rest @ ..] => {
                let [reason, stage, text, remedy] = rest else { return None };
                let [reason, stage, text, remedy] =
                    [reason, stage, text, remedy].map(|it| (*it).to_owned());
                let outcome = Outcome::named(outcome)?;
                Some(Self::Found(Finding { outcome, reason, stage, text, remedy }))
            }
            ["detail", what] => Some(Self::Detail((*what).to_owned())),
            ["skipped", why] => Some(Self::Skipped((*why).to_owned())),
            ["done"] => Some(Self::Done),
            _ => None,
        }
    }
}

fn escape(field: &str) -> String {
    field.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n")
}

fn unescape(field: &str) -> String {
    let mut out = String::new();
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('t') => out.push('\t'),
                Some('n') => out.push('\n'),
                other => out.extend(other),
            },
            (other, false) => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_were() {
        let finding = Finding {
            outcome: Outcome::Fail,
            reason: "crash".to_owned(),
            stage: String::new(),
            text: "a\tb\nc\\n\\".to_owned(),
            remedy: "\\t".to_owned(),
        };
        for line in [
            Line::Doing("GET /\n".to_owned()),
            Line::Found(finding),
            Line::Detail("200".to_owned()),
            Line::Skipped(String::new()),
            Line::Done,
        ] {
            let text = line.to_text();
            assert_eq!(text.lines().count(), 1);
            assert_eq!(Line::parse(text.trim_end_matches('\n')), Some(line));
        }
    }

    #[test]
    fn other_lines_are_nobodys() {
        for text in ["", "doing", "found\tok", "found\tx\ta\tb\tc\td", "done\tdone", "hello"] {
            assert_eq!(Line::parse(text), None, "{text}");
        }
    }
}
