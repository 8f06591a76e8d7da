//! The library: which handlers get which events, and what becomes of an event then.
#![expect(clippy::unwrap_used, reason = "a test ends when its ground gives way")]

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use resources_core::bus::{Bus, BusConfig, Delivery, Message, Source};
use resources_core::contract::{Alert, Topic, TraceParent};
use resources_core::test_support::{
    RabbitMq, bus_config, eventually, in_time, open_bus, shared_broker, unique_exchange,
};
use resources_observer::{Event, Events, Observer, ObserverError, Reject, SendError};
use serde_json::json;
use tokio::sync::{Barrier, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

const PREFETCH: NonZeroU16 = NonZeroU16::new(100).expect("not zero");

/// So short that a test need not wait for it.
const SHORT: Duration = Duration::from_millis(2);

fn memory() -> Bus {
    Bus::open(BusConfig::in_memory("test"))
}

/// An observer that runs.
struct Running {
    stop: oneshot::Sender<()>,
    stopping: oneshot::Receiver<()>,
    ended: JoinHandle<Result<(), ObserverError>>,
}

impl Running {
    async fn start(observer: Observer) -> Self {
        let (stop, asked) = oneshot::channel();
        let (told, stopping) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let observer = observer.when_ready(|| ready.send(()).unwrap());
        let ended = tokio::spawn(observer.run_until(async {
            asked.await.ok();
            told.send(()).ok();
        }));
        in_time("the observer is ready", is_ready).await.unwrap();
        Self { stop, stopping, ended }
    }

    /// Asks it to stop; returns once it knows. What is given back ends with it.
    async fn ask(self) -> JoinHandle<Result<(), ObserverError>> {
        self.stop.send(()).expect("it runs");
        in_time("the observer knows", self.stopping).await.expect("it runs");
        self.ended
    }

    async fn stop(self) {
        let ended = self.ask().await;
        in_time("the observer ends", ended).await.expect("no panic").expect("no error");
    }
}

async fn publish(bus: &Bus, key: &str, body: &str) -> TraceParent {
    let trace = TraceParent::begin();
    let message = Message {
        topic: Topic::new(key).unwrap(),
        body: body.as_bytes().to_vec().into(),
        timestamp_ms: 1_800_000_000_000,
        trace,
    };
    let publisher = bus.publisher();
    in_time("it is confirmed", publisher.publish_until_confirmed(&message)).await.unwrap();
    trace
}

/// Takes the next message that was set aside for good.
async fn rejected(bus: &Bus) -> Delivery {
    let mut rejected = bus.subscribe(Source::Rejected, PREFETCH);
    let delivery = in_time("a rejected event", rejected.next()).await.unwrap();
    assert!(rejected.acknowledge_one(delivery.receipt).await);
    delivery
}

/// A handler that hands over what it gets.
fn collect() -> (impl Fn(Event) -> std::future::Ready<()>, mpsc::Receiver<Event>) {
    let (sender, receiver) = mpsc::channel(1_000);
    let handler = move |event| {
        sender.try_send(event).unwrap();
        std::future::ready(())
    };
    (handler, receiver)
}

async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
    in_time("an event", events.recv()).await.unwrap()
}

fn alert(host: &str, level: &str) -> String {
    json!({
        "id": "1", "host": host, "state": "raised", "kind": "level", "level": level,
        "since_ms": 1, "timestamp_ms": 2,
    })
    .to_string()
}

