//! A measure is acknowledged only after its analysis was confirmed.

use std::collections::BTreeSet;
use std::time::Duration;

use resources_core::bus::Subscription;
use resources_core::test_support::{RabbitMq, eventually, open_bus};
use tokio::time::timeout;

use crate::support::{Analyzer, analyses, next_analysis, publish_sample};

const COUNT: u64 = 300;

/// When container engines lose patience.
const KILLED_AFTER: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_broker_confirms_nothing_nothing_is_acknowledged() {
    let broker = RabbitMq::start();
    let bus = open_bus(&broker.url(), "resources");
    let mut results = analyses(&bus).await;
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
    analyzer.kill().await;
    eventually("every measure is back in the queue", async || {
        measures(&broker, "messages_ready") == Some(COUNT)
    })
    .await;
    broker.ctl(&["set_vm_memory_high_watermark", "0.8"]);
    let other = Analyzer::start(&bus);
    assert_eq!(all_sequences(&mut results).await.len(), COUNT as usize);
    other.stop().await;
    analyzer_bus.close().await;
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_while_the_broker_takes_nothing_it_ends_in_time_and_the_measures_come_again() {
    let broker = RabbitMq::start();
    let bus = open_bus(&broker.url(), "resources");
    let mut results = analyses(&bus).await;
    for sequence in 0..COUNT {
        publish_sample(&bus, "web", sequence).await;
    }
    broker.ctl(&["set_vm_memory_high_watermark", "0.00001"]);
    let analyzer_bus = open_bus(&broker.url(), "resources");
    let analyzer = Analyzer::start(&analyzer_bus);
    eventually("the analyzer holds every measure", async || {
        measures(&broker, "messages_unacknowledged") == Some(COUNT)
    })
    .await;
    let ended = async {
        analyzer.stop().await;
        analyzer_bus.close().await;
    };
    timeout(KILLED_AFTER, ended).await.expect("it ends before an engine would kill it");
    broker.ctl(&["set_vm_memory_high_watermark", "0.8"]);
    let other = Analyzer::start(&bus);
    assert_eq!(all_sequences(&mut results).await.len(), COUNT as usize);
    other.stop().await;
    bus.close().await;
}

/// How many measures the broker counts in `column`.
fn measures(broker: &RabbitMq, column: &str) -> Option<u64> {
    let listed = broker.ctl(&["list_queues", "name", column]);
    let line = listed.lines().find_map(|line| line.strip_prefix("resources.measures"));
    line.and_then(|count| count.trim().parse().ok())
}

/// Reads analyses until every sequence came.
async fn all_sequences(results: &mut Subscription) -> BTreeSet<Option<u64>> {
    let mut analysed = BTreeSet::new();
    while analysed.len() < COUNT as usize {
        analysed.insert(next_analysis(results).await.sequence);
    }
    analysed
}
