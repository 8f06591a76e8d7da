use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use resources_core::bus::{Bus, BusConfig, Source};
use resources_core::contract::Analysis;
use resources_core::service::now_ms;
use resources_core::test_support::{eventually, in_time};
use serde_json::Value;

use crate::dashboard::{Dashboard, analysis, publish, publish_raw, sampled_ms};

#[tokio::test]
async fn what_does_not_follow_the_contract_is_set_aside_with_its_reason_and_the_rest_flows() {
    let dashboard = Dashboard::start(&[]).await;
    let bus = dashboard.bus.clone();
    let bad = [
        ("a.analysis", "{", "does not parse"),
        (
            "a.analysis",
            r#"{"host":"b","timestamp_ms":1,"cpu_percentage":1,"cpu_result":"LOW","level":"LOW"}"#,
            "speaks for host",
        ),
        (
            "a.analysis",
            r#"{"host":"a","timestamp_ms":1,"cpu_percentage":101,"cpu_result":"LOW","level":"LOW"}"#,
            "cpu_percentage",
        ),
    ];
    for (topic, body, _) in bad {
        publish_raw(&bus, topic, body).await;
    }
    dashboard.publish(&analysis("good", 7, 1.0)).await;
    let mut browser = dashboard.connect().await;
    browser.until("good", sampled_ms(7)).await;

    let mut rejected = bus.subscribe(Source::Rejected, NonZeroU16::new(10).unwrap());
    for (_, body, reason) in bad {
        let delivery = in_time("a rejected message", rejected.next()).await.unwrap();
        assert_eq!(delivery.body, body);
        let found = delivery.rejection.unwrap();
        assert!(found.contains(reason), "{found}");
    }
    assert_eq!(dashboard.get("/api/v1/hosts").await.json()["hosts"].as_array().unwrap().len(), 1);
    dashboard.stop().await;
}

#[tokio::test]
async fn an_older_sample_never_replaces_a_newer_one() {
    let dashboard = Dashboard::start(&[]).await;
    for sequence in [5, 9, 7, 9, 6] {
        dashboard.publish(&analysis("a", sequence, 1.0)).await;
    }
    dashboard.publish(&analysis("last", 0, 1.0)).await;
    let listed = async || dashboard.get("/api/v1/hosts").await.json();
    eventually("all are taken in", async || listed().await["hosts"][1].is_object()).await;
    assert_eq!(listed().await["hosts"][0]["sequence"], 9);
    dashboard.stop().await;
}

#[tokio::test]
async fn while_a_backlog_comes_in_the_newest_is_shown_within_two_seconds_and_never_replaced() {
    const ROUNDS: u64 = 10;
    const BACKLOG: u64 = 300;
    // And what a busy machine may add.
    const LIMIT: Duration = Duration::from_secs(2 + 10);
    let dashboard = Dashboard::start(&[]).await;
    let mut browser = dashboard.connect().await;
    let begin_ms = now_ms();
    let sample = |sequence: u64| {
        let timestamp_ms = begin_ms - 3_600_000 + sequence;
        Analysis { timestamp_ms, ..analysis("a", sequence, 1.0) }
    };
    // An hour later than the backlog.
    let newest = |round: u64| sample(3_600_000 + round);
    dashboard.publish(&newest(0)).await;
    browser.until("a", newest(0).timestamp_ms).await;
    let mut shown_ms = 0;
    for round in 1..=ROUNDS {
        for number in 0..BACKLOG {
            dashboard.publish(&sample((round - 1) * BACKLOG + number)).await;
        }
        let newest_ms = newest(round).timestamp_ms;
        let published = Instant::now();
        dashboard.publish(&newest(round)).await;
        while shown_ms < newest_ms {
            browser.next().await;
            let now_ms = browser.view.host("a").unwrap().1.figures.unwrap().timestamp_ms();
            assert!(now_ms >= shown_ms, "an old one replaced a newer");
            shown_ms = now_ms;
        }
        assert!(published.elapsed() < LIMIT, "{:?}", published.elapsed());
    }
    let late = dashboard.get("/api/v1/hosts").await.json()["hosts"][0]["late_samples"].clone();
    assert_eq!(late, ROUNDS * BACKLOG);
    dashboard.stop().await;
}

