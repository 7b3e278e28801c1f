//! Calls that do not come back, come back late, or are slower than they say.

use std::time::Duration;

use fezz_server::config::Placement;

use super::{Ward, artifact, get};
use crate::harness::{Client, field};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Sends each path on a connection of its own, all before the first reply is read, and gives the
/// statuses in the same order.
fn at_once(ward: &Ward, paths: &[&str]) -> Vec<u16> {
    let mut clients: Vec<Client> = paths.iter().map(|_| Client::to(ward.server.address)).collect();
    for (client, path) in clients.iter_mut().zip(paths) {
        client.send(&get(path));
    }
    let status = |client: &mut Client| client.reply().0[9..12].parse().expect("a status");
    clients.iter_mut().map(status).collect()
}

/// 504 at the deadline, quarantine after two, and release by one trial call; what comes back then
/// is freed by the threads that were given up.
#[test]
fn endless_calls_cost_their_own_function_its_routes() {
    for name in ["endless_loop", "endless_sleep"] {
        let ward = Ward::of(artifact(name), |config| {
            config.functions[0].options.timeout = Some(ms(200));
            config.functions[0].options.quarantine = ms(1_500);
        });
        assert_eq!(at_once(&ward, &["/", "/"]), [504, 504], "{name}");
        ward.server.wait("both are given up", |counted| counted.workers.abandoned == 2);
        assert_eq!(ward.sick().abandoned, 2, "{name}");
        let (status, text) = ward.ask("/");
        assert_eq!(status, 503, "{name}: quarantine");
        assert!(field(&text, "retry-after").is_some(), "{text}");
        ward.failed(&[("timeout", 2), ("limit", 1)]);
        assert_eq!(ward.server.handle.counted().workers.posts, 3, "as many as before");
        let mut refused = 1;
        while ward.status("/release") != 200 {
            refused += 1;
            std::thread::sleep(ms(50));
        }
        ward.server.wait("both came back", |counted| counted.workers.abandoned == 0);
        ward.failed(&[("timeout", 2), ("limit", refused)]);
        assert_eq!((ward.sick().late, ward.sick().abandoned), (2, 2), "{name}");
        let refusals = ward.server.handle.counted().refused;
        assert_eq!(refusals.get("late"), Some(&2), "{refusals:?}");
        assert_eq!(refusals.get("quarantined"), Some(&refused), "{refusals:?}");
        ward.settled(3);
    }
}

/// Nobody else needs the lock that one of its calls keeps for ever.
#[test]
fn a_lock_that_is_held_for_ever_is_its_own() {
    let ward = Ward::of(artifact("holds_lock"), |config| {
        config.functions[0].options.timeout = Some(ms(150));
        config.functions[0].options.quarantine = ms(100);
        config.functions[0].options.abandon_max = 3;
    });
    assert_eq!(at_once(&ward, &["/", "/"]), [504, 504]);
    ward.server.wait("both are given up", |counted| counted.workers.abandoned == 2);
    assert_eq!(ward.status("/__well"), 200, "two are not enough for a quarantine");
    assert_eq!(ward.status("/"), 504);
    ward.server.wait("this one too", |counted| counted.workers.abandoned == 3);
    assert_eq!(ward.status("/"), 503, "now it is in quarantine");
    ward.failed(&[("timeout", 3), ("limit", 1)]);
    let ledger = loop {
        std::thread::sleep(ms(50));
        if ward.status("/__well") == 200 {
            break ward.ledger();
        }
    };
    assert_eq!((ledger["calls"], ledger["returned"]), (3, 0), "{ledger:?}");
    assert_eq!((ledger["outstanding"], ledger["strange"]), (0, 0), "{ledger:?}");
}

