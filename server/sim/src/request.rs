//! Requests of a script: their octets, and what an honest server may answer to them.
//!
//! What a request deserves is stated here from the RFCs and the project's rules, as numbers, so
//! that the oracle need not ask the code it judges.

use std::fmt;

use crate::rng::Rng;

/// One request of a client.
#[derive(Clone)]
pub struct Request {
    /// What goes over the wire: head, then framed content.
    pub octets: Vec<u8>,
    /// Where the head ends in `octets`.
    pub head_bytes: usize,
    /// The method.
    pub method: &'static str,
    /// The content, free of framing.
    pub content: Vec<u8>,
    /// Whether the client may be told to continue (RFC 9110 §10.1.1).
    pub expects: bool,
    /// Whether this request ends the connection by what it says (RFC 9112 §9.3).
    pub closes: bool,
    /// Whether a reply that keeps the connection must say so: HTTP/1.0.
    pub explicit: bool,
    /// What is wrong with it, if anything.
    pub want: Want,
    /// What the driver thinks of its head.
    pub verdict: Verdict,
    /// Milliseconds until that verdict is known; zero is at once.
    pub verdict_ms: u32,
    /// Octets of content the route takes.
    pub content_bytes_max: u64,
    /// Milliseconds a worker may take.
    pub handle_ms_max: u32,
    /// What the worker does with it.
    pub job: Job,
}

impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.octets.get(..self.head_bytes.min(200)).unwrap_or_default();
        write!(
            out,
            "\n    \"{}\" +{} octets; content {} of at most {}; expects {} closes {} explicit {} \
             {:?}; {:?} after {} ms; {:?} within {} ms",
            head.escape_ascii(),
            self.octets.len() - self.head_bytes,
            self.content.len(),
            self.content_bytes_max,
            self.expects,
            self.closes,
            self.explicit,
            self.want,
            self.verdict,
            self.verdict_ms,
            self.job,
            self.handle_ms_max,
        )
    }
}

/// What a request deserves before anybody judges its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Head and framing are right.
    Sound,
    /// The head is wrong: this status, and the end.
    Broken(u16),
    /// The chunk framing is wrong: this status, and the end.
    BrokenContent(u16),
}

/// What the driver thinks of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A function takes it.
    Take,
    /// No function has this path.
    NoRoute,
    /// The function does not take this method.
    NoMethod,
    /// The client may not ask.
    Denied,
    /// The client must say who it is.
    Unauthorized,
    /// The client asks too often.
    Limited,
    /// Too many ask at once.
    Saturated,
    /// The authority is not served here.
    Misdirected,
    /// The path has no canonical form.
    BadPath,
    /// There is no place for it now.
    Busy,
}

impl Verdict {
    /// The status of the refusal; zero when taken.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Take => 0,
            Self::NoRoute => 404,
            Self::NoMethod => 405,
            Self::Denied => 403,
            Self::Unauthorized => 401,
            Self::Limited => 429,
            Self::Saturated => 503,
            Self::Misdirected => 421,
            Self::BadPath => 400,
            Self::Busy => 503,
        }
    }
}

/// What a worker does.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// Microseconds it takes.
    pub took_us: u64,
    /// What comes of it.
    pub outcome: Outcome,
}

/// What comes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A reply.
    Reply {
        /// Its status.
        status: u16,
        /// Octets of content.
        bytes: usize,
        /// Whether the worker says it twice.
        twice: bool,
    },
    /// Octets that are no reply: 502.
    Bad,
    /// A panic: 500.
    Failed,
    /// Nothing, ever.
    Never,
}

/// The largest contents a world can afford, because of how few octets move at a time.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Octets of one request's content.
    pub content_bytes_max: usize,
    /// Octets of one reply's content.
    pub reply_bytes_max: usize,
    /// Milliseconds a worker may take.
    pub handle_ms_max: u32,
}

/// The content that request `request` of client `client` gets back.
#[must_use]
pub fn reply_content(client: usize, request: usize, bytes: usize) -> Vec<u8> {
    let mut content = format!("{client}.{request};").into_bytes();
    let start = content.len();
    content.extend((start..bytes).map(|at| pattern(at, client, request ^ 5)));
    content.truncate(bytes);
    content
}

fn pattern(at: usize, client: usize, request: usize) -> u8 {
    let place = at as u64 + 1 + ((client as u64) << 24) + ((request as u64) << 32);
    place.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0]
}

fn length(rng: &mut Rng, max: usize) -> usize {
    let reach = match rng.below(20) {
        0..=1 => 0,
        2..=10 => 100,
        11..=15 => 2_000,
        16..=18 => 9_000,
        _ => 40_000,
    };
    rng.size(0, reach.min(max))
}

