//! Fields that claim who a client is, or how it came: only a proxy that is trusted may say so.
//!
//! Functions, and the frameworks in them, believe such fields. What the server itself knows is in
//! the envelope's `meta`; so from everybody else they are dropped, and nobody has to tell true ones
//! from false ones. CGI and its heirs make the same variable of `-` and `_`, hence both are meant.

use crate::config::Forwarded;

/// The names, in lower case, but for those with a common beginning.
const NAMES: [&[u8]; 16] = [
    b"forwarded",
    b"true-client-ip",
    b"cf-connecting-ip",
    b"fastly-client-ip",
    b"remote-user",
    b"x-real-ip",
    b"x-client-ip",
    b"x-cluster-client-ip",
    b"x-originating-ip",
    b"x-remote-ip",
    b"x-remote-addr",
    b"x-remote-user",
    b"x-envoy-external-address",
    b"x-forwarded",
    // RFC 9440 §2: what a proxy says about the certificate of its client.
    b"client-cert",
    b"client-cert-chain",
];

/// How further names begin; what begins with `fezz-` is the server's own.
const BEGINNINGS: [&[u8]; 5] = [b"fezz-", b"x-forwarded-", b"x-client-cert", b"x-ssl-", b"x-fezz-"];

/// An underscore as it looks where letters are made small.
const UNDERSCORE: u8 = b'_' | 0x20;

/// Whether a field is such a claim.
#[inline]
pub(crate) fn is_claim(name: &[u8]) -> bool {
    // Most names are known to be others by their first octets.
    let Some(first) = name.first_chunk::<3>() else { return false };
    match first.map(|octet| octet | 0x20) {
        [b'x', b'-' | UNDERSCORE, _] => may_claim_behind_x(name) && is_listed(name),
        [b'f', b'o', b'r']
        | [b'f', b'a', b's']
        | [b'f', b'e', b'z']
        | [b'c', b'f', _]
        | [b'c', b'l', b'i']
        | [b't', b'r', b'u']
        | [b'r', b'e', b'm'] => is_listed(name),
        _ => false,
    }
}

/// Whether a name that begins with `x-` may be a claim, by the three octets behind that: there are
/// many such names, and few of them are claims.
#[inline]
fn may_claim_behind_x(name: &[u8]) -> bool {
    let Some([_, _, behind @ ..]) = name.first_chunk::<5>() else { return false };
    matches!(
        &behind.map(|octet| octet | 0x20),
        b"rea" | b"rem" | b"cli" | b"clu" | b"ori" | b"env" | b"for" | b"ssl" | b"fez"
    )
}

/// Whether a claim is one that a trusted proxy of such a listener may make: what it says is passed
/// on as it is, for functions that want more than the client's address.
pub(crate) fn may_say(name: &[u8], forwarded: Forwarded) -> bool {
    match forwarded {
        Forwarded::Off => false,
        Forwarded::Rfc7239 => is(name, b"forwarded"),
        Forwarded::XForwardedFor => begins(name, b"x-forwarded-"),
    }
}

#[cold]
fn is_listed(name: &[u8]) -> bool {
    NAMES.iter().any(|known| is(name, known)) || BEGINNINGS.iter().any(|it| begins(name, it))
}

fn is(name: &[u8], known: &[u8]) -> bool {
    name.len() == known.len() && begins(name, known)
}

fn begins(name: &[u8], known: &[u8]) -> bool {
    let same = |(octet, known): (&u8, &u8)| match octet {
        b'_' => *known == b'-',
        other => other.to_ascii_lowercase() == *known,
    };
    name.len() >= known.len() && name.iter().zip(known).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_claim_is_one() {
        for name in NAMES {
            let text = String::from_utf8(name.to_vec()).unwrap();
            for spelling in [
                text.clone(),
                text.to_uppercase(),
                text.replace('-', "_"),
                text.replacen('-', "_", 1),
            ] {
                assert!(is_claim(spelling.as_bytes()), "{spelling}");
            }
        }
        for beginning in BEGINNINGS {
            let name = [beginning, b"for".as_slice()].concat();
            assert!(is_claim(&name) && is_claim(&name.to_ascii_uppercase()));
        }
    }

    #[test]
    fn others_are_none() {
        for name in [
            "",
            "x",
            "host",
            "cookie",
            "content-type",
            "client-certs",
            "referer",
            "range",
            "x-",
            "x-request-id",
            "x-forwarde",
            "forwardeds",
            "from",
            "traceparent",
            "true-client-ips",
            "fezz",
            "x-requested-with",
            "te",
            "cache-control",
            "remote-users",
        ] {
            assert!(!is_claim(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_trusted_proxy_may_say_what_its_listener_reads() {
        assert!(may_say(b"Forwarded", Forwarded::Rfc7239));
        assert!(!may_say(b"X-Forwarded-For", Forwarded::Rfc7239));
        assert!(may_say(b"X-Forwarded-Proto", Forwarded::XForwardedFor));
        assert!(!may_say(b"Forwarded", Forwarded::XForwardedFor));
        for how in [Forwarded::Off, Forwarded::Rfc7239, Forwarded::XForwardedFor] {
            assert!(!may_say(b"X-Real-IP", how) && !may_say(b"Fezz-Principal", how));
        }
    }
}
