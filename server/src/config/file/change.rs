//! What a reload cannot change: the keys whose values differ and that are read at the start only.

use super::key::Section;
use super::table::SINGLES;
use super::table::listen::{LISTENER, ListenerDraft};
use crate::config::{Config, ListenerConfig};

/// The keys that differ and need a restart, as an operator writes them: `workers.threads`,
/// `listener "https" address`, `listener "admin"` for one that came or went.
#[must_use]
pub fn changed_keys(old: &Config, new: &Config) -> Vec<String> {
    let mut found = Vec::new();
    for section in SINGLES {
        let name = section.caption.name;
        found.extend(differing(section, old, new).map(|key| format!("{name}.{key}")));
    }
    for listener in &old.listeners {
        match new.listeners.iter().find(|it| it.name == listener.name) {
            None => found.push(format!("listener \"{}\"", listener.name)),
            Some(other) => found.extend(listener_keys(listener, other)),
        }
    }
    let known = |it: &&ListenerConfig| old.listeners.iter().any(|old| old.name == it.name);
    let came = new.listeners.iter().filter(|it| !known(it));
    found.extend(came.map(|it| format!("listener \"{}\"", it.name)));
    found
}

fn listener_keys(old: &ListenerConfig, new: &ListenerConfig) -> Vec<String> {
    let (mine, theirs) = (ListenerDraft::of(old), ListenerDraft::of(new));
    let keys = differing(&LISTENER, &mine, &theirs);
    keys.map(|key| format!("listener \"{}\" {key}", old.name)).collect()
}

/// The names of keys that need a restart and whose values differ.
fn differing<'t, T>(
    section: &'static Section<T>,
    old: &'t T,
    new: &'t T,
) -> impl Iterator<Item = &'static str> + 't {
    let keys = section.keys.iter().filter(|key| !key.card.live);
    keys.filter(move |key| key.place.get(old) != key.place.get(new)).map(|key| key.card.name)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_needs_a_restart_is_named() {
        let old = Config::default();
        assert_eq!(changed_keys(&old, &old.clone()), [""; 0]);
        let mut new = old.clone();
        new.workers.threads += 1;
        new.tls.unknown_sni = crate::config::UnknownSni::Default;
        new.timeouts.handler = Duration::from_secs(1);
        new.limits.body_bytes_max = 7;
        new.listeners = vec![
            ListenerConfig::plain(SocketAddr::from(([127, 0, 0, 1], 81))),
            ListenerConfig::tls(SocketAddr::from(([127, 0, 0, 1], 82))),
        ];
        let expected = [
            "tls.unknown_sni",
            "workers.threads",
            "listener \"http\" address",
            "listener \"https\"",
        ];
        assert_eq!(changed_keys(&old, &new), expected);
    }
}
