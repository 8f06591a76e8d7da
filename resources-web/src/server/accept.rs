//! Accepts connections and serves HTTP/1.1 on them, with a bound on everything a client may do
//! to hold one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at a time that are no WebSocket; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 256;

/// How long a client may take to send the head of a request, also of the next one on a
/// connection that is kept.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Size of the head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Headers of a request.
const MAX_HEADERS: usize = 64;

/// How long a connection is kept. A client that takes its answer byte by byte gives up its
/// place in the end; a WebSocket is not bound by it.
const LIFETIME: Duration = Duration::from_secs(120);

/// How long an answer under way may take once the connection is to end.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// Rest after the system refused a connection, most likely for want of open files.
const REFUSED_REST: Duration = Duration::from_millis(100);

/// Serves until `stop`, then finishes the answers under way.
pub(super) async fn run(listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    serve(stream, router, stop).await;
                    drop(place);
                });
            }
            // The client left before it was accepted.
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection; is the limit of open files reached?");
                sleep(REFUSED_REST).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

fn is_of_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn serve(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Batches are small and should leave at once.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection broke as it was accepted");
        return;
    }
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    let connection = http
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(connection);
    let served = tokio::select! {
        served = &mut connection => Ok(served),
        () = async { tokio::select! { () = stop.cancelled() => {}, () = sleep(LIFETIME) => {} } } => {
            connection.as_mut().graceful_shutdown();
            timeout(DRAIN_LIMIT, connection).await
        }
    };
    if let Ok(Err(error)) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
