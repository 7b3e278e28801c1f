//! Calls an artifact many times with one request, for a profiler to count instructions:
//! `valgrind --tool=callgrind target/release/examples/call target/release/libhello.so 100000`.

use std::path::Path;
use std::process::ExitCode;

use fezz_abi::host::Function;
use fezz_wire::{BodySlot, Meta, RequestHead, ResponseView, WireLimits};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(Ok(calls))) = (arguments.next(), arguments.next().map(|n| n.parse()))
    else {
        eprintln!("usage: call LIBRARY CALLS [decode]");
        return ExitCode::FAILURE;
    };
    let decode = arguments.next().is_some();
    let function = match Function::load_in_place(Path::new(&path)) {
        Ok(function) => function,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{} octets were answered", run(&function, calls, decode));
    ExitCode::SUCCESS
}

fn run(function: &Function, calls: u32, decode: bool) -> usize {
    let envelope = envelope();
    let mut octets = 0;
    for _ in 0..calls {
        octets += function.call(&envelope, |answer| match answer {
            Ok(answer) if decode => ResponseView::decode(answer, &WireLimits::default())
                .map_or(0, |view| view.body_len()),
            Ok(answer) => answer.len(),
            Err(_) => 0,
        });
    }
    octets
}

/// A small GET as a browser sends it.
fn envelope() -> Vec<u8> {
    let fields: [(&[u8], &[u8]); 4] = [
        (b"host", b"localhost:8080"),
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"),
        (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8"),
        (b"accept-encoding", b"gzip, deflate, br"),
    ];
    let head = RequestHead {
        method: "GET",
        scheme: Some("http"),
        authority: Some("localhost:8080"),
        path: "/",
        query: None,
        meta: Meta { deadline_ms: Some(30_000), client_ip: Some("127.0.0.1"), ..Meta::default() },
        header_count: fields.len(),
    };
    let mut buf = Vec::new();
    let layout = fezz_wire::write_request(&mut buf, &head, fields.into_iter(), BodySlot::Known(0));
    layout.envelope(&buf).to_vec()
}
