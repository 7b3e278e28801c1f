//! The smallest function: every request gets the same text.
use fezz::{Request, Response};

#[fezz::function]
fn hello(_request: Request) -> Response {
    Response::text("hello")
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_greets() {
        let reply = fezz::testing::request("GET", "/").call(super::hello);
        assert_eq!((reply.status(), reply.text()), (200, "hello"));
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}
