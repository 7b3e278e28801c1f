//! The hub as a driver uses it: one test for each thing the simulated worlds once found, and for
//! what they cannot see.
#![expect(clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

use fezz_proto::{
    Action, Admission, ConnId, End, Hub, Instant, Limits, Notice, Opening, Phase, Refusal, Reply,
    Summary, Ticket, Void,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn hub_with(change: impl FnOnce(&mut Limits)) -> Hub {
    let mut limits = Limits::default();
    change(&mut limits);
    Hub::new(limits.check().expect("the limits agree"))
}

fn hub() -> Hub {
    hub_with(|_| ())
}

const fn ms(millis: u64) -> Instant {
    Instant::ZERO.plus_millis(millis)
}

fn accept(hub: &mut Hub, now: Instant) -> ConnId {
    hub.handle_accepted(false, now).expect("there is room")
}

fn receive(hub: &mut Hub, id: ConnId, octets: &[u8], now: Instant) {
    hub.recv_space(id)[..octets.len()].copy_from_slice(octets);
    hub.handle_received(id, octets.len(), now);
}

/// Receives a request and admits it; the ticket it was dispatched with.
fn ask(hub: &mut Hub, id: ConnId, octets: &[u8], now: Instant) -> Ticket {
    receive(hub, id, octets, now);
    admit(hub, id, now)
}

fn admit(hub: &mut Hub, id: ConnId, now: Instant) -> Ticket {
    assert_eq!(next_action(hub, id), Some(Action::Route));
    let admission = Admission {
        envelope: Vec::new(),
        body_bytes_max: 1 << 20,
        handle_ms_max: 1_000,
        late: None,
    };
    hub.handle_admitted(id, admission, now);
    match next_action(hub, id) {
        Some(Action::Dispatch { ticket, .. }) => ticket,
        other => panic!("no dispatch but {other:?}"),
    }
}

/// What the connection asks for, apart from exchanges that are over.
fn next_action(hub: &mut Hub, id: ConnId) -> Option<Action> {
    loop {
        match hub.poll_action(id) {
            Some(Action::Finished(_)) => {}
            action => return action,
        }
    }
}

/// The exchange that is over, which is the next thing to be told of.
fn finished(hub: &mut Hub, id: ConnId) -> Summary {
    match hub.poll_action(id) {
        Some(Action::Finished(summary)) => summary,
        other => panic!("no exchange is over but {other:?}"),
    }
}

fn reply() -> Reply {
    let octets = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nhi".to_vec();
    Reply { octets, head_bytes: 36, status: 200 }
}

/// Everything unsent, as if the stream took it.
fn send(hub: &mut Hub, id: ConnId, now: Instant) -> String {
    let octets = hub.unsent(id).concat();
    hub.handle_sent(id, octets.len(), now);
    String::from_utf8(octets).expect("replies in these tests are text")
}

fn time_out(hub: &mut Hub, now: Instant) -> Vec<ConnId> {
    let mut ready = Vec::new();
    hub.handle_timeouts(now, &mut ready);
    ready
}

/// Ends a connection the way a driver does.
fn finish(hub: &mut Hub, id: ConnId) {
    while let Some(action) = next_action(hub, id) {
        if matches!(action, Action::Close { .. }) {
            hub.settle(id);
            hub.remove(id);
        }
    }
}

#[test]
fn half_a_head_is_forgotten_with_its_connection() {
    let mut hub = hub();
    let first = accept(&mut hub, ms(0));
    receive(&mut hub, first, b"GET / HTTP/1.1\r\nhost: a\r\nx-a-field-of-some-length: b", ms(0));
    hub.settle(first);
    assert_eq!(time_out(&mut hub, ms(10_000)), [first]);
    assert!(send(&mut hub, first, ms(10_000)).starts_with("HTTP/1.1 408 "));
    assert_eq!(next_action(&mut hub, first), Some(Action::Shut));
    hub.settle(first);
    let second = accept(&mut hub, ms(10_001));
    receive(&mut hub, second, GET, ms(10_001));
    assert_eq!(hub.phase(second), Some(Phase::Route));
}

#[test]
fn a_refusal_of_half_a_head_request_has_no_content() {
    let broken = "HEAD / HTTP/1.1\r\nhost: a b\r\n\r\n";
    for half in ["HEAD ", "HEAD / HTTP/1.1\r\nhost: ", "\r\nHEAD / H", broken] {
        let mut hub = hub();
        let id = accept(&mut hub, ms(0));
        receive(&mut hub, id, half.as_bytes(), ms(0));
        hub.settle(id);
        if half != broken {
            assert_eq!(time_out(&mut hub, ms(10_000)), [id]);
        }
        let said = send(&mut hub, id, ms(10_000));
        assert!(said.contains("content-length: 1"), "{said}");
        assert!(said.ends_with("\r\n\r\n"), "{half:?}: {said}");
    }
}

#[test]
fn what_stands_behind_a_wrong_octet_does_not_make_it_a_head_request() {
    let octets = b"\nHEAD / HTTP/1.1\r\n";
    for first in 1..octets.len() {
        let mut hub = hub();
        let id = accept(&mut hub, ms(0));
        receive(&mut hub, id, &octets[..first], ms(0));
        assert!(send(&mut hub, id, ms(0)).ends_with("bad request\n"), "cut at {first}");
    }
}

#[test]
fn a_head_request_does_not_silence_the_next_connection() {
    let mut hub = hub();
    let first = accept(&mut hub, ms(0));
    let head = b"HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let ticket = ask(&mut hub, first, head, ms(0));
    assert!(hub.handle_reply(ticket, Ok(reply()), ms(1)).is_some());
    assert!(send(&mut hub, first, ms(1)).ends_with("connection: close\r\n\r\n"));
    assert_eq!(next_action(&mut hub, first), Some(Action::Shut));
    hub.settle(first);
    let second = accept(&mut hub, ms(2));
    receive(&mut hub, second, b"G", ms(2));
    hub.settle(second);
    assert!(time_out(&mut hub, ms(10_020)).contains(&second));
    assert!(send(&mut hub, second, ms(10_020)).ends_with("request timeout\n"));
}

#[test]
fn a_broken_upload_leaves_nothing_behind() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    receive(&mut hub, id, b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc", ms(0));
    assert_eq!(next_action(&mut hub, id), Some(Action::Route));
    let admission =
        Admission { envelope: Vec::new(), body_bytes_max: 9, handle_ms_max: 1, late: None };
    hub.handle_admitted(id, admission, ms(0));
    assert!(hub.body_bytes_held() > 0);
    hub.handle_peer_gone(id, ms(1));
    finish(&mut hub, id);
    assert_eq!((hub.body_bytes_held(), hub.len()), (0, 0));
    let next = accept(&mut hub, ms(2));
    let ticket = ask(&mut hub, next, GET, ms(2));
    assert_eq!(hub.holder(ticket), Some(next));
}

#[test]
fn a_late_reply_meets_nobody() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    let late = ask(&mut hub, id, GET, ms(0));
    hub.settle(id);
    assert_eq!(time_out(&mut hub, ms(1_000)), [id]);
    assert_eq!(next_action(&mut hub, id), Some(Action::Forget { ticket: late, why: Void::Late }));
    assert!(send(&mut hub, id, ms(1_000)).starts_with("HTTP/1.1 504 "));
    let next = ask(&mut hub, id, GET, ms(1_001));
    assert_eq!(hub.handle_reply(late, Ok(reply()), ms(1_002)), None);
    assert!(hub.notices().0.contains(&Notice::StaleReply));
    assert_eq!(hub.handle_reply(next, Ok(reply()), ms(1_002)), Some(id));
    assert_eq!(hub.handle_reply(next, Ok(reply()), ms(1_002)), None, "answered already");
}

