//! Lists of forwarded elements, right and wrong, in one line and in several.

use super::*;
use crate::config::ListenerConfig;

const RFC7239: Way = Way { split: split_quoted, read: read_element };
const X_FORWARDED_FOR: Way = Way { split: split_plain, read: |element| read_node(element, true) };
const ORIGIN: &str = "10.0.0.1";

fn trust() -> Trust {
    let mut listener = ListenerConfig::plain(([127, 0, 0, 1], 0).into());
    listener.trusted_proxies = ["10.0.0.0/8", "fd00::/8"].map(|it| it.parse().unwrap()).to_vec();
    Trust::of(&listener)
}

/// The client according to lines in the order in which they were sent.
fn client(way: Way, lines: &[&str]) -> String {
    let lines = lines.iter().rev().map(|line| line.as_bytes());
    walk(lines, way, &trust(), ORIGIN.parse().unwrap()).to_string()
}

#[test]
fn x_forwarded_for_is_read_from_the_right() {
    for (lines, wanted) in [
        (&[][..], ORIGIN),
        (&[""], ORIGIN),
        (&["203.0.113.7"], "203.0.113.7"),
        // What the client says is left of what the proxy says.
        (&["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        (&["10.9.9.9, 203.0.113.7"], "203.0.113.7"),
        // Proxies behind proxies.
        (&["203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        (&["1.1.1.1, 203.0.113.7 , 10.0.0.2,\t10.0.0.3"], "203.0.113.7"),
        (&["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
        // Several lines are one list.
        (&["1.1.1.1", "203.0.113.7", "10.0.0.2"], "203.0.113.7"),
        (&["1.1.1.1, 203.0.113.7", ", 10.0.0.2 ,"], "203.0.113.7"),
        // IPv6 in every spelling, ports.
        (&["2001:db8::1"], "2001:db8::1"),
        (&["[2001:db8::1]"], "2001:db8::1"),
        (&["[2001:db8::1]:443, fd00::9"], "2001:db8::1"),
        (&["203.0.113.7:5000"], "203.0.113.7"),
        (&["::ffff:203.0.113.7"], "203.0.113.7"),
        (&["203.0.113.7, ::ffff:10.0.0.2"], "203.0.113.7"),
        // The first that cannot be read ends it, at the last that was trusted.
        (&["203.0.113.7, unknown"], ORIGIN),
        (&["203.0.113.7, unknown, 10.0.0.2"], "10.0.0.2"),
        (&["203.0.113.7, 10.0.0.300"], ORIGIN),
        (&["203.0.113.7, 010.0.0.2"], ORIGIN),
        (&["203.0.113.7, 10.0.0.2:"], ORIGIN),
        (&["203.0.113.7, 10.0.0.2:123456"], ORIGIN),
        (&["203.0.113.7, \"10.0.0.2\""], ORIGIN),
        (&["203.0.113.7, fe80::1%eth0"], ORIGIN),
        (&["203.0.113.7, [10.0.0.2]"], ORIGIN),
        (&["203.0.113.7 10.0.0.2"], ORIGIN),
        (&["203.0.113.7, \u{ff11}0.0.0.2"], ORIGIN),
    ] {
        assert_eq!(client(X_FORWARDED_FOR, lines), wanted, "{lines:?}");
    }
}

#[test]
fn forwarded_is_read_from_the_right() {
    for (lines, wanted) in [
        (&[][..], ORIGIN),
        (&["for=203.0.113.7"], "203.0.113.7"),
        (&["For=203.0.113.7;proto=https;by=10.0.0.1"], "203.0.113.7"),
        (&["proto=http ; FOR=\"203.0.113.7:1234\" ; host=\"a;b,c\""], "203.0.113.7"),
        (&["for=1.1.1.1, for=203.0.113.7, for=10.0.0.2"], "203.0.113.7"),
        (&["for=1.1.1.1", "for=203.0.113.7", "for=10.0.0.2"], "203.0.113.7"),
        (&["for=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
        (&["for=\"[2001:db8:cafe::17]\", for=\"[fd00::1]:_http\""], "2001:db8:cafe::17"),
        (&["for=\"203.0.113.7:_gazonk\""], "203.0.113.7"),
        (&["for=203.0.113.7;;", ",,"], "203.0.113.7"),
        // Who hides cannot be followed further.
        (&["for=203.0.113.7, for=_hidden"], ORIGIN),
        (&["for=203.0.113.7, for=unknown, for=10.0.0.2"], "10.0.0.2"),
        (&["for=203.0.113.7, by=10.0.0.2"], ORIGIN),
        // Wrong in itself.
        (&["for=203.0.113.7:1234"], ORIGIN),
        (&["for=[2001:db8::1]"], ORIGIN),
        (&["for=2001:db8::1"], ORIGIN),
        (&["for=\"2001:db8::1\""], ORIGIN),
        (&["for = 203.0.113.7"], ORIGIN),
        (&["for=203.0.113.7;for=203.0.113.8"], ORIGIN),
        (&["for=203.0.113.7 proto=https"], ORIGIN),
        (&["for=\"203.0.113.7"], ORIGIN),
        (&["for="], ORIGIN),
        (&["203.0.113.7"], ORIGIN),
        (&["for=\"203.0.113\\.7\""], ORIGIN),
    ] {
        assert_eq!(client(RFC7239, lines), wanted, "{lines:?}");
    }
}

/// Whatever a client wrote, what the proxy wrote behind it is what counts.
#[test]
fn nothing_on_the_left_hides_what_is_on_the_right() {
    let tricks = [
        "for=\"",
        "for=\"1.1.1.1",
        "for=\"1.1.1.1\\",
        "\"\\\"",
        "host=\"a, for=1.1.1.1",
        "\\",
        ";",
        "=",
        "for=1.1.1.1;",
        "for=10.0.0.2",
        "\"",
        "\\\"",
        "for=\"10.0.0.2\", \"",
    ];
    for one in tricks {
        for other in tricks {
            for (proxy, wanted) in [
                ("for=203.0.113.7", "203.0.113.7"),
                ("for=\"203.0.113.7:80\";host=\"a\\\"b,c\"", "203.0.113.7"),
                ("for=\"[2001:db8::7]\";by=_p", "2001:db8::7"),
            ] {
                let line = format!("{one}{other}, {proxy}");
                assert_eq!(client(RFC7239, &[&line]), wanted, "{line}");
                assert_eq!(client(RFC7239, &[one, other, proxy]), wanted, "{line}");
            }
        }
    }
}

/// The octets of a list are looked at a few times, not once for each element.
#[test]
fn long_lists_of_proxies_take_linear_time() {
    let long = "for=10.0.0.2,".repeat(50_000) + "for=\"" + &"\\".repeat(200_000) + "\"";
    assert_eq!(client(RFC7239, &[&long]), ORIGIN);
    let long = format!("for=203.0.113.7,{}", "for=10.0.0.2,".repeat(50_000));
    assert_eq!(client(RFC7239, &[&long]), "203.0.113.7");
}
