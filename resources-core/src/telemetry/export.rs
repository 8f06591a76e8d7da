//! The way of spans to a collector: batches over OTLP, from a thread of their own.
//!
//! What waits is bounded; while the collector is away what does not fit is dropped and counted, as
//! is a batch that was not taken, and no work ever waits for it.

mod client;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Once, OnceLock};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _,
};
use url::Url;

use self::client::Client;
use super::metrics::{Counter, counter};
use super::span::StepError;
use crate::bus::Names;
use crate::contract::TraceParent;
use crate::service::Failure;

static EXPORTER: OnceLock<Exporter> = OnceLock::new();

/// Most spans that wait, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise: as many as the SDK has
/// room for, which does not tell what it drops.
const MAX_WAITING: usize = 2_048;

/// Spans that did not leave.
pub(super) static DROPPED: LazyLock<Counter> = LazyLock::new(|| {
    counter(
        "resources_spans_dropped_total",
        "Spans that no collector got: too many waited, or their batch was not taken",
    )
});

/// What exports spans, when it was started.
pub(super) fn exporter() -> Option<&'static Exporter> {
    EXPORTER.get()
}

#[derive(Debug)]
pub(super) struct Exporter {
    processor: BatchSpanProcessor,
    /// Spans that no batch holds yet.
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
    scope: InstrumentationScope,
    ratio: f64,
    exchange: String,
    rejected: String,
}

/// Counts what leaves.
#[derive(Debug)]
struct Counted {
    exporter: SpanExporter,
    waiting: Arc<AtomicUsize>,
}

impl opentelemetry_sdk::trace::SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        // Whoever sends it says once that it was not taken.
        self.exporter.export(batch).await.inspect_err(|_| DROPPED.inc_by(spans as u64))
    }

    fn shutdown_with_timeout(&self, limit: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(limit)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// A step that is over.
pub(super) struct Finished<'a> {
    pub(super) trace: TraceParent,
    pub(super) kind: SpanKind,
    pub(super) name: String,
    pub(super) begun: SystemTime,
    pub(super) attributes: Vec<KeyValue>,
    /// Steps it follows from besides its parent.
    pub(super) links: Vec<TraceParent>,
    pub(super) failure: Option<StepError<'a>>,
}

/// Starts to export to the collector at `endpoint`, as `program`, for the rest of the process.
pub(super) fn start(
    program: &'static str,
    endpoint: &Url,
    ratio: f64,
    names: &Names,
) -> Result<(), Failure> {
    let exporter = Exporter::new(program, endpoint, ratio, names)?;
    EXPORTER
        .set(exporter)
        .map_err(|_| Failure::settings("--otlp-endpoint: spans are exported already"))?;
    let collector = client::shown(&traces_url(endpoint));
    tracing::info!(collector, ratio, "exporting spans to {collector}");
    Ok(())
}

/// Where a collector takes spans.
fn traces_url(endpoint: &Url) -> Url {
    let mut url = endpoint.clone();
    let path = endpoint.path().trim_end_matches('/');
    if !path.ends_with("/v1/traces") {
        url.set_path(&format!("{path}/v1/traces"));
    }
    url
}

/// Sends what waits, for at most `limit`, and takes no more. Blocks.
pub(super) fn flush(limit: Duration) {
    if let Some(exporter) = exporter()
        && let Err(error) = exporter.processor.shutdown_with_timeout(limit)
    {
        tracing::debug!(%error, "the last spans were not exported");
    }
}

