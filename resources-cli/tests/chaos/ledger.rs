//! The second opinion: what the stream of analyses holds, read whole, against what was sampled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use resources_core::bus::{Source, Start, Subscription};
use resources_core::test_support::{in_time, open_bus};
use serde::Deserialize;

/// One sample, in a line of the ledger and in an analysis.
#[derive(Debug, Deserialize)]
struct Sample {
    host: String,
    run: String,
    sequence: u64,
}

/// Sequences by host and run.
pub(crate) type Samples = BTreeMap<(String, String), BTreeSet<u64>>;

/// What a stream holds.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    samples: Samples,
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

impl Stream {
    /// Reads the stream of the broker at `url` from its beginning until it has shown all of
    /// `sampled`; panics with what is missing when it does not.
    pub(crate) async fn read_until(url: &str, sampled: &Samples) -> Self {
        let bus = open_bus(url, "resources");
        let prefetch = std::num::NonZeroU16::new(1000).expect("not zero");
        let mut analyses = bus.subscribe(Source::Analyses(Start::First), prefetch);
        let mut this = Self::default();
        let mut missing = sampled.clone();
        while !missing.is_empty() {
            let some: Vec<_> = missing.iter().take(5).collect();
            let waited = format!("{} runs lack samples in the stream: {some:?}", missing.len());
            this.take_next(&mut analyses, &mut missing, &waited).await;
        }
        bus.close().await;
        this
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

    async fn take_next(
        &mut self,
        analyses: &mut Subscription,
        missing: &mut Samples,
        waited: &str,
    ) {
        let delivery = in_time(waited, analyses.next()).await.expect("the bus is open");
        analyses.acknowledge_through(delivery.receipt).await;
        let Sample { host, run, sequence } =
            serde_json::from_slice(&delivery.body).expect("an analysis of a numbered sample");
        self.read += 1;
        let key = (host, run);
        if let Some(sequences) = missing.get_mut(&key) {
            sequences.remove(&sequence);
            if sequences.is_empty() {
                missing.remove(&key);
            }
        }
        if !self.samples.entry(key).or_default().insert(sequence) {
            self.repeated += 1;
        }
    }
}
