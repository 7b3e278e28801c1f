//! Functions are brought to an end when nobody is inside, and whoever waits for one is not kept by
//! the end, or the cancellations, of another.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fezz_server::config::Placement;

use super::harness::{Client, Running, c_function, route, serving, statuses};

/// A function that leaves the file `mark` behind when it is ended while it is called, or called
/// when it was not begun.
fn watchful(name: &str) -> (PathBuf, PathBuf) {
    let mark = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.mark"));
    drop(std::fs::remove_file(&mark));
    let body = format!(
        r#"
#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>
#define MARK "{}"
static atomic_int inside, begun;
static void mark(void) {{ close(open(MARK, O_CREAT | O_WRONLY, 0600)); }}
static int asks(FezzSlice r, const char *what) {{
    for (size_t at = 0; at + strlen(what) <= r.len; at++)
        if (!memcmp(r.ptr + at, what, strlen(what))) return 1;
    return 0;
}}
int32_t fezz_init_v1(const FezzHostV1 *h, FezzSlice s) {{ (void)h; (void)s; begun = 1; return 0; }}
void fezz_cancel_v1(uint64_t call, uint32_t why) {{ (void)call; (void)why; usleep(50 * 1000); }}
void fezz_fini_v1(void) {{
    begun = 0;
    for (int i = 0; i < 5; i++) {{
        if (inside) mark();
        usleep(1000);
    }}
}}
FezzOwned fezz_handle_v2(FezzSlice r) {{
    inside++;
    if (!begun) mark();
    if (asks(r, "/nap")) usleep(700 * 1000);
    if (asks(r, "/late")) usleep(15 * 1000);
    if (asks(r, "/spin")) {{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        long until = t.tv_sec * 1000000 + t.tv_nsec / 1000 + 800;
        do clock_gettime(CLOCK_MONOTONIC, &t);
        while (t.tv_sec * 1000000 + t.tv_nsec / 1000 < until);
    }}
    inside--;
    FezzOwned o = {{ malloc(10), 10 }};
    memcpy(o.ptr, "\xa1\x66status\x18\xc8", 10);
    return o;
}}
void fezz_free_v2(FezzOwned o) {{ free(o.ptr); }}
"#,
        mark.display()
    );
    (c_function(name, &body), mark)
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// The server ends while a thread that lost its loop is inside a call: in time still, and not a
/// worker's.
#[test]
fn a_function_is_not_ended_inside_a_call_that_kept_a_loop() {
    let (artifact, mark) = watchful("ended_inside");
    let mut config = serving(artifact);
    config.functions[0].options.placement = Some(Placement::Inline);
    let mut server = Running::start(&config);
    // Workers make the calls until a spare thread stands ready.
    let rescued = (0..10).any(|_| {
        let mut client = Client::to(server.address);
        client.send(&get("/nap"));
        std::thread::sleep(Duration::from_millis(100));
        let rescued = server.handle.counted().functions["main"].rescues == 1;
        if !rescued {
            client.reply();
        }
        rescued
    });
    assert!(rescued);
    server.handle.kill();
    server.join();
    assert!(!mark.exists());
    std::thread::sleep(Duration::from_millis(700));
}

/// Its time to be idle is shorter than the row of calls that its loop is about to make.
#[test]
fn a_function_is_not_ended_between_its_request_and_its_call() {
    let (artifact, mark) = watchful("ended_between");
    let mut config = serving(artifact);
    config.functions[0].options.placement = Some(Placement::Inline);
    config.functions[0].options.ttl = Some(Duration::from_millis(10));
    let server = Running::start(&config);
    let mut clients: Vec<Client> = (0..60).map(|_| Client::to(server.address)).collect();
    for _ in 0..3 {
        for client in &mut clients {
            client.send(&get("/spin"));
        }
        for client in &mut clients {
            assert!(client.reply().0.starts_with("HTTP/1.1 200 "));
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    assert!(!mark.exists());
}

/// More cancellations than may wait, each of them slow. What is forgotten of them is advice; that
/// another function was to be ended meanwhile is not.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test measures how long it waits")]
fn nobody_waits_for_an_end_that_waits_for_cancellations() {
    let (slow, _) = watchful("slow_cancel");
    let (idle, mark) = watchful("idle_meanwhile");
    let mut config = serving(slow);
    route(&mut config, "idle", idle, "/idle");
    config.workers.threads = 64;
    config.workers.abandoned_max = 1_000;
    config.functions[0].options.abandon_max = 1_000;
    config.functions[0].options.timeout = Some(Duration::from_millis(5));
    config.functions[1].options.ttl = Some(Duration::from_millis(50));
    let server = Running::start(&config);
    let mut clients: Vec<Client> = (0..60).map(|_| Client::to(server.address)).collect();
    for _ in 0..30 {
        for client in &mut clients {
            client.send(&get("/late"));
        }
        for client in &mut clients {
            client.reply();
        }
    }
    let late = server.handle.counted().functions["main"].errors["timeout"];
    assert!(late > 1_300, "enough of them: {late}");
    let asked = std::time::Instant::now();
    assert_eq!(statuses(&server.talk(&get("/idle"))), [200]);
    assert!(asked.elapsed() < Duration::from_secs(3));
    assert!(!mark.exists());
}

/// A function does not come back from its end. Whoever asks for it hears so at once, and nobody
/// else's place in the queue is taken by those who do.
#[test]
fn a_function_that_hangs_in_its_end_is_in_quarantine() {
    let body = r#"
void fezz_fini_v1(void) { for (;;) pause(); }
FezzOwned fezz_handle_v2(FezzSlice r) {
    (void)r;
    FezzOwned o = { malloc(10), 10 };
    memcpy(o.ptr, "\xa1\x66status\x18\xc8", 10);
    return o;
}
void fezz_free_v2(FezzOwned o) { free(o.ptr); }
"#;
    let mut config = serving(c_function("hangs_in_its_end", body));
    config.functions[0].options.ttl = Some(Duration::from_millis(100));
    config.functions[0].options.timeout = Some(Duration::from_millis(500));
    let server = Running::start(&config);
    assert_eq!(statuses(&server.talk(&get("/"))), [200]);
    server.wait("it is given up", |counted| counted.workers.abandoned == 1);
    for _ in 0..3 {
        let text = server.talk(&get("/"));
        assert_eq!(statuses(&text), [503], "{text}");
        assert!(text.contains("retry-after: "), "{text}");
    }
}
