//! Places that are more than a field: `"off"` as the value that means it, `"auto"` as a number,
//! parts of something that may not be there.

use std::time::Duration;

use super::fault::{Fault, Wrong};
use super::key::{By, Datum};
use super::value::Value;
use crate::config::{
    AccessFormat, AccessLog, AuditLog, ClientCa, Config, LOOPS_MAX, LogOutput, TICKETS_ROTATE,
    TICKETS_ROTATE_MIN, Tickets, processors,
};
use crate::units::DURATION_MS_MAX;

/// Longer than anything lasts: what "off" is for a clock that must have an end.
const FOR_EVER: Duration = Duration::from_millis(DURATION_MS_MAX);

fn time_or_off(time: Duration) -> Value {
    if time >= FOR_EVER { Value::Word("off") } else { Value::Time(time) }
}

fn time_from(value: Value) -> Result<Duration, Wrong> {
    Ok(Option::read(value)?.unwrap_or(FOR_EVER))
}

pub(crate) static NO_AGE: By<Config> = By {
    get: |it| time_or_off(it.timeouts.connection_age),
    set: |it, value| {
        it.timeouts.connection_age = time_from(value)?;
        Ok(())
    },
};

pub(crate) static NO_CEILING: By<Config> = By {
    get: |it| time_or_off(it.timeouts.pace_ceiling),
    set: |it, value| {
        it.timeouts.pace_ceiling = time_from(value)?;
        Ok(())
    },
};

pub(crate) static NO_COUNT: By<Config> = By {
    get: |it| match it.limits.requests_per_connection_max {
        u32::MAX => Value::Word("off"),
        count => count.value(),
    },
    set: |it, value| {
        it.limits.requests_per_connection_max = Option::read(value)?.unwrap_or(u32::MAX);
        Ok(())
    },
};

pub(crate) static NO_RATE: By<Config> = By {
    get: |it| match it.limits.rate_bytes_per_s_min {
        0 => Value::Word("off"),
        rate => rate.value(),
    },
    set: |it, value| {
        it.limits.rate_bytes_per_s_min = Option::read(value)?.unwrap_or(0);
        Ok(())
    },
};

pub(crate) static NO_COUNT_PER_IP: By<Config> = By {
    get: |it| it.limits.connections_per_ip_max.map_or(Value::Word("off"), |it| it.value()),
    set: |it, value| {
        it.limits.connections_per_ip_max = Datum::read(value)?;
        Ok(())
    },
};

pub(crate) static METRICS_LISTEN: By<Config> = By {
    get: |it| it.metrics.listen.map_or(Value::Word("off"), |it| it.value()),
    set: |it, value| {
        it.metrics.listen = Datum::read(value)?;
        Ok(())
    },
};

pub(crate) static LOOPS: By<Config> = By {
    get: |it| it.event_loops.value(),
    set: |it, value| {
        it.event_loops = Option::read(value)?.unwrap_or_else(|| processors().min(LOOPS_MAX));
        Ok(())
    },
};

pub(crate) static THREADS: By<Config> = By {
    get: |it| it.workers.threads.value(),
    set: |it, value| {
        it.workers.threads = Option::read(value)?.unwrap_or_else(processors);
        Ok(())
    },
};

fn access(config: &mut Config) -> &mut AccessLog {
    config.access_log.get_or_insert_with(|| AccessLog {
        output: LogOutput::Stdout,
        format: AccessFormat::default(),
        query: false,
        headers: Vec::new(),
    })
}

pub(crate) static ACCESS_OUTPUT: By<Config> = By {
    get: |it| it.access_log.as_ref().map_or(Value::Unset, |it| it.output.value()),
    set: |it, value| {
        access(it).output = LogOutput::read(value)?;
        Ok(())
    },
};

pub(crate) static ACCESS_FORMAT: By<Config> = By {
    get: |it| it.access_log.as_ref().map_or(Value::Unset, |it| it.format.value()),
    set: |it, value| {
        access(it).format = AccessFormat::read(value)?;
        Ok(())
    },
};

pub(crate) static ACCESS_QUERY: By<Config> = By {
    get: |it| it.access_log.as_ref().map_or(Value::Unset, |it| it.query.value()),
    set: |it, value| {
        access(it).query = bool::read(value)?;
        Ok(())
    },
};

/// Fields whose values open doors.
const CREDENTIALS: [&str; 5] =
    ["authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"];

pub(crate) static ACCESS_HEADERS: By<Config> = By {
    get: |it| it.access_log.as_ref().map_or(Value::Unset, |it| it.headers.value()),
    set: |it, value| {
        let names = field_names(value)?;
        if let Some(index) = names.iter().position(|name| CREDENTIALS.contains(&name.as_str())) {
            return Err(Wrong::within(index, Fault::Credential));
        }
        access(it).headers = names;
        Ok(())
    },
};