/// Draws a request.
#[must_use]
pub fn draw(rng: &mut Rng, sizes: &Sizes, client: usize, request: usize) -> Request {
    match rng.below(24) {
        22 => broken(rng, sizes),
        23 => broken_content(rng, sizes, client, request),
        _ => sound(rng, sizes, client, request),
    }
}

fn blank() -> Request {
    Request {
        octets: Vec::new(),
        head_bytes: 0,
        method: "GET",
        content: Vec::new(),
        expects: false,
        closes: false,
        explicit: false,
        want: Want::Sound,
        verdict: Verdict::Take,
        verdict_ms: 0,
        content_bytes_max: 1 << 20,
        handle_ms_max: 30_000,
        job: Job { took_us: 0, outcome: Outcome::Reply { status: 200, bytes: 8, twice: false } },
    }
}

fn sound(rng: &mut Rng, sizes: &Sizes, client: usize, request: usize) -> Request {
    let method = rng.pick(&["GET", "GET", "POST", "POST", "HEAD", "PUT", "OPTIONS", "REPORT"]);
    let old = rng.chance(60);
    let bytes = match method {
        "GET" | "HEAD" | "OPTIONS" => 0,
        _ => length(rng, sizes.content_bytes_max),
    };
    let content: Vec<u8> = (0..bytes).map(|at| pattern(at, client, request)).collect();
    let chunked = !old && !matches!(method, "GET" | "HEAD" | "OPTIONS") && rng.chance(450);
    let continues = !content.is_empty() && rng.chance(150);
    let mut made = Request {
        method,
        expects: continues && !old,
        verdict: verdict(rng),
        verdict_ms: if rng.chance(100) { rng.pick(&[1, 50, 2_000]) } else { 0 },
        content_bytes_max: if rng.chance(40) { bytes as u64 / 2 } else { 1 << 20 },
        handle_ms_max: sizes.handle_ms_max,
        job: job(rng, sizes),
        ..blank()
    };
    let mut head = request_line(rng, method, old, client, request);
    if rng.chance(300) {
        for number in 0..rng.below(6) {
            head.push_str(&format!("x-{number}:\t{}  \r\n", "v".repeat(rng.size(0, 60))));
        }
    }
    connection(rng, old, &mut head, &mut made);
    if continues {
        head.push_str("Expect: 100-Continue\r\n");
    }
    if chunked {
        head.push_str(
            rng.pick(&["Transfer-Encoding: chunked\r\n", "transfer-encoding:Chunked\r\n"]),
        );
    } else if !content.is_empty() || rng.chance(200) {
        head.push_str(&format!("Content-Length: {bytes}\r\n"));
    }
    head.push_str("\r\n");
    made.octets = head.into_bytes();
    made.head_bytes = made.octets.len();
    if chunked {
        chunk(rng, &content, &mut made.octets);
    } else {
        made.octets.extend_from_slice(&content);
    }
    made.content = content;
    made
}

fn request_line(rng: &mut Rng, method: &str, old: bool, client: usize, request: usize) -> String {
    let empty_lines = if rng.chance(50) { "\r\n" } else { "" };
    let origin = match rng.below(8) {
        0 => "http://a.example",
        1 => "http://a.example:80",
        _ => "",
    };
    let query = if rng.chance(100) { "?a=b&c" } else { "" };
    let version = if old { "1.0" } else { "1.1" };
    let host = if old && origin.is_empty() && rng.chance(500) { "" } else { "Host: a.example\r\n" };
    format!("{empty_lines}{method} {origin}/f/{client}/{request}{query} HTTP/{version}\r\n{host}")
}

/// RFC 9112 §9.3: what the head says about the connection.
fn connection(rng: &mut Rng, old: bool, head: &mut String, made: &mut Request) {
    let choice = rng.below(if old { 3 } else { 12 });
    let (line, closes) = match (old, choice) {
        (true, 0) => ("", true),
        (true, 1) => ("Connection: Keep-Alive\r\n", false),
        (true, _) => ("Connection: keep-alive\r\nConnection: close\r\n", true),
        (false, 11) => ("connection: x-0, close\r\n", true),
        (false, 10) => ("Connection: keep-alive, ,\r\n", false),
        (false, _) => ("", false),
    };
    head.push_str(line);
    made.closes = closes;
    made.explicit = old && !closes;
}

fn verdict(rng: &mut Rng) -> Verdict {
    match rng.below(34) {
        25 => Verdict::NoRoute,
        26 => Verdict::NoMethod,
        27 => Verdict::Misdirected,
        28 => Verdict::Busy,
        29 => Verdict::BadPath,
        30 => Verdict::Denied,
        31 => Verdict::Unauthorized,
        32 => Verdict::Limited,
        33 => Verdict::Saturated,
        _ => Verdict::Take,
    }
}

