//! Many connections: of one address, of everybody, and more than there are descriptors.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use super::super::binary::Serving;
use super::super::harness::{Client, PATIENCE, example, serving};
use super::{GET, Running, behind, envelope, v1, v2};

fn announced(name: &str, most: u32, loops: u32) -> Running {
    behind(name, |config| {
        config.listeners[0].proxy_protocol = true;
        config.limits.connections_per_ip_max = Some(most);
        config.event_loops = loops;
    })
}

#[test]
fn an_address_has_so_many_connections_and_others_theirs() {
    let server = announced("per-ip", 2, 1);
    let mut here: Vec<Client> = Vec::new();
    for source in ["203.0.113.7", "203.0.113.7", "203.0.113.8", "2001:db8::1", "2001:db8::2"] {
        let mut client = Client::to(server.address);
        client.send(&[&v2(source, 1)[..], GET].concat());
        envelope(&mut client);
        here.push(client);
    }
    for source in ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::9"] {
        let mut client = Client::to(server.address);
        client.send(&[&v1(source, 1)[..], GET].concat());
        assert_eq!(client.rest(), "", "{source} has two");
    }
    server.wait("three are counted", |counted| counted.rejected["limit_ip"] == 3);
    here.remove(0);
    server.wait("one left", |counted| counted.closed.values().sum::<u64>() == 4);
    let mut client = Client::to(server.address);
    client.send(&[&v2("203.0.113.7", 1)[..], GET].concat());
    envelope(&mut client);
    // Its other network, and the proxy itself, whatever it does.
    let mut others: Vec<Client> = Vec::new();
    for _ in 0..5 {
        let mut client = Client::to(server.address);
        client.send(&[&b"PROXY UNKNOWN\r\n"[..], GET].concat());
        envelope(&mut client);
        others.push(client);
    }
}

/// All loops count together, and nothing is left of those who were turned away.
#[test]
fn ten_thousand_connections_of_one_address_are_bounded() {
    const MOST: usize = 32;
    let server = announced("flood", 32, 4);
    let header = [&v1("203.0.113.7", 1)[..], GET].concat();
    let mut here = Vec::new();
    for _ in 0..MOST {
        let mut client = Client::to(server.address);
        client.send(&header);
        envelope(&mut client);
        here.push(client);
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1_250 {
                    let mut client = Client::to(server.address);
                    // It may be gone before all of it is taken.
                    let _gone = client.0.write_all(&header);
                    let mut octet = [0];
                    assert!(!matches!(client.0.read(&mut octet), Ok(1..)), "one too many");
                }
            });
        }
    });
    server.wait("all are counted", |counted| counted.rejected["limit_ip"] == 10_000);
    for client in &mut here {
        client.send(GET);
        envelope(client);
    }
    drop(here);
    server.wait("all left", |counted| counted.closed.values().sum::<u64>() == 10_000 + MOST as u64);
    let mut client = Client::to(server.address);
    client.send(&header);
    envelope(&mut client);
}

/// An address of this machine that is not loopback: what goes to it stays here.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // Says nothing to anybody: it asks for the way.
    socket.connect(("198.51.100.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
}

#[test]
fn who_connects_himself_counts_as_well_unless_he_is_loopback_or_a_proxy() {
    let Some(own) = own_address() else { return };
    for trusted in [false, true] {
        let mut config = serving(example("hello"));
        config.listeners[0].addresses =
            vec![fezz_server::config::ListenAddress::Socket(SocketAddr::from(([0, 0, 0, 0], 0)))];
        config.limits.connections_per_ip_max = Some(3);
        if trusted {
            config.listeners[0].trusted_proxies = vec![own.into()];
        }
        let server = Running::start(&config);
        let port = server.address.port();
        let local: Vec<Client> =
            (0..5).map(|_| Client::to(SocketAddr::from(([127, 0, 0, 1], port)))).collect();
        let all: Vec<Client> = (0..8).map(|_| Client::to((own, port).into())).collect();
        let (accepted, rejected) = if trusted { (13, 0) } else { (8, 5) };
        server.wait("all came", |counted| {
            counted.accepted == accepted && counted.rejected["limit_ip"] == rejected
        });
        drop((local, all));
    }
}

#[test]
fn at_the_connection_limit_with_everybody_busy_accepting_stops_and_goes_on() {
    let mut config = serving(example("echo"));
    config.limits.connections_max = Some(2);
    config.workers.threads = 2;
    let server = Running::start(&config);
    let mut busy: Vec<Client> = (0..2).map(|_| Client::to(server.address)).collect();
    for client in &mut busy {
        client.send(b"GET /delay/600 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    server.wait("both are busy", |counted| counted.dispatched == 2);
    let mut waiting = Client::to(server.address);
    waiting.send(b"GET /host HTTP/1.1\r\nHost: a\r\n\r\n");
    server.wait("it has to wait", |counted| counted.rejected["limit"] > 0);
    assert_eq!(server.handle.counted().accepted, 2);
    assert!(waiting.reply().0.starts_with("HTTP/1.1 200 "), "and is served");
}

/// Seconds of processor time that a process took.
fn processor_seconds(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let fields: Vec<&str> = text.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks = |place: usize| fields[place].parse::<f64>().expect("a number");
    // proc(5): utime and stime, counted from the field behind the name.
    (ticks(11) + ticks(12)) / 100.0
}

/// A process with few descriptors and a limit that does not know: who idles makes room, whoever
/// comes is served, and nobody spins.
#[test]
fn without_descriptors_the_idle_ones_make_room() {
    let artifact = example("hello");
    let artifact = artifact.to_str().expect("text");
    let prefix = ["sh", "-c", "ulimit -n 96; exec \"$@\"", "sh"];
    for loops in ["1", "2"] {
        let words = ["--function", artifact, "--limit-connections", "1000", "--event-loops", loops];
        let server = Serving::start(&prefix, &words);
        let mut here: Vec<TcpStream> = Vec::new();
        let mut served = 0;
        for number in 0..200 {
            let mut client = Client::to(server.address);
            client.send(GET);
            let (head, _) = client.reply();
            assert!(head.starts_with("HTTP/1.1 200 "), "{number}: {head}");
            served += 1;
            here.push(client.0);
            if number % 40 == 39 {
                // They count as idle from a second on; who was told to leave does so.
                std::thread::sleep(Duration::from_millis(20));
                here.retain_mut(stays);
            }
        }
        assert_eq!(served, 200);
        let before = processor_seconds(server.id());
        // Nobody reads: whoever is told to leave stays for the linger.
        let crowd: Vec<Client> = (0..100).map(|_| Client::to(server.address)).collect();
        std::thread::sleep(Duration::from_millis(1_500));
        let took = processor_seconds(server.id()) - before;
        assert!(took < 0.5, "{took} seconds of processor time while nothing can be done");
        drop(crowd);
        drop(here);
        let mut last = Client::to(server.address);
        last.send(GET);
        assert!(last.reply().0.starts_with("HTTP/1.1 200 "));
        server.signal("TERM");
        assert_eq!(server.end().1, Some(0));
    }
}

/// Whether the other end is still there; leaves as well if it is not.
fn stays(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("an option");
    let left = stream.read(&mut [0]);
    stream.set_nonblocking(false).expect("an option");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    left.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// curl speaks version 1.
#[test]
fn curl_announces_itself() {
    let server = announced("curl", 1, 1);
    for _ in 0..3 {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--haproxy-protocol", "--output", "-"])
            .arg(format!("http://{}/", server.address))
            .output()
            .expect("curl runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(super::client_ip(&String::from_utf8_lossy(&output.stdout)), "127.0.0.1");
    }
}
