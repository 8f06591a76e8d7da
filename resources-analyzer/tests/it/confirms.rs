//! A measure is acknowledged only after its analysis was confirmed.

use std::collections::BTreeSet;

use resources_core::test_support::{RabbitMq, eventually, open_bus};

use crate::support::{Analyzer, analyses, next_analysis, publish_sample};

const COUNT: u64 = 300;

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
    let counts = async |column: &str| {
        let listed = broker.ctl(&["list_queues", "name", column]);
        let line = listed.lines().find_map(|line| line.strip_prefix("resources.measures"));
        line.and_then(|count| count.trim().parse::<u64>().ok())
    };
    eventually("the analyzer holds every measure", async || {
        counts("messages_unacknowledged").await == Some(COUNT)
    })
    .await;
    analyzer.kill().await;
    eventually("every measure is back in the queue", async || {
        counts("messages_ready").await == Some(COUNT)
    })
    .await;
    broker.ctl(&["set_vm_memory_high_watermark", "0.8"]);
    let other = Analyzer::start(&bus);
    let mut analysed = BTreeSet::new();
    while analysed.len() < COUNT as usize {
        analysed.insert(next_analysis(&mut results).await.sequence);
    }
    other.stop().await;
    analyzer_bus.close().await;
    bus.close().await;
}