fn job(rng: &mut Rng, sizes: &Sizes) -> Job {
    let took_us = match rng.below(10) {
        0..=5 => 0,
        6..=7 => rng.below(3_000),
        8 => rng.below(100_000),
        _ => rng.below(u64::from(sizes.handle_ms_max) * 1_500),
    };
    let status = rng.pick(&[200, 200, 200, 200, 204, 304, 404, 500]);
    let bytes = length(rng, sizes.reply_bytes_max);
    let outcome = match rng.below(40) {
        36 => Outcome::Bad,
        37 => Outcome::Failed,
        38 => Outcome::Never,
        39 => Outcome::Reply { status, bytes, twice: true },
        _ => Outcome::Reply { status, bytes, twice: false },
    };
    Job { took_us, outcome }
}

/// RFC 9112 §7.1, with all its liberties.
fn chunk(rng: &mut Rng, content: &[u8], out: &mut Vec<u8>) {
    const EXTENSIONS: [&str; 5] = ["", "", ";a", " ; name = token;b=1", ";q=\"a\\\"; b\";done"];
    let mut rest = content;
    while !rest.is_empty() {
        let bytes = rng.size(1, rest.len().min(9_000));
        let (data, behind) = rest.split_at(bytes);
        let zeros = if rng.chance(100) { "000" } else { "" };
        let size = if rng.chance(500) { format!("{bytes:x}") } else { format!("{bytes:X}") };
        out.extend_from_slice(format!("{zeros}{size}{}\r\n", rng.pick(&EXTENSIONS)).as_bytes());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
        rest = behind;
    }
    out.extend_from_slice(rng.pick(&["0", "000", "0;last"]).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(rng.pick(&["", "", "x-sum: 1\r\n", "a:\r\nb: c d\r\n"]).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn broken(rng: &mut Rng, sizes: &Sizes) -> Request {
    let long_line = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(9_000));
    let long_field = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "b".repeat(9_000));
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(150));
    let cases: [(&str, u16); 24] = [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nhost: a\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505),
        ("GET /\r\n\r\n", 400),
        ("GE(T / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("\x16\x03\x01\x02\0\x01\0", 400),
        ("GET / HTTP/1.1\nhost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
        ("GET /%0g HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\nx", 400),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\
             transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\nexpect: more\r\n\r\nx", 417),
        ("CONNECT a.example:1 HTTP/1.1\r\nhost: a.example:1\r\n\r\n", 501),
        (&long_line, 414),
        (&long_field, 431),
        (&many, 431),
    ];
    // The last three are long.
    let count = if sizes.content_bytes_max < 3_000 { cases.len() - 3 } else { cases.len() };
    let (text, status) = cases[rng.size(0, count - 1)];
    Request {
        octets: text.as_bytes().to_vec(),
        head_bytes: text.len(),
        closes: true,
        want: Want::Broken(status),
        ..blank()
    }
}

fn broken_content(rng: &mut Rng, sizes: &Sizes, client: usize, request: usize) -> Request {
    let cases = [
        "g\r\nx\r\n0\r\n\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "1 \r\nx\r\n0\r\n\r\n",
        "1;=a\r\nx\r\n0\r\n\r\n",
        "-1\r\nx\r\n0\r\n\r\n",
        "00000000000000001\r\nx\r\n0\r\n\r\n",
        "1\nx\n0\n\n",
        "1\r\nx\r\n0\r\nbad name: x\r\n\r\n",
    ];
    let head = format!(
        "POST /f/{client}/{request} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let mut octets = head.clone().into_bytes();
    if rng.chance(500) {
        octets.extend_from_slice(b"3\r\nabc\r\n");
    }
    octets.extend_from_slice(rng.pick(&cases).as_bytes());
    Request {
        octets,
        head_bytes: head.len(),
        method: "POST",
        closes: true,
        want: Want::BrokenContent(400),
        handle_ms_max: sizes.handle_ms_max,
        ..blank()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_name_their_request() {
        assert!(reply_content(3, 1, 20).starts_with(b"3.1;"));
        assert_eq!(reply_content(3, 1, 2), b"3.");
        assert_ne!(reply_content(3, 1, 40)[10..], reply_content(3, 2, 40)[10..]);
    }

    #[test]
    fn chunks_hold_the_content() {
        let mut rng = Rng::from_seed(5);
        let content = vec![b'x'; 100];
        let mut octets = Vec::new();
        chunk(&mut rng, &content, &mut octets);
        assert!(octets.ends_with(b"\r\n"));
        assert!(octets.iter().filter(|&&octet| octet == b'x').count() >= 100);
    }
}
