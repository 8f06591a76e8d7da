//! How soon a link notices that its line is dead, and how many links return at once.

use std::time::{Duration, Instant};

use resources_core::bus::{Bus, LinkState};
use resources_core::test_support::{
    Mode, Proxy, in_time, open_bus, shared_broker, unique_exchange,
};

use super::broker::Broker;
use super::faults::say;

/// The default of every broker URL.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Most that a busy machine of tests may add to a time; `make chaos` runs alone, in a release build.
const SLACK: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });

/// Within this every link is back once the broker answers.
const RETURN_LIMIT: Duration = Duration::from_secs(5);

/// After this the waits between two attempts have grown to their longest.
const LONGEST_WAIT_REACHED: Duration = Duration::from_secs(8);

/// Links that lose and find their broker together.
const CROWD: usize = 500;

/// A machine that stalls makes a herd of any crowd: so they may lose it this often, and be none
/// once. What is a herd is one each time.
const RETURNS: usize = 4;

/// Waits until `wanted` holds for the state of the link, and gives how long it took.
async fn until(bus: &Bus, what: &str, wanted: impl Fn(&LinkState) -> bool) -> Duration {
    let begun = Instant::now();
    let mut link = bus.link();
    in_time(what, link.wait_for(|link| wanted(&link.state))).await.expect("the bus is open");
    begun.elapsed()
}

fn broker_port() -> u16 {
    let (_, rest) = shared_broker().rsplit_once(':').expect("a URL with a port");
    rest.split('/').next().and_then(|port| port.parse().ok()).expect("a port")
}

#[tokio::test]
async fn a_half_open_connection_is_noticed_within_two_heartbeats() {
    let proxy = Proxy::start(broker_port()).await;
    let bus = open_bus(&proxy.url(""), &unique_exchange());
    let _publisher = bus.publisher();
    until(&bus, "the link is up", LinkState::is_up).await;

    proxy.set(Mode::Stall);
    let noticed = until(&bus, "the silence is noticed", |state| !state.is_up()).await;
    say(&format_args!("a half-open connection was noticed after {noticed:.1?}"));
    assert!(noticed <= 2 * HEARTBEAT + SLACK, "{noticed:?}");
    bus.close().await;
}

#[tokio::test]
async fn a_link_is_back_within_5_s_of_the_broker() {
    let mut broker = Broker::start().await;
    let bus = open_bus(&broker.url(), "resources");
    let _publisher = bus.publisher();
    until(&bus, "the link is up", LinkState::is_up).await;
    broker.settle().await;
    broker.be_down_for(LONGEST_WAIT_REACHED).await;
    let back = until(&bus, "the link is back", LinkState::is_up).await;
    say(&format_args!("the link was back {back:.1?} after the broker answered"));
    assert!(back <= RETURN_LIMIT + SLACK, "{back:?}");
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_links_find_a_broker_that_returns_within_5_s_and_not_all_at_once() {
    let _alone = super::ALONE.lock().await;
    let proxy = Proxy::start(broker_port()).await;
    let exchange = unique_exchange();
    let buses: Vec<Bus> = (0..CROWD).map(|_| open_bus(&proxy.url(""), &exchange)).collect();
    let publishers: Vec<_> = buses.iter().map(Bus::publisher).collect();
    for bus in &buses {
        until(bus, "every link is up", LinkState::is_up).await;
    }
    let mut returns = Vec::new();
    while returns.len() < RETURNS {
        let (last, busiest) = lose_and_find(&proxy, &buses).await;
        returns.push((last, busiest));
        if last <= RETURN_LIMIT + SLACK && busiest <= CROWD / 5 {
            break;
        }
    }
    let (last, busiest) = *returns.last().expect("they returned");
    assert!(last <= RETURN_LIMIT + SLACK, "the last after {last:?}: {returns:?}");
    assert!(busiest <= CROWD / 5, "{busiest} of {CROWD} within 100 ms are a herd: {returns:?}");
    drop(publishers);
    for bus in buses {
        bus.close().await;
    }
}

/// Cuts all links off for a while; gives when the last one was made again after the broker could
/// be reached, and how many were made within 100 ms at most.
async fn lose_and_find(proxy: &Proxy, buses: &[Bus]) -> (Duration, usize) {
    proxy.set(Mode::Cut);
    for bus in buses {
        until(bus, "every link is down", |state| !state.is_up()).await;
    }
    super::pass(LONGEST_WAIT_REACHED).await;
    let before = proxy.accepted().len();
    let returned = Instant::now();
    proxy.set(Mode::Pass);
    for bus in buses {
        until(bus, "every link is up again", LinkState::is_up).await;
    }
    let up = returned.elapsed();

    let mut times: Vec<Duration> =
        proxy.accepted()[before..].iter().map(|made| made.duration_since(returned)).collect();
    times.sort_unstable();
    assert!(times.len() >= CROWD, "{} connections", times.len());
    let busiest = (0..times.len())
        .map(|i| times[i..].partition_point(|time| *time < times[i] + Duration::from_millis(100)))
        .max()
        .expect("there are some");
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    say(&format_args!(
        "{CROWD} links: half were made within {:.1?}, 90 % within {:.1?}, the last after {:.1?}; \
         at most {busiest} within 100 ms; all up after {up:.1?}",
        at(50),
        at(90),
        at(100)
    ));
    (at(100), busiest)
}
