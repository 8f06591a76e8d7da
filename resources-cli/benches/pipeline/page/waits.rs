//! How long a change waits for others on its way to the page: seen by a bare consumer of the
//! stream of analyses, and by a WebSocket client of the web server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use resources_core::contract::HostName;
use resources_core::service::now_ms;
use resources_web::client::View;
use resources_web::protocol::Message;
use serde::Deserialize;

use crate::amqp::{Queues, Reader};
use crate::dashboard::Client;

/// A host, and when it took a sample.
pub(super) type Sample = (HostName, u64);

/// When a sample was seen at a place.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    /// By the clock of the machine.
    at_ms: u64,
}

/// When changes were seen on the way, each by its sample.
#[derive(Debug, Default)]
pub(super) struct Waits {
    off_the_bus: HashMap<Sample, Seen>,
    over_the_socket: HashMap<Sample, Seen>,
}

/// The part of an analysis that tells its sample.
#[derive(Debug, Deserialize)]
struct Sampled {
    host: HostName,
    timestamp_ms: u64,
}

impl Waits {
    /// Watches both places until `stop`.
    pub(super) async fn watch(
        url: &str,
        exchange: &str,
        address: SocketAddr,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<Self> {
        let mut stop = std::pin::pin!(stop);
        let mut reader = Reader::open(url, exchange, Queues::Durable).await?;
        let mut client = Client::connect(address).await?;
        let (mut view, mut waits) = (View::default(), Self::default());
        loop {
            tokio::select! {
                () = &mut stop => return Ok(waits),
                arrival = reader.next() => {
                    let arrival = arrival?;
                    let Sampled { host, timestamp_ms } =
                        serde_json::from_slice(&arrival.body).context("an analysis")?;
                    waits.off_the_bus.insert((host, timestamp_ms), Seen::at(arrival.at));
                }
                text = client.next() => {
                    let (at, text) = text?;
                    let (told, seen) = (view.read(&text)?, Seen::at(at));
                    // A snapshot tells what was told before.
                    if matches!(told.message, Message::Changes(_)) {
                        let samples = told.samples.into_iter().map(|sample| (sample, seen));
                        waits.over_the_socket.extend(samples);
                    }
                }
            }
        }
    }

    /// From the bus to a WebSocket, of every sample that was told between two instants.
    pub(super) fn on_the_server(&self, from_ms: u64, to_ms: u64) -> Vec<Duration> {
        let told = self.over_the_socket.iter();
        let told = told.filter(|(_, told)| (from_ms..=to_ms).contains(&told.at_ms));
        told.filter_map(|(sample, told)| {
            let came = self.off_the_bus.get(sample)?;
            Some(told.at.saturating_duration_since(came.at))
        })
        .collect()
    }

    /// From the bus until a page had the sample of `host`; `None` when the bus was not watched yet.
    pub(super) fn until_page(&self, sample: &Sample, page_ms: u64) -> Option<Duration> {
        let came = self.off_the_bus.get(sample)?;
        Some(Duration::from_millis(page_ms.saturating_sub(came.at_ms)))
    }

    /// From the WebSocket until a page had the sample of `host`.
    pub(super) fn in_the_page(&self, sample: &Sample, page_ms: u64) -> Option<Duration> {
        let told = self.over_the_socket.get(sample)?;
        Some(Duration::from_millis(page_ms.saturating_sub(told.at_ms)))
    }
}

impl Seen {
    /// Just now, or a moment ago.
    fn at(at: Instant) -> Self {
        let ago_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        Self { at, at_ms: now_ms().saturating_sub(ago_ms) }
    }
}