/// Many calls, all too late: each client gets its 504, and each answer is freed once, by the thread
/// that made it.
#[test]
fn late_answers_are_freed_once() {
    let ward = Ward::of(artifact("sleep"), |config| {
        config.workers.threads = 8;
        config.functions[0].options.timeout = Some(ms(150));
        config.functions[0].options.abandon_max = 100;
        config.workers.abandoned_max = 100;
    });
    assert_eq!(at_once(&ward, &["/0", "/20", "/0"]), [200; 3]);
    for round in 1..=3 {
        assert_eq!(at_once(&ward, &["/400"; 6]), [504; 6]);
        ward.failed(&[("timeout", 6 * round)]);
    }
    ward.server.wait("all are back", |counted| {
        counted.workers.abandoned == 0 && counted.workers.busy == 0
    });
    let sick = ward.sick();
    let ledger = ward.settled(3 + sick.late);
    assert!(sick.late > 0 && sick.late <= 18, "{sick:?} {ledger:?}");
    assert_eq!(sick.late, sick.abandoned, "each was given up before it came back: {sick:?}");
    assert_eq!(ward.status("/0"), 200);
}

/// A client that leaves is no reason to keep its answer.
#[test]
fn answers_for_clients_that_left_are_freed_once() {
    let ward = Ward::of(artifact("sleep"), |_| {});
    for round in 1..=5 {
        let mut leaving = Client::to(ward.server.address);
        leaving.send(&get("/100"));
        // The healthy function's calls may make a worker busy as well: this one is told by its
        // dispatch only, so its client waits until it surely runs.
        std::thread::sleep(ms(40));
        let socket = socket2::SockRef::from(&leaving.0);
        socket.set_linger(Some(Duration::ZERO)).expect("a reset at the end");
        drop(leaving);
        ward.failed(&[("cancelled", round)]);
    }
    for _ in 0..100 {
        if ward.ledger()["returned"] == 5 {
            break;
        }
        std::thread::sleep(ms(20));
    }
    ward.settled(5);
}

#[test]
fn what_is_late_once_is_well_afterwards() {
    let ward = Ward::of(artifact("late_once"), |config| {
        config.functions[0].options.timeout = Some(ms(150));
        config.functions[0].options.abandon_max = 1;
    });
    assert_eq!(ward.status("/"), 504);
    ward.late(1);
    ward.failed(&[("timeout", 1)]);
    for _ in 0..20 {
        assert_eq!(ward.status("/"), 200, "long before its quarantine ends");
    }
    assert_eq!((ward.sick().late, ward.sick().abandoned), (1, 1));
    ward.settled(21);
}

/// Calls of a serial function never overlap, also while one that was given up is inside.
#[test]
fn a_serial_function_is_alone_with_each_call() {
    let ward = Ward::of(artifact("serial"), |config| {
        config.functions[0].options.timeout = Some(ms(2_000));
        config.functions[0].options.abandon_max = 5;
    });
    assert_eq!(at_once(&ward, &["/5"; 12]), [200; 12]);
    assert_eq!(ward.settled(12)["inside_max"], 1);
    let ward = Ward::of(artifact("serial"), |config| {
        config.functions[0].options.timeout = Some(ms(200));
        config.functions[0].options.abandon_max = 5;
    });
    assert_eq!(ward.status("/1000"), 504);
    assert_eq!(ward.status("/5"), 503, "the first is still inside, and nobody else can be");
    ward.late(1);
    assert_eq!(at_once(&ward, &["/5"; 4]), [200; 4]);
    ward.failed(&[("timeout", 1), ("limit", 1)]);
    // The second was never called.
    assert_eq!(ward.settled(5)["inside_max"], 1);
}

/// It is called on the loop because it says so, and blocks: the loop is taken from it, once.
#[test]
fn what_lies_about_blocking_is_found_out_once() {
    let ward = Ward::of(artifact("inline_liar"), |config| {
        config.functions[0].options.placement = Some(Placement::Inline);
    });
    let mut calls = 0;
    // A worker makes the first calls if no thread stands ready yet to take the loop over.
    while ward.sick().rescues == 0 {
        assert_eq!(ward.status("/30"), 200, "it is in time");
        calls += 1;
        assert!(calls < 500, "no call was made on the loop");
    }
    for _ in 0..5 {
        assert_eq!(ward.status("/30"), 200);
    }
    assert_eq!(ward.sick().rescues, 1, "workers make its calls now");
    ward.failed(&[]);
    ward.settled(calls + 5);
}

