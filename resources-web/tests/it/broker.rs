//! The dashboard over a real RabbitMQ.

use std::num::NonZeroU16;
use std::time::Duration;

use futures_util::future::join_all;
use resources_core::bus::Source;
use resources_core::contract::Analysis;
use resources_core::service::now_ms;
use resources_core::test_support::{
    Mode, Proxy, RabbitMq, eventually, in_time, open_bus, shared_broker, unique_exchange,
};

use crate::dashboard::{Dashboard, analysis, publish, publish_raw, sampled_ms};

#[tokio::test(flavor = "multi_thread")]
async fn over_rabbitmq_a_dashboard_started_anew_shows_the_hosts_of_the_last_minutes() {
    let exchange = unique_exchange();
    let url = blocking(shared_broker).await;
    let tracker = open_bus(url, &exchange);
    publish(&tracker, &analysis("a", 1, 1.0)).await;
    publish(&tracker, &analysis("a", 2, 2.0)).await;
    let dashboard = Dashboard::start_over(open_bus(url, &exchange), &[]).await;
    let mut browser = dashboard.connect().await;
    browser.until("a", sampled_ms(2)).await;
    publish(&tracker, &analysis("a", 3, 3.0)).await;
    browser.until("a", sampled_ms(3)).await;
    let bus = dashboard.stop().await;
    in_time("the bus closes", bus.close()).await;

    let dashboard = Dashboard::start_over(open_bus(url, &exchange), &[]).await;
    dashboard.connect().await.until("a", sampled_ms(3)).await;
    let bus = dashboard.stop().await;
    in_time("the bus closes", bus.close()).await;
    in_time("the tracker's bus closes", tracker.close()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_and_comes_back_is_told_and_the_browser_stays() {
    let mut broker = blocking(RabbitMq::start).await;
    let exchange = unique_exchange();
    let tracker = open_bus(&broker.url(), &exchange);
    let dashboard = Dashboard::start_over(open_bus(&broker.url(), &exchange), &[]).await;
    publish(&tracker, &analysis("a", 1, 1.0)).await;
    let mut browser = dashboard.connect().await;
    browser.until("a", sampled_ms(1)).await;
    eventually("it is ready", async || dashboard.get("/readyz").await.status == 200).await;

    // It reads meanwhile: a browser that does not is given up.
    let stopped = blocking(move || {
        broker.ctl(&["stop_app"]);
        broker
    });
    (broker, ()) = tokio::join!(stopped, browser.until_link("down"));
    assert_eq!(dashboard.get("/readyz").await.status, 503);

    let started = blocking(move || {
        broker.ctl(&["start_app"]);
        broker
    });
    (broker, ()) = tokio::join!(started, browser.until_link("up"));
    in_time("an analysis", publish(&tracker, &analysis("a", 2, 2.0))).await;
    browser.until("a", sampled_ms(2)).await;
    let bus = dashboard.stop().await;
    in_time("the buses close", async { tokio::join!(bus.close(), tracker.close()) }).await;
    blocking(move || drop(broker)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_absence_what_is_now_comes_first_and_behind_it_all_that_was_missed() {
    const MISSED: u64 = 3_000;
    let broker = blocking(RabbitMq::start).await;
    let exchange = unique_exchange();
    let proxy = Proxy::start(broker.port()).await;
    let tracker = open_bus(&broker.url(), &exchange);
    let dashboard = Dashboard::start_over(open_bus(&proxy.url(""), &exchange), &[]).await;
    let at_now =
        |host, sequence| Analysis { timestamp_ms: now_ms(), ..analysis(host, sequence, 1.0) };
    let shown = async |host: &str| {
        let hosts = dashboard.get("/api/v1/hosts").await.json()["hosts"].take();
        let mut hosts = hosts.as_array().unwrap().iter();
        hosts.find(|one| one["host"] == host).cloned().unwrap_or_default()
    };
    publish(&tracker, &at_now("a", 0)).await;
    eventually("it is shown", async || shown("a").await["sequence"] == 0).await;

    proxy.set(Mode::Cut);
    eventually("it is away", async || dashboard.get("/readyz").await.status == 503).await;
    let dies = at_now("dies", 0);
    publish(&tracker, &dies).await;
    publish_raw(&tracker, "bad.analysis", "{").await;
    for first in (0..MISSED).step_by(100) {
        let hundred = (first + 1..=first + 100).map(|sequence| at_now("a", sequence));
        join_all(hundred.map(|one| {
            let tracker = &tracker;
            async move { publish(tracker, &one).await }
        }))
        .await;
    }
    // Longer ago than the live view begins.
    tokio::time::sleep(Duration::from_secs(4)).await;
    proxy.set(Mode::Pass);

    // It goes on: a link takes its time to come back, and by then what is now would be over.
    let mut newest = MISSED;
    let first = in_time("it is back", async {
        loop {
            newest += 1;
            publish(&tracker, &at_now("a", newest)).await;
            match shown("a").await["sequence"].as_u64().unwrap() {
                0 => tokio::time::sleep(Duration::from_millis(50)).await,
                sequence => return sequence,
            }
        }
    })
    .await;
    assert!(first > MISSED, "{first}: what is now is not behind what was missed");
    eventually("what was missed comes", async || shown("dies").await.is_object()).await;
    let received_ms = shown("dies").await["received_ms"].clone();
    assert_eq!(received_ms, dies.timestamp_ms, "it does not look alive");
    let mut rejected = tracker.subscribe(Source::Rejected, NonZeroU16::MIN);
    let bad = in_time("what was malformed is set aside", rejected.next()).await.unwrap();
    assert_eq!(bad.body, "{");
    assert!(shown("a").await["late_samples"].is_null(), "it was the dashboard that was away");
    let bus = dashboard.stop().await;
    in_time("the buses close", async { tokio::join!(bus.close(), tracker.close()) }).await;
    blocking(move || drop(broker)).await;
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
