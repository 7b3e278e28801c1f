//! An author's tests of a function that asks its host: no server, no artifact.

use std::time::Duration;

use fezz::{LogLevel, Request, Response, testing};

fn patient(_: Request) -> Response {
    let call = fezz::call();
    call.debug(format_args!("left: {:?}", call.remaining()));
    if call.cancelled() {
        call.warn("nobody waits");
        return Response::new(204);
    }
    Response::text("done")
}

#[test]
fn a_call_hears_what_its_test_says() {
    let reply = testing::request("GET", "/").call(patient);
    assert_eq!((reply.status(), reply.text()), (200, "done"));
    assert_eq!(reply.log(), [(LogLevel::Debug, "left: None".to_owned())]);
    let left = Duration::from_millis(5);
    let reply = testing::request("GET", "/").cancelled().remaining(left).call(patient);
    assert_eq!(reply.status(), 204);
    let debug = (LogLevel::Debug, "left: Some(5ms)".to_owned());
    assert_eq!(reply.log(), [debug, (LogLevel::Warn, "nobody waits".to_owned())]);
}

#[test]
fn threads_of_a_function_take_its_call_along() {
    let reply = testing::request("GET", "/").cancelled().call(|request: Request<'_>| {
        let call = request.call();
        let seen = std::thread::spawn(move || {
            call.info("from a thread");
            call.cancelled()
        });
        Response::text(seen.join().is_ok_and(|seen| seen).to_string())
    });
    assert_eq!(reply.text(), "true");
    assert_eq!(reply.log(), [(LogLevel::Info, "from a thread".to_owned())]);
}

#[test]
fn calls_beside_each_other_do_not_mix() {
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                let left = Duration::from_secs(number);
                let reply = testing::request("GET", "/").remaining(left).call(patient);
                assert_eq!(reply.log(), [(LogLevel::Debug, format!("left: {:?}", Some(left)))]);
            });
        }
    });
}

#[test]
fn outside_of_calls_nothing_is_known() {
    let call = fezz::call();
    assert_eq!((call.number(), call.cancelled(), call.remaining()), (0, false, None));
    call.info("goes to standard error");
}
