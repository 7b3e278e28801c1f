//! Which hosts a certificate speaks for (RFC 9525 §6).

use std::net::{IpAddr, Ipv6Addr};

/// The names of one certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// Host names in lower case; a wildcard is the whole first label.
    pub(crate) dns: Vec<String>,
    /// Addresses.
    pub(crate) ip: Vec<IpAddr>,
}

impl Names {
    /// Whether the certificate speaks for `host`: a name, an address, or an address of IPv6 in
    /// brackets.
    pub(crate) fn cover(&self, host: &str) -> bool {
        if let Some(address) = address(host) {
            return self.ip.contains(&address);
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        self.dns.iter().any(|name| matches(name, host))
    }
}

fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

/// RFC 9525 §6.3: a wildcard stands for exactly one label, the first.
fn matches(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        None => name.eq_ignore_ascii_case(host),
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| {
            !label.is_empty() && rest.contains('.') && parent.eq_ignore_ascii_case(rest)
        }),
    }
}

/// The host of an authority, without its port.
pub(crate) fn authority_host(authority: &str) -> &str {
    if authority.starts_with('[') {
        return authority.find(']').map_or(authority, |end| &authority[..=end]);
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let names = Names {
            dns: vec!["example.org".into(), "*.example.net".into(), "*.org".into()],
            ip: vec![IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST.into()],
        };
        for host in ["EXAMPLE.org", "example.org.", "a.example.net", "127.0.0.1", "[::1]", "::1"] {
            assert!(names.cover(host), "{host}");
        }
        for host in [
            "example.net",
            "a.b.example.net",
            ".example.net",
            "other.org",
            "127.0.0.2",
            "[::2]",
            "",
        ] {
            assert!(!names.cover(host), "{host}");
        }
    }

    #[test]
    fn a_port_is_no_part_of_a_host() {
        for (authority, host) in
            [("a.b:80", "a.b"), ("a.b", "a.b"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")]
        {
            assert_eq!(authority_host(authority), host);
        }
    }
}