#[test]
fn a_slow_first_call_is_slow_once() {
    for placement in [Placement::Worker, Placement::Inline] {
        let ward = Ward::of(artifact("cold"), |config| {
            config.functions[0].options.placement = Some(placement);
        });
        for _ in 0..10 {
            assert_eq!(ward.status("/"), 200);
        }
        // A worker makes the first call if no thread stands ready yet to take the loop over.
        assert!(ward.sick().rescues <= u64::from(placement == Placement::Inline));
        ward.failed(&[]);
        ward.settled(10);
    }
}

/// Quick enough to be promoted to the loop, then slow: one rescue, and back to the workers.
#[test]
fn what_turns_slow_goes_back_to_the_workers() {
    let ward = Ward::of(artifact("slows_down"), |config| {
        config.functions[0].options.placement = Some(Placement::Auto);
    });
    let mut client = Client::to(ward.server.address);
    for _ in 0..500 {
        client.send(&get("/"));
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
    for _ in 0..3 {
        client.send(&get("/"));
        assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
    }
    // Under load it may not have been short often enough to be promoted.
    assert!(ward.sick().rescues <= 1, "{:?}", ward.sick());
    ward.failed(&[]);
    ward.settled(503);
}

/// Whoever tells it that a call is cancelled is replaced, and nobody tells it of another one: a
/// hang in its cancellation costs one thread.
#[test]
fn a_cancellation_that_hangs_holds_nobody_up() {
    let ward = Ward::of(artifact("cancel_hangs"), |config| {
        config.functions[0].options.timeout = Some(ms(100));
        config.functions[0].options.abandon_max = 10;
        config.functions[0].options.quarantine = ms(100);
        config.workers.abandoned_max = 10;
    });
    for round in 1..=3 {
        assert_eq!(ward.status("/250"), 504);
        ward.failed(&[("timeout", round)]);
        for _ in 0..500 {
            if ward.own("cancels") == 1 {
                break;
            }
            std::thread::sleep(ms(10));
        }
        ward.server.wait("its attendant is given up", |counted| counted.workers.abandoned >= 1);
        assert_eq!(ward.own("cancels"), 1, "in round {round}");
    }
    ward.server.wait("the calls came back", |counted| counted.workers.busy == 0);
    for _ in 0..100 {
        if ward.ledger()["returned"] == 3 {
            break;
        }
        std::thread::sleep(ms(20));
    }
    assert_eq!(ward.sick().late, 3);
    ward.settled(3);
}

/// Two calls are late at once: the second cancellation waits while the first one hangs, and is not
/// told when that was given up.
#[test]
fn a_cancellation_behind_one_that_hangs_is_not_told() {
    let ward = Ward::of(artifact("cancel_hangs"), |config| {
        config.functions[0].options.timeout = Some(ms(100));
        config.functions[0].options.abandon_max = 10;
        config.workers.threads = 4;
        config.workers.abandoned_max = 10;
    });
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| ward.status("/250")));
        assert_eq!(both.map(|one| one.join().unwrap()), [504, 504]);
    });
    ward.late(2);
    ward.server.wait("the attendant is given up", |counted| counted.workers.abandoned >= 1);
    for _ in 0..20 {
        assert_eq!(ward.own("cancels"), 1);
        std::thread::sleep(ms(10));
    }
    assert_eq!(ward.server.handle.counted().workers.abandoned, 1, "and nobody else");
    ward.settled(2);
}

/// The server ends although the function does not.
#[test]
fn an_end_that_hangs_does_not_keep_the_server() {
    for place in ["drain", "fini"] {
        let mut ward = Ward::of(artifact("end_hangs"), |config| {
            config.functions[0].options.config = vec![("where".to_owned(), place.to_owned())];
        });
        assert_eq!(ward.status("/"), 200);
        ward.failed(&[]);
        ward.settled(1);
        ward.healthy.finish();
        let clock = fezz_server::clock::Clock::start();
        ward.server.handle.drain();
        let report = ward.server.join();
        assert_eq!(report.cut, 0, "{place}");
        assert!(clock.now().as_micros() < 5_000_000, "{place}: {} us", clock.now().as_micros());
    }
}
