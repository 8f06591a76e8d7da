//! Hosts whose figures tell which sample they are of, so that a figure in a frame has an age.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use resources_core::bus::{Message, Publisher};
use resources_core::contract::{HostName, Kind, RoutingKey, Topic, TraceParent};
use resources_core::service::now_ms;
use resources_core::test_support::full_measure;
use tokio::time::MissedTickBehavior;

/// Sorts before every simulated host, so that the rows are in sight.
pub(super) const PREFIX: &str = "0-probe-";

/// As many as there are rows in sight in a window 800 pixels high.
const HOSTS: usize = 8;

/// The CPU has as many different figures, in tenths of a percent; the highest is left out.
const FIGURES: usize = 1000;

/// When each sample was taken: by host, then by sequence.
#[derive(Debug, Default)]
pub(super) struct Sampled([Vec<u64>; HOSTS]);

impl Sampled {
    /// When the sample of a figure was taken that was painted then; `None` when no probe ever had
    /// it.
    pub(super) fn sampled_ms(&self, host: &str, figure: &str, painted_ms: u64) -> Option<u64> {
        let number: usize = host.strip_prefix(PREFIX)?.parse().ok()?;
        let tenths: usize = figure.trim_end_matches('%').trim().replace('.', "").parse().ok()?;
        let samples = self.0.get(number)?;
        // Figures come round again; of those it can be, the newest before the frame.
        let mut may_be = samples.iter().skip(tenths).step_by(FIGURES).copied();
        may_be.rfind(|sampled_ms| *sampled_ms <= painted_ms)
    }

    /// How many were taken between two instants.
    pub(super) fn count(&self, from_ms: u64, to_ms: u64) -> usize {
        self.0.iter().flatten().filter(|at| (from_ms..to_ms).contains(at)).count()
    }
}

/// Samples each probe once a second, evenly, until `stop`.
pub(super) async fn publish(
    publisher: &Publisher,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Sampled> {
    let mut stop = std::pin::pin!(stop);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(HOSTS)?);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sampled = Sampled::default();
    let mut in_flight = FuturesUnordered::new();
    let mut turn = 0;
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return Ok(sampled),
            Some(confirmed) = in_flight.next() => confirmed?,
            _ = ticks.tick() => {
                let samples = sampled.0.get_mut(turn % HOSTS).context("a probe")?;
                let message = message(turn % HOSTS, samples.len())?;
                samples.push(message.timestamp_ms);
                in_flight.push(async move { publisher.publish(&message).await });
                turn += 1;
            }
        }
    }
}

fn message(host: usize, sequence: usize) -> anyhow::Result<Message> {
    let name = format!("{PREFIX}{host}");
    let mut measure = full_measure(&name, sequence.try_into()?);
    let tenths = u16::try_from(sequence % FIGURES)?;
    measure.cpu_percentage = f64::from(tenths) / 10.0;
    measure.timestamp_ms = now_ms();
    let topic = Topic::from(RoutingKey::new(HostName::new(&name)?, Kind::Measure));
    Ok(Message::json(topic, &measure, measure.timestamp_ms, TraceParent::begin())?)
}