async fn each_handler_gets_what_matches_and_what_it_sends_stays_in_the_trace(bus: Bus) {
    let (all, mut seen) = collect();
    let (calls, mut called) = collect();
    let high = Events::of("*.alert").filter("level=HIGH host=web-*");
    let observer = Observer::over(bus.clone())
        .on("#.alert", all)
        .on("pager.call", calls)
        .on_event::<Alert>(high, |alert, event| async move {
            event.send("pager.call", &json!({ "host": alert.host })).await
        });
    let (sender, running) = (observer.sender(), Running::start(observer).await);
    publish(&bus, "db-1.alert", &alert("db-1", "HIGH")).await;
    publish(&bus, "web-1.alert", &alert("web-1", "LOW")).await;
    let trace = publish(&bus, "web-2.alert", &alert("web-2", "HIGH")).await;
    for host in ["db-1", "web-1", "web-2"] {
        let event = next(&mut seen).await;
        assert_eq!(event.key(), format!("{host}.alert"));
        assert_eq!(event.body()["host"], host);
        assert_eq!(event.timestamp_ms(), Some(1_800_000_000_000));
        assert!(!event.redelivered());
    }
    let call = next(&mut called).await;
    assert_eq!(call.body(), &json!({"host": "web-2"}));
    assert_eq!(call.trace().trace_id(), trace.trace_id());
    assert_ne!(call.trace(), trace);
    sender.send("pager.call", "from outside").await.unwrap();
    assert_eq!(next(&mut called).await.body(), "from outside");
    running.stop().await;
    bus.close().await;
}

async fn what_fails_is_tried_again_and_then_set_aside_with_its_cause(bus: Bus) {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let fails = Events::of("#.alert").attempts(3).pause(SHORT, SHORT);
    let (other, mut seen) = collect();
    let observer = Observer::over(bus.clone())
        .named("pager")
        .on(fails, move |event: Event| {
            let attempt = counted.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                match event.body()["host"].as_str().unwrap() {
                    // Succeeds in the end.
                    "web-1" if attempt == 3 => Ok(()),
                    "web-1" | "web-2" => Err(format!("the pager is off\n(call {attempt})")),
                    "web-3" => panic!("no such case"),
                    _ => std::future::pending().await,
                }
            }
        })
        .on("#.alert", other);
    let counts = observer.counts();
    let running = Running::start(observer).await;
    publish(&bus, "web-1.alert", &alert("web-1", "LOW")).await;
    eventually("it succeeded", async || counts.figures().handled == 2).await;
    publish(&bus, "web-2.alert", &alert("web-2", "LOW")).await;
    let trace = publish(&bus, "web-3.alert", &alert("web-3", "LOW")).await;
    let aside = rejected(&bus).await;
    assert_eq!(&*aside.topic, "web-2.alert");
    assert_eq!(&*aside.body, alert("web-2", "LOW").as_bytes());
    let cause = "tried 3 times: the pager is off (call 6)";
    assert_eq!(aside.rejection.as_deref(), Some(cause));
    let aside = rejected(&bus).await;
    let cause = "tried 3 times: the handler panicked: no such case";
    assert_eq!(aside.rejection.as_deref(), Some(cause));
    assert_eq!(aside.trace, Some(trace));
    // The other handler had each of them once.
    for host in ["web-1", "web-2", "web-3"] {
        assert_eq!(next(&mut seen).await.body()["host"], host);
    }
    // What a handler did is counted a moment after it was seen.
    let dealt_with = || {
        let figures = counts.figures();
        (figures.received, figures.handled, figures.rejected)
    };
    eventually("all are counted", async || dealt_with() == (3, 4, 2)).await;
    let figures = counts.figures();
    assert_eq!((figures.failed_attempts, figures.panics), (2 + 3 + 3, 3));
    running.stop().await;
    // Whoever comes later gets nothing: all were dealt with.
    let (handler, mut seen) = collect();
    let running = Running::start(Observer::over(bus.clone()).named("pager").on("#.alert", handler));
    let running = running.await;
    publish(&bus, "web-4.alert", &alert("web-4", "LOW")).await;
    assert_eq!(next(&mut seen).await.key(), "web-4.alert");
    running.stop().await;
    bus.close().await;
}

