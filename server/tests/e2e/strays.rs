//! Functions whose calls do not come back: their workers are replaced, their loops are taken over,
//! and everybody else is served.

use std::path::PathBuf;
use std::time::Duration;

use fezz_server::config::Placement;

use super::harness::{Client, Running, c_function, example, field, route, serving, statuses};

/// Answers 200, but hangs as long as the path says so.
fn hanging(name: &str) -> PathBuf {
    let body = r#"
static const uint8_t answer[] = "\xa1\x66status\x18\xc8";
static int asks(FezzSlice r, const char *what) {
    for (size_t at = 0; at + strlen(what) <= r.len; at++)
        if (!memcmp(r.ptr + at, what, strlen(what))) return 1;
    return 0;
}
FezzOwned fezz_handle_v2(FezzSlice r) {
    if (asks(r, "/hang")) for (;;) pause();
    if (asks(r, "/spin")) for (volatile int i = 0;; i++) ;
    if (asks(r, "/nap")) usleep(1200 * 1000);
    if (asks(r, "/doze")) usleep(50 * 1000);
    if (asks(r, "/rest")) usleep(600);
    FezzOwned o = { malloc(sizeof answer - 1), sizeof answer - 1 };
    memcpy(o.ptr, answer, sizeof answer - 1);
    return o;
}
void fezz_free_v2(FezzOwned o) { free(o.ptr); }
"#;
    c_function(name, body)
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// Every worker is inside a call that never returns. By the deadline all of them are replaced, and
/// another function is served as before.
#[test]
fn all_workers_stuck_for_ever_are_replaced_at_the_deadline() {
    for (name, path) in [("stuck_pause", "/hang"), ("stuck_spin", "/spin")] {
        let mut config = serving(hanging(name));
        route(&mut config, "hello", example("hello"), "/hello");
        config.workers.threads = 4;
        config.functions[0].options.timeout = Some(Duration::from_millis(300));
        let server = Running::start(&config);
        let mut stuck: Vec<Client> = (0..4).map(|_| Client::to(server.address)).collect();
        for client in &mut stuck {
            client.send(&get(path));
        }
        for client in &mut stuck {
            assert!(client.reply().0.starts_with("HTTP/1.1 504 "));
        }
        server.wait("the calls are given up", |counted| counted.workers.abandoned >= 3);
        for _ in 0..200 {
            assert_eq!(statuses(&server.talk(&get("/hello"))), [200]);
        }
        let text = server.talk(&get("/"));
        assert_eq!(statuses(&text), [503], "in quarantine: {text}");
        let wait: u64 = field(&text, "retry-after").expect("when").parse().expect("seconds");
        assert!((1..=10).contains(&wait), "{wait}");
        server.wait("the refusal is counted", |counted| {
            counted.refused.get("quarantined") == Some(&1)
        });
        let counted = server.handle.counted();
        assert_eq!(counted.workers.posts, 4, "the capacity is what it was");
        let sick = &counted.functions["main"];
        assert_eq!(sick.errors.get("timeout"), Some(&4), "{sick:?}");
        assert_eq!(sick.errors.get("limit"), Some(&1), "{sick:?}");
    }
}

/// A function that was in quarantine gets one trial call, and is served again when it returns.
#[test]
fn a_function_in_quarantine_is_tried_and_released() {
    let mut config = serving(hanging("trial"));
    config.workers.threads = 2;
    config.functions[0].options.timeout = Some(Duration::from_millis(600));
    config.functions[0].options.abandon_max = 1;
    config.functions[0].options.quarantine = Duration::from_millis(200);
    let server = Running::start(&config);
    assert_eq!(statuses(&server.talk(&get("/hang"))), [504]);
    server.wait("it is given up", |counted| counted.workers.abandoned == 1);
    assert_eq!(statuses(&server.talk(&get("/"))), [503]);
    std::thread::sleep(Duration::from_millis(250));
    for _ in 0..20 {
        assert_eq!(statuses(&server.talk(&get("/"))), [200], "it is well");
    }
}

/// Who asks during the trial is refused; that refusal does not outlive the trial.
#[test]
fn a_function_is_well_as_soon_as_its_trial_is_over() {
    let mut config = serving(hanging("trial_over"));
    config.workers.threads = 2;
    config.functions[0].options.timeout = Some(Duration::from_secs(5));
    config.functions[0].options.abandon_max = 1;
    config.functions[0].options.quarantine = Duration::from_millis(100);
    let server = Running::start(&config);
    assert_eq!(statuses(&server.talk(&get("/hang"))), [504]);
    server.wait("it is given up", |counted| counted.workers.abandoned == 1);
    std::thread::sleep(Duration::from_millis(150));
    let mut trial = Client::to(server.address);
    trial.send(&get("/nap"));
    server.wait("it is tried", |counted| counted.workers.busy == 1);
    assert_eq!(statuses(&server.talk(&get("/"))), [503], "it is on trial");
    assert!(trial.reply().0.starts_with("HTTP/1.1 200 "));
    assert_eq!(statuses(&server.talk(&get("/"))), [200], "it is well");
}

/// A call comes back after its deadline: freed, counted, dropped; its function is released.
#[test]
fn a_call_that_comes_back_late_releases_its_function() {
    let mut config = serving(hanging("late"));
    config.workers.threads = 2;
    config.functions[0].options.timeout = Some(Duration::from_millis(600));
    config.functions[0].options.abandon_max = 1;
    let server = Running::start(&config);
    assert_eq!(statuses(&server.talk(&get("/nap"))), [504]);
    server.wait("it came back", |counted| counted.functions["main"].late == 1);
    assert_eq!(statuses(&server.talk(&get("/"))), [200], "long before its quarantine ends");
    assert_eq!(server.handle.counted().workers.abandoned, 0);
}

/// A function that says it is short blocks: the other connections of its loop hardly notice, and
/// workers make its calls from then on.
#[test]
fn a_loop_is_taken_over_from_a_call_that_blocks_it() {
    let mut config = serving(hanging("inline"));
    route(&mut config, "hello", example("hello"), "/hello");
    config.workers.threads = 2;
    config.functions[0].options.placement = Some(Placement::Inline);
    config.functions[0].options.timeout = Some(Duration::from_secs(5));
    let server = Running::start(&config);
    let mut other = Client::to(server.address);
    let mut ask = |path: &str| {
        other.send(&get(path));
        other.reply().0
    };
    assert!(ask("/hello").starts_with("HTTP/1.1 200 "));
    let mut blocking = Client::to(server.address);
    let rescues = || server.handle.counted().functions["main"].rescues;
    let mut naps = 0;
    while rescues() == 0 {
        // As long as nobody stands ready to take the loop, workers make the call.
        assert!(naps < 20, "the loop is rescued");
        naps += 1;
        blocking.send(&get("/nap"));
        let is_rescued = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            rescues() == 1
        });
        if is_rescued {
            assert!(ask("/hello").starts_with("HTTP/1.1 200 "));
        }
        assert!(blocking.reply().0.starts_with("HTTP/1.1 200 "), "it was in time");
    }
    // Demoted: now two of them block workers, not the loop.
    let mut naps: Vec<Client> = (0..2).map(|_| Client::to(server.address)).collect();
    for client in &mut naps {
        client.send(&get("/nap"));
    }
    for _ in 0..50 {
        assert!(ask("/hello").starts_with("HTTP/1.1 200 "));
    }
    for client in &mut naps {
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(server.handle.counted().functions["main"].rescues, 1, "once");
}

