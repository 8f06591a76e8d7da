//! Samples one machine and publishes what it measures to `<host>.measure`.
//!
//! A [`Collector`] reads the machine, a sampler does so at the ticks of the wall clock, and an
//! [`Outbox`] holds each sample until the broker has confirmed it, so that a broken link or a
//! restarted broker loses none (up to a bound; then the oldest go, counted). With a spool, which
//! is a folder on disk, that holds for a restart of the tracker or its machine as well.

mod collect;
mod config;
mod filter;
mod outbox;
mod sampler;
mod size;
mod spool;

use resources_core::bus::Bus;
use resources_core::service::Failure;
use tokio_util::sync::CancellationToken;

use self::sampler::Sampler;
use self::size::in_words;

pub use self::collect::{CollectSettings, Collector, ProcessSettings, Reading};
pub use self::config::{Settings, TrackerArgs};
pub use self::filter::NameFilter;
pub use self::outbox::{BusClosed, Outbox, OutboxCounts, OutboxSettings, Sample};
pub use self::sampler::measure_once;
pub use self::spool::{SpoolError, SpoolSettings};

/// What fuzzing drives; no part of the library's promise.
#[doc(hidden)]
pub mod fuzz {
    /// Reads any bytes as a segment of a spool, and every sample in it; gives how many there are.
    #[must_use]
    pub fn spool_segment(bytes: &[u8]) -> usize {
        crate::spool::read_segment(bytes)
    }
}

/// Samples and publishes until `stop`, then publishes what it still holds, within
/// [`GRACE`](resources_core::service::GRACE). Does not close the bus.
///
/// # Errors
/// When the folder of the spool cannot be used, or the bus is closed before `stop`.
pub async fn run(settings: Settings, bus: Bus, stop: CancellationToken) -> Result<(), Failure> {
    let mut outbox = Outbox::open(&bus, settings.outbox()).map_err(Failure::settings)?;
    let mut sampler = Sampler::new(&settings, bus.link());
    let mut room_told = false;
    let outcome = loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                if let Some(last) = sampler.last_sample(outbox.untold_dropped()) {
                    outbox.push(last);
                }
                break Ok(());
            }
            () = sampler.tick() => {
                let Some(sample) = sampler.sample(outbox.untold_dropped()) else { continue };
                if !std::mem::replace(&mut room_told, true) {
                    tell_room(&settings, &sample);
                }
                outbox.push(sample);
            }
            closed = outbox.drive() => break Err(Failure::failed(closed)),
        }
    };
    outbox.finish().await;
    outcome
}

/// Says how much is kept during an outage, by the size of the first sample.
fn tell_room(settings: &Settings, sample: &Sample) {
    let samples = settings.buffer();
    let sample_bytes = sample.message.body.len() as u64 + outbox::HEAD_BYTES;
    let buffer_bytes = sample_bytes * samples as u64;
    let room = in_words(buffer_bytes);
    match &settings.spool {
        None => tracing::info!(
            samples,
            buffer_bytes,
            "holds up to {samples} samples, about {room}, while the broker is away"
        ),
        Some(spool) => tracing::info!(
            samples,
            buffer_bytes,
            spool_bytes = spool.limit_bytes,
            "holds up to {samples} samples, about {room}, in memory while the broker is away, and \
             about {} samples, up to {}, in {}",
            spool.limit_bytes / sample_bytes,
            in_words(spool.limit_bytes),
            spool.folder.display()
        ),
    }
}