async fn what_fails_without_a_name_is_counted_and_nobody_else_is_troubled(bus: Bus) {
    let reject = async |_| Err::<(), _>(Reject("not mine".to_owned()));
    let unnamed = Observer::over(bus.clone()).on("job", reject);
    let counts = unnamed.counts();
    let unnamed = Running::start(unnamed).await;
    publish(&bus, "job", "1").await;
    eventually("it is counted", async || counts.figures().rejected == 1).await;
    let named = Observer::over(bus.clone()).named("pager").on("job", reject);
    let named = Running::start(named).await;
    publish(&bus, "job", "2").await;
    // The one before it was not set aside.
    assert_eq!(&*rejected(&bus).await.body, b"2");
    named.stop().await;
    unnamed.stop().await;
    bus.close().await;
}

async fn a_handler_that_panics_when_it_is_dropped_has_failed_like_any_other(bus: Bus) {
    struct Fragile;
    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("not while I hold this");
        }
    }
    let fails = Events::of("job").time_limit(SHORT).attempts(2).pause(SHORT, SHORT);
    let observer = Observer::over(bus.clone()).named("pager").on(fails, |_| async {
        let _held = Fragile;
        std::future::pending::<()>().await;
    });
    let counts = observer.counts();
    let running = Running::start(observer).await;
    publish(&bus, "job", "1").await;
    let cause = "tried 2 times: the handler panicked: not while I hold this";
    assert_eq!(rejected(&bus).await.rejection.as_deref(), Some(cause));
    eventually("it is counted", async || counts.figures().rejected == 1).await;
    assert_eq!((counts.figures().failed_attempts, counts.figures().panics), (2, 2));
    running.stop().await;
    bus.close().await;
}

