//! Samples one machine and publishes what it measures to `<host>.measure`.
//!
//! A [`Collector`] reads the machine, a sampler does so at the ticks of the wall clock, and an
//! outbox holds each sample until the broker has confirmed it, so that a broken link or a
//! restarted broker loses none (up to a bound; then the oldest go, counted).

mod collect;
mod config;
mod filter;
mod outbox;
mod sampler;

use resources_core::bus::Bus;
use resources_core::service::Failure;
use tokio_util::sync::CancellationToken;

use self::outbox::Outbox;
use self::sampler::Sampler;

pub use self::collect::{CollectSettings, Collector, ProcessSettings, Reading};
pub use self::config::{Settings, TrackerArgs};
pub use self::filter::NameFilter;
pub use self::sampler::measure_once;

/// Samples and publishes until `stop`, then publishes what it still holds, within
/// [`GRACE`](resources_core::service::GRACE). Does not close the bus.
///
/// # Errors
/// When the bus is closed before `stop`.
pub async fn run(settings: Settings, bus: Bus, stop: CancellationToken) -> Result<(), Failure> {
    let mut outbox = Outbox::new(&bus, settings.buffer());
    let mut sampler = Sampler::new(&settings, bus.link());
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            sample = sampler.next() => outbox.push(sample),
            _closed = outbox.drive() => {
                return Err(Failure::failed("the link to the broker was closed from within"));
            }
        }
    }
    outbox.finish().await;
    Ok(())
}
