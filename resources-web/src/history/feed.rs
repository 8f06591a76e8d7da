//! Analyses from the stream to the thread that writes them.
//!
//! A subscription of its own, beside that of the live view: however much there is to catch up
//! with, the live view does not wait for it.

use std::num::NonZeroU16;
use std::sync::LazyLock;
use std::time::Duration;

use resources_core::bus::{Bus, Delivery, Source, Start};
use resources_core::service::{Failure, within};
use resources_core::telemetry::metrics::{Gauge, gauge};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Analyses under way from the broker.
const PREFETCH: NonZeroU16 = NonZeroU16::new(1_000).expect("not zero");

/// Most messages handed over at a time, so that one wake-up of the thread serves many.
const MAX_CHUNK_MESSAGES: usize = 256;

/// Bytes of bodies after which a chunk is handed over.
const MAX_CHUNK_BYTES: usize = 256 * 1024;

/// Chunks that wait for the thread. When they are full the stream is not read, and the broker
/// keeps what comes.
pub(super) const MAX_CHUNKS: usize = 4;

/// Analyses in these chunks.
pub(super) static WAITING: LazyLock<Gauge> = LazyLock::new(|| {
    gauge(
        "resources_history_waiting_analyses",
        "Analyses read for history that its thread has not yet taken",
    )
});

/// How long the last acknowledgements may take.
const LAST_LIMIT: Duration = Duration::from_secs(2);

/// Reads the stream from `start` on, and hands over what it reads until `stop`, or until nobody
/// takes it any more.
pub(super) async fn run(
    bus: Bus,
    start: Start,
    chunks: mpsc::Sender<Vec<Delivery>>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let mut analyses = bus.subscribe(Source::Analyses(start), PREFETCH);
    loop {
        let first = tokio::select! {
            () = stop.cancelled() => break,
            first = analyses.next() => first,
        };
        let Some(first) = first else {
            return Err(Failure::failed("the bus was closed while history was read"));
        };
        let mut receipt = first.receipt;
        let mut bytes = first.body.len();
        let mut chunk = vec![first];
        while chunk.len() < MAX_CHUNK_MESSAGES && bytes < MAX_CHUNK_BYTES {
            let Some(delivery) = analyses.try_next() else { break };
            receipt = delivery.receipt;
            bytes += delivery.body.len();
            chunk.push(delivery);
        }
        let waiting = i64::try_from(chunk.len()).unwrap_or(i64::MAX);
        tokio::select! {
            // What was not handed over is read again at the next start.
            () = stop.cancelled() => break,
            place = chunks.reserve() => match place {
                // Before the thread can take it.
                Ok(place) => {
                    WAITING.add(waiting);
                    place.send(chunk);
                }
                Err(_) => break,
            },
        }
        // Only asks for more: the place in the stream is kept in the database.
        analyses.acknowledge_through(receipt).await;
    }
    within(LAST_LIMIT, "acknowledging", analyses.flush()).await;
    Ok(())
}
