//! The second opinion: what the stream of analyses holds, read whole, against what was sampled.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::path::Path;

use resources_core::bus::{Message, Source, Start};
use resources_core::contract::{Topic, TraceParent};
use resources_core::test_support::{in_time, open_bus};
use serde::Deserialize;
use serde_json::json;

use super::alerts::Levels;

/// One sample, in a line of the ledger and in an analysis.
#[derive(Debug, Deserialize)]
struct Sample {
    host: String,
    run: String,
    sequence: u64,
}

/// What more an analysis tells.
#[derive(Debug, Deserialize)]
struct Reading {
    timestamp_ms: u64,
    cpu_percentage: f64,
}

/// Sequences by host and run.
pub(crate) type Samples = BTreeMap<(String, String), BTreeSet<u64>>;

/// What a stream holds.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    samples: Samples,
    /// What it says of the CPU of each host.
    pub(crate) levels: Levels,
    /// Analyses read.
    pub(crate) read: u64,
    /// Of those, the ones that were there before: allowed, and not to be counted by history.
    pub(crate) repeated: u64,
}

/// Samples in the ledger at `path`.
pub(crate) fn sampled(path: &Path) -> Samples {
    let text = std::fs::read_to_string(path).expect("the ledger");
    let mut samples = Samples::new();
    for line in text.lines() {
        let Sample { host, run, sequence } = serde_json::from_str(line).expect("a line of it");
        let new = samples.entry((host, run)).or_default().insert(sequence);
        assert!(new, "nothing is sampled twice: {line}");
    }
    samples
}

/// Published behind everything else, to know the end of the stream when it is read.
const END_OF_STREAM: &str = "end-of-stream.analysis";

impl Stream {
    /// Reads the stream of the broker at `url` from its beginning to what is its end now.
    pub(crate) async fn read(url: &str) -> Self {
        let bus = open_bus(url, "resources");
        let end = Message {
            topic: Topic::new(END_OF_STREAM).expect("a topic"),
            body: "{}".into(),
            timestamp_ms: 0,
            trace: TraceParent::begin(),
        };
        bus.publisher().publish_until_confirmed(&end).await.expect("the stream takes it");
        let prefetch = NonZeroU16::new(1000).expect("not zero");
        let mut analyses = bus.subscribe(Source::Analyses(Start::First), prefetch);
        let mut this = Self::default();
        loop {
            let next = in_time("the stream goes on to its end", analyses.next()).await;
            let delivery = next.expect("the bus is open");
            analyses.acknowledge_through(delivery.receipt).await;
            if &*delivery.topic == END_OF_STREAM {
                break;
            }
            this.add(&delivery.body);
        }
        bus.close().await;
        this
    }

    fn add(&mut self, body: &[u8]) {
        let Sample { host, run, sequence } =
            serde_json::from_slice(body).expect("an analysis of a numbered sample");
        let Reading { timestamp_ms, cpu_percentage } =
            serde_json::from_slice(body).expect("an analysis with a CPU");
        self.levels.add(&host, sequence, timestamp_ms, cpu_percentage);
        self.read += 1;
        if !self.samples.entry((host, run)).or_default().insert(sequence) {
            self.repeated += 1;
        }
    }

    /// Panics unless it holds all of `sampled`.
    pub(crate) fn must_hold(&self, sampled: &Samples) {
        let nothing = BTreeSet::new();
        let missing: Vec<_> = sampled
            .iter()
            .flat_map(|(run, sequences)| {
                let held = self.samples.get(run).unwrap_or(&nothing);
                sequences.difference(held).map(move |sequence| (run, sequence))
            })
            .collect();
        let some = &missing[..missing.len().min(20)];
        assert!(missing.is_empty(), "the stream lacks {} samples: {some:?} …", missing.len());
    }

    /// Writes what there is of `host` as a ledger to `path`.
    pub(crate) fn write_ledger(&self, host: &str, path: &Path) {
        let runs = self.samples.iter().filter(|((of, _), _)| of == host);
        let lines = runs.flat_map(|((host, run), sequences)| {
            let line =
                move |sequence: &u64| json!({"host": host, "run": run, "sequence": sequence});
            sequences.iter().map(move |sequence| format!("{}\n", line(sequence)))
        });
        std::fs::write(path, lines.collect::<String>()).expect("a file");
    }

    /// Panics unless `host` has one run, with every sequence from 0 on.
    pub(crate) fn must_be_gapless(&self, host: &str) {
        let runs: Vec<_> = self.samples.iter().filter(|((of, _), _)| of == host).collect();
        let [(_, sequences)] = runs[..] else { panic!("{host} has {} runs, not one", runs.len()) };
        let missing: Vec<u64> = (0..=sequences.last().copied().unwrap_or(0))
            .filter(|sequence| !sequences.contains(sequence))
            .collect();
        assert!(missing.is_empty(), "{host} lacks {missing:?}");
    }
}
