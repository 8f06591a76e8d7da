//! Who may ask: by which name, from which page, and what a browser may do with the answer.

mod headers;
mod rules;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::error::ApiError;
use crate::server::AppState;
pub(crate) use headers::add_headers;
pub use rules::{HostRule, OriginRule};

/// Decides which requests are served.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// Whether only this machine can reach the server; then it has only loopback names.
    loopback: bool,
    hosts: Vec<HostRule>,
    origins: Vec<OriginRule>,
}

impl Guard {
    /// A guard for a server on loopback or not, with the names and origins allowed besides its
    /// own.
    pub(crate) const fn new(
        loopback: bool,
        hosts: Vec<HostRule>,
        origins: Vec<OriginRule>,
    ) -> Self {
        Self { loopback, hosts, origins }
    }

    /// Checks the name the server was asked by. A foreign page can give its own name the
    /// address of this server, and would then count as the same origin; its `Host` tells.
    fn check_host(&self, request: &Request) -> Result<(), ApiError> {
        let refuse = |status, sentence: String| Err(ApiError::new(status, sentence));
        let asked = match request.uri().authority() {
            Some(authority) => authority.clone(),
            None => match single(request.headers(), &HOST).map(HeaderValue::as_bytes) {
                Some(host) => match Authority::try_from(host) {
                    Ok(authority) => authority,
                    Err(_) => {
                        return refuse(
                            StatusCode::BAD_REQUEST,
                            "the Host header does not parse".into(),
                        );
                    }
                },
                None => {
                    return refuse(
                        StatusCode::BAD_REQUEST,
                        "exactly one Host header is needed".into(),
                    );
                }
            },
        };
        if self.allows_host(asked.host()) {
            return Ok(());
        }
        refuse(
            StatusCode::MISDIRECTED_REQUEST,
            format!(
                "this server is not known as {}; its operator can allow the name with \
                 --allowed-host",
                asked.host()
            ),
        )
    }

    fn allows_host(&self, host: &str) -> bool {
        let any_name = !self.loopback && self.hosts.is_empty();
        any_name || rules::is_loopback(host) || self.hosts.iter().any(|rule| rule.allows(host))
    }

    /// Checks the page that opens a WebSocket: browsers let any page open one to anywhere, and
    /// say which it was. Programs say nothing and may.
    ///
    /// # Errors
    /// 403 for a foreign page.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if !headers.contains_key(ORIGIN) {
            return Ok(());
        }
        let allowed = single(headers, &ORIGIN)
            .and_then(|origin| origin.to_str().ok())
            .and_then(|origin| OriginRule::parse(origin).ok())
            .is_some_and(|origin| {
                let own = single(headers, &HOST).and_then(|host| host.to_str().ok());
                own.is_some_and(|host| origin.is_of(host)) || self.origins.contains(&origin)
            });
        if allowed {
            return Ok(());
        }
        let sentence = "pages of another origin may not connect; their operator can allow one \
                        with --allowed-origin";
        Err(ApiError::new(StatusCode::FORBIDDEN, sentence))
    }
}

/// The value of a header that is there exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    first.filter(|_| values.next().is_none())
}

/// Serves only requests by a name that is this server's.
pub(crate) async fn check_host(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    match state.guard().check_host(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

#[cfg(test)]
mod tests;
