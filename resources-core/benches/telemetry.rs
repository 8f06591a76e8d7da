//! What telemetry costs the work on one message: two clock readings, a span, two histograms and
//! two counters, with nobody to export to, with an exporter and a trace that is not sampled, and
//! with one that is, whose spans are dropped as too many wait. Nanoseconds a message, the best of several rounds.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::num::NonZeroU16;
use std::time::Instant;

use resources_core::bus::{Bus, BusConfig, Delivery, Message, Source};
use resources_core::contract::{Topic, TraceParent};
use resources_core::telemetry::{Span, TelemetryArgs, begin_trace, metrics};

const ROUNDS: u32 = 15;
const MESSAGES: u32 = 10_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let config = BusConfig::in_memory("bench");
    let bus = Bus::open(config.clone());
    let mut delivery = delivery(&bus).await;
    let count = metrics::counters("bench_messages_total", "Messages", "of", ["received", "sent"]);
    let (work, lag) = (metrics::handler("bench"), metrics::lag());
    let message = |delivery: &Delivery| {
        let (begun, span) = (Instant::now(), Span::after(delivery.trace));
        count[0].inc();
        lag.observe(metrics::seconds_between(1, 2));
        span.end_process(delivery, None);
        work.observe(begun.elapsed().as_secs_f64());
        count[1].inc();
        span.next()
    };
    println!("nanoseconds a message:");
    let show = |what: &str, ns: f64| println!("{what:<44} {ns:>8.0}");
    show("without any", best(|| black_box(&delivery).trace));
    show("no exporter", best(|| message(black_box(&delivery))));
    let clock = || (Instant::now(), Instant::now().elapsed());
    show("of that, reading the clock", best(clock));

    let telemetry = TelemetryArgs {
        // Nobody listens there.
        otlp_endpoint: Some("http://127.0.0.1:9".parse().expect("a URL")),
        otlp_sampling_ratio: Some(0.0),
        ..TelemetryArgs::default()
    };
    let telemetry = telemetry.start("bench", &config).expect("it can be used");
    delivery.trace = Some(begin_trace());
    show("an exporter, ratio 0", best(|| message(black_box(&delivery))));
    delivery.trace = Some(TraceParent::begin_sampled());
    show("an exporter, a sampled trace, most dropped", best(|| message(black_box(&delivery))));
    telemetry.finish().await;
    bus.close().await;
}

/// A message as it comes.
async fn delivery(bus: &Bus) -> Delivery {
    let mut subscription = bus.subscribe(Source::Measures, NonZeroU16::MIN);
    let message = Message {
        topic: Topic::new("web-1.measure").expect("a key"),
        body: include_bytes!("../tests/golden/measure_full.json")[..].into(),
        timestamp_ms: 1,
        trace: TraceParent::begin(),
    };
    bus.publisher().publish(&message).await.expect("it is in the process");
    subscription.next().await.expect("the bus is open")
}

/// Nanoseconds one call takes in the best round: what else runs on the machine only adds.
fn best<T>(mut call: impl FnMut() -> T) -> f64 {
    let round = |_| {
        let start = Instant::now();
        for _ in 0..MESSAGES {
            black_box(call());
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(MESSAGES)
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}
