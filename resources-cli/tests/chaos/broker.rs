//! The broker of this run, and what can happen to it.

use std::time::Duration;

use resources_core::test_support::RabbitMq;

use super::pass;

/// As the node is set by default.
const USUAL_WATERMARK: &str = "0.4";

/// A RabbitMQ of this run's own.
#[derive(Debug)]
pub(crate) struct Broker {
    /// Gone only while a thread works on it.
    node: Option<RabbitMq>,
    port: u16,
    /// How often it was killed.
    pub(crate) kills: u32,
}

impl Broker {
    pub(crate) async fn start() -> Self {
        let node = on_thread(RabbitMq::start).await;
        Self { port: node.port(), node: Some(node), kills: 0 }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// URL without any proxy.
    pub(crate) fn url(&self) -> String {
        self.node.as_ref().expect("nobody works on it").url()
    }

    /// Lets it write down what was declared, so that it may be killed.
    pub(crate) async fn settle(&mut self) {
        self.work(|node| node.settle()).await;
    }

    /// `kill -9`, silence, and a start on the same data.
    pub(crate) async fn be_down_for(&mut self, time: Duration) {
        self.work(RabbitMq::kill).await;
        self.kills += 1;
        pass(time).await;
        self.work(RabbitMq::start_again).await;
    }

    /// Closes every connection, as an operator would.
    pub(crate) async fn close_connections(&mut self) {
        self.work(|node| drop(node.ctl(&["close_all_connections", "chaos"]))).await;
    }

    /// Has it accept nothing for a while, as when its memory is short.
    pub(crate) async fn raise_memory_alarm(&mut self, time: Duration) {
        self.work(|node| drop(node.ctl(&["set_vm_memory_high_watermark", "0.000001"]))).await;
        pass(time).await;
        self.work(|node| drop(node.ctl(&["set_vm_memory_high_watermark", USUAL_WATERMARK]))).await;
    }

    /// Messages in `queue`, waiting or taken and not acknowledged.
    pub(crate) async fn messages(&mut self, queue: &str) -> u64 {
        let queue = queue.to_owned();
        self.work(move |node| {
            let list = node.ctl(&["list_queues", "--no-table-headers", "name", "messages"]);
            let line = list.lines().find_map(|line| line.strip_prefix(&*queue));
            line.expect("the queue is there").trim().parse().expect("a number")
        })
        .await
    }

    /// Works on the node in a thread of its own: its tools wait.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut RabbitMq) -> T + Send + 'static,
    ) -> T {
        let mut node = self.node.take().expect("nobody else works on it");
        let (node, done) = on_thread(move || {
            let done = work(&mut node);
            (node, done)
        })
        .await;
        self.node = Some(node);
        done
    }
}

async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the work does not panic")
}
