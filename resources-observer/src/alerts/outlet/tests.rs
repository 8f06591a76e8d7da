use resources_core::bus::{Bus, BusConfig, Source, Start};
use resources_core::test_support::in_time;

use super::*;

#[tokio::test]
async fn alerts_of_each_host_leave_in_order_and_each_is_confirmed() {
    const HOSTS: i64 = 7;
    const ALERTS: i64 = 200;
    let bus = Bus::open(BusConfig::in_memory("test"));
    let mut stream = bus.subscribe(Source::Alerts(Start::First), 1_000.try_into().unwrap());
    let room = usize::try_from(ALERTS).unwrap();
    let (hand, alerts) = mpsc::channel(room);
    let (confirmed, mut confirms) = mpsc::channel(room);
    let publishing = tokio::spawn(publish(bus.publisher(), alerts, confirmed));
    for number in 0..ALERTS {
        let host = format!("host-{}", number % HOSTS).into();
        let body = number.to_string().into();
        hand.try_send(Pending { number, host, body, timestamp_ms: 0, trace: None }).unwrap();
    }
    let mut numbers = Vec::new();
    while numbers.len() < room {
        numbers.push(in_time("a confirm", confirms.recv()).await.unwrap());
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..ALERTS), "each once");
    let mut last = HashMap::new();
    for _ in 0..room {
        let delivery = in_time("an alert", stream.next()).await.unwrap();
        let number: i64 = std::str::from_utf8(&delivery.body).unwrap().parse().unwrap();
        let before = last.insert(delivery.topic, number);
        assert!(before.is_none_or(|before| before == number - HOSTS), "{before:?} {number}");
    }
    drop(hand);
    in_time("its end", publishing).await.unwrap();
}
