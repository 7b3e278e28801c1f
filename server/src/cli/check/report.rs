//! Records as a terminal or a program reads them.

use super::finding::{Finding, Outcome, Record};
use crate::json::{list, quoted};

/// A line for each probe, and what is wrong below it.
pub(super) fn text(records: &[Record]) -> String {
    let mut out = String::new();
    for record in records {
        let ms = record.took.as_millis();
        let (mark, detail) = (record.outcome.mark(), &record.detail);
        let mut line = format!("{mark:<5} {:<16} {detail}", record.probe);
        if ms > 0 {
            line += if record.detail.is_empty() { "" } else { ", " };
            line += &format!("{ms} ms in all");
        }
        put(&mut out, line.trim_end());
        for finding in &record.findings {
            let Finding { reason, stage, text, remedy, .. } = finding;
            let stage = if stage.is_empty() { String::new() } else { format!("stage {stage}, ") };
            below(&mut out, "found", &format!("{text} ({stage}reason {reason})"));
            below(&mut out, "remedy", remedy);
        }
        below(&mut out, "during", record.doing.as_deref().unwrap_or_default());
        record.last_words.iter().for_each(|word| below(&mut out, "it said", word));
    }
    let count = |outcome| records.iter().filter(|it| it.outcome == outcome).count();
    let (fine, warned, failed) = (count(Outcome::Ok), count(Outcome::Warn), count(Outcome::Fail));
    put(&mut out, &format!("{fine} ok, {warned} with warnings, {failed} failed"));
    out
}

fn below(out: &mut String, what: &str, text: &str) {
    if !text.is_empty() {
        put(out, &format!("      {what:<8} {text}"));
    }
}

/// One line, in which nothing that a function or a file says can move the cursor.
fn put(out: &mut String, line: &str) {
    for letter in line.chars() {
        match letter {
            '\'' | '"' | '\\' => out.push(letter),
            _ => out.extend(letter.escape_debug()),
        }
    }
    out.push('\n');
}

/// One object.
pub(super) fn json(artifact: &str, name: &str, records: &[Record]) -> String {
    let outcome = records.iter().map(|it| it.outcome).max().unwrap_or(Outcome::Ok);
    let probes: Vec<String> = records.iter().map(probe).collect();
    format!(
        "{{\"artifact\":{},\"name\":{},\"outcome\":{},\"probes\":[{}]}}\n",
        quoted(artifact),
        quoted(name),
        quoted(outcome.name()),
        probes.join(",")
    )
}

fn probe(record: &Record) -> String {
    let findings: Vec<String> = record.findings.iter().map(finding).collect();
    format!(
        "{{\"probe\":{},\"outcome\":{},\"detail\":{},\"ms\":{},\"findings\":[{}],\"during\":{},\
         \"last_words\":{}}}",
        quoted(record.probe),
        quoted(record.outcome.name()),
        quoted(&record.detail),
        record.took.as_millis(),
        findings.join(","),
        record.doing.as_deref().map_or_else(|| "null".to_owned(), quoted),
        list(record.last_words.iter().map(String::as_str))
    )
}

fn finding(finding: &Finding) -> String {
    let Finding { outcome, reason, stage, text, remedy } = finding;
    let stage = if stage.is_empty() { "null".to_owned() } else { quoted(stage) };
    format!(
        "{{\"outcome\":{},\"reason\":{},\"stage\":{stage},\"text\":{},\"remedy\":{}}}",
        quoted(outcome.name()),
        quoted(reason),
        quoted(text),
        quoted(remedy)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn both_formats() {
        let finding = Finding {
            outcome: Outcome::Fail,
            reason: "exit".to_owned(),
            stage: "crash".to_owned(),
            text: "it ended".to_owned(),
            remedy: "do not".to_owned(),
        };
        let failed = Record {
            doing: Some("GET /".to_owned()),
            last_words: vec!["bye \"\u{1b}".to_owned()],
            took: Duration::from_millis(7),
            ..Record::of("get", String::new(), vec![finding])
        };
        let records = [Record::skipped("load", "why"), failed];
        let expected = "-     load             why\n\
                        FAIL  get              7 ms in all\n      \
                        found    it ended (stage crash, reason exit)\n      \
                        remedy   do not\n      \
                        during   GET /\n      \
                        it said  bye \"\\u{1b}\n\
                        0 ok, 0 with warnings, 1 failed\n";
        assert_eq!(text(&records), expected);
        let expected = "{\"artifact\":\"a\",\"name\":\"n\",\"outcome\":\"fail\",\"probes\":[\
            {\"probe\":\"load\",\"outcome\":\"skipped\",\"detail\":\"why\",\"ms\":0,\
            \"findings\":[],\"during\":null,\"last_words\":[]},\
            {\"probe\":\"get\",\"outcome\":\"fail\",\"detail\":\"\",\"ms\":7,\"findings\":[\
            {\"outcome\":\"fail\",\"reason\":\"exit\",\"stage\":\"crash\",\"text\":\"it ended\",\
            \"remedy\":\"do not\"}],\"during\":\"GET /\",\"last_words\":[\"bye \\\"\\u001b\"]}]}\n";
        assert_eq!(json("a", "n", &records), expected);
    }
}
