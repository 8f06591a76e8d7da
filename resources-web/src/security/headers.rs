//! What a browser may do with what it is given.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::error::in_our_words;

/// Everything from here, nothing inline, nothing framed. `connect-src 'self'` covers the
/// WebSocket of the same host and port, `script-src 'self'` the page's worker.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                      manifest-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Adds them to a response of any kind, refusals included.
pub(crate) async fn add_headers(response: Response) -> Response {
    let mut response = in_our_words(response);
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
