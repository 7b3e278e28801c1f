//! hyper 1 at its leanest: one current-thread tokio runtime, a constant answer, POST is echoed;
//! a mebioctet from `/bulk`, and whatever `/sink` is sent.
//!
//! A peer that `stress/bench` can always run, since it needs nothing installed.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use fezz_stress::limits::raise_descriptor_limit;

const CONSTANT: &[u8] = b"hello";
/// A POST of this path is read and gets the constant.
const SINK: &str = "/sink";
/// A GET of this path gets [`LONG`].
const BULK: &str = "/bulk";
static LONG: [u8; 1 << 20] = [b'x'; 1 << 20];

/// A minimal hyper server: `hello` to everything, a POST gets its body back.
#[derive(Parser)]
#[command(after_help = "Example:\n  fezz-hyper-server --listen 127.0.0.1:8082")]
struct Args {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8082")]
    listen: SocketAddr,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(serve(args.listen))
}

async fn serve(address: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let exchange = http1::Builder::new()
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            // A client that leaves in the middle is its own affair.
            drop(exchange.await);
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = if request.method() == Method::POST {
        let keeps = request.uri().path() == SINK;
        match request.into_body().collect().await {
            Ok(_) if keeps => Bytes::from_static(CONSTANT),
            Ok(body) => body.to_bytes(),
            Err(_) => return Ok(bad_request()),
        }
    } else if request.uri().path() == BULK {
        Bytes::from_static(&LONG)
    } else {
        Bytes::from_static(CONSTANT)
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

fn bad_request() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}
