//! A measure is acknowledged only after its analysis was confirmed.

use std::collections::BTreeSet;
use std::time::Duration;

use resources_core::bus::{Bus, Subscription};
use resources_core::test_support::{RabbitMq, eventually, open_bus};
use tokio::time::timeout;

use crate::support::{Analyzer, analyses, next_analysis, publish_sample};

const COUNT: u64 = 300;

/// When container engines lose patience.
const KILLED_AFTER: Duration = Duration::from_secs(10);

/// Most that a busy machine of tests may add; who waits for a confirm waits for ever.
const SLACK: Duration = Duration::from_secs(20);

/// An analyzer that holds measures while the broker takes nothing.
struct Stuck {
    broker: RabbitMq,
    bus: Bus,
    results: Subscription,
    analyzer: Analyzer,
    analyzer_bus: Bus,
}

impl Stuck {
    async fn new() -> Self {
        let broker = RabbitMq::start();
        let bus = open_bus(&broker.url(), "resources");
        let results = analyses(&bus).await;
        for sequence in 0..COUNT {
            publish_sample(&bus, "web", sequence).await;
        }
        // Under an alarm the broker delivers, but takes nothing.
        broker.ctl(&["set_vm_memory_high_watermark", "0.00001"]);
        let analyzer_bus = open_bus(&broker.url(), "resources");
        let analyzer = Analyzer::start(&analyzer_bus);
        eventually("the analyzer holds every measure", async || {
            measures(&broker, "messages_unacknowledged") == Some(COUNT)
        })
        .await;
        Self { broker, bus, results, analyzer, analyzer_bus }
    }
}

/// The alarm is over: another analyzer does all that the first one held.
async fn another_does_it_all(broker: &RabbitMq, bus: Bus, mut results: Subscription) {
    broker.ctl(&["set_vm_memory_high_watermark", "0.8"]);
    let other = Analyzer::start(&bus);
    let mut analysed = BTreeSet::new();
    while analysed.len() < COUNT as usize {
        analysed.insert(next_analysis(&mut results).await.sequence);
    }
    other.stop().await;
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_broker_confirms_nothing_nothing_is_acknowledged() {
    let Stuck { broker, bus, results, analyzer, analyzer_bus } = Stuck::new().await;
    analyzer.kill().await;
    eventually("every measure is back in the queue", async || {
        measures(&broker, "messages_ready") == Some(COUNT)
    })
    .await;
    another_does_it_all(&broker, bus, results).await;
    analyzer_bus.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_while_the_broker_takes_nothing_it_ends_in_time_and_the_measures_come_again() {
    let Stuck { broker, bus, results, analyzer, analyzer_bus } = Stuck::new().await;
    let ended = async {
        analyzer.stop().await;
        analyzer_bus.close().await;
    };
    let limit = KILLED_AFTER + SLACK;
    timeout(limit, ended).await.expect("it ends before an engine would kill it");
    another_does_it_all(&broker, bus, results).await;
}

/// How many measures the broker counts in `column`.
fn measures(broker: &RabbitMq, column: &str) -> Option<u64> {
    let listed = broker.ctl(&["list_queues", "name", column]);
    let line = listed.lines().find_map(|line| line.strip_prefix("resources.measures"));
    line.and_then(|count| count.trim().parse().ok())
}
