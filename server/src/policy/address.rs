//! Who may ask, by address: networks as sorted ranges, so that a long list costs no more than a
//! short one.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks of one list of a policy.
pub(crate) const NETWORKS_MAX: usize = 65_536;

/// A set of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// First and last of each, ascending, apart from each other. IPv4 stands among IPv6 as
    /// `::ffff:0:0/96`, which is where a network of such addresses means it (RFC 4291 §2.5.5.2).
    ranges: Vec<(u128, u128)>,
}

impl Addresses {
    pub(crate) fn of(networks: &[IpNet]) -> Self {
        let range = |network: &IpNet| (number(network.network()), number(network.broadcast()));
        let mut all: Vec<(u128, u128)> = networks.iter().map(range).collect();
        all.sort_unstable();
        let mut ranges: Vec<(u128, u128)> = Vec::new();
        for (first, last) in all {
            match ranges.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => ranges.push((first, last)),
            }
        }
        Self { ranges }
    }

    /// Whether the address is one of them.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let wanted = number(address);
        let after = self.ranges.partition_point(|(first, _)| *first <= wanted);
        let before = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        before.is_some_and(|(_, last)| wanted <= *last)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped().to_bits(),
        IpAddr::V6(six) => six.to_bits(),
    }
}

/// The key of a client's limits: an IPv4 address, or the first half of an IPv6 one, because a
/// household or a machine has all of the rest (RFC 6177).
pub(crate) fn client_key(address: IpAddr) -> u64 {
    match address.to_canonical() {
        // 0:ffff::/32 is not given out to anybody, so that no IPv6 client has such a key.
        IpAddr::V4(four) => 0xffff_u64 << 32 | u64::from(four.to_bits()),
        IpAddr::V6(six) => (six.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::draw::Draw;

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn both_families_and_their_mixture() {
        let set =
            Addresses::of(&networks(&["10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.0/120"]));
        for (text, inside) in [
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("::ffff:10.1.2.3", true),
            ("192.0.2.7", true),
            ("192.0.3.0", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
            ("::", false),
        ] {
            assert_eq!(set.contain(text.parse().unwrap()), inside, "{text}");
        }
        assert!(Addresses::of(&networks(&["0.0.0.0/0"])).contain([255; 4].into()));
        assert!(Addresses::of(&[]).is_empty());
    }

    #[test]
    fn it_agrees_with_a_walk_through_the_list() {
        let mut draw = Draw(3);
        for _ in 0..300 {
            let network = |draw: &mut Draw| {
                let four = u32::try_from(draw.below(1 << 32)).unwrap().to_be_bytes();
                let prefix = u8::try_from(draw.below(33)).unwrap();
                IpNet::new(four.into(), prefix).unwrap()
            };
            let list: Vec<IpNet> = (0..draw.below(12)).map(|_| network(&mut draw)).collect();
            let set = Addresses::of(&list);
            for net in &list {
                for around in [net.network(), net.broadcast()] {
                    let IpAddr::V4(four) = around else { unreachable!() };
                    for near in [-1_i64, 0, 1] {
                        let bits = i64::from(four.to_bits()) + near;
                        let Ok(bits) = u32::try_from(bits) else { continue };
                        let address = IpAddr::from(bits.to_be_bytes());
                        let inside = list.iter().any(|it| it.contains(&address));
                        assert_eq!(set.contain(address), inside, "{address} in {list:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_client_is_an_address_or_a_sixty_four() {
        let key = |text: &str| client_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_ne!(key("0.0.0.0"), key("::"));
    }
}
