//! Tells an HTTP server.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Proxy, StatusCode, redirect};
use resources_core::service::now_ms;
use ring::hmac;
use toml::Spanned;
use url::Url;

use super::config::{Mistake, SHORTEST_TIMEOUT, http_url, limited};
use super::file::WebhookTable;
use super::notification::{Notification, hex};
use super::secret::{Hidden, Secrets};
use super::sender::SendError;
use super::template::{Form, Template};
use super::tls;

/// How long a call may take unless a reaction says so.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest that a call may be allowed to take.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Most that is read of an answer, in bytes, so that its connection can be used again.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// How much of an answer is told when it is no success, in characters.
const TOLD_CHARACTERS: usize = 200;

/// The same for each try of a notification.
const IDEMPOTENCY: HeaderName = HeaderName::from_static("idempotency-key");

/// Time and HMAC-SHA256 of time and body.
const SIGNATURE: HeaderName = HeaderName::from_static("x-resources-signature");

const TRACE: HeaderName = HeaderName::from_static("traceparent");

/// Headers that are ours to set.
const OWN_HEADERS: [&str; 6] = [
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "traceparent",
    "x-resources-signature",
];

/// A web hook.
#[derive(Clone)]
pub(super) struct Webhook {
    client: Client,
    url: Url,
    headers: HeaderMap,
    content_type: HeaderValue,
    template: Option<Template>,
    key: Option<Arc<hmac::Key>>,
    /// What nobody may see in a log, though the server say it.
    secrets: Secrets,
    timeout: Duration,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("place", &self.place()).finish_non_exhaustive()
    }
}

impl Webhook {
    pub(super) fn new(table: WebhookTable) -> Result<Self, Mistake> {
        let WebhookTable { url, headers, template, content_type, secret, timeout, proxy } = table;
        let url = fetch(&url).and_then(|text| {
            http_url(text.reveal()).map_err(|reason| Mistake::of(&url, format!("url: {reason}")))
        })?;
        let mut secrets = Secrets::default();
        for part in [url.username(), url.password().unwrap_or_default(), url.path()] {
            secrets.add(part);
        }
        url.query().into_iter().for_each(|query| secrets.add(query));
        url.query_pairs().for_each(|(_, value)| secrets.add(&value));
        let mut header_map = HeaderMap::new();
        for (name, value) in headers {
            let refused = |reason: &str| Mistake::of(&value, format!("header {name:?}: {reason}"));
            let header = HeaderName::try_from(&*name).map_err(|_| refused("it is no name"))?;
            if OWN_HEADERS.contains(&header.as_str()) {
                return Err(refused("it is set by the reaction itself"));
            }
            let hidden = fetch(&value)?;
            secrets.add(hidden.reveal());
            let mut text = HeaderValue::try_from(hidden.reveal())
                .map_err(|_| refused("its value holds a line end or another control character"))?;
            text.set_sensitive(true);
            header_map.insert(header, text);
        }
        let (content_type, form) = content_type_of(content_type, template.is_some())?;
        let template = template
            .map(|source| {
                Template::new(source.get_ref().clone(), form)
                    .map_err(|reason| Mistake::of(&source, reason))
            })
            .transpose()?;
        let key = secret
            .map(|secret| fetch(&secret))
            .transpose()?
            .inspect(|secret| secrets.add(secret.reveal()))
            .map(|secret| Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes())));
        let timeout = limited("timeout", timeout, TIMEOUT, SHORTEST_TIMEOUT..=LONGEST_TIMEOUT)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client())
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .user_agent(concat!("resources-observer/", env!("CARGO_PKG_VERSION")));
        let client = match proxy {
            None => client.no_proxy(),
            Some(proxy) => {
                let address = fetch(&proxy)?;
                secrets.add(address.reveal());
                let refused = |reason: String| Mistake::of(&proxy, format!("proxy: {reason}"));
                let address = http_url(address.reveal()).map_err(refused)?;
                client.proxy(Proxy::all(address).map_err(|_| refused("it is no proxy".to_owned()))?)
            }
        };
        let client = client
            .build()
            .map_err(|error| Mistake::of(&Spanned::new(0..0, ()), error.without_url()))?;
        let headers = header_map;
        Ok(Self { client, url, headers, content_type, template, key, secrets, timeout })
    }

    /// The server, without what may be a secret.
    pub(super) fn place(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// How long one try may take.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) async fn send(&self, notification: &Notification) -> Result<String, SendError> {
        let body = match &self.template {
            Some(template) => template.render(notification).map_err(SendError::unwritable)?,
            None => serde_json::to_string(notification).map_err(SendError::unwritable)?,
        };
        let mut headers = self.headers.clone();
        headers.insert(reqwest::header::CONTENT_TYPE, self.content_type.clone());
        let ours = [
            (IDEMPOTENCY, Some(notification.id.to_string())),
            (TRACE, notification.traceparent.as_deref().map(str::to_owned)),
            (SIGNATURE, self.key.as_ref().map(|key| sign(key, now_ms() / 1_000, &body))),
        ];
        for (name, value) in ours {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
        let call = self.client.post(self.url.clone()).headers(headers).body(body).send();
        let mut answer = call.await.map_err(|error| self.failed(error))?;
        let status = answer.status();
        let text = self.read_some(&mut answer).await;
        if status.is_success() {
            return Ok(format!("{} answered {status}", self.place()));
        }
        let mut cause = format!("{} answered {status}", self.place());
        let mut class = Cow::Owned(format!("http_{}", status.as_u16()));
        if status.is_redirection() {
            class = "redirect".into();
            cause.push_str(", a redirect, which is not followed; give the URL it leads to");
        } else if !text.is_empty() {
            cause.push_str(": ");
            cause.push_str(&text);
        }
        Err(SendError { class, cause, worth_another_try: !is_lasting(status) })
    }

    /// The beginning of an answer, in a line, unless it repeats a secret. What is more than a
    /// little ends the connection.
    async fn read_some(&self, answer: &mut reqwest::Response) -> String {
        let mut read = Vec::new();
        while read.len() < MAX_ANSWER_BYTES
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            let room = MAX_ANSWER_BYTES - read.len();
            read.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        let text = String::from_utf8_lossy(&read);
        if self.secrets.are_in(&text) {
            return "(what it says holds a part of the URL or a secret, and is not shown)"
                .to_owned();
        }
        let shown = |c: char| if c.is_control() { ' ' } else { c };
        text.trim().chars().map(shown).take(TOLD_CHARACTERS).collect()
    }

    fn failed(&self, error: reqwest::Error) -> SendError {
        let place = self.place();
        if error.is_timeout() {
            let limit = humantime::format_duration(self.timeout);
            let cause = format!("{place} did not answer within {limit}");
            return SendError::passing("timeout", cause);
        }
        let class = if error.is_connect() { "connect" } else { "broken" };
        let error = error.without_url();
        // The last of the causes says what happened; those before it, what was attempted.
        let mut last: &dyn std::error::Error = &error;
        while let Some(source) = last.source() {
            last = source;
        }
        SendError::passing(class, format!("{place} cannot be called: {last}"))
    }
}

