//! No event is lost, whoever dies: the observer in the middle of its handlers, or the broker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use resources_core::test_support::{RabbitMq, eventually, in_time, open_bus};
use resources_observer::{Event, Events, Observer, Sender};
use serde_json::json;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// How often each event was handled to the end.
type Handled = Arc<Mutex<BTreeMap<u64, u32>>>;

/// What the events of a test go through.
struct World {
    url: String,
    handled: Handled,
    /// Rung with each event that was handled.
    news: Arc<Notify>,
}

impl World {
    /// An observer over a bus of its own, as in a process of its own, once it listens.
    async fn observe(&self) -> JoinHandle<()> {
        let (handled, news) = (Arc::clone(&self.handled), Arc::clone(&self.news));
        let (ready, is_ready) = oneshot::channel();
        let observer = Observer::over(open_bus(&self.url, "resources"))
            .named("counter")
            .when_ready(|| ready.send(()).expect("the test waits"))
            .on(Events::of("count.me").concurrency(8), move |event: Event| {
                let (handled, news) = (Arc::clone(&handled), Arc::clone(&news));
                async move {
                    let number = event.body()["number"].as_u64().expect("a number");
                    // Long enough that there are always some at work.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    *handled.lock().expect("no panic").entry(number).or_default() += 1;
                    news.notify_waiters();
                }
            });
        let task = tokio::spawn(async move {
            observer.run_until(std::future::pending()).await.expect("it never ends");
        });
        in_time("the observer listens", is_ready).await.expect("it runs");
        task
    }

    fn count(&self) -> usize {
        self.handled.lock().expect("no panic").len()
    }

    /// Waits until so many different events were handled.
    async fn wait_for(&self, count: usize) {
        eventually("events are handled", async || {
            let news = self.news.notified();
            if self.count() < count {
                tokio::time::timeout(Duration::from_secs(1), news).await.ok();
            }
            self.count() >= count
        })
        .await;
    }
}

async fn send(sender: &Sender, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let body = json!({ "number": number });
        in_time("the confirm", sender.send("count.me", &body)).await.expect("a queue");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_handled_though_observers_and_the_broker_die() {
    let mut broker = RabbitMq::start();
    let world =
        World { url: broker.url(), handled: Handled::default(), news: Arc::new(Notify::new()) };
    let sending = open_bus(&world.url, "resources");
    let sender = Observer::over(sending.clone()).sender();

    // Once listened to, events of the name wait while nobody runs.
    let observer = world.observe().await;
    broker.settle();
    observer.abort();
    assert!(in_time("it is gone", observer).await.expect_err("aborted").is_cancelled());
    send(&sender, 0..300).await;
    assert_eq!(world.count(), 0);

    // Observers that die in the middle of handlers.
    for round in 1..=4 {
        let observer = world.observe().await;
        world.wait_for(round * 60).await;
        observer.abort();
        assert!(in_time("it is gone", observer).await.expect_err("aborted").is_cancelled());
    }

    // Two that share the work while the broker dies, twice, and events go on coming.
    let observers = [world.observe().await, world.observe().await];
    let publishing = tokio::spawn(async move { send(&sender, 300..900).await });
    for wanted in [400, 550] {
        world.wait_for(wanted).await;
        tokio::task::block_in_place(|| {
            broker.kill();
            broker.start_again();
        });
    }
    in_time("everything is sent", publishing).await.expect("no panic");
    world.wait_for(900).await;
    for observer in observers {
        observer.abort();
        observer.await.ok();
    }
    sending.close().await;
    let handled = world.handled.lock().expect("no panic");
    assert!((0..900).all(|number| handled.contains_key(&number)));
    let again: u32 = handled.values().map(|times| times - 1).sum();
    println!("900 events, {again} handled once more");
    // What was at work at each death, and what was published again as its confirm was lost.
    assert!(again <= 300, "{again} of 900 events were handled again");
}
