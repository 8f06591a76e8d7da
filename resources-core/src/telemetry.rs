//! What every program tells of itself, to those who ask: [`metrics`] as Prometheus reads them, and
//! [`Span`]s of the traces that go through it, exported over OTLP.
//!
//! Both are off by default. Figures are counted all the same, which costs less than 100 ns a
//! message; a span is not made, and no port opened, unless a setting asks for it.

mod export;
mod listen;
pub mod metrics;
mod span;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use tokio::task::AbortHandle;
use url::Url;

use crate::bus::BusConfig;
use crate::service::{Failure, within};

pub use span::{Span, StepError, begin_trace, next_of};
pub(crate) use span::{published, publishing, set_aside};

/// How long the last spans may take to leave when a program ends.
const LAST_EXPORT_LIMIT: Duration = Duration::from_secs(2);

/// Named by the standard for every program that exports spans; ours goes before it.
const STANDARD_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What to tell of this program, and to whom.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// Serve this program's own figures for Prometheus at `http://ADDRESS:PORT/metrics`; port 0
    /// takes any free one, and the log says which [default: nowhere]
    ///
    /// Whoever reaches the address may read them; they tell of no host that is monitored.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        env = "RESOURCES_METRICS_LISTEN",
        value_parser = parse_address
    )]
    pub metrics_listen: Option<SocketAddr>,

    /// Send spans of the traces that are sampled to this collector, over OTLP as HTTP with
    /// protobuf, such as `http://localhost:4318`; `/v1/traces` is added [default:
    /// OTEL_EXPORTER_OTLP_ENDPOINT, or nowhere]
    #[arg(
        long,
        value_name = "URL",
        env = "RESOURCES_OTLP_ENDPOINT",
        hide_env_values = true,
        value_parser = EndpointParser
    )]
    pub otlp_endpoint: Option<Url>,

    /// Which part of the traces that begin here is sampled, 0–1 [default: 0.01]
    ///
    /// Traces begin at trackers; every other part follows what the tracker decided.
    #[arg(long, value_name = "RATIO", env = "RESOURCES_OTLP_SAMPLING_RATIO", value_parser = parse_ratio)]
    pub otlp_sampling_ratio: Option<f64>,
}

/// Of the traces that begin here, unless set: at a sample a second one in two minutes.
const SAMPLING_RATIO: f64 = 0.01;

impl TelemetryArgs {
    /// Starts to tell what is asked for, as `program` over the bus of `config`. To be called
    /// within the runtime, once in a process.
    ///
    /// # Errors
    /// When the address of metrics cannot be bound, or the endpoint cannot be used.
    pub fn start(&self, program: &'static str, config: &BusConfig) -> Result<Telemetry, Failure> {
        let listener = self.metrics_listen.map(listen::listen).transpose()?;
        if let Some(endpoint) = self.endpoint()? {
            let ratio = self.otlp_sampling_ratio.unwrap_or(SAMPLING_RATIO);
            export::start(program, &endpoint, ratio, &config.names)?;
        }
        Ok(Telemetry { listener })
    }

    fn endpoint(&self) -> Result<Option<Url>, Failure> {
        if let Some(endpoint) = &self.otlp_endpoint {
            return Ok(Some(endpoint.clone()));
        }
        match std::env::var(STANDARD_ENDPOINT) {
            Ok(text) if !text.is_empty() => parse_standard(&text).map(Some),
            _ => Ok(None),
        }
    }
}

/// What was started.
#[derive(Debug)]
#[must_use = "dropping it ends the listener"]
pub struct Telemetry {
    listener: Option<AbortHandle>,
}

impl Telemetry {
    /// Sends the spans that wait, within a bound, and closes the listener.
    pub async fn finish(self) {
        let flushed = tokio::task::spawn_blocking(|| export::flush(LAST_EXPORT_LIMIT));
        within(LAST_EXPORT_LIMIT, "sending the last spans", async {
            // A thread that panicked had nothing left to send.
            drop(flushed.await);
        })
        .await;
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.abort();
        }
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "write an IP address and a port, such as 127.0.0.1:9464 or [::1]:9464".to_owned()
    })
}

/// Reads `--otlp-endpoint`. A plain function would not do: the parser quotes what such a one
/// refuses, and that may hold a password.
#[derive(Debug, Clone)]
struct EndpointParser;

impl TypedValueParser for EndpointParser {
    type Value = Url;

    fn parse_ref(
        &self,
        _: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Url, clap::Error> {
        parse_endpoint(&value.to_string_lossy()).map_err(|reason| {
            let said = format!("--otlp-endpoint: {reason}\n");
            clap::Error::raw(ErrorKind::ValueValidation, said)
        })
    }
}

fn parse_endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
    });
    url.ok_or_else(|| {
        "write http:// or https://, host and port of a collector, such as http://localhost:4318"
            .to_owned()
    })
}

/// The failure does not quote it: it may hold a password.
fn parse_standard(text: &str) -> Result<Url, Failure> {
    parse_endpoint(text)
        .map_err(|reason| Failure::settings(format_args!("{STANDARD_ENDPOINT}: {reason}")))
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse::<f64>().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "write a number from 0 (no trace) to 1 (every trace)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_url_of_a_collector() {
        for text in ["http://localhost:4318", "https://otel.example.com/", "http://[::1]:4318/x"] {
            assert!(parse_endpoint(text).is_ok(), "{text:?}");
        }
        for text in ["", "localhost:4318", "ftp://a", "http://", "http://a/?b=c"] {
            assert!(
                parse_endpoint(text).unwrap_err().contains("http://localhost:4318"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_password_in_an_endpoint_that_cannot_be_used_is_not_shown() {
        let said = parse_standard("anna:secret@collector:4318").unwrap_err().to_string();
        assert!(said.contains(STANDARD_ENDPOINT) && !said.contains("secret"), "{said}");
    }

    #[test]
    fn a_ratio_is_from_0_to_1() {
        assert_eq!((parse_ratio("0"), parse_ratio("0.25")), (Ok(0.0), Ok(0.25)));
        for text in ["", "x", "-0.1", "1.1", "nan", "inf"] {
            assert!(parse_ratio(text).is_err(), "{text:?}");
        }
    }
}
