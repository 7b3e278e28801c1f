//! How many requests are under way at once: each gives its share back, whatever its end.

use std::time::Duration;

use fezz_server::config::{Fallback, PolicyConfig};

use super::{counted, field, get, guarded, of_guard, refused, status};
use crate::harness::{Client, Running};

fn capped(max: u32) -> PolicyConfig {
    PolicyConfig { concurrency: Some(max), ..PolicyConfig::default() }
}

fn slow(server: &Running) -> Client {
    let mut client = Client::to(server.address);
    client.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    client
}

fn under_way(server: &Running, count: u32) {
    server.wait("that many are under way", |it| of_guard(it).under_way == count);
}

#[test]
fn one_more_than_the_cap_is_asked_to_come_back() {
    let server = Running::start(&guarded(capped(2)));
    let mut busy = [slow(&server), slow(&server)];
    under_way(&server, 2);
    let (head, content) = get(&server, "/", "");
    assert_eq!((status(&head), field(&head, "retry-after")), (503, Some("1")));
    assert_eq!(content, b"service unavailable\n");
    for client in &mut busy {
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
    // The connections are still there: a share is given back with the answer.
    assert_eq!(counted(&server).under_way, 0);
    assert_eq!(status(&get(&server, "/", "").0), 200);
    assert_eq!(counted(&server).concurrency, 1);
    refused(&server, "saturated", 1);
}

#[test]
fn a_client_that_leaves_gives_its_share_back() {
    let server = Running::start(&guarded(capped(1)));
    drop(slow(&server));
    server.wait("it was let in", |it| it.dispatched == 1);
    under_way(&server, 0);
    // In the middle of its content, and before any of it.
    for content in ["", "half"] {
        let mut client = Client::to(server.address);
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n";
        client.send(format!("{head}{content}").as_bytes());
        under_way(&server, 1);
        assert_eq!(status(&get(&server, "/", "").0), 503);
        drop(client);
        under_way(&server, 0);
    }
    assert_eq!(status(&get(&server, "/", "").0), 200);
}

#[test]
fn who_is_late_or_too_large_gives_its_share_back() {
    let mut config = guarded(capped(1));
    config.routes[0].handler = Some(Duration::from_millis(50));
    config.routes[0].body_bytes_max = Some(4);
    let server = Running::start(&config);
    let mut client = slow(&server);
    assert!(client.reply().0.starts_with("HTTP/1.1 504 "));
    assert_eq!(counted(&server).under_way, 0);
    for message in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx",
    ] {
        let mut client = Client::to(server.address);
        client.send(message.as_bytes());
        let (head, _) = client.reply();
        assert!(matches!(status(&head), 413 | 400), "{head}");
        under_way(&server, 0);
    }
    assert_eq!(status(&get(&server, "/none", "").0), 502);
    assert_eq!(counted(&server).under_way, 0);
}

#[test]
fn the_end_of_the_server_and_a_remedy_give_shares_back() {
    let remedy = Fallback::Static {
        status: 203,
        content_type: "text/x-sorry".to_owned(),
        body: b"we are sorry".to_vec(),
    };
    let server = Running::start(&guarded(PolicyConfig { fallback: Some(remedy), ..capped(1) }));
    for _ in 0..3 {
        let (head, content) = get(&server, "/none", "");
        assert_eq!((status(&head), content), (203, b"we are sorry".to_vec()), "{head}");
        assert_eq!(counted(&server).under_way, 0);
    }
    let _busy = slow(&server);
    under_way(&server, 1);
    server.handle.kill();
    under_way(&server, 0);
}
