//! The way of spans to a collector: batches over OTLP, from a thread of their own.
//!
//! What waits is bounded; while the collector is away the oldest leave and what does not fit is
//! dropped and counted, and no work ever waits for it.

mod client;

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _,
};
use url::Url;

use self::client::Client;
use super::span::StepError;
use crate::contract::TraceParent;
use crate::service::Failure;

static EXPORTER: OnceLock<Exporter> = OnceLock::new();

/// What exports spans, when it was started.
pub(super) fn exporter() -> Option<&'static Exporter> {
    EXPORTER.get()
}

#[derive(Debug)]
pub(super) struct Exporter {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    ratio: f64,
    exchange: String,
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
    exchange: &str,
) -> Result<(), Failure> {
    let traces = traces_url(endpoint);
    let cannot =
        |error: &dyn std::fmt::Display| Failure::settings(format_args!("--otlp-endpoint: {error}"));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces.as_str())
        .with_http_client(Client::new(&traces))
        .build()
        .map_err(|error| cannot(&error))?;
    let mut processor = BatchSpanProcessor::builder(exporter).build();
    // Takes `OTEL_RESOURCE_ATTRIBUTES` too.
    let resource = Resource::builder()
        .with_service_name(program)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    processor.set_resource(&resource);
    let scope = InstrumentationScope::builder("resources").build();
    let exporter = Exporter { processor, scope, ratio, exchange: exchange.to_owned() };
    EXPORTER.set(exporter).map_err(|_| cannot(&"spans are exported already"))?;
    tracing::info!(
        collector = client::shown(&traces),
        ratio,
        "exporting spans to {}",
        client::shown(&traces)
    );
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
    /// Whether the trace that begins now is to be recorded.
    pub(super) fn samples(&self) -> bool {
        fastrand::f64() < self.ratio
    }

    pub(super) fn exchange(&self) -> &str {
        &self.exchange
    }

    /// Has a step exported, or drops it when too many wait.
    pub(super) fn export(&self, finished: Finished<'_>) {
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
    use super::*;

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
