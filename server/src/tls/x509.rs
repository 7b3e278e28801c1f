//! The few things an operator's certificate has to tell us: names, validity, subject.
//!
//! No trust is decided here (rustls does that): a certificate of our own configuration is read for
//! its names and its end, and a client's, once verified, for its subject. DER (X.690) is walked
//! with bounds and without recursion.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTET_STRING: u8 = 0x04;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const SAN_EMAIL: u8 = 0x81;
const SAN_DNS: u8 = 0x82;
const SAN_URI: u8 = 0x86;
const SAN_IP: u8 = 0x87;

/// RFC 5280 §4.2.1.6: 2.5.29.17.
const OID_SAN: &[u8] = &[0x55, 0x1d, 0x11];
/// RFC 5280 appendix A.1: 2.5.4.3.
const OID_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// The longest name that stands for a client, in octets.
const SUBJECT_BYTES_MAX: usize = 256;

/// What a certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Seconds since 1970 at which its validity begins.
    pub(crate) not_before_s: i64,
    /// Seconds since 1970 of its last valid second.
    pub(crate) not_after_s: i64,
    /// The subject's common name.
    pub(crate) common_name: Option<String>,
    /// Host names, in lower case, wildcards included.
    pub(crate) dns: Vec<String>,
    /// Addresses.
    pub(crate) ip: Vec<IpAddr>,
    /// URIs, as for SPIFFE.
    pub(crate) uri: Vec<String>,
    /// Mail addresses.
    pub(crate) email: Vec<String>,
}

/// Tag and content of the next element.
fn element<'a>(from: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, rest) = from.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), rest)
        }
        // The indefinite form is not DER; longer lengths are no certificate.
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *from = rest;
    Some((tag, content))
}

fn expect<'a>(from: &mut &'a [u8], wanted: u8) -> Option<&'a [u8]> {
    element(from).filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
}

impl Facts {
    /// Reads a certificate in DER; `None` when it is none.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let mut outer = der;
        let mut certificate = expect(&mut outer, SEQUENCE)?;
        let mut body = expect(&mut certificate, SEQUENCE)?;
        if body.first() == Some(&VERSION) {
            expect(&mut body, VERSION)?;
        }
        expect(&mut body, INTEGER)?;
        expect(&mut body, SEQUENCE)?; // the signature's algorithm
        expect(&mut body, SEQUENCE)?; // the issuer
        let mut validity = expect(&mut body, SEQUENCE)?;
        let mut facts = Self {
            not_before_s: time(element(&mut validity)?)?,
            not_after_s: time(element(&mut validity)?)?,
            common_name: common_name(expect(&mut body, SEQUENCE)?),
            ..Self::default()
        };
        expect(&mut body, SEQUENCE)?; // the public key
        while let Some((tag, content)) = element(&mut body) {
            if tag == EXTENSIONS {
                facts.extensions(content)?;
            }
        }
        Some(facts)
    }

    /// Whose it is, in one name: the common name, else the first URI, host name or mail address.
    /// It says which of these it is, so that none can be taken for another. Nobody where it cannot
    /// be a name in a log line.
    pub(crate) fn subject(&self) -> Option<Box<str>> {
        let named = self.common_name.as_ref().map(|name| ("CN=", name));
        let others = [("URI:", &self.uri), ("DNS:", &self.dns), ("email:", &self.email)];
        let first = || others.into_iter().find_map(|(kind, names)| Some((kind, names.first()?)));
        let (kind, name) = named.or_else(first)?;
        let fits = (1..=SUBJECT_BYTES_MAX).contains(&name.len());
        let sound = fits && !name.contains(char::is_control);
        sound.then(|| format!("{kind}{name}").into_boxed_str())
    }

    fn extensions(&mut self, mut content: &[u8]) -> Option<()> {
        let mut all = expect(&mut content, SEQUENCE)?;
        while !all.is_empty() {
            let mut extension = expect(&mut all, SEQUENCE)?;
            if expect(&mut extension, OBJECT_IDENTIFIER)? != OID_SAN {
                continue;
            }
            let mut value = extension;
            while let Some((tag, octets)) = element(&mut value) {
                if tag == OCTET_STRING {
                    self.alternative_names(octets)?;
                }
            }
        }
        Some(())
    }

    fn alternative_names(&mut self, mut octets: &[u8]) -> Option<()> {
        let mut names = expect(&mut octets, SEQUENCE)?;
        let text = |octets: &[u8]| std::str::from_utf8(octets).ok().map(str::to_owned);
        while !names.is_empty() {
            let (tag, name) = element(&mut names)?;
            match tag {
                SAN_DNS => self.dns.extend(text(name).map(|name| name.to_ascii_lowercase())),
                SAN_URI => self.uri.extend(text(name)),
                SAN_EMAIL => self.email.extend(text(name)),
                SAN_IP => self.ip.extend(address(name)),
                _ => {}
            }
        }
        Some(())
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).into());
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).into())).ok()
}

