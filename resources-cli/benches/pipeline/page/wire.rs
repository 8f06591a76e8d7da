//! What an update costs on the wire.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::{Instant, timeout_at};

use crate::context::PATIENCE;
use crate::dashboard::Client;

/// A frame's own head, for texts as long as a batch of many hosts.
const FRAME_HEAD_BYTES: usize = 4;

/// The part of a message that is counted.
#[derive(Debug, Deserialize)]
struct Told {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    rows: Vec<IgnoredAny>,
}

/// What a browser that looks at nothing in particular was sent.
#[derive(Debug, Default)]
pub(super) struct Wire {
    bytes: usize,
    pub(super) rows: usize,
    pub(super) snapshot_bytes: usize,
}

impl Wire {
    /// Listens for `time` after the snapshot.
    pub(super) async fn listen(address: SocketAddr, time: Duration) -> anyhow::Result<Self> {
        let mut client = Client::connect(address).await?;
        let mut wire = Self::default();
        let snapshot = timeout_at(Instant::now() + PATIENCE, client.next()).await;
        let (_, text) = snapshot.context("no snapshot came")??;
        wire.snapshot_bytes = text.len();
        let end = Instant::now() + time;
        while let Ok(message) = timeout_at(end, client.next()).await {
            let (_, text) = message?;
            let told: Told = serde_json::from_str(&text).context("a message to a browser")?;
            ensure!(told.kind != "snapshot", "the bench was too slow a reader");
            wire.rows += told.rows.len();
            wire.bytes += text.len() + FRAME_HEAD_BYTES;
        }
        ensure!(wire.rows > 0, "no host was told");
        Ok(wire)
    }

    pub(super) const fn bytes_a_row(&self) -> f64 {
        crate::statistics::number(self.bytes) / crate::statistics::number(self.rows)
    }
}
