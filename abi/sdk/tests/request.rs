//! Requests, responses and the entry for tests, as an author uses them.

use std::time::Duration;

use fezz::{Error, IntoResponse, Request, Response, testing};

#[test]
fn a_request_shows_what_the_envelope_holds() {
    let request = testing::request("POST", "/a%20b/c?q=x+y&q=2&e")
        .scheme("https")
        .authority("example.org:8080")
        .header("X-One", "1")
        .header("x-one", "2")
        .header("X-Octets", b"\xFF")
        .trace_id("0af7651916cd43dd8448eb211c80319c")
        .deadline_ms(1500)
        .client_ip("2001:db8::1")
        .principal("somebody")
        .body("text");
    let reply = request.call(|request: Request| {
        assert_eq!((request.method(), request.path()), ("POST", "/a%20b/c"));
        assert_eq!(request.query(), Some("q=x+y&q=2&e"));
        assert_eq!(request.path_and_query(), "/a%20b/c?q=x+y&q=2&e");
        assert_eq!(request.query_value("q").as_deref(), Some("x y"));
        assert_eq!(request.query_value("e").as_deref(), Some(""));
        assert_eq!(request.query_value("z"), None);
        assert_eq!(request.query_pairs().count(), 3);
        assert_eq!(
            (request.scheme(), request.authority()),
            (Some("https"), Some("example.org:8080"))
        );
        assert_eq!(request.header("X-ONE"), Some("1"));
        assert_eq!(request.headers_named("x-One").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!((request.header("x-octets"), request.header("absent")), (None, None));
        assert_eq!(request.header_octets("x-octets"), Some(&b"\xFF"[..]));
        assert_eq!(request.header("host"), Some("example.org:8080"));
        assert_eq!(request.header("content-length"), Some("4"));
        assert_eq!(request.headers().len(), 5);
        assert_eq!(request.trace_id(), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(request.deadline(), Some(Duration::from_millis(1500)));
        assert_eq!(request.client_ip(), Some("2001:db8::1"));
        assert_eq!(request.principal(), Some("somebody"));
        assert_eq!(request.meta("absent"), None);
        assert_eq!((request.body(), request.body_text().ok()), (&b"text"[..], Some("text")));
        let debug = format!("{request:?}");
        assert!(debug.contains("POST") && !debug.contains("example.org"), "{debug}");
        "done"
    });
    assert!(!reply.panicked());
    assert_eq!(reply.text(), "done");
}

#[test]
fn a_body_that_is_not_text_is_the_clients_fault() {
    let function =
        |request: Request| Ok::<_, Error>(Response::text(request.body_text()?.to_owned()));
    assert_eq!(testing::request("POST", "/").body("ü").call(function).text(), "ü");
    assert_eq!(testing::request("POST", "/").body(b"\xFF").call(function).status(), 400);
}

fn answer(response: impl IntoResponse) -> testing::Reply {
    testing::request("GET", "/").call(|_: Request| response)
}

#[test]
fn each_constructor_has_its_status_and_type() {
    let made = [
        (Response::new(204), 204, None, ""),
        (Response::text("t"), 200, Some("text/plain; charset=utf-8"), "t"),
        (Response::html("<p>"), 200, Some("text/html; charset=utf-8"), "<p>"),
        (Response::json("{}"), 200, Some("application/json"), "{}"),
        (Response::bytes(b"\x00"), 200, Some("application/octet-stream"), "\0"),
        (Response::redirect("/there"), 302, None, ""),
        (Response::not_found(), 404, Some("text/plain; charset=utf-8"), "not found\n"),
    ];
    for (response, status, content_type, body) in made {
        let reply = answer(response);
        assert_eq!(reply.status(), status);
        assert_eq!(reply.header("Content-Type"), content_type);
        assert_eq!(reply.text(), body);
    }
    assert_eq!(answer(Response::redirect("/there")).header("location"), Some("/there"));
    let refused = answer(Response::method_not_allowed("GET, HEAD"));
    assert_eq!((refused.status(), refused.header("allow")), (405, Some("GET, HEAD")));
}

#[test]
fn fields_are_added_and_the_content_type_is_replaced() {
    let response = Response::text("<x/>")
        .status(201)
        .header("Content-Type", "application/xml")
        .header("set-cookie", "a=1")
        .headers([("set-cookie", "b=2".to_owned()), ("x-n", 3.to_string())]);
    assert_eq!((response.status_code(), response.body_octets()), (201, &b"<x/>"[..]));
    let reply = answer(response);
    let fields: Vec<_> = reply.headers().collect();
    let expected: [(&str, &[u8]); 4] = [
        ("content-type", b"application/xml"),
        ("set-cookie", b"a=1"),
        ("set-cookie", b"b=2"),
        ("x-n", b"3"),
    ];
    assert_eq!(fields, expected);
}

struct NoSuchItem;

impl From<NoSuchItem> for Error {
    fn from(_: NoSuchItem) -> Self {
        Self::new(404, "no such item\n")
    }
}

#[test]
fn errors_become_the_answer_they_describe() {
    let text: Result<&str, String> = Ok("fine");
    assert_eq!((answer(text).status(), answer("owned".to_owned()).text()), (200, "owned"));
    let displayed: Result<Response, std::num::ParseIntError> =
        "x".parse::<u8>().map(|_| Response::new(200));
    let displayed = answer(displayed);
    assert_eq!((displayed.status(), displayed.text()), (500, "internal server error\n"));
    let own: Result<Response, NoSuchItem> = Err(NoSuchItem);
    assert_eq!(answer(own).status(), 404);
    let response: Result<Response, Response> = Err(Response::redirect("/login"));
    assert_eq!(answer(response).status(), 302);
    let error = Error::new(409, "taken\n").because("row 7 exists");
    assert!(format!("{error:?}").contains("row 7 exists"));
    let reply = answer(Err::<Response, _>(error));
    assert_eq!((reply.status(), reply.text()), (409, "taken\n"));
}

#[test]
fn a_panic_is_caught_as_in_the_server() {
    let reply =
        testing::request("GET", "/").call(|_: Request| -> Response { panic!("on purpose") });
    assert_eq!((reply.status(), reply.panicked()), (500, true));
}

#[test]
#[should_panic(expected = "the server would answer 502 instead")]
fn an_answer_the_server_refuses_fails_the_test() {
    let split = "/\r\nset-cookie: evil=1".to_owned();
    let _reply = answer(Response::redirect(split));
}
