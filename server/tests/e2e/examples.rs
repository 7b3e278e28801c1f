//! Each example function, loaded and called through real sockets by curl and by a Rust client.

use std::process::Command;

use super::harness::{Running, example, route, serving};

fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30"])
        .args(arguments)
        .output()
        .expect("curl is installed");
    assert!(output.status.success(), "curl {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn hello_answers_curl_and_a_rust_client() {
    for name in ["hello", "hello_c"] {
        let server = Running::start(&serving(example(name)));
        let url = format!("http://{}/", server.address);
        let seen = curl(&["--include", &url]);
        assert!(seen.starts_with("HTTP/1.1 200 OK\r\n"), "{name}: {seen}");
        let content = seen.split("\r\n\r\n").nth(1).expect("content").to_owned();
        assert!(content.to_lowercase().contains("hello"), "{name}: {seen}");
        let again = ureq::get(&url).call().expect("200").body_mut().read_to_string().expect("text");
        assert_eq!(again, content);
    }
}

#[test]
fn echo_gives_back_what_curl_uploads_with_and_without_a_length() {
    let server = Running::start(&serving(example("echo")));
    let url = format!("http://{}/echo", server.address);
    let text = "octets ".repeat(60_000);
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("upload.txt");
    std::fs::write(&file, &text).expect("a file to upload");
    let upload = format!("@{}", file.display());
    assert_eq!(curl(&["--data-binary", &upload, &url]), text);
    let chunked = ["-H", "transfer-encoding: chunked", "--data-binary", &upload, &url];
    assert_eq!(curl(&chunked), text);
    let waiting = ["-H", "expect: 100-continue", "--data-binary", &upload, &url];
    assert_eq!(curl(&waiting), text);
    let echoed = ureq::put(&url).send(&text).expect("200").body_mut().read_to_string();
    assert_eq!(echoed.expect("text"), text);
}

#[test]
fn the_axum_app_keeps_its_state_between_requests() {
    let mut config = serving(example("axum_app"));
    config.workers.threads = 2;
    let server = Running::start(&config);
    let url = format!("http://{}/notes", server.address);
    let json = ["-H", "content-type: application/json", "--data", "{\"text\":\"milk\"}", &url];
    let made = curl(&json);
    assert!(made.contains("milk"), "{made}");
    assert!(curl(&[&url]).contains("milk"));
    let missing = curl(&["--output", "/dev/null", "--write-out", "%{http_code}", &(url + "/999")]);
    assert_eq!(missing, "404");
}

#[test]
fn routes_lead_to_their_functions() {
    let mut config = serving(example("echo"));
    route(&mut config, "hello", example("hello"), "/hello/{*rest}");
    route(&mut config, "other", example("hello_c"), "other.example/{*rest}");
    let server = Running::start(&config);
    let base = format!("http://{}", server.address);
    assert_eq!(curl(&[&format!("{base}/host")]), server.address.to_string());
    let hello = curl(&[&format!("{base}/hello/there")]);
    assert!(hello.to_lowercase().contains("hello"), "{hello}");
    let other = curl(&["-H", "host: other.example", &format!("{base}/host")]);
    assert!(other.to_lowercase().contains("hello"), "{other}");
}

#[test]
fn a_root_directory_serves_its_versions() {
    let root = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("root");
    for version in ["1.0.0", "1.2.0"] {
        let place = root.join("functions/greeter").join(version);
        std::fs::create_dir_all(&place).expect("a directory");
        std::fs::copy(example("hello"), place.join("fezz.so")).expect("a copy");
    }
    let mut config = serving(example("echo"));
    config.functions.clear();
    config.routes.clear();
    config.root = Some(root);
    let server = Running::start(&config);
    let base = format!("http://{}/rpc/greeter", server.address);
    for path in ["/1.0.0/", "/1.2.0/x"] {
        assert!(curl(&[&format!("{base}{path}")]).to_lowercase().contains("hello"));
    }
    let missing = curl(&["-o", "/dev/null", "-w", "%{http_code}", &format!("{base}/2.0.0/")]);
    assert_eq!(missing, "404");
}