#[test]
fn an_operator_has_words_of_its_own_for_a_late_function_once() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    receive(&mut hub, id, GET, ms(0));
    assert_eq!(next_action(&mut hub, id), Some(Action::Route));
    let octets = b"HTTP/1.1 203 OK\r\ncontent-length: 4\r\nlate".to_vec();
    let late = Some(Box::new(Reply { octets, head_bytes: 36, status: 203 }));
    let admission = Admission { envelope: Vec::new(), body_bytes_max: 9, handle_ms_max: 1, late };
    hub.handle_admitted(id, admission, ms(0));
    assert!(matches!(next_action(&mut hub, id), Some(Action::Dispatch { .. })));
    hub.settle(id);
    assert_eq!(time_out(&mut hub, ms(100)), [id]);
    assert!(matches!(next_action(&mut hub, id), Some(Action::Forget { why: Void::Late, .. })));
    let said = send(&mut hub, id, ms(100));
    assert!(said.starts_with("HTTP/1.1 203 ") && said.ends_with("\r\n\r\nlate"), "{said}");
    assert!(hub.notices().0.contains(&Notice::Refused(Refusal::Late)));
    let _ticket = ask(&mut hub, id, GET, ms(101));
    hub.settle(id);
    assert_eq!(time_out(&mut hub, ms(2_000)), [id]);
    assert!(send(&mut hub, id, ms(2_000)).starts_with("HTTP/1.1 504 "));
}

