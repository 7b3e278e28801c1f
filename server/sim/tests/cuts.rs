//! However a conversation is cut into reads and writes, the client receives the same octets.
//!
//! Every one-cut and every two-cut split of short pipelined conversations, with answers that come
//! at once or after everything has arrived, sent whole or octet by octet.

use fezz_sim::talk::{Answers, Talk};

const CONVERSATIONS: [(&str, &str); 5] = [
    (
        "get, post and chunked post",
        "GET /a HTTP/1.1\r\nhost: h\r\n\r\n\
         POST /b HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello\
         POST /c HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n\
         3;x=\"y\"\r\nabc\r\n2\r\nde\r\n0\r\nt: u\r\n\r\n",
    ),
    (
        "empty lines, head, an empty post, http/1.0 that ends it, and what nobody reads",
        "\r\n\r\nHEAD /a HTTP/1.1\r\nhost: h\r\n\r\n\
         POST /b HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n\
         GET /c HTTP/1.0\r\n\r\nGET /d HTTP/1.1\r\nhost: h\r\n\r\n",
    ),
    (
        "a refusal without content, then a bad chunk",
        "GET /none HTTP/1.1\r\nhost: h\r\n\r\n\
         POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\nz\r\n",
    ),
    (
        "a bad head behind a good one",
        "PUT /a HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc\
         GET /b HTTP/1.1\r\nhost : h\r\n\r\n",
    ),
    (
        "content over the limit of its route, by length",
        "GET /a HTTP/1.1\r\nhost: h\r\n\r\n\
         PUT /b HTTP/1.1\r\nhost: h\r\ncontent-length: 101\r\n\r\n",
    ),
];

#[test]
fn the_uncut_conversation_is_as_expected() {
    let (_, input) = CONVERSATIONS[0];
    let received = Talk::new(Answers::AtOnce, usize::MAX).hold(input.as_bytes(), &[]).received;
    let date = "date: Sun, 06 Nov 1994 00:00:00 GMT\r\n\r\n";
    let expected = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n{date}GET /a\n\
         HTTP/1.1 200 OK\r\ncontent-length: 13\r\n{date}POST /b\nhello\
         HTTP/1.1 200 OK\r\ncontent-length: 13\r\n{date}POST /c\nabcde"
    );
    assert_eq!(String::from_utf8_lossy(&received), expected);
    for (name, input) in &CONVERSATIONS[1..] {
        let received = Talk::new(Answers::AtOnce, usize::MAX).hold(input.as_bytes(), &[]).received;
        assert!(received.starts_with(b"HTTP/1.1 "), "{name}");
        let ends = received.windows(19).any(|octets| octets == b"connection: close\r\n");
        assert!(ends, "{name}");
    }
}

#[test]
fn one_cut_changes_nothing_even_octet_by_octet() {
    for (name, input) in CONVERSATIONS {
        let input = input.as_bytes();
        let whole = Talk::new(Answers::AtOnce, usize::MAX).hold(input, &[]);
        for write_bytes_max in [usize::MAX, 7, 1] {
            for answers in [Answers::AtOnce, Answers::Late] {
                for cut in 0..=input.len() {
                    let received = Talk::new(answers, write_bytes_max).hold(input, &[cut]);
                    assert!(received == whole, "{name}: {answers:?}, cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn two_cuts_change_nothing() {
    for (name, input) in CONVERSATIONS {
        let input = input.as_bytes();
        let whole = Talk::new(Answers::AtOnce, usize::MAX).hold(input, &[]);
        for first in 0..=input.len() {
            for second in first..=input.len() {
                let talk = Talk::new(Answers::AtOnce, usize::MAX);
                let received = talk.hold(input, &[first, second]);
                assert!(received == whole, "{name}: cut at {first} and {second}");
            }
        }
    }
}

#[test]
fn octet_by_octet_changes_nothing() {
    for (name, input) in CONVERSATIONS {
        let input = input.as_bytes();
        let whole = Talk::new(Answers::AtOnce, usize::MAX).hold(input, &[]);
        let cuts = (1..input.len()).collect::<Vec<_>>();
        for answers in [Answers::AtOnce, Answers::Late] {
            let received = Talk::new(answers, 1).hold(input, &cuts);
            assert!(received == whole, "{name}: {answers:?}");
        }
    }
}