/// The last common name of a subject, as text.
fn common_name(mut subject: &[u8]) -> Option<String> {
    let mut found = None;
    while let Some(mut set) = expect(&mut subject, SET) {
        while let Some(mut pair) = expect(&mut set, SEQUENCE) {
            if expect(&mut pair, OBJECT_IDENTIFIER) == Some(OID_COMMON_NAME)
                && let Some((_, value)) = element(&mut pair)
            {
                found = std::str::from_utf8(value).ok().map(str::to_owned).or(found);
            }
        }
    }
    found
}

/// Seconds since 1970 (RFC 5280 §4.1.2.5).
fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        std::str::from_utf8(digits.get(range)?).ok()?.parse().ok()
    };
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let short = number(0..2)?;
            (if short >= 50 { 1900 + short } else { 2000 + short }, 2)
        }
        (GENERALIZED_TIME, 14) => (number(0..4)?, 4),
        _ => return None,
    };
    let part = |place: usize| number(rest + 2 * place..rest + 2 * place + 2);
    let days = days_before(year, part(0)?, part(1)?);
    Some(days * 86_400 + part(2)? * 3_600 + part(3)? * 60 + part(4)?)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March here, so that the
/// day that comes and goes is the last one.
const fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era_day = (year / 400) * 146_097;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era_day + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_tells_its_names_and_its_end() {
        let names = ["Example.org", "*.example.net", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(2024, 2, 29);
        params.not_after = rcgen::date_time_ymd(2050, 1, 1);
        params.distinguished_name.push(rcgen::DnType::CommonName, "the subject");
        let uri = "spiffe://example.org/job".try_into().unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI(uri));
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let facts = Facts::read(certificate.der()).unwrap();
        assert_eq!(facts.dns, ["example.org", "*.example.net"]);
        assert_eq!(facts.ip, [IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST.into()]);
        assert_eq!(facts.uri, ["spiffe://example.org/job"]);
        assert_eq!(facts.common_name.as_deref(), Some("the subject"));
        assert_eq!(facts.subject().as_deref(), Some("CN=the subject"));
        let unnamed = Facts { common_name: None, ..facts.clone() };
        assert_eq!(unnamed.subject().as_deref(), Some("URI:spiffe://example.org/job"));
        let plain = Facts { uri: Vec::new(), ..unnamed.clone() };
        assert_eq!(plain.subject().as_deref(), Some("DNS:example.org"));
        let odd = Facts { common_name: Some("a\nb".to_owned()), ..unnamed };
        assert_eq!(odd.subject(), None, "no name is taken for another one");
        assert_eq!((facts.not_before_s, facts.not_after_s), (1_709_164_800, 2_524_608_000));
        for end in 0..certificate.der().len() {
            assert_eq!(Facts::read(&certificate.der()[..end]), None, "{end}");
        }
    }

    #[test]
    fn times_of_both_kinds_are_read() {
        assert_eq!(time((UTC_TIME, b"700101000000Z")), Some(0));
        assert_eq!(time((UTC_TIME, b"491231235959Z")), Some(2_524_607_999));
        assert_eq!(time((GENERALIZED_TIME, b"20000229120000Z")), Some(951_825_600));
        assert_eq!(time((UTC_TIME, b"7001010000Z")), None);
        assert_eq!(time((GENERALIZED_TIME, b"2000022912000xZ")), None);
    }
}