#[test]
fn pipelined_requests_are_answered_in_one_write() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    let mut ticket = ask(&mut hub, id, &GET.repeat(3), ms(0));
    for _ in 0..2 {
        hub.handle_reply(ticket, Ok(reply()), ms(1));
        ticket = admit(&mut hub, id, ms(1));
    }
    hub.handle_reply(ticket, Ok(reply()), ms(1));
    assert_eq!(send(&mut hub, id, ms(1)).matches("HTTP/1.1 200 OK").count(), 3);
    assert_eq!(hub.phase(id), Some(Phase::Idle));
}

/// There is one index of a head for all connections: what waits behind answered requests is read
/// when it is looked at, and nobody takes such a connection for an idle one until then.
#[test]
fn heads_behind_answered_requests_are_read_one_after_the_other() {
    let mut hub = hub_with(|limits| limits.connections_max = 2);
    let ids = [accept(&mut hub, ms(0)), accept(&mut hub, ms(0))];
    let paths = ["/left", "/right"];
    let tickets = [0, 1].map(|at| {
        let second = format!("GET {} HTTP/1.1\r\nhost: a\r\n\r\n", paths[at]);
        ask(&mut hub, ids[at], &[GET, second.as_bytes()].concat(), ms(0))
    });
    for ticket in tickets {
        hub.handle_reply(ticket, Ok(reply()), ms(2_000));
    }
    let heads = |hub: &Hub| {
        hub.notices().0.iter().filter(|notice| matches!(notice, Notice::HeadDone)).count()
    };
    assert_eq!(heads(&hub), 2);
    assert_eq!(hub.handle_starved(ms(4_000)), None, "both have asked");
    for (id, path) in ids.into_iter().zip(paths) {
        assert_eq!(next_action(&mut hub, id), Some(Action::Route));
        assert_eq!(hub.entered(id), Some(ms(2_000)), "as of the moment of the answer");
        assert_eq!(hub.head(id).expect("a head waits").path(), path);
    }
    assert_eq!(heads(&hub), 4);
}

#[test]
fn a_drain_finds_requests_behind_answered_ones() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    let ticket = ask(&mut hub, id, &GET.repeat(2), ms(0));
    hub.handle_reply(ticket, Ok(reply()), ms(1));
    hub.handle_drain(ms(2_000), &mut Vec::new());
    assert_eq!(next_action(&mut hub, id), Some(Action::Route), "it was sent before");
}

#[test]
fn an_answer_of_the_driver_is_no_refusal_and_no_functions_reply() {
    for (request, stays) in [
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", true),
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx", true),
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nx", false),
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n", false),
    ] {
        let mut hub = hub();
        let id = accept(&mut hub, ms(0));
        receive(&mut hub, id, request.as_bytes(), ms(0));
        assert_eq!(next_action(&mut hub, id), Some(Action::Route));
        hub.handle_answered(id, reply(), ms(0));
        let said = send(&mut hub, id, ms(0));
        assert_eq!(!said.contains("connection: close"), stays, "{request}: {said}");
        assert_eq!(hub.phase(id), Some(if stays { Phase::Idle } else { Phase::Linger }));
        let notices = hub.notices().0;
        assert!(notices.contains(&Notice::Answered { status: 200 }));
        let other = |it: &Notice| matches!(it, Notice::Refused(_) | Notice::Replied { .. });
        assert!(!notices.iter().any(other), "{notices:?}");
    }
}

#[test]
fn whoever_has_just_come_may_ask_once_in_a_drain() {
    let mut hub = hub();
    let [old, silent, new] = [0, 500, 500].map(|at| accept(&mut hub, ms(at)));
    let mut ready = Vec::new();
    hub.handle_drain(ms(1_400), &mut ready);
    for id in [old, silent, new] {
        assert!(ready.contains(&id), "its deadline is armed anew");
        while next_action(&mut hub, id).is_some() {}
        hub.settle(id);
    }
    assert_eq!(hub.phase(old), Some(Phase::Linger));
    assert_eq!(hub.phase(new), Some(Phase::Idle));
    let ticket = ask(&mut hub, new, &GET.repeat(2), ms(1_450));
    hub.handle_reply(ticket, Ok(reply()), ms(1_460));
    assert!(send(&mut hub, new, ms(1_460)).contains("connection: close"));
    assert_eq!(hub.phase(new), Some(Phase::Linger), "the second one is not begun");
    assert!(time_out(&mut hub, ms(1_510)).contains(&silent), "as long as it counts as new");
    assert_eq!(hub.phase(silent), Some(Phase::Closed));
}

