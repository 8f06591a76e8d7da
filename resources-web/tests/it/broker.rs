//! The dashboard over a real RabbitMQ.

use resources_core::test_support::{
    RabbitMq, eventually, in_time, open_bus, shared_broker, unique_exchange,
};

use crate::dashboard::{Dashboard, analysis, publish, sampled_ms};

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

    broker = blocking(move || {
        broker.ctl(&["stop_app"]);
        broker
    })
    .await;
    browser.until_link("down").await;
    assert_eq!(dashboard.get("/readyz").await.status, 503);

    broker = blocking(move || {
        broker.ctl(&["start_app"]);
        broker
    })
    .await;
    browser.until_link("up").await;
    in_time("an analysis", publish(&tracker, &analysis("a", 2, 2.0))).await;
    browser.until("a", sampled_ms(2)).await;
    let bus = dashboard.stop().await;
    in_time("the buses close", async { tokio::join!(bus.close(), tracker.close()) }).await;
    blocking(move || drop(broker)).await;
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
