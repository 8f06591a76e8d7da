//! Samples that outlive the program that took them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use resources_core::bus::{Message, Source, Subscription};
use resources_core::contract::{HostName, Measure, Topic, TraceParent};
use resources_core::test_support::{RabbitMq, eventually, in_time, open_bus, unique_exchange};
use tempfile::TempDir;

use crate::program::{kill, tracker};

const PREFETCH: NonZeroU16 = NonZeroU16::new(64).unwrap();

/// A tracker that keeps samples in `folder`.
struct Tracker(Child);

impl Tracker {
    fn start(url: &str, exchange: &str, folder: &Path, replay_rate: u32) -> Self {
        let line = format!(
            "--host me --interval 100ms --replay-rate {replay_rate} --broker-url {url} \
             --exchange {exchange}"
        );
        let mut command = tracker(&line);
        command.arg("--spool-dir").arg(folder).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// One whose files may not grow beyond so many blocks of 512 bytes, and the lines of its log.
    fn start_on_a_full_disk(
        url: &str,
        exchange: &str,
        folder: &Path,
        blocks: u32,
    ) -> (Self, mpsc::Receiver<String>) {
        let line = format!(
            "--host me --interval 100ms --replay-rate 1000 --broker-url {url} --exchange {exchange}"
        );
        let mut tracker = tracker(&line);
        tracker.arg("--spool-dir").arg(folder);
        // To write beyond the limit is an error then, as it is on a full disk.
        let script = "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, &blocks.to_string()]);
        command.arg(tracker.get_program()).args(tracker.get_args()).env_clear();
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || log.lines().try_for_each(|line| sender.send(line.unwrap())));
        (Self(child), lines)
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

impl Drop for Tracker {
    /// A test that fails leaves none behind.
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
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

/// What arrived of one run.
#[derive(Default)]
struct Run {
    sequences: BTreeSet<u64>,
    newest_ms: u64,
}

impl Run {
    /// Whether there is no gap from its first sample to the last that arrived.
    fn is_contiguous(&self) -> bool {
        self.sequences.last().is_some_and(|last| self.sequences.len() as u64 == last + 1)
    }
}

/// Takes measures until the one of host `end`.
async fn take_all(measures: &mut Subscription, runs: &mut BTreeMap<Box<str>, Run>) {
    while take(measures, runs).await {}
}

/// Takes one measure; `false` when it was the one of host `end`.
async fn take(measures: &mut Subscription, runs: &mut BTreeMap<Box<str>, Run>) -> bool {
    let delivery = in_time("a measure arrives", measures.next()).await.unwrap();
    let measure = Measure::decode(&delivery.topic, &delivery.body, 0).unwrap();
    assert_eq!(measure.dropped, None, "nothing was lost, so nothing is told");
    measures.acknowledge_through(delivery.receipt).await;
    let Some(run) = measure.run else { return false };
    let run = runs.entry(run).or_default();
    run.sequences.insert(measure.sequence.unwrap());
    run.newest_ms = run.newest_ms.max(measure.timestamp_ms);
    true
}

/// The measure that is published last.
fn end() -> Message {
    let measure = Measure::new(HostName::new("end").unwrap(), 1, 1.0);
    let topic = Topic::new("end.measure").unwrap();
    Message::json(topic, &measure, 1, TraceParent::begin()).unwrap()
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
        let tracker = Tracker::start(&url, &exchange, folder.path(), 10);
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
    let mut runs = BTreeMap::new();
    // Killed in the middle of the replay, too.
    let tracker = Tracker::start(&url, &exchange, folder.path(), 10);
    while runs.len() < 3 || runs.values().map(|run: &Run| run.sequences.len()).sum::<usize>() < 20 {
        take(&mut measures, &mut runs).await;
    }
    tracker.kill_at_once();

    let tracker = Tracker::start(&url, &exchange, folder.path(), 1000);
    while runs.len() < 4 {
        take(&mut measures, &mut runs).await;
    }
    eventually("the disk holds nothing that was confirmed", || async {
        on_disk(folder.path()) == 0
    })
    .await;
    tracker.stop();
    reader.publisher().publish_until_confirmed(&end()).await.unwrap();
    take_all(&mut measures, &mut runs).await;
    reader.close().await;

    assert_eq!(runs.len(), 4, "samples keep the run they were taken in");
    assert!(runs.values().all(Run::is_contiguous));
    let mut by_age: Vec<&Run> = runs.values().collect();
    by_age.sort_by_key(|run| run.newest_ms);
    let of_the_outage: usize = by_age.iter().take(2).map(|run| run.sequences.len()).sum();
    assert_eq!(of_the_outage, kept, "none is missing and none is made up");
    drop(broker);
}

#[tokio::test]
async fn while_the_disk_is_full_memory_holds_every_sample_and_the_log_says_so_once() {
    const TROUBLE: &str = "cannot write samples to";
    let mut broker = tokio::task::spawn_blocking(RabbitMq::start).await.unwrap();
    let (url, exchange) = (broker.url(), unique_exchange());
    let reader = open_bus(&url, &exchange);
    let mut measures = reader.subscribe(Source::Measures, PREFETCH);
    assert!(in_time("the queue is there", measures.ready()).await);
    broker.settle();
    broker.kill();

    // One has no room for anything, the other for some samples and a part of the next one.
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let trackers = [(1, &folders[0]), (20, &folders[1])].map(|(blocks, folder)| {
        Tracker::start_on_a_full_disk(&url, &exchange, folder.path(), blocks)
    });
    let mut logs = Vec::new();
    for (_, lines) in &trackers {
        let limit = Duration::from_secs(60);
        let mut log = vec![lines.recv_timeout(limit).unwrap()];
        while !log.last().is_some_and(|line| line.contains(TROUBLE)) {
            log.push(lines.recv_timeout(limit).unwrap());
        }
        logs.push(log);
    }
    assert_eq!(on_disk(folders[0].path()), 0);
    assert!(on_disk(folders[1].path()) > 0, "what was written before is whole");

    let broker = tokio::task::spawn_blocking(move || {
        broker.start_again();
        broker
    })
    .await
    .unwrap();
    let mut runs = BTreeMap::new();
    while runs.len() < 2 {
        take(&mut measures, &mut runs).await;
    }
    for ((tracker, lines), log) in trackers.into_iter().zip(&mut logs) {
        tracker.stop();
        log.extend(lines);
    }
    reader.publisher().publish_until_confirmed(&end()).await.unwrap();
    take_all(&mut measures, &mut runs).await;
    reader.close().await;

    assert_eq!(runs.len(), 2);
    assert!(runs.values().all(|run| run.is_contiguous() && run.sequences.len() > 20));
    let told = logs[0].iter().filter(|line| line.contains(TROUBLE)).count();
    assert_eq!(told, 1, "{:#?}", logs[0]);
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