#[test]
fn whoever_shakes_hands_may_ask_once_in_a_drain() {
    let mut hub = hub();
    let id = hub.handle_accepted(true, ms(0)).expect("there is room");
    hub.handle_drain(ms(3_000), &mut Vec::new());
    assert_eq!(hub.phase(id), Some(Phase::Handshake));
    hub.handle_secured(id, ms(3_100));
    let ticket = ask(&mut hub, id, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", ms(3_200));
    hub.handle_reply(ticket, Ok(reply()), ms(3_300));
    assert!(send(&mut hub, id, ms(3_300)).contains("connection: close"));
    assert_eq!(hub.phase(id), Some(Phase::Linger));
}

#[test]
fn what_was_promised_survives_a_drain() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    let ticket = ask(&mut hub, id, GET, ms(0));
    hub.handle_reply(ticket, Ok(reply()), ms(1));
    let promised = hub.unsent(id).concat();
    hub.handle_sent(id, 40, ms(1));
    hub.handle_drain(ms(1), &mut Vec::new());
    hub.set_date(*b"Mon, 07 Nov 1994 08:49:37 GMT");
    assert_eq!(hub.unsent(id).concat(), promised[40..]);
    hub.handle_sent(id, promised.len() - 40, ms(2));
    assert_eq!(next_action(&mut hub, id), Some(Action::Shut), "nothing more is read");
}

#[test]
fn the_oldest_idle_connection_makes_room_unless_it_has_just_come() {
    let mut hub = hub_with(|limits| limits.connections_max = 3);
    let ids = [0, 1, 2].map(|at| accept(&mut hub, ms(at)));
    ask(&mut hub, ids[0], GET, ms(3));
    assert_eq!(hub.handle_accepted(false, ms(4)), None);
    assert_eq!(hub.handle_full(ms(4)), None, "its first request is on its way");
    assert_eq!(hub.handle_full(ms(1_001)), Some(ids[1]));
    assert_eq!(hub.phase(ids[1]), Some(Phase::Linger));
}

#[test]
fn an_idle_connection_is_found_behind_many_busy_ones() {
    let mut hub = hub_with(|limits| limits.connections_max = 600);
    let ids = (0..600).map(|_| accept(&mut hub, ms(0))).collect::<Vec<_>>();
    for &id in ids.iter().filter(|id| id.index != 520) {
        ask(&mut hub, id, GET, ms(0));
    }
    let found = (0..4).find(|_| hub.can_shed(ms(2_000)));
    assert!(found.is_some(), "each look goes on where the last one ended");
    assert_eq!(hub.handle_full(ms(2_000)), Some(ids[520]));
}

#[test]
fn an_idle_connection_that_has_asked_makes_room_at_once() {
    let mut hub = hub_with(|limits| limits.connections_max = 1);
    let id = accept(&mut hub, ms(0));
    let ticket = ask(&mut hub, id, GET, ms(0));
    hub.handle_reply(ticket, Ok(reply()), ms(1));
    send(&mut hub, id, ms(1));
    assert_eq!(hub.handle_full(ms(1)), Some(id));
}

#[test]
fn an_idle_connection_holds_no_work() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    let ticket = ask(&mut hub, id, GET, ms(0));
    hub.handle_reply(ticket, Ok(reply()), ms(0));
    send(&mut hub, id, ms(0));
    hub.settle(id);
    assert_eq!(hub.unsent(id).concat(), b"");
    assert_eq!(hub.deadline(id), Some(ms(75_000)));
    assert!(hub.next_deadline().is_some_and(|at| at <= ms(75_010)));
}

#[test]
fn a_refusal_keeps_the_connection_when_its_content_is_here() {
    let whole = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhiGET";
    for (octets, keeps) in [(&whole[..], true), (&whole[..whole.len() - 4], false)] {
        let mut hub = hub();
        let id = accept(&mut hub, ms(0));
        receive(&mut hub, id, octets, ms(0));
        assert_eq!(next_action(&mut hub, id), Some(Action::Route));
        hub.handle_refused(id, Refusal::NoRoute, None, ms(0));
        assert_eq!(!send(&mut hub, id, ms(0)).contains("connection: close"), keeps);
        assert_eq!(hub.phase(id), Some(if keeps { Phase::Head } else { Phase::Linger }));
    }
}

