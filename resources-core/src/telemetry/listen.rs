//! The listener of metrics: one address, one answer, a bound on everything.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::metrics;
use crate::service::Failure;

/// Connections at a time; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 8;

/// How long a client may take to send the head of a request.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Size of the head of a request, in bytes; the least there is.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// How long a connection is kept; Prometheus keeps its own between scrapes.
const LIFETIME: Duration = Duration::from_secs(120);

/// Rest after the system refused a connection, most likely for want of open files.
const REFUSED_REST: Duration = Duration::from_millis(100);

/// Binds `address` and serves metrics on it until it is aborted.
pub(super) fn listen(address: SocketAddr) -> Result<AbortHandle, Failure> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    let (listener, bound_to) = bound.map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "the port is in use; stop what uses it or choose another".to_owned()
            }
            _ => error.to_string(),
        };
        Failure::failed(format_args!("--metrics-listen {address}: {reason}"))
    })?;
    tracing::info!(metrics = %bound_to, "serving metrics on http://{bound_to}/metrics");
    Ok(tokio::spawn(accept(listener)).abort_handle())
}

async fn accept(listener: TcpListener) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(async move {
                    serve(stream).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection for metrics was not accepted");
                sleep(REFUSED_REST).await;
            }
        }
    }
}

async fn serve(stream: TcpStream) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(MAX_HEAD_BYTES);
    let answer_all = service_fn(async |request| Ok::<_, Infallible>(answer(&request)));
    let connection = http.serve_connection(TokioIo::new(stream), answer_all);
    if let Ok(Err(error)) = timeout(LIFETIME, connection).await {
        tracing::debug!(%error, "a connection for metrics ended early");
    }
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() != "/metrics" {
        return told(StatusCode::NOT_FOUND, "there is /metrics, and nothing else\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = told(StatusCode::METHOD_NOT_ALLOWED, "ask with GET\n");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    told(StatusCode::OK, metrics::render())
}

fn told(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
