//! Too much work: full queues, late functions, no descriptors. The rest goes on being served.

use std::time::Duration;

use super::harness::{Client, Running, example, field, route, serving, statuses};

fn delay(millis: u32) -> Vec<u8> {
    format!("GET /delay/{millis} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// A call that is under way until everything that a test does meanwhile is done.
const LONG_MS: u32 = 3_000;

#[test]
fn a_full_queue_is_refused_at_once_with_the_time_to_come_back() {
    let mut config = serving(example("echo"));
    config.workers.threads = 1;
    config.workers.queue_jobs_max = 2;
    let server = Running::start(&config);
    let mut first = Client::to(server.address);
    first.send(&delay(LONG_MS));
    server.wait("the worker is busy", |counted| counted.dispatched == 1);
    let mut waiting: Vec<Client> = (0..2).map(|_| Client::to(server.address)).collect();
    for (number, client) in waiting.iter_mut().enumerate() {
        client.send(&delay(0));
        server.wait("the queue fills", |counted| counted.dispatched == 2 + number as u64);
    }
    let mut refused = Client::to(server.address);
    refused.send(&delay(0));
    let (head, _) = refused.reply();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert_eq!(field(&head, "retry-after"), Some("1"));
    assert_eq!(field(&head, "connection"), None, "the connection is well");
    for client in waiting.iter_mut().chain([&mut first]) {
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn a_job_that_waited_too_long_is_refused_unrun() {
    let mut config = serving(example("echo"));
    config.workers.threads = 1;
    config.timeouts.queue = Duration::from_millis(50);
    let server = Running::start(&config);
    let mut first = Client::to(server.address);
    first.send(&delay(LONG_MS));
    server.wait("the worker is busy", |counted| counted.dispatched == 1);
    let text = server.talk(&delay(0));
    assert_eq!(statuses(&text), [503]);
}

#[test]
fn a_job_is_refused_in_time_although_no_worker_looks_at_it() {
    let mut config = serving(example("echo"));
    config.workers.threads = 1;
    config.timeouts.queue = Duration::from_millis(50);
    let server = Running::start(&config);
    let mut first = Client::to(server.address);
    first.send(&delay(6_000));
    server.wait("the worker is busy", |counted| counted.dispatched == 1);
    let mut waiting = Client::to(server.address);
    waiting.0.set_read_timeout(Some(Duration::from_secs(4))).expect("a timeout");
    waiting.send(&delay(0));
    assert!(waiting.reply().0.starts_with("HTTP/1.1 503 "));
    assert!(first.reply().0.starts_with("HTTP/1.1 200 "));
    waiting.send(&delay(0));
    assert!(waiting.reply().0.starts_with("HTTP/1.1 200 "), "the connection is well");
}

#[test]
fn a_late_function_gets_504_and_its_answer_is_dropped() {
    let mut config = serving(example("echo"));
    config.timeouts.handler = Duration::from_millis(100);
    let server = Running::start(&config);
    let mut client = Client::to(server.address);
    client.send(&delay(600));
    let (head, _) = client.reply();
    assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
    client.send(b"GET /host HTTP/1.1\r\nHost: again\r\n\r\n");
    assert_eq!(client.reply().1, b"again", "the connection goes on");
    server.wait("the late answer is counted", |counted| counted.functions["main@0.1.0"].late == 1);
    let counted = server.handle.counted();
    assert_eq!(counted.timed_out.get("handle"), Some(&1));
    assert_eq!(counted.refused.get("late"), Some(&1));
}

#[test]
fn a_client_that_leaves_takes_its_waiting_job_along() {
    let mut config = serving(example("echo"));
    config.workers.threads = 1;
    let server = Running::start(&config);
    let mut first = Client::to(server.address);
    first.send(&delay(300));
    server.wait("the worker is busy", |counted| counted.dispatched == 1);
    let mut leaving = Client::to(server.address);
    leaving.send(&delay(60_000));
    server.wait("the job waits", |counted| counted.dispatched == 2);
    let socket = socket2::SockRef::from(&leaving.0);
    socket.set_linger(Some(Duration::ZERO)).expect("a reset at the end");
    drop(leaving);
    assert!(first.reply().0.starts_with("HTTP/1.1 200 "));
    // Had the abandoned job been called, this one would wait for a minute.
    assert_eq!(statuses(&server.talk(&delay(0))), [200]);
}

#[test]
fn a_slow_function_does_not_hold_up_another_one() {
    let mut config = serving(example("echo"));
    route(&mut config, "hello", example("hello"), "/hello");
    config.workers.threads = 3;
    let server = Running::start(&config);
    let mut slow: Vec<Client> = (0..2).map(|_| Client::to(server.address)).collect();
    for client in &mut slow {
        client.send(&delay(2_000));
    }
    server.wait("both are with workers", |counted| counted.dispatched == 2);
    for _ in 0..200 {
        let text = server.talk(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(statuses(&text), [200]);
    }
    // Counters are published at the end of a turn, after the reply has left.
    server.wait("all fast ones are counted", |counted| counted.served() >= 200);
    assert_eq!(server.handle.counted().served(), 200, "the slow ones are still running");
    for client in &mut slow {
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn at_the_connection_limit_the_oldest_idle_one_makes_room() {
    let mut config = serving(example("echo"));
    config.limits.connections_max = Some(4);
    let server = Running::start(&config);
    let mut idle: Vec<Client> = (0..4).map(|_| Client::to(server.address)).collect();
    for client in &mut idle {
        client.send(b"GET /host HTTP/1.1\r\nHost: a\r\n\r\n");
        client.reply();
    }
    let text = server.talk(b"GET /host HTTP/1.1\r\nHost: new\r\n\r\n");
    assert_eq!(statuses(&text), [200]);
    assert_eq!(idle[0].rest(), "", "the oldest one was told to leave");
    assert_eq!(server.handle.counted().shed, 1);
}

#[test]
fn a_function_has_no_more_requests_in_flight_than_its_operator_grants() {
    let mut config = serving(example("echo"));
    route(&mut config, "hello", example("hello"), "/hello");
    config.workers.threads = 4;
    config.functions[0].options.max_in_flight = Some(2);
    let server = Running::start(&config);
    let mut slow: Vec<Client> = (0..2).map(|_| Client::to(server.address)).collect();
    for (number, client) in slow.iter_mut().enumerate() {
        client.send(&delay(500));
        server.wait("it is handed over", |counted| counted.dispatched > number as u64);
    }
    let text = server.talk(&delay(0));
    assert_eq!(statuses(&text), [503]);
    assert_eq!(field(&text, "retry-after"), Some("1"));
    assert_eq!(statuses(&server.talk(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")), [200]);
    for client in &mut slow {
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(statuses(&server.talk(&delay(0))), [200], "there is room again");
    server.wait("the refusal is counted", |counted| counted.refused.get("crowded") == Some(&1));
    let counted = server.handle.counted();
    let errors = &counted.functions["main@0.1.0"].errors;
    assert_eq!(errors.get("limit"), Some(&1), "{errors:?}");
}

/// Calls that may not overlap wait for each other, also when nobody waits for one of them any more.
#[test]
fn a_serial_function_is_called_once_at_a_time() {
    let body = r#"
#include <stdatomic.h>
static atomic_int inside, most;
static int asks(FezzSlice r, const char *what) {
    for (size_t at = 0; at + strlen(what) <= r.len; at++)
        if (!memcmp(r.ptr + at, what, strlen(what))) return 1;
    return 0;
}
FezzOwned fezz_handle_v2(FezzSlice r) {
    int now = atomic_fetch_add(&inside, 1) + 1, seen = most;
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now)) ;
    usleep(asks(r, "/long") ? 400 * 1000 : 2000);
    static const uint8_t good[] = "\xa1\x66status\x18\xc8", bad[] = "\xa1\x66status\x19\x01\xf4";
    FezzOwned o = { malloc(16), 0 };
    o.len = most == 1 ? sizeof good - 1 : sizeof bad - 1;
    memcpy(o.ptr, most == 1 ? good : bad, o.len);
    atomic_fetch_sub(&inside, 1);
    return o;
}
void fezz_free_v2(FezzOwned o) { free(o.ptr); }
"#;
    let mut config = serving(super::harness::c_function("serial", body));
    config.workers.threads = 4;
    config.functions[0].options.max_concurrency = Some(1);
    config.functions[0].options.timeout = Some(Duration::from_millis(150));
    // It would be called by the loop while a worker is inside.
    config.functions[0].options.placement = Some(fezz_server::config::Placement::Inline);
    let server = Running::start(&config);
    let mut clients: Vec<Client> = (0..16).map(|_| Client::to(server.address)).collect();
    for client in &mut clients {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for client in &mut clients {
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "), "nobody met anybody inside");
    }
    // Given up, and still inside: the function is closed until that call has come back.
    assert_eq!(statuses(&server.talk(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")), [504]);
    server.wait("it is given up", |counted| counted.workers.abandoned == 1);
    assert_eq!(statuses(&server.talk(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")), [503]);
    server.wait("it is back", |counted| counted.workers.abandoned == 0);
    assert_eq!(statuses(&server.talk(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")), [200]);
}
