//! What the tests of every crate share: a real RabbitMQ of their own, a proxy before it that
//! breaks lines, a way to wait for a condition, and sample messages. Feature `test-support`; never part of a service.
#![expect(clippy::expect_used, clippy::panic, reason = "tests end when their ground gives way")]

mod metrics;
mod ports;
mod proxy;
mod rabbitmq;
mod samples;

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use metrics::served_metrics;
pub use ports::free_port;
pub use proxy::{Mode, Proxy};
pub use rabbitmq::{RabbitMq, ServerTls};
pub use samples::full_measure;

use crate::bus::{BrokerUrl, Bus, BusConfig, Names, TlsFiles};

/// Longest wait for a condition; far above what is usual, as test machines are noisy.
const EVENTUALLY: Duration = Duration::from_secs(120);

/// URL of a broker all tests of this process share: the one of `RESOURCES_TEST_BROKER_URL`, or
/// a RabbitMQ started once. Use [`unique_exchange`] to be alone on it.
#[must_use]
pub fn shared_broker() -> &'static str {
    static BROKER: OnceLock<(Option<RabbitMq>, String)> = OnceLock::new();
    let (_, url) = BROKER.get_or_init(|| match std::env::var("RESOURCES_TEST_BROKER_URL") {
        Ok(url) => (None, url),
        Err(_) => {
            let broker = RabbitMq::start();
            let url = broker.url();
            (Some(broker), url)
        }
    });
    url
}

/// The name of an exchange no other test uses.
#[must_use]
pub fn unique_exchange() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("test-{}-{number}-{:08x}", std::process::id(), fastrand::u32(..))
}

/// Settings of a bus to `url` over `exchange`.
#[must_use]
pub fn bus_config(url: &str, exchange: &str) -> BusConfig {
    BusConfig {
        url: BrokerUrl::parse(url).expect("a broker URL"),
        tls: TlsFiles::default(),
        names: Names::new(exchange).expect("an exchange name"),
        application: "test".to_owned(),
    }
}

/// A bus to `url` over `exchange`.
#[must_use]
pub fn open_bus(url: &str, exchange: &str) -> Bus {
    Bus::open(bus_config(url, exchange))
}

/// Waits until `condition` holds, and panics naming `what` when it does not within two minutes.
pub async fn eventually<F>(what: &str, mut condition: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < EVENTUALLY, "not within {EVENTUALLY:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for `work` to end, and panics naming `what` when it does not within two minutes.
pub async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(EVENTUALLY, work).await {
        Ok(done) => done,
        Err(_) => panic!("not within {EVENTUALLY:?}: {what}"),
    }
}
