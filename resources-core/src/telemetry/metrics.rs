//! Figures of this program, counted once for all parts that run in it.
//!
//! Counters, gauges and histograms are atomics, counted whether anyone asks or not. Each part registers its own with [`counter`], [`gauge`] and [`handler`]; how messages
//! travel is counted here, by the bus. `docs/observability.md` has every name.

mod bus;
mod process;

use std::sync::LazyLock;

use prometheus::{HistogramOpts, HistogramVec, Opts, Registry, TextEncoder};

pub use prometheus::{
    Gauge as Seconds, Histogram, IntCounter as Counter, IntCounterVec as Counters,
    IntGauge as Gauge, IntGaugeVec as Gauges,
};

pub(crate) use bus::bus;

/// The type of what [`render`] gives, for HTTP.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Bounds of the work on one message, in seconds.
const HANDLER_BUCKETS: [f64; 13] =
    [1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 60.0];

/// Bounds of how late a message is, in seconds.
const LAG_BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// Every figure has a name and labels of our own making, and is registered once.
const OURS: &str = "a name of ours, registered once";

static HANDLERS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let options = HistogramOpts::new(
        "resources_handler_seconds",
        "Time of the work on one message, by what works on it",
    );
    registered(HistogramVec::new(options.buckets(HANDLER_BUCKETS.to_vec()), &["handler"]))
});

static LAG: LazyLock<Histogram> = LazyLock::new(|| {
    let options = HistogramOpts::new(
        "resources_sample_lag_seconds",
        "Age of a sample, by the clock of its host, when this program takes it",
    );
    registered(Histogram::with_opts(options.buckets(LAG_BUCKETS.to_vec())))
});

static ALERT_LAG: LazyLock<Histogram> = LazyLock::new(|| {
    let options = HistogramOpts::new(
        "resources_alert_lag_seconds",
        "Age of an alert, by the clock of the observer, when this program takes it",
    );
    registered(Histogram::with_opts(options.buckets(LAG_BUCKETS.to_vec())))
});

fn registered<T: prometheus::core::Collector + Clone + 'static>(
    collector: prometheus::Result<T>,
) -> T {
    let collector = collector.expect(OURS);
    REGISTRY.register(Box::new(collector.clone())).expect(OURS);
    collector
}

/// A counter of this program. To be called once for a name, which ends in `_total`.
///
/// # Panics
/// When there is one of that name, or the name is none.
#[must_use]
pub fn counter(name: &str, help: &str) -> Counter {
    registered(Counter::new(name, help))
}

/// Counters of this program, one for each value of a label. To be called once for a name.
///
/// # Panics
/// When there is one of that name, or the name is none.
#[must_use]
pub fn counters<const N: usize>(
    name: &str,
    help: &str,
    label: &str,
    values: [&str; N],
) -> [Counter; N] {
    let all = counters_by(name, help, label);
    values.map(|value| all.with_label_values(&[value]))
}

/// Counters of this program, one for each value of a label that comes to be known; those who set
/// the program up decide on the values, and so on how many there are. To be called once for a
/// name.
///
/// # Panics
/// When there is one of that name, or the name is none.
#[must_use]
pub fn counters_by(name: &str, help: &str, label: &str) -> Counters {
    registered(Counters::new(Opts::new(name, help), &[label]))
}

/// As [`counters_by`], of figures that go up and down. To be called once for a name.
///
/// # Panics
/// When there is one of that name, or the name is none.
#[must_use]
pub fn gauges_by(name: &str, help: &str, label: &str) -> Gauges {
    registered(Gauges::new(Opts::new(name, help), &[label]))
}

/// A figure of this program that goes up and down. To be called once for a name.
///
/// # Panics
/// When there is one of that name, or the name is none.
#[must_use]
pub fn gauge(name: &str, help: &str) -> Gauge {
    registered(Gauge::new(name, help))
}

/// How long `handler` works on a message, in seconds; to be kept, not asked for each time.
#[must_use]
pub fn handler(handler: &str) -> Histogram {
    HANDLERS.with_label_values(&[handler])
}

/// Ages of samples when this program takes them, in seconds.
#[must_use]
pub fn lag() -> Histogram {
    LAG.clone()
}

/// Ages of alerts when this program takes them, in seconds.
#[must_use]
pub fn alert_lag() -> Histogram {
    ALERT_LAG.clone()
}

/// Seconds that go up and down. To be called once for a name, which ends in `_seconds`.
///
/// # Panics
/// When there is one of that name, or the name is none.
#[must_use]
pub fn seconds(name: &str, help: &str) -> Seconds {
    registered(Seconds::new(name, help))
}

/// Seconds from `then_ms` to `now_ms`; 0 when that is later.
#[must_use]
pub fn seconds_between(then_ms: u64, now_ms: u64) -> f64 {
    std::time::Duration::from_millis(now_ms.saturating_sub(then_ms)).as_secs_f64()
}

/// Every figure of this program in Prometheus' text format.
#[must_use]
pub fn render() -> String {
    // So that they are there before the first message.
    bus();
    LazyLock::force(&super::export::DROPPED);
    let mut text = String::new();
    let encoded = TextEncoder::new().encode_utf8(&REGISTRY.gather(), &mut text);
    if let Err(error) = encoded {
        tracing::error!(%error, "metrics could not be written");
    }
    process::write(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rendered_is_read_back_with_a_help_for_each_figure() {
        counter("resources_test_things_total", "Things").inc_by(3);
        handler("test").observe(0.000_003);
        let text = render();
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let scrape = prometheus_parse::Scrape::parse(lines).unwrap();
        let value = |name: &str| {
            let sample = scrape.samples.iter().find(|sample| sample.metric == name);
            sample.unwrap_or_else(|| panic!("{name} is missing in:\n{text}")).value.clone()
        };
        assert_eq!(
            value("resources_test_things_total"),
            prometheus_parse::Value::Counter(3.0),
            "{text}"
        );
        for sample in &scrape.samples {
            let part = ["_sum", "_count"].iter().find_map(|end| sample.metric.strip_suffix(end));
            let help = format!("# HELP {} ", part.unwrap_or(&sample.metric));
            assert!(text.contains(&help), "{} has no help", sample.metric);
        }
        assert!(
            text.contains("resources_handler_seconds_bucket{handler=\"test\",le=\"0.000005\"} 1")
        );
    }
}
