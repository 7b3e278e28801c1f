//! What functions learn of a handshake, when they are to.

use fezz_server::config::{ClientCa, TlsWish};

use super::pki::{Authority, directory, s_client, secured};
use crate::harness::{Running, c_function};

/// Answers with the envelope that it was called with.
pub(crate) const MIRROR: &str = r#"
FezzOwned fezz_handle_v2(FezzSlice request) {
    static const uint8_t head[] = "\xa2\x66status\x18\xc8\x64" "body\x5a";
    size_t at = sizeof head - 1;
    uint8_t *out = malloc(at + 4 + request.len);
    memcpy(out, head, at);
    for (int shift = 24; shift >= 0; shift -= 8) out[at++] = (uint8_t)(request.len >> shift);
    memcpy(out + at, request.ptr, request.len);
    FezzOwned answer = { out, at + request.len };
    return answer;
}
void fezz_free_v2(FezzOwned buf) { free(buf.ptr); }
"#;

/// The envelope of a request over TLS, as far as it is text.
fn envelope(wish: TlsWish) -> String {
    let authority = Authority::new(directory(&format!("meta-{wish:?}")));
    let mut config = secured(vec![authority.sign("server", &["localhost"])]);
    config.functions[0].artifact = c_function(&format!("mirror-{wish:?}"), MIRROR);
    config.functions[0].options.tls = wish;
    config.listeners[0].client_ca = Some(ClientCa { file: authority.file(), required: false });
    let client = authority.sign("the-client", &["job.example"]);
    let server = Running::start(&config);
    let (chain, key) = (client.chain.to_str().expect("text"), client.key.to_str().expect("text"));
    let words = ["-servername", "localhost", "-alpn", "http/1.1", "-cert", chain, "-key", key];
    let get = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let text = s_client(server.address, &words, get);
    assert!(text.contains("200 OK"), "{text}");
    server.wait("the exchange is over", |_| server.seen().len() == 1);
    let seen = &server.seen()[0];
    assert!(seen.secured, "{seen:?}");
    assert_eq!(seen.tls.as_deref(), Some("TLSv1.3 TLS_AES_256_GCM_SHA384 localhost"));
    text.split_once("content-length").expect("a reply").1.to_owned()
}

#[test]
fn nothing_is_told_to_who_does_not_ask() {
    let text = envelope(TlsWish::Off);
    assert!(text.contains("https") && text.contains("client_ip"), "{text}");
    assert!(!text.contains("ja4") && !text.contains("TLSv1.3\u{fffd}"), "{text}");
}

#[test]
fn the_facts_are_told() {
    let text = envelope(TlsWish::Facts);
    for word in [
        "tls",
        "protocolgTLSv1.3",
        "TLS_AES_256_GCM_SHA384",
        "snii",
        "localhost",
        "alpnhhttp/1.1",
        "resumed",
        "ja3",
        "ja4",
        "t13d",
        "client",
        "sha256",
        "common_namejthe-client",
        "job.example",
    ] {
        assert!(text.contains(word), "no {word} in {text}");
    }
    assert!(!text.contains("hello"), "{text}");
}

#[test]
fn the_hello_is_told() {
    let text = envelope(TlsWish::Hello);
    assert!(text.contains("ja4") && text.contains("ehello"), "{text}");
}