#[test]
fn a_kill_resets_everybody_and_voids_tickets() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    let ticket = ask(&mut hub, id, GET, ms(0));
    hub.handle_kill(ms(1), &mut Vec::new());
    assert_eq!(next_action(&mut hub, id), Some(Action::Forget { ticket, why: Void::Killed }));
    assert_eq!(next_action(&mut hub, id), Some(Action::Close { reset: true }));
    assert_eq!(hub.holder(ticket), None);
}

#[test]
fn a_proxy_header_has_a_time_of_its_own_before_the_handshake_or_the_first_request() {
    let mut hub = hub();
    for secure in [false, true] {
        let opening = Opening { secure, proxied: true };
        let id = hub.handle_opened(opening, ms(0)).expect("there is room");
        hub.settle(id);
        assert_eq!((hub.phase(id), hub.wants_read(id)), (Some(Phase::Handshake), false));
        assert_eq!(hub.deadline(id), Some(ms(5_000)));
        hub.handle_announced(id, ms(3_000));
        hub.settle(id);
        assert_eq!(hub.deadline(id), Some(ms(13_000)));
        let phase = if secure { Phase::Handshake } else { Phase::Idle };
        assert_eq!(hub.phase(id), Some(phase));
        hub.remove(id);
    }
    let secured = |notice: &Notice| *notice == Notice::Secured;
    assert!(!hub.notices().0.iter().any(secured), "no header is a handshake");
}

#[test]
fn who_does_not_say_whom_he_speaks_for_is_reset() {
    let mut hub = hub();
    let opening = Opening { secure: false, proxied: true };
    let late = hub.handle_opened(opening, ms(0)).expect("there is room");
    let wrong = hub.handle_opened(opening, ms(0)).expect("there is room");
    hub.handle_turned_away(wrong, ms(1));
    assert_eq!(hub.poll_action(wrong), Some(Action::Close { reset: true }));
    let mut ready = Vec::new();
    hub.handle_timeouts(ms(5_020), &mut ready);
    assert!(ready.contains(&late));
    assert_eq!(hub.poll_action(late), Some(Action::Close { reset: true }));
}

#[test]
fn new_limits_hold_for_those_who_are_here() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    ask(&mut hub, id, GET, ms(0));
    let other = accept(&mut hub, ms(0));
    hub.settle(other);
    let before = *hub.limits();
    let mut limits = before;
    limits.head_ms_max = 500;
    limits.connections_max = 1;
    limits.requests_per_connection_max = 1;
    limits.head.field_section_bytes_max *= 2;
    hub.set_limits(limits.check().expect("the limits agree"));
    assert_eq!(hub.limits().head, before.head, "buffers have their size");
    assert_eq!(hub.deadline(other), Some(ms(500)));
    assert!(!hub.has_room());
    let mut ready = Vec::new();
    hub.handle_timeouts(ms(520), &mut ready);
    assert_eq!(ready, [other], "it was booked for later before");
    assert_eq!(hub.phase(id), Some(Phase::Handle), "and who works goes on");
}

#[test]
fn somebody_idle_leaves_when_something_runs_out_and_nobody_new_is_promised_a_place() {
    let mut hub = hub_with(|limits| limits.connections_max = 1);
    assert_eq!(hub.handle_starved(ms(0)), None);
    let id = accept(&mut hub, ms(0));
    assert_eq!(hub.handle_starved(ms(10)), None, "it has just come");
    assert_eq!(hub.handle_starved(ms(2_000)), Some(id));
    assert_eq!(hub.phase(id), Some(Phase::Linger));
    assert_eq!(hub.handle_accepted(false, ms(2_000)), None);
    assert_eq!(hub.handle_starved(ms(2_000)), None, "it is leaving already");
}