fn fetch(origin: &Spanned<super::secret::Origin>) -> Result<Hidden, Mistake> {
    origin.get_ref().clone().fetch().map_err(|reason| Mistake::of(origin, reason))
}

/// `t=<seconds>,v1=<HMAC>`: the time is signed with the body, so that neither can be changed nor
/// the whole be sent again later.
fn sign(key: &hmac::Key, seconds: u64, body: &str) -> String {
    let tag = hmac::sign(key, format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex(tag.as_ref()))
}

fn content_type_of(
    given: Option<Spanned<String>>,
    has_template: bool,
) -> Result<(HeaderValue, Form), Mistake> {
    let Some(given) = given else {
        return Ok((HeaderValue::from_static("application/json"), Form::Json));
    };
    if !has_template {
        return Err(Mistake::of(&given, "content_type goes with a template; without it is JSON"));
    }
    let text = given.get_ref().to_ascii_lowercase();
    let essence = text.split(';').next().unwrap_or_default().trim();
    let form = if essence.ends_with("/json") || essence.ends_with("+json") {
        Form::Json
    } else if essence == "text/html" || essence.ends_with("xml") {
        Form::Html
    } else {
        Form::Plain
    };
    let allowed = "content_type is one such as \"text/plain; charset=utf-8\"";
    let value = HeaderValue::try_from(given.get_ref())
        .ok()
        .filter(|_| {
            essence.split_once('/').is_some_and(|(kind, of)| !kind.is_empty() && !of.is_empty())
        })
        .ok_or_else(|| Mistake::of(&given, allowed))?;
    Ok((value, form))
}

/// Whether the server says of the notification itself that it does not take it.
const fn is_lasting(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 405 | 410 | 411 | 413..=415 | 422)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_of_time_and_body() {
        // As `printf '5.{}' | openssl dgst -sha256 -hmac key` says.
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let expected = hex(hmac::sign(&key, b"5.{}").as_ref());
        assert_eq!(sign(&key, 5, "{}"), format!("t=5,v1={expected}"));
        assert_ne!(sign(&key, 6, "{}"), sign(&key, 5, "{}"));
    }
}