async fn what_no_call_can_mend_is_set_aside_at_once(bus: Bus) {
    let observer = Observer::over(bus.clone())
        .named("pager")
        .on_event("#.alert", |_: Alert, _| async { Err::<(), _>(Reject("unknown host".into())) })
        .on(Events::of("slow").time_limit(SHORT).attempts(1), |_| std::future::pending::<()>());
    let counts = observer.counts();
    let running = Running::start(observer).await;
    for (key, body, cause) in [
        ("web.alert", "no json", "the body is not JSON: expected ident at line 1 column 2"),
        ("web.alert", r#"{"host": 5}"#, "the body does not parse: invalid type: integer `5`"),
        ("web.alert", &alert("web", "LOW"), "unknown host"),
        ("slow", "{}", "tried once: the handler took longer than 2ms"),
    ] {
        publish(&bus, key, body).await;
        let reason = rejected(&bus).await.rejection.unwrap();
        assert!(reason.starts_with(cause), "{reason}");
    }
    assert_eq!(counts.figures().failed_attempts, 3);
    running.stop().await;
    // What an earlier version of the program asked for keeps coming, and is kept.
    let observer = Observer::over(bus.clone()).named("pager").on("#.alert", async |_| {});
    let running = Running::start(observer).await;
    publish(&bus, "slow", "{}").await;
    let reason = rejected(&bus).await.rejection.unwrap();
    assert_eq!(&*reason, "no handler of `pager` is for this key any more");
    running.stop().await;
    bus.close().await;
}

async fn as_many_events_as_allowed_are_worked_on_at_the_same_time(bus: Bus) {
    let (together, most) = (Arc::new(Barrier::new(3)), Arc::new(AtomicUsize::new(0)));
    let (now, at_most) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    let (single, mut in_order) = collect();
    let observer = Observer::over(bus.clone())
        .on(Events::of("job").concurrency(3), move |_| {
            at_most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let (together, now) = (Arc::clone(&together), Arc::clone(&now));
            async move {
                // Nobody passes before three are here.
                together.wait().await;
                now.fetch_sub(1, Ordering::SeqCst);
            }
        })
        .on("job", single);
    let counts = observer.counts();
    let running = Running::start(observer).await;
    for number in 0..30 {
        publish(&bus, "job", &number.to_string()).await;
    }
    for number in 0..30 {
        assert_eq!(next(&mut in_order).await.body(), number);
    }
    eventually("all are handled", async || counts.figures().handled == 60).await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
    running.stop().await;
    bus.close().await;
}

async fn without_a_name_a_handler_that_hangs_holds_up_no_other(bus: Bus) {
    let (handler, mut seen) = collect();
    let observer = Observer::over(bus.clone())
        .grace(SHORT)
        .on("job", |_| std::future::pending::<()>())
        .on("job", handler);
    let running = Running::start(observer).await;
    for number in 0..20 {
        publish(&bus, "job", &number.to_string()).await;
    }
    for number in 0..20 {
        assert_eq!(next(&mut seen).await.body(), number);
    }
    running.stop().await;
    bus.close().await;
}

async fn a_stop_lets_handlers_end_and_gives_back_what_none_has_begun(bus: Bus) {
    let (begun, mut begins) = mpsc::channel(10);
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let observer = Observer::over(bus.clone()).named("pager").on("job", move |event: Event| {
        begun.try_send(event).unwrap();
        let held = Arc::clone(&held);
        async move { drop(held.acquire().await) }
    });
    let counts = observer.counts();
    let running = Running::start(observer).await;
    for number in 0..4 {
        publish(&bus, "job", &number.to_string()).await;
    }
    assert_eq!(next(&mut begins).await.body(), 0);
    eventually("the next came", async || counts.figures().received == 2).await;
    let ended = running.ask().await;
    assert!(!ended.is_finished());
    gate.add_permits(10);
    in_time("the observer ends", ended).await.expect("no panic").expect("no error");
    assert!(begins.try_recv().is_err(), "no other was begun");
    let (handler, mut seen) = collect();
    let observer = Observer::over(bus.clone()).named("pager").on("job", handler);
    let running = Running::start(observer).await;
    // What is given back may come behind what nobody had taken.
    let mut again = Vec::new();
    while again.len() < 3 {
        again.push(next(&mut seen).await.body().as_u64().expect("a number"));
    }
    again.sort_unstable();
    assert_eq!(again, [1, 2, 3]);
    running.stop().await;
    bus.close().await;
}

async fn a_handler_that_never_ends_does_not_keep_the_observer_from_stopping(bus: Bus) {
    let (begun, mut begins) = mpsc::channel(10);
    let observer = Observer::over(bus.clone()).named("pager").grace(Duration::from_millis(50)).on(
        "job",
        move |event: Event| {
            begun.try_send(event).unwrap();
            std::future::pending::<()>()
        },
    );
    let running = Running::start(observer).await;
    publish(&bus, "job", "1").await;
    next(&mut begins).await;
    running.stop().await;
    let (handler, mut seen) = collect();
    let observer = Observer::over(bus.clone()).named("pager").on("job", handler);
    let running = Running::start(observer).await;
    assert!(next(&mut seen).await.redelivered());
    running.stop().await;
    bus.close().await;
}

/// Makes two tests of each function: one over each transport.
macro_rules! over_both_transports {
    ($($name:ident)+) => {
        mod over_memory {
            $(#[tokio::test]
            async fn $name() { super::$name(super::memory()).await; })+
        }
        mod over_rabbitmq {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::open_bus(super::shared_broker(), &super::unique_exchange()))
                    .await;
            })+
        }
    };
}