#[test]
fn an_exchange_that_is_over_says_what_it_took() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    let post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n";
    receive(&mut hub, id, &post[..9], ms(1));
    receive(&mut hub, id, &post[9..], ms(3));
    assert_eq!(hub.poll_action(id), Some(Action::Route));
    let admission =
        Admission { envelope: Vec::new(), body_bytes_max: 9, handle_ms_max: 1_000, late: None };
    hub.handle_admitted(id, admission, ms(3));
    receive(&mut hub, id, b"hi", ms(10));
    let Some(Action::Dispatch { ticket, .. }) = hub.poll_action(id) else { panic!("no dispatch") };
    hub.handle_reply(ticket, Ok(reply()), ms(30));
    assert_eq!(hub.poll_action(id), None, "it is not over before all of it is sent");
    let sent = send(&mut hub, id, ms(31)).len();
    let expected = Summary {
        exchange: ticket.exchange,
        request: 1,
        status: 200,
        end: End::Said,
        has_head: true,
        refusal: None,
        began: ms(1),
        head_us: 2_000,
        body_us: 7_000,
        handle_us: 20_000,
        write_us: 1_000,
        received_bytes: post.len() as u64 + 2,
        sent_bytes: sent as u64,
    };
    assert_eq!(finished(&mut hub, id), expected);
    assert_eq!(expected.total_us(), 30_000);
    assert_eq!(hub.poll_action(id), None);
}

#[test]
fn a_reply_that_waits_for_company_is_over_before_the_next_head_is_judged() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    let ticket = ask(&mut hub, id, &[GET, GET].concat(), ms(0));
    hub.handle_reply(ticket, Ok(reply()), ms(1));
    let first = finished(&mut hub, id);
    assert_eq!((first.end, first.received_bytes), (End::Said, GET.len() as u64));
    assert_eq!(first.sent_bytes, hub.unsent_bytes(id));
    let second = admit(&mut hub, id, ms(1));
    hub.handle_reply(second, Ok(reply()), ms(2));
    let both = send(&mut hub, id, ms(2)).len() as u64;
    let second = finished(&mut hub, id);
    assert_eq!((second.request, first.sent_bytes + second.sent_bytes), (2, both));
}

#[test]
fn whoever_leaves_ends_an_exchange_in_every_phase_of_it() {
    let part = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nh";
    for (octets, phase) in
        [(&GET[..7], Phase::Head), (GET, Phase::Handle), (part, Phase::Body), (GET, Phase::Write)]
    {
        let mut hub = hub();
        let id = accept(&mut hub, ms(0));
        receive(&mut hub, id, octets, ms(0));
        let admission =
            Admission { envelope: Vec::new(), body_bytes_max: 9, handle_ms_max: 9, late: None };
        if hub.poll_action(id).is_some() {
            hub.handle_admitted(id, admission, ms(0));
        }
        if let Some(Action::Dispatch { ticket, .. }) = hub.poll_action(id)
            && phase == Phase::Write
        {
            hub.handle_reply(ticket, Ok(reply()), ms(0));
            hub.handle_sent(id, 7, ms(0));
        }
        assert_eq!(hub.phase(id), Some(phase));
        hub.handle_peer_gone(id, ms(5));
        if phase == Phase::Handle {
            assert!(matches!(hub.poll_action(id), Some(Action::Forget { .. })));
        }
        let Summary { end, received_bytes, sent_bytes, .. } = finished(&mut hub, id);
        let sent = if phase == Phase::Write { 7 } else { 0 };
        assert_eq!((end, received_bytes, sent_bytes), (End::PeerLeft, octets.len() as u64, sent));
        assert!(matches!(hub.poll_action(id), Some(Action::Close { .. })));
    }
}

#[test]
fn two_that_are_over_at_once_are_told_of_in_order() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    let ticket = ask(&mut hub, id, &[GET, GET].concat(), ms(0));
    hub.handle_reply(ticket, Ok(reply()), ms(1));
    hub.handle_kill(ms(2), &mut Vec::new());
    let first = finished(&mut hub, id);
    assert_eq!((first.request, first.end), (1, End::Said));
    assert!(matches!(hub.poll_action(id), Some(Action::Forget { why: Void::Killed, .. })));
    let second = finished(&mut hub, id);
    assert_eq!((second.request, second.end, second.status), (2, End::Killed, 0));
    assert_eq!(hub.poll_action(id), Some(Action::Close { reset: true }));
}

#[test]
fn a_head_that_is_wrong_is_an_exchange() {
    let mut hub = hub();
    let id = accept(&mut hub, ms(0));
    receive(&mut hub, id, b"GET / HTTP/1.1\r\nhost : a\r\n\r\nGET / HTTP/1.1\r\n", ms(0));
    let sent = send(&mut hub, id, ms(0)).len() as u64;
    let summary = finished(&mut hub, id);
    assert_eq!((summary.status, summary.has_head, summary.sent_bytes), (400, false, sent));
    assert!(matches!(summary.refusal, Some(Refusal::Head(_))));
}
