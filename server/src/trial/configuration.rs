//! Text as a configuration file.

use std::path::Path;

use crate::config::{ConfigError, file};
use crate::error::StartError;

/// A configuration file. Whatever it says, it is refused with places that are in it, or taken; then
/// it can be shown, and what is shown is the same configuration.
///
/// # Panics
///
/// When it is not.
pub fn config_file(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else { return };
    let base = Path::new("/");
    let loaded = match file::read_text(text, base) {
        Ok(loaded) => loaded,
        Err(errors) => {
            assert!(!errors.is_empty(), "refused without a reason");
            let lines = text.split('\n').count();
            for error in errors {
                assert!(!error.to_string().is_empty() && !error.name().is_empty());
                assert!(matches!(error, ConfigError::File(_)), "{error} has no place");
                let ConfigError::File(complaint) = error else { continue };
                let spot = complaint.spot.as_ref();
                assert!(spot.is_none_or(|spot| (1..=lines).contains(&spot.line)));
            }
            return;
        }
    };
    let shown = file::show(&loaded);
    let again = file::read_text(&shown, base).map_err(StartError::Config);
    let why = again.as_ref().err().map_or_else(String::new, ToString::to_string);
    let again = again.ok().map(|again| again.config);
    assert_eq!(again.as_ref(), Some(&loaded.config), "{why}\n{shown}");
    assert!(again.is_some_and(|again| file::changed_keys(&loaded.config, &again).is_empty()));
    for lint in file::lints(&loaded) {
        assert!(!lint.to_string().is_empty());
    }
}