impl Exporter {
    fn new(
        program: &'static str,
        endpoint: &Url,
        ratio: f64,
        names: &Names,
    ) -> Result<Self, Failure> {
        let traces = traces_url(endpoint);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(traces.as_str())
            .with_http_client(Client::new(&traces))
            .build()
            .map_err(|error| Failure::settings(format_args!("--otlp-endpoint: {error}")))?;
        let waiting = Arc::new(AtomicUsize::new(0));
        let counted = Counted { exporter, waiting: Arc::clone(&waiting) };
        let mut processor = BatchSpanProcessor::builder(counted).build();
        // Takes `OTEL_RESOURCE_ATTRIBUTES` too.
        let resource = Resource::builder()
            .with_service_name(program)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        processor.set_resource(&resource);
        let room = std::env::var("OTEL_BSP_MAX_QUEUE_SIZE").ok().and_then(|text| text.parse().ok());
        Ok(Self {
            processor,
            waiting,
            max_waiting: room.unwrap_or(MAX_WAITING),
            scope: InstrumentationScope::builder("resources").build(),
            ratio,
            exchange: names.exchange().to_owned(),
            rejected: names.rejected(),
        })
    }

    /// Whether the trace that begins now is to be recorded.
    pub(super) fn samples(&self) -> bool {
        fastrand::f64() < self.ratio
    }

    pub(super) fn exchange(&self) -> &str {
        &self.exchange
    }

    pub(super) fn rejected(&self) -> &str {
        &self.rejected
    }

    /// Has a step exported, or drops it when too many wait.
    pub(super) fn export(&self, finished: Finished<'_>) {
        static FIRST: Once = Once::new();
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        if waiting >= self.max_waiting {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            DROPPED.inc();
            FIRST.call_once(|| {
                tracing::warn!(
                    waiting,
                    "spans are dropped, as {waiting} wait already; resources_spans_dropped_total \
                     counts them"
                );
            });
            return;
        }
        let Finished { trace, kind, name, begun, mut attributes, links, failure } = finished;
        let status = match failure {
            None => Status::Unset,
            Some(StepError { class, cause }) => {
                attributes.push(KeyValue::new("error.type", class.to_owned()));
                Status::error(cause.to_owned())
            }
        };
        let mut followed = SpanLinks::default();
        followed.links = links.iter().map(|step| Link::with_context(context(step))).collect();
        let parent = trace.parent_id();
        self.processor.on_end(SpanData {
            span_context: context(&trace),
            parent_span_id: parent
                .map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.to_be_bytes())),
            parent_span_is_remote: kind == SpanKind::Consumer,
            span_kind: kind,
            name: name.into(),
            start_time: begun,
            end_time: SystemTime::now().max(begun),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: followed,
            status,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

/// A step that is sampled, as OpenTelemetry names it.
fn context(step: &TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(step.trace_id().to_be_bytes()),
        SpanId::from_bytes(step.span_id().to_be_bytes()),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::test_support::eventually;

    #[tokio::test]
    async fn every_span_that_a_silent_collector_does_not_take_is_counted() {
        // Connections wait to be accepted, and nobody does.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
        let names = Names::new("test").unwrap();
        let exporter = Exporter::new("test", &endpoint, 1.0, &names).unwrap();
        let offered = 3 * MAX_WAITING as u64;
        for _ in 0..offered {
            exporter.export(Finished {
                trace: TraceParent::begin_sampled(),
                kind: SpanKind::Client,
                name: "tell".to_owned(),
                begun: SystemTime::now(),
                attributes: Vec::new(),
                links: Vec::new(),
                failure: None,
            });
        }
        let at_once = DROPPED.get();
        assert!((1..offered).contains(&at_once), "{at_once} of {offered}");
        assert!(exporter.waiting.load(Ordering::Relaxed) <= MAX_WAITING);
        // Now it refuses, so that no more is waited for.
        drop(silent);
        eventually("the batches are counted, too", async || DROPPED.get() == offered).await;
    }

    #[test]
    fn spans_go_to_the_path_of_traces() {
        for (endpoint, traces) in [
            ("http://a:4318", "http://a:4318/v1/traces"),
            ("http://a:4318/", "http://a:4318/v1/traces"),
            ("https://a/otel/", "https://a/otel/v1/traces"),
            ("https://a/v1/traces", "https://a/v1/traces"),
        ] {
            assert_eq!(traces_url(&endpoint.parse().unwrap()).as_str(), traces);
        }
    }
}