over_both_transports! {
    each_handler_gets_what_matches_and_what_it_sends_stays_in_the_trace
    what_fails_is_tried_again_and_then_set_aside_with_its_cause
    what_fails_without_a_name_is_counted_and_nobody_else_is_troubled
    a_handler_that_panics_when_it_is_dropped_has_failed_like_any_other
    what_no_call_can_mend_is_set_aside_at_once
    as_many_events_as_allowed_are_worked_on_at_the_same_time
    without_a_name_a_handler_that_hangs_holds_up_no_other
    a_stop_lets_handlers_end_and_gives_back_what_none_has_begun
    a_handler_that_never_ends_does_not_keep_the_observer_from_stopping
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_set_aside_is_tried_until_the_rejected_queue_is_back() {
    let broker = RabbitMq::start();
    let bus = open_bus(&broker.url(), "resources");
    let observer = Observer::over(bus.clone())
        .named("pager")
        .on("job", async |_| Err::<(), _>(Reject("no such job".to_owned())));
    let counts = observer.counts();
    let running = Running::start(observer).await;
    // The link to publish over is up, and so makes no queue any more.
    publish(&bus, "job", "1").await;
    assert_eq!(&*rejected(&bus).await.body, b"1");
    broker.ctl(&["delete_queue", "resources.rejected"]);
    publish(&bus, "job", "2").await;
    eventually("it was handled", async || counts.figures().failed_attempts == 2).await;
    // Somebody comes who makes it.
    let other = open_bus(&broker.url(), "resources");
    assert_eq!(&*rejected(&other).await.body, b"2");
    eventually("both are counted", async || counts.figures().rejected == 2).await;
    running.stop().await;
    bus.close().await;
    other.close().await;
}

#[tokio::test]
async fn every_call_of_a_handler_is_timed() {
    let bus = memory();
    let events = Events::of("job.of.figures").attempts(3).pause(SHORT, SHORT);
    let observer = Observer::over(bus.clone()).on(events, async |_| Err::<(), _>("no"));
    let counts = observer.counts();
    let running = Running::start(observer).await;
    publish(&bus, "job.of.figures", "1").await;
    eventually("it has failed", async || counts.figures().rejected == 1).await;
    let text = resources_core::telemetry::metrics::render();
    let counted = "resources_handler_seconds_count{handler=\"job.of.figures\"} 3";
    assert!(text.contains(counted), "{text}");
    running.stop().await;
    bus.close().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_said_before_anything_runs() {
    let ignore = |_| std::future::ready(());
    let observer = || Observer::over(memory());
    for (observer, words) in [
        (observer(), "needs a handler"),
        (observer().on("web*.alert", ignore), "\"web*.alert\" is not a pattern"),
        (observer().on("a", ignore).named("a b"), "1–50 letters"),
        (
            observer().on(Events::of("a").filter("level"), ignore),
            "events of \"a\": filter: `level`",
        ),
        (observer().on(Events::of("a").concurrency(0), ignore), "at least 1"),
        (observer().on(Events::of("a").attempts(0), ignore), "at least 1"),
        (observer().on(Events::of("a").pause(Duration::ZERO, SHORT), ignore), "backoff"),
        (
            observer().on(Events::of("a").time_limit(Duration::from_secs(180)), ignore),
            "events of \"a\": one may take 915s, and the last of the 2 that are sent ahead 1830s",
        ),
    ] {
        let error = observer.run_until(std::future::pending()).await.expect_err("an error");
        assert!(matches!(error, ObserverError::Settings(_)));
        assert!(error.to_string().contains(words), "{error}");
    }
    // What the environment says of the broker is enough.
    let from_environment = Observer::from_environment("test").unwrap();
    assert!(format!("{from_environment:?}").contains("problem: None"));
    let sender = observer().sender();
    assert!(matches!(sender.send("a b", "x").await, Err(SendError::Key(_))));
    assert!(matches!(sender.send("nobody", "x").await, Err(SendError::Publish(_))));
    let large = "x".repeat(300_000);
    assert!(matches!(sender.send("nobody", &large).await, Err(SendError::TooLarge(300_002))));
}

#[tokio::test]
async fn an_observer_that_never_reached_its_broker_stops_at_once() {
    let config = bus_config("amqp://127.0.0.1:1/%2f", "resources");
    let observer = Observer::connect(config).named("pager").on("a", async |_| {});
    let ended = in_time("it ends", observer.run_until(std::future::ready(()))).await;
    assert!(ended.is_ok());
}

#[tokio::test]
async fn the_end_of_the_bus_ends_the_observer() {
    let bus = memory();
    let running = Running::start(Observer::over(bus.clone()).on("a", async |_| {})).await;
    bus.close().await;
    let ended = in_time("it ends", running.ended).await.unwrap();
    assert!(matches!(ended, Err(ObserverError::Closed)));
    drop(running.stop);
}
