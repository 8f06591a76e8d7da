//! A web hook that the observer calls: what it is told, and when.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Router, serve};
use resources_core::contract::Alert;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Messages that wait to be looked at; beyond it the hook does not answer.
const ROOM: usize = 4_096;

/// What a message says.
#[derive(Debug, Deserialize)]
pub(super) struct Notification {
    pub(super) group: Counts,
    pub(super) alerts: Vec<Alert>,
}

/// How many alerts it is about, also those that are not listed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Counts {
    pub(super) raised: usize,
    pub(super) cleared: usize,
}

type Told = (Instant, Bytes);

/// Listens until it is dropped.
#[derive(Debug)]
pub(super) struct Hook {
    pub(super) url: String,
    told: mpsc::Receiver<Told>,
    server: JoinHandle<()>,
}

impl Hook {
    pub(super) async fn listen() -> anyhow::Result<Self> {
        let (tell, told) = mpsc::channel(ROOM);
        let router = Router::new()
            .route("/", post(take))
            .layer(DefaultBodyLimit::disable())
            .with_state(tell);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let server = tokio::spawn(async move {
            // It ends only by being dropped.
            serve(listener, router).await.ok();
        });
        Ok(Self { url, told, server })
    }

    /// The next message, and when it was here as a whole.
    pub(super) async fn next(
        &mut self,
        limit: Duration,
    ) -> anyhow::Result<(Instant, Notification)> {
        let told = timeout(limit, self.told.recv()).await.context("the hook is told nothing")?;
        let (at, body) = told.context("the hook ended")?;
        Ok((at, serde_json::from_slice(&body).context("not a notification")?))
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(tell): State<mpsc::Sender<Told>>, body: Bytes) -> StatusCode {
    match tell.send((Instant::now(), body)).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
