//! The messages that are published, made beforehand, and how they are.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _, TryStreamExt as _};
use resources_analyzer::{ThresholdRules, classify};
use resources_core::bus::{Message, Publisher};
use resources_core::contract::{
    HostName, Kind, Labels, Measure, ReceivedMeasure, RoutingKey, Topic, TraceParent,
};
use resources_core::service::now_ms;
use resources_core::test_support::full_measure;
use serde::Deserialize;
use tokio::time::MissedTickBehavior;

/// Messages on their way at a time when all shall leave at once; the publisher has its own
/// window below it.
const AT_ONCE: usize = 1024;

/// As a tracker, a host tells what hardly ever changes with one sample in this many.
const SYSTEM_EVERY: usize = 60;

/// Names begin with this; the number of the host follows.
pub(crate) const HOST_PREFIX: &str = "bench-";

/// Between the samples of one host, by its clock.
const INTERVAL_MS: u64 = 1_000;

/// `count` messages of `kind`, of `hosts` hosts in turn. The number of a message is its place.
pub(crate) fn messages(kind: Kind, hosts: usize, count: usize) -> anyhow::Result<Vec<Message>> {
    messages_of(kind, hosts, count, |_, _| {})
}

/// The same of measures that `change` gave another look, told the number of each.
pub(crate) fn messages_of(
    kind: Kind,
    hosts: usize,
    count: usize,
    change: impl Fn(usize, &mut Measure),
) -> anyhow::Result<Vec<Message>> {
    let rules = ThresholdRules::default();
    let (begun_ms, trace) = (now_ms(), TraceParent::begin());
    let message = |number: usize| {
        let (host, sequence) = (format!("{HOST_PREFIX}{}", number % hosts), number / hosts);
        let topic = Topic::from(RoutingKey::new(HostName::new(&host)?, kind));
        let mut measure = full_measure(&host, sequence.try_into()?);
        if !sequence.is_multiple_of(SYSTEM_EVERY) {
            (measure.system, measure.labels) = (None, Labels::default());
        }
        measure.timestamp_ms = begun_ms + u64::try_from(sequence)? * INTERVAL_MS;
        change(number, &mut measure);
        let timestamp_ms = measure.timestamp_ms;
        let mut message = Message::json(topic, &measure, timestamp_ms, trace)?;
        if kind == Kind::Analysis {
            let key = RoutingKey::new(measure.host, Kind::Measure).to_string();
            let received = ReceivedMeasure::decode(&key, &message.body, timestamp_ms)?;
            let analysis = received.analysis(&classify(received.measure(), &rules))?;
            message.body = analysis.into();
        }
        Ok(message)
    };
    (0..count).map(message).collect()
}

/// The part of a message that tells its number.
#[derive(Debug, Deserialize)]
struct Numbered<'a> {
    host: &'a str,
    sequence: usize,
}

/// The number of the message with this body.
pub(crate) fn number_of(body: &[u8], hosts: usize) -> anyhow::Result<usize> {
    let Numbered { host, sequence } = serde_json::from_slice(body)?;
    Ok(sequence * hosts + host_number(host)?)
}

fn host_number(host: &str) -> anyhow::Result<usize> {
    Ok(host.strip_prefix(HOST_PREFIX).context("not a host of this bench")?.parse()?)
}

/// Tells the number of a message from what a page is told of it: its host and when it was sampled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    begun_ms: u64,
    hosts: usize,
}

impl Numbers {
    /// Those of `messages`, made of as many `hosts`.
    pub(crate) fn of(messages: &[Message], hosts: usize) -> anyhow::Result<Self> {
        let begun_ms = messages.first().context("no messages")?.timestamp_ms;
        Ok(Self { begun_ms, hosts })
    }

    /// The number of the message that a sample came in.
    pub(crate) fn number(&self, (host, sampled_ms): &(HostName, u64)) -> anyhow::Result<usize> {
        let since_ms = sampled_ms.checked_sub(self.begun_ms).context("sampled before the bench")?;
        let sequence = usize::try_from(since_ms / INTERVAL_MS)?;
        Ok(sequence * self.hosts + host_number(host.as_str())?)
    }
}

/// Publishes all as fast as they are confirmed.
pub(crate) async fn publish_at_once(
    publisher: &Publisher,
    messages: &[Message],
) -> anyhow::Result<()> {
    let publish = |message| publisher.publish_until_confirmed(message);
    let confirmed = stream::iter(messages).map(publish).buffer_unordered(AT_ONCE);
    confirmed.try_for_each(|()| std::future::ready(Ok(()))).await.map_err(Into::into)
}

/// Publishes `per_second` messages a second, evenly, and tells when each was handed over.
pub(crate) async fn publish_evenly(
    publisher: &Publisher,
    messages: &[Message],
    per_second: u32,
) -> anyhow::Result<Vec<Instant>> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut in_flight = FuturesUnordered::new();
    let mut handed_over = Vec::with_capacity(messages.len());
    let mut rest = messages.iter();
    loop {
        tokio::select! {
            biased;
            Some(confirmed) = in_flight.next() => confirmed?,
            _ = ticks.tick() => {
                let Some(message) = rest.next() else { break };
                handed_over.push(Instant::now());
                in_flight.push(publisher.publish(message));
            }
        }
    }
    while let Some(confirmed) = in_flight.next().await {
        confirmed?;
    }
    Ok(handed_over)
}

/// Bytes of the largest body.
pub(crate) fn largest_bytes(messages: &[Message]) -> usize {
    messages.iter().map(|message| message.body.len()).max().unwrap_or_default()
}
