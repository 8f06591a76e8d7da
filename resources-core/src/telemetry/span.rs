//! Steps of a trace, recorded when its first part chose so and this one exports.
//!
//! Names and attributes follow OpenTelemetry's conventions for messaging and RabbitMQ:
//! <https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/>. Names hold the kind of a
//! message and not its host, as there are many of those.

use std::time::SystemTime;

use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};

use super::export::{Exporter, Finished, exporter};
use crate::bus::{Delivery, Message, PublishError};
use crate::contract::TraceParent;

/// Most links of a step, as OpenTelemetry has it.
const MAX_LINKS: usize = 128;

/// Why a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepError<'a> {
    /// What kind of failure it is, in one of few words: `error.type`.
    pub class: &'a str,
    /// What happened, without any secret: the description of the status.
    pub cause: &'a str,
}

impl<'a> From<&'a str> for StepError<'a> {
    /// Of a failure of which there is no more to say.
    fn from(class: &'a str) -> Self {
        Self { class, cause: class }
    }
}

/// Begins a trace. How many are sampled a setting says: none unless spans are exported.
#[must_use]
pub fn begin_trace() -> TraceParent {
    match exporter() {
        Some(exporter) if exporter.samples() => TraceParent::begin_sampled(),
        _ => TraceParent::begin(),
    }
}

/// The trace of what follows from `step`: the next step of it; or `step` itself when others
/// record the trace and this process does not, as nobody would know a step in between.
#[must_use]
pub fn next_of(step: TraceParent) -> TraceParent {
    if step.is_sampled() && exporter().is_none() { step } else { step.next_step() }
}

/// A step in this process, from when it was begun until it is ended. There is one for every
/// message; only those of sampled traces are recorded, and only when spans are exported.
#[derive(Debug, Clone, Copy)]
#[must_use = "it is recorded when it is ended"]
pub struct Span {
    trace: TraceParent,
    /// When it began; `None` when it is not recorded.
    begun: Option<SystemTime>,
}

impl Span {
    /// Begins a step that follows from `parent`, or with a trace of its own when there is none.
    pub fn after(parent: Option<TraceParent>) -> Self {
        match parent {
            Some(parent) if parent.is_sampled() && exporter().is_some() => {
                Self { trace: parent.next_step(), begun: Some(SystemTime::now()) }
            }
            Some(parent) => Self { trace: parent, begun: None },
            None => Self { trace: TraceParent::begin(), begun: None },
        }
    }

    /// What the step is to those who come after it.
    #[must_use]
    pub const fn trace(&self) -> TraceParent {
        self.trace
    }

    /// The trace of a message that follows from this step.
    #[must_use]
    pub fn next(&self) -> TraceParent {
        next_of(self.trace)
    }

    /// Ends the work on `delivery`, with why it failed.
    pub fn end_process(self, delivery: &Delivery, failure: Option<StepError<'_>>) {
        let Some((begun, exporter)) = self.recorded() else { return };
        let topic = &*delivery.topic;
        let mut attributes = messaging(exporter.exchange(), "process", topic, delivery.body.len());
        if let Some(offset) = delivery.offset.and_then(|offset| i64::try_from(offset).ok()) {
            attributes.push(KeyValue::new("messaging.rabbitmq.stream.offset", offset));
        }
        exporter.export(Finished {
            trace: self.trace,
            kind: SpanKind::Consumer,
            name: format!("process {}", kind_of(topic)),
            begun,
            attributes,
            links: Vec::new(),
            failure,
        });
    }

    /// Ends a call of something outside, such as a webhook, named by few different names; with the
    /// steps it follows from besides its parent, and why it failed.
    pub fn end_call(
        self,
        name: &str,
        attributes: impl IntoIterator<Item = (&'static str, String)>,
        links: impl IntoIterator<Item = TraceParent>,
        failure: Option<StepError<'_>>,
    ) {
        let Some((begun, exporter)) = self.recorded() else { return };
        let attributes = attributes.into_iter().map(|(key, value)| KeyValue::new(key, value));
        exporter.export(Finished {
            trace: self.trace,
            kind: SpanKind::Client,
            name: name.to_owned(),
            begun,
            attributes: attributes.collect(),
            links: links.into_iter().filter(TraceParent::is_sampled).take(MAX_LINKS).collect(),
            failure,
        });
    }

    fn recorded(&self) -> Option<(SystemTime, &'static Exporter)> {
        Some((self.begun?, exporter()?))
    }
}

/// When the publishing of a message of `trace` begins, if it is to be recorded.
pub(crate) fn publishing(trace: Option<TraceParent>) -> Option<SystemTime> {
    let is_recorded = trace.is_some_and(|trace| trace.is_sampled()) && exporter().is_some();
    is_recorded.then(SystemTime::now)
}

/// A try to publish `message` is over. When the broker has it, its step is the message's own, as
/// whoever receives it follows from that; a try that failed is a step beside it.
pub(crate) fn published(
    message: &Message,
    begun: Option<SystemTime>,
    outcome: &Result<(), PublishError>,
) {
    let (Some(begun), Some(exporter)) = (begun, exporter()) else { return };
    let topic = message.topic.as_str();
    let failure = failure_of(outcome);
    exporter.export(Finished {
        trace: if failure.is_none() { message.trace } else { message.trace.beside() },
        kind: SpanKind::Producer,
        name: format!("send {}", kind_of(topic)),
        begun,
        attributes: messaging(exporter.exchange(), "send", topic, message.body.len()),
        links: Vec::new(),
        failure,
    });
}

/// A try to put `delivery` into the rejected queue is over: a step after the one that sent it.
pub(crate) fn set_aside(
    delivery: &Delivery,
    begun: Option<SystemTime>,
    outcome: &Result<(), PublishError>,
) {
    let (Some(trace), Some(begun), Some(exporter)) = (delivery.trace, begun, exporter()) else {
        return;
    };
    let topic = &*delivery.topic;
    exporter.export(Finished {
        trace: trace.next_step(),
        kind: SpanKind::Producer,
        name: format!("set aside {}", kind_of(topic)),
        begun,
        attributes: messaging(exporter.rejected(), "send", topic, delivery.body.len()),
        links: Vec::new(),
        failure: failure_of(outcome),
    });
}

fn failure_of(outcome: &Result<(), PublishError>) -> Option<StepError<'static>> {
    outcome.as_ref().err().map(|error| error.cause().into())
}

fn messaging(
    exchange: &str,
    operation: &'static str,
    topic: &str,
    body_bytes: usize,
) -> Vec<KeyValue> {
    let name = match operation {
        "send" => "publish",
        other => other,
    };
    let text = |key, value: &str| KeyValue::new(key, Value::from(value.to_owned()));
    let body_bytes = i64::try_from(body_bytes).unwrap_or(i64::MAX);
    vec![
        KeyValue::new("messaging.system", "rabbitmq"),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.operation.name", name),
        text("messaging.destination.name", exchange),
        text("messaging.rabbitmq.destination.routing_key", topic),
        KeyValue::new("messaging.message.body.size", body_bytes),
    ]
}

/// The last word of a routing key.
fn kind_of(topic: &str) -> &str {
    topic.rsplit('.').next().unwrap_or(topic)
}