#[tokio::test]
async fn a_dashboard_started_anew_shows_the_hosts_of_the_last_minutes() {
    let first = Dashboard::start(&[]).await;
    first.publish(&analysis("a", 1, 1.0)).await;
    first.publish(&analysis("a", 2, 2.0)).await;
    first.connect().await.until("a", sampled_ms(2)).await;
    let bus = first.stop().await;
    publish(&bus, &analysis("b", 3, 3.0)).await;

    let second = Dashboard::start_over(bus, &[]).await;
    let mut browser = second.connect().await;
    browser.until("b", sampled_ms(3)).await;
    // Which of them is of now is up to the machine, and what was before comes behind that.
    if browser.view.host("a").is_none() {
        browser.until("a", sampled_ms(2)).await;
    }
    let (index, _) = browser.view.host("a").unwrap();
    browser.look(&[index], &[]).await;
    let points = browser.next_of("points").await;
    assert_eq!(points["hosts"], serde_json::json!([[index, [2_000, 10, 1_000, 20]]]));
    second.stop().await;
}

#[tokio::test]
async fn hosts_above_the_most_are_left_out() {
    let dashboard = Dashboard::start(&["--max-hosts", "1"]).await;
    dashboard.publish(&analysis("a", 1, 1.0)).await;
    dashboard.publish(&analysis("b", 1, 1.0)).await;
    dashboard.publish(&analysis("a", 2, 1.0)).await;
    dashboard.connect().await.until("a", sampled_ms(2)).await;
    let hosts = dashboard.get("/api/v1/hosts").await.json()["hosts"].clone();
    assert_eq!(hosts.as_array().unwrap().len(), 1);
    dashboard.stop().await;
}

#[tokio::test]
async fn a_bus_closed_under_it_ends_the_dashboard_with_a_failure() {
    let dashboard = Dashboard::start_over(Bus::open(BusConfig::in_memory("test")), &[]).await;
    dashboard.bus.close().await;
    let outcome = in_time("the dashboard ends", dashboard.running).await.unwrap();
    assert!(outcome.unwrap_err().to_string().contains("bus was closed"));
}

#[tokio::test]
async fn the_minutes_before_the_start_are_read_behind_what_is_now_and_then_are_whole() {
    let bus = Bus::open(BusConfig::in_memory("test"));
    let from_ms = now_ms();
    let at_now =
        |host, sequence, cpu| Analysis { timestamp_ms: now_ms(), ..analysis(host, sequence, cpu) };
    publish(&bus, &at_now("a", 1, 41.0)).await;
    publish(&bus, &at_now("a", 2, 42.0)).await;
    // Longer ago than the live view begins, which the stream tells by its own clock.
    tokio::time::sleep(Duration::from_millis(2_500)).await;

    let dashboard = Dashboard::start_over(bus, &["--history", "memory"]).await;
    let ask = async || {
        let to_ms = now_ms();
        let path = format!("/api/v1/hosts/a/history?from={from_ms}&to={to_ms}&resource=cpu");
        dashboard.get(&path).await.json()
    };
    assert_ne!(ask().await["tier"], "raw", "it does not know what it has not read");
    // The replay ends where what is now began.
    dashboard.publish(&at_now("b", 1, 1.0)).await;
    eventually("the minutes before are in memory", async || ask().await["tier"] == "raw").await;
    let cpu = ask().await["series"][0]["maximum"].clone();
    let known: Vec<f64> = cpu.as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    assert!(known.contains(&42.0), "{cpu}");
    dashboard.stop().await;
}
