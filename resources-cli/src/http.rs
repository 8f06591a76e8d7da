//! A small HTTP client for the API of `resources-web`: plain HTTP, one connection, one request
//! at a time, answers of bounded size.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// Bound on one request, connecting included.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// Most bytes of one answer.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The API of a server.
#[derive(Debug)]
pub(crate) struct ApiClient {
    base: Url,
    connection: Option<SendRequest<Empty<Bytes>>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// Nobody answered, or not in time.
    #[error("cannot reach {url}: {reason}")]
    Unreachable { url: Url, reason: String },
    /// The server answered with another status than 200.
    #[error("{url} answered {status}: {text}")]
    Status { url: Url, status: StatusCode, text: String },
    /// The answer is not what this program knows; the server may be newer or something else.
    #[error("{url} answered something else than expected: {reason}")]
    Malformed { url: Url, reason: String },
}

impl ApiError {
    /// The status the server answered with, if it did.
    pub(crate) const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Unreachable { .. } | Self::Malformed { .. } => None,
        }
    }
}

/// Checks the address of a server, such as `http://127.0.0.1:8888/` or, behind a proxy with a
/// base path, `http://monitor/resources`.
pub(crate) fn parse_base(text: &str) -> Result<Url, String> {
    let mut url =
        Url::parse(text).map_err(|error| format!("{error}; write it as http://127.0.0.1:8888/"))?;
    match (url.scheme(), url.host_str()) {
        ("http", Some(_)) => {}
        ("https", _) => {
            return Err("https is not spoken here; name the server itself, such as \
                        http://127.0.0.1:8888/, on its own machine"
                .to_owned());
        }
        _ => return Err("not the address of a server; write http://127.0.0.1:8888/".to_owned()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("no login is sent, and none may be in the address: it would be shown in \
                    errors"
            .to_owned());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

impl ApiClient {
    /// A client of the server at `base`, as [`parse_base`] gives it. Connects when asked.
    pub(crate) const fn new(base: Url) -> Self {
        Self { base, connection: None }
    }

    /// The answer to `GET <base>/<segments>`, each segment encoded, taken from JSON.
    pub(crate) async fn get<T: DeserializeOwned>(
        &mut self,
        segments: &[&str],
    ) -> Result<T, ApiError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        let body = self.body(&url).await?;
        serde_json::from_slice(&body)
            .map_err(|error| ApiError::Malformed { url, reason: error.to_string() })
    }

    async fn body(&mut self, url: &Url) -> Result<Bytes, ApiError> {
        let reused = self.connection.is_some();
        let mut outcome = self.within(url).await;
        if reused && matches!(outcome, Err(ApiError::Unreachable { .. })) {
            // The server may have closed a connection that was idle.
            outcome = self.within(url).await;
        }
        outcome
    }

    async fn within(&mut self, url: &Url) -> Result<Bytes, ApiError> {
        let unreachable = |reason: String| ApiError::Unreachable { url: url.clone(), reason };
        // Taken, so that one that failed or hangs is not used again.
        let mut connection = self.connection.take();
        let answered = async {
            let mut sender = match connection.take().filter(|sender| !sender.is_closed()) {
                Some(sender) => sender,
                None => connect(url).await.map_err(unreachable)?,
            };
            let (status, body) = ask(&mut sender, url).await.map_err(unreachable)?;
            Ok((sender, status, body))
        };
        let (sender, status, body) = timeout(REQUEST_LIMIT, answered)
            .await
            .map_err(|_| unreachable(format!("no answer within {REQUEST_LIMIT:?}")))??;
        self.connection = Some(sender);
        if status == StatusCode::OK {
            return Ok(body);
        }
        Err(ApiError::Status { url: url.clone(), status, text: explanation(&body) })
    }
}

async fn connect(url: &Url) -> Result<SendRequest<Empty<Bytes>>, String> {
    let addresses = url.socket_addrs(|| None).map_err(|error| error.to_string())?;
    let tcp = TcpStream::connect(&*addresses).await.map_err(|error| error.to_string())?;
    let (sender, connection) =
        http1::handshake(TokioIo::new(tcp)).await.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the web server ended");
        }
    });
    Ok(sender)
}

async fn ask(
    sender: &mut SendRequest<Empty<Bytes>>,
    url: &Url,
) -> Result<(StatusCode, Bytes), String> {
    let authority = url.authority();
    let request = Request::get(url.path())
        .header(HOST, authority.rsplit('@').next().unwrap_or(authority))
        .header(ACCEPT, "application/json")
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    sender.ready().await.map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
    Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
}

/// The server's words in an answer that is none: its `error` field, or the beginning of a text.
fn explanation(body: &[u8]) -> String {
    let field = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|value| value["error"].as_str().map(str::to_owned));
    field.unwrap_or_else(|| {
        let text = String::from_utf8_lossy(body);
        text.lines().next().unwrap_or_default().chars().take(200).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_base_path_and_must_be_plain_http() {
        for (text, wanted) in [
            ("http://127.0.0.1:8888", "http://127.0.0.1:8888/"),
            ("http://monitor/resources", "http://monitor/resources/"),
            ("http://[::1]:80/a/?b=c#d", "http://[::1]/a/"),
        ] {
            assert_eq!(parse_base(text).unwrap().as_str(), wanted);
        }
        for (text, wanted) in [
            ("https://a/", "https is not spoken"),
            ("127.0.0.1:8888", "write"),
            ("localhost:8888", "write http://"),
            ("", "write"),
        ] {
            let error = parse_base(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn a_refusal_is_explained_in_the_words_of_the_server() {
        assert_eq!(explanation(br#"{"error":"history is off"}"#), "history is off");
        assert_eq!(explanation(b"Not Found\nmore"), "Not Found");
        assert_eq!(explanation(b""), "");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        let mut client = ApiClient::new(parse_base("http://127.0.0.1:1/x").unwrap());
        let error = client.get::<()>(&["api", "v1", "hosts", "a/b", "runs"]).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("http://127.0.0.1:1/x/api/v1/hosts/a%2Fb/runs"), "{text}");
    }
}
