//! The request heads that parsers are measured with.

/// Name and octets.
pub(crate) fn heads() -> Vec<(&'static str, Vec<u8>)> {
    let mut thirty = String::from("GET /search?q=thirty HTTP/1.1\r\nHost: www.example.com\r\n");
    for field in 0..29 {
        let value = "0123456789abcdef0123456789".get(..16 + field % 11).unwrap_or_default();
        thirty += &format!("X-Custom-Field-{field:02}: {value}\r\n");
    }
    thirty += "\r\n";
    let cookie = format!(
        "GET / HTTP/1.1\r\nHost: www.example.com\r\nCookie: session={}\r\n\r\n",
        "0123456789abcdef".repeat(256)
    );
    vec![
        ("minimal", b"GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n".to_vec()),
        ("small", SMALL.to_vec()),
        ("browser", BROWSER.to_vec()),
        ("thirty", thirty.into_bytes()),
        ("cookie", cookie.into_bytes()),
    ]
}

const SMALL: &[u8] = b"GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: k6\r\nAccept: */*\r\n\r\n";

const BROWSER: &[u8] = b"GET /account/orders/2024-11/details?sort=date&page=2 HTTP/1.1\r\n\
    Host: shop.example.com\r\n\
    Connection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\", \"Browser\";v=\"128\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/128.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
    */*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Referer: https://shop.example.com/account\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: sid=8f14e45fceea167a; theme=dark\r\n\r\n";