/// Who was answered in the same round as a call that blocks, and who comes behind it, is served by
/// whoever takes the loop over.
#[test]
fn nobody_is_forgotten_when_a_loop_is_taken_over() {
    let artifact = hanging("inline_crowd");
    // With others behind it in its round, and as the last one.
    for place in [100, 149] {
        let mut config = serving(artifact.clone());
        config.functions[0].options.placement = Some(Placement::Inline);
        let server = Running::start(&config);
        let mut clients: Vec<Client> = (0..150).map(|_| Client::to(server.address)).collect();
        let mut rounds = 0;
        while server.handle.counted().functions["main"].rescues == 0 {
            // As long as nobody stands ready to take the loop, workers make the calls.
            assert!(rounds < 20, "the loop is rescued");
            rounds += 1;
            for (number, client) in clients.iter_mut().enumerate() {
                // While the loop rests, the others come.
                client.send(&get(match number {
                    0 => "/rest",
                    _ if number == place => "/doze",
                    _ => "/",
                }));
            }
            for client in &mut clients {
                assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
            }
        }
    }
}

/// A call on the loop never returns: 504 at its deadline, and its thread is given up.
#[test]
fn a_loop_whose_thread_never_comes_back_goes_on() {
    let mut config = serving(hanging("inline_stuck"));
    route(&mut config, "hello", example("hello"), "/hello");
    config.event_loops = 2;
    config.functions[0].options.placement = Some(Placement::Inline);
    config.functions[0].options.timeout = Some(Duration::from_millis(200));
    let mut server = Running::start(&config);
    for round in 1..=2 {
        assert_eq!(statuses(&server.talk(&get("/spin"))), [504]);
        server.wait("it is given up", |counted| counted.workers.abandoned == round);
        for _ in 0..50 {
            assert_eq!(statuses(&server.talk(&get("/hello"))), [200]);
        }
    }
    server.handle.drain();
    assert_eq!(server.join().abandoned, 2);
}

/// Requests in a row on one connection are answered in order, whoever calls the function.
#[test]
fn pipelined_requests_to_the_loop_are_answered_in_one_go() {
    let mut config = serving(hanging("pipelined"));
    config.functions[0].options.placement = Some(Placement::Inline);
    let server = Running::start(&config);
    let text = server.talk(&get("/").repeat(50));
    assert_eq!(statuses(&text), [200; 50]);
    let mut mixed = get("/").repeat(3);
    mixed.extend(get("/nap"));
    mixed.extend(get("/").repeat(3));
    assert_eq!(statuses(&server.talk(&mixed)), [200; 7]);
}
