//! Samples that outlive the program that took them.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Child, Stdio};

use resources_core::bus::{Source, Subscription};
use resources_core::contract::Measure;
use resources_core::test_support::{RabbitMq, eventually, in_time, open_bus, unique_exchange};
use tempfile::TempDir;

use crate::program::{kill, tracker};

const PREFETCH: NonZeroU16 = NonZeroU16::new(64).unwrap();

/// A tracker that keeps samples in `folder`.
struct Tracker(Child);

impl Tracker {
    fn start(url: &str, exchange: &str, folder: &Path) -> Self {
        let line = format!(
            "--host me --interval 100ms --replay-rate 1000 --broker-url {url} --exchange {exchange}"
        );
        let mut command = tracker(&line);
        command.arg("--spool-dir").arg(folder).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Ends it at once, as `kill -9` does.
    fn kill_at_once(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn stop(mut self) {
        kill(self.0.id());
        assert!(self.0.wait().unwrap().success());
    }
}

/// How many samples are in `folder`.
fn on_disk(folder: &Path) -> usize {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .map(|path| resources_tracker::fuzz::spool_segment(&std::fs::read(path).unwrap()))
        .sum()
}

/// What arrived.
#[derive(Default)]
struct Arrived {
    /// Sequences by run.
    runs: BTreeMap<Box<str>, BTreeSet<u64>>,
    /// The newest sample: when it was taken, and in which run.
    newest: (u64, Box<str>),
}

impl Arrived {
    async fn take(&mut self, measures: &mut Subscription) {
        let delivery = in_time("a measure arrives", measures.next()).await.unwrap();
        let measure = Measure::decode(&delivery.topic, &delivery.body, 0).unwrap();
        assert_eq!(measure.dropped, None, "nothing was lost, so nothing is told");
        measures.acknowledge_through(delivery.receipt).await;
        let run = measure.run.unwrap();
        self.runs.entry(run.clone()).or_default().insert(measure.sequence.unwrap());
        self.newest = std::mem::take(&mut self.newest).max((measure.timestamp_ms, run));
    }

    /// How many samples arrived of runs other than the last one.
    fn of_earlier_runs(&self) -> usize {
        let (_, last) = &self.newest;
        self.runs.iter().filter(|(run, _)| *run != last).map(|(_, run)| run.len()).sum()
    }

    /// Whether no run has a gap, from its first sample to the last that arrived.
    fn is_contiguous(&self) -> bool {
        self.runs.values().all(|run| run.last().is_some_and(|last| run.len() as u64 == last + 1))
    }
}

#[tokio::test]
async fn every_sample_of_trackers_killed_during_an_outage_arrives_after_it() {
    let mut broker = tokio::task::spawn_blocking(RabbitMq::start).await.unwrap();
    let (url, exchange) = (broker.url(), unique_exchange());
    let folder = TempDir::new().unwrap();
    let reader = open_bus(&url, &exchange);
    let mut measures = reader.subscribe(Source::Measures, PREFETCH);
    assert!(in_time("the queue is there", measures.ready()).await);
    broker.settle();
    broker.kill();

    let mut kept = 0;
    for samples in [20, 40] {
        let tracker = Tracker::start(&url, &exchange, folder.path());
        eventually("samples are on disk", || async { on_disk(folder.path()) >= samples }).await;
        tracker.kill_at_once();
        let now = on_disk(folder.path());
        assert!(now > kept, "those of the run before are still there");
        kept = now;
    }

    let broker = tokio::task::spawn_blocking(move || {
        broker.start_again();
        broker
    })
    .await
    .unwrap();
    let tracker = Tracker::start(&url, &exchange, folder.path());
    let mut arrived = Arrived::default();
    while arrived.runs.len() < 3 || arrived.of_earlier_runs() < kept || !arrived.is_contiguous() {
        arrived.take(&mut measures).await;
    }
    assert_eq!(arrived.runs.len(), 3, "samples keep the run they were taken in");
    assert_eq!(arrived.of_earlier_runs(), kept, "and none is made up");

    eventually("the disk holds nothing that was confirmed", || async {
        on_disk(folder.path()) == 0
    })
    .await;
    tracker.stop();
    reader.close().await;
    drop(broker);
}

#[test]
fn a_folder_in_use_is_refused_in_one_line() {
    let folder = TempDir::new().unwrap();
    let lock = std::fs::File::create(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let run = |line: &str| tracker(line).arg("--spool-dir").arg(folder.path()).output().unwrap();
    let refused = run("--host me --broker-url memory:");
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("--spool-dir") && error.contains("another tracker uses it"), "{error}");
    assert!(run("--host me --once").status.success(), "to look takes no folder");
}
