//! HTTP for the exporter, on its own thread, which may wait.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};
use url::Url;

/// How long a collector may take to take a batch.
const LIMIT: Duration = Duration::from_secs(5);

/// Most that is read of its answer, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    collector: String,
    /// Whether the last batch was not taken, which is said once.
    is_troubled: AtomicBool,
}

impl Client {
    pub(super) fn new(traces: &Url) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = Agent::config_builder()
            .timeout_global(Some(LIMIT))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls)
            .build();
        let (agent, collector) = (config.new_agent(), shown(traces));
        Self { agent, collector, is_troubled: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let answer = self.agent.run(Request::from_parts(head, &body[..]))?;
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    /// Says once that spans are lost, and once that they are no longer.
    fn note(&self, trouble: Option<String>) {
        let was_troubled = self.is_troubled.swap(trouble.is_some(), Ordering::Relaxed);
        let collector = &self.collector;
        match trouble {
            Some(reason) if !was_troubled => tracing::warn!(
                collector,
                reason,
                "spans are lost: {collector} does not take them: {reason}"
            ),
            None if was_troubled => tracing::info!(collector, "{collector} takes spans again"),
            _ => {}
        }
    }
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Client {
    // As the trait's macro writes it.
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: Request<Bytes>) -> Sent<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let sent = self.send(request);
        self.note(match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(error.to_string()),
        });
        Box::pin(ready(sent))
    }
}

/// A URL without the login it may hold.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}
