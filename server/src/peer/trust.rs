//! Who may speak for others, and how.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::{Forwarded, ListenerConfig};

/// What a listener takes from proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// Whether every connection begins with a PROXY header.
    pub(crate) announces: bool,
    /// How a request says where it comes from.
    pub(crate) forwarded: Forwarded,
    proxies: Vec<IpNet>,
}

impl Trust {
    /// What a listener was configured to take.
    pub(crate) fn of(listener: &ListenerConfig) -> Self {
        Self {
            announces: listener.proxy_protocol,
            forwarded: listener.forwarded,
            proxies: listener.trusted_proxies.clone(),
        }
    }

    /// Whether `address` is one of the proxies. An IPv4 address is the same in its IPv6 form.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().any(|proxy| proxy.contains(&address))
    }

    /// Whether what a request of `address` says about where it comes from is looked at.
    pub(crate) fn reads_forwarded(&self, address: IpAddr) -> bool {
        self.forwarded != Forwarded::Off && self.is_proxy(address)
    }

    /// Whether `address` may have as many connections as it likes.
    pub(crate) fn is_exempt(&self, address: IpAddr) -> bool {
        address.to_canonical().is_loopback() || self.is_proxy(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(proxies: &[&str], forwarded: Forwarded) -> Trust {
        let proxies = proxies.iter().map(|text| text.parse().unwrap()).collect();
        Trust { announces: false, forwarded, proxies }
    }

    #[test]
    fn nobody_is_trusted_unless_named() {
        let nobody = trust(&[], Forwarded::Rfc7239);
        assert!(!nobody.is_proxy(IpAddr::from([127, 0, 0, 1])));
        assert!(!nobody.reads_forwarded(IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn an_address_is_the_same_in_both_families() {
        let trust = trust(&["10.0.0.0/8", "fd00::/8"], Forwarded::Off);
        for (text, trusted) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("11.1.2.3", false),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(trust.is_proxy(address), trusted, "{text}");
            assert!(!trust.reads_forwarded(address), "the listener does not say so");
            assert_eq!(trust.is_exempt(address), trusted, "{text}");
        }
        assert!(trust.is_exempt(IpAddr::from([127, 9, 9, 9])));
        assert!(trust.is_exempt("::ffff:127.0.0.1".parse().unwrap()));
    }
}
