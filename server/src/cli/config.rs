//! `fezz config`: what is in force and where it came from, and what a key means.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::flags::FILE_VARIABLE;
use super::{fail, print};
use crate::config::file;
use crate::error::{EXIT_CONFIG, EXIT_OK, EXIT_SYSTEM, EXIT_USAGE, StartError};

const EXAMPLES: &str = "\
Examples:
  fezz config show --config /etc/fezz/fezz.toml
  fezz config show | grep timeouts
  fezz config explain limits.body
  fezz config explain policy
  fezz config schema >fezz.schema.json

Without --config the environment may name the file: FEZZ_CONFIG. Without that 'show' says what holds
where nothing is written.
Exit codes: 0 done, 1 the file is wrong, 2 usage.";

/// What `config` can be told.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub(super) struct ConfigFlags {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Every effective value, and where it came from; can be read again as a file
    Show {
        /// The file
        #[arg(short, long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// The reference card of a key, or the keys of a section
    Explain {
        /// Such as limits.body, body or limits
        #[arg(value_name = "KEY")]
        term: String,
    },
    /// The JSON Schema of the file, for editors
    Schema,
    /// The cards of all keys, as the documentation has them
    #[command(hide = true)]
    Page,
}

pub(super) fn config(flags: &ConfigFlags) -> u8 {
    let text = match &flags.verb {
        ConfigVerb::Show { config } => match named_file(config.as_ref()) {
            Some(path) => match file::read(&path) {
                Ok(loaded) => file::show(&loaded),
                Err(complaints) => return fail(EXIT_CONFIG, StartError::Config(complaints)),
            },
            None => file::show(&file::Loaded::nothing()),
        },
        ConfigVerb::Explain { term } => match file::explain(term) {
            Ok(text) => text,
            Err(file::UnknownTerm { nearest }) => {
                let meant =
                    nearest.map_or_else(String::new, |it| format!("; did you mean '{it}'?"));
                let what = format_args!("there is no key or section '{term}'{meant}");
                return fail(EXIT_USAGE, what);
            }
        },
        ConfigVerb::Schema => file::schema(),
        ConfigVerb::Page => file::page(),
    };
    match print(text.as_bytes()) {
        Ok(()) => EXIT_OK,
        Err(error) => fail(EXIT_SYSTEM, format_args!("cannot write the answer: {error}")),
    }
}

/// The file that is named, else that of the environment.
pub(super) fn named_file(flag: Option<&PathBuf>) -> Option<PathBuf> {
    let environment = || std::env::var_os(FILE_VARIABLE).map(PathBuf::from);
    flag.cloned().or_else(environment).filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RESTART_KEYS;

    /// The table of keys and the settings say the same about what a reload changes.
    #[test]
    fn cards_know_what_needs_a_restart() {
        for section in ["limits", "timeouts", "workers", "drain"] {
            let text = file::explain(section).unwrap();
            for line in text.lines().skip(3) {
                let key = format!("{section}.{}", line.split_whitespace().next().unwrap());
                let restarts = file::explain(&key).unwrap().contains("after a restart");
                let expected = RESTART_KEYS.contains(&key.as_str()) || key == "workers.event_loops";
                assert_eq!(restarts, expected, "{key}");
            }
        }
    }

    #[test]
    fn an_empty_name_is_none() {
        assert_eq!(named_file(Some(&PathBuf::from("x"))), Some(PathBuf::from("x")));
        assert_eq!(named_file(Some(&PathBuf::new())), None);
    }
}