pub(crate) static AUDIT_OUTPUT: By<Config> = By {
    get: |it| it.audit_log.as_ref().map_or(Value::Unset, |it| it.output.value()),
    set: |it, value| {
        it.audit_log = Some(AuditLog { output: LogOutput::read(value)? });
        Ok(())
    },
};

/// There is one mode, and a file may say so.
pub(crate) static ADMIN_MODE: By<Config> = By {
    get: |it| it.admin.socket.as_ref().map_or(Value::Unset, |_| Value::Word("0600")),
    set: |_, _| Ok(()),
};

pub(crate) static HSTS: By<Config> = By {
    get: |it| match it.tls.hsts_s {
        None => Value::Word("off"),
        Some(seconds) => Value::Text(format!("max-age={seconds}")),
    },
    set: |it, value| {
        let Some(text) = Option::<String>::read(value)? else {
            it.tls.hsts_s = None;
            return Ok(());
        };
        let digits = text.strip_prefix("max-age=").unwrap_or_default();
        let digits = Some(digits).filter(|it| it.bytes().all(|octet| octet.is_ascii_digit()));
        let seconds = digits.and_then(|it| it.parse().ok()).ok_or(Fault::MaxAge)?;
        it.tls.hsts_s = Some(u32::into(seconds));
        Ok(())
    },
};

pub(crate) static TICKETS: By<Config> = By {
    get: |it| match it.tls.tickets {
        Tickets::Off => Value::Word("off"),
        Tickets::On { .. } => Value::Unset,
    },
    set: |it, _| {
        it.tls.tickets = Tickets::Off;
        Ok(())
    },
};

pub(crate) static TICKETS_ROTATE_AFTER: By<Config> = By {
    get: |it| match it.tls.tickets {
        Tickets::Off => Value::Unset,
        Tickets::On { rotate } => rotate.value(),
    },
    set: |it, value| {
        let rotate = Duration::read(value)?;
        if !(TICKETS_ROTATE_MIN..=TICKETS_ROTATE).contains(&rotate) {
            return Err(Fault::TicketsRotate.into());
        }
        it.tls.tickets = Tickets::On { rotate };
        Ok(())
    },
};
const _: () = assert!(TICKETS_ROTATE.as_secs() == 6 * 3_600, "the table's default says 6h");

/// Words of `client_auth.mode`.
pub(crate) const CLIENT_MODES: &[&str] = &["require", "optional"];

/// The file of authorities: who writes one means that clients must have a certificate.
pub(crate) fn set_ca(place: &mut Option<ClientCa>, value: Value) -> Result<(), Wrong> {
    let file = Datum::read(value)?;
    place.get_or_insert_with(no_authorities).file = file;
    Ok(())
}

/// Whether clients must have a certificate.
pub(crate) fn set_mode(place: &mut Option<ClientCa>, value: &Value) {
    let required = *value != Value::Word("optional");
    place.get_or_insert_with(no_authorities).required = required;
}

fn no_authorities() -> ClientCa {
    ClientCa { file: std::path::PathBuf::new(), required: true }
}

/// The file of authorities, as a value.
pub(crate) fn ca(place: Option<&ClientCa>) -> Value {
    place.map_or(Value::Unset, |it| it.file.value())
}

/// Whether clients must have a certificate, as a value.
pub(crate) fn mode(place: Option<&ClientCa>) -> Value {
    let word = |it: &ClientCa| Value::Word(CLIENT_MODES[usize::from(!it.required)]);
    place.map_or(Value::Unset, word)
}

/// RFC 9110 §5.1: names of fields, in lower case.
pub(crate) fn field_names(value: Value) -> Result<Vec<String>, Wrong> {
    let mut names = Vec::<String>::read(value)?;
    if let Some(index) = names.iter().position(|name| !is_token(name)) {
        return Err(Wrong::within(index, Fault::FieldName));
    }
    names.iter_mut().for_each(|name| name.make_ascii_lowercase());
    Ok(names)
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let tchar = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    !text.is_empty() && text.bytes().all(tchar)
}

/// RFC 9110 §5.5, without the octets that only some recipients understand.
pub(crate) fn is_field_value(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|octet| (0x20..0x7F).contains(&octet))
}

/// A name in logs, metrics and other sections.
pub(crate) fn label(value: Value) -> Result<String, Wrong> {
    let text = String::read(value)?;
    // The same rule as for the names of functions.
    crate::plugin::version::check_name(&text).map_err(|_| Fault::Label)?;
    Ok(text)
}
