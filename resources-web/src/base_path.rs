//! The path everything is served under, for a proxy that serves other things beside it.

use std::fmt;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::http::header::CACHE_CONTROL;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Redirect, Response};

use crate::error::ApiError;

/// Longest base path, in bytes.
const MAX_BYTES: usize = 200;

/// A path such as `/monitor`, without a slash at its end; empty for none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// Reads a path such as `/monitor` or `/tools/monitor/`; `/` is none.
    ///
    /// # Errors
    /// Says how to write one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && name.chars().all(is_allowed);
        let path = text.strip_suffix('/').unwrap_or(text);
        let fits = text.starts_with('/')
            && text.len() <= MAX_BYTES
            && path.split('/').skip(1).all(is_name);
        fits.then(|| Self(path.to_owned())).ok_or_else(|| {
            "write a path such as /monitor, of letters, digits, `-`, `_`, `.` and `~`; / is none"
                .to_owned()
        })
    }

    /// Serves `everything` under this path; what only leads there is redirected. `health` is
    /// served at the root as well, where a container's own check asks for it.
    pub(crate) fn serve(&self, everything: Router, health: Router) -> Router {
        if self.0.is_empty() {
            return everything;
        }
        health
            .nest_service(&self.0, everything)
            .fallback(async |uri: Uri| ApiError::not_found(uri.path()))
            .layer(from_fn_with_state(self.clone(), redirect))
    }
}

/// Where the page is: the path with a slash at its end.
impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.0)
    }
}

/// Leads from the root, and from the path without its slash, to the page. Not for ever: the path
/// may be another tomorrow.
async fn redirect(State(base): State<BasePath>, request: Request, next: Next) -> Response {
    let asked = request.uri();
    if asked.path() != "/" && asked.path() != base.0 {
        return next.run(request).await;
    }
    let target = match asked.query() {
        Some(query) => format!("{base}?{query}"),
        None => base.to_string(),
    };
    ([(CACHE_CONTROL, "no-store")], Redirect::temporary(&target)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_end_with_a_slash_and_a_slash_alone_is_none() {
        for (text, page) in [
            ("/", "/"),
            ("/monitor", "/monitor/"),
            ("/monitor/", "/monitor/"),
            ("/a.b/c-d/~e_f", "/a.b/c-d/~e_f/"),
        ] {
            assert_eq!(BasePath::parse(text).unwrap().to_string(), page);
        }
        assert_eq!(BasePath::parse("/").unwrap(), BasePath::default());
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let long = format!("/{}", "x".repeat(200));
        for text in [
            "",
            "monitor",
            "//",
            "/a//b",
            "/..",
            "/a/../b",
            "/./a",
            "/a b",
            "/{a}",
            "/a?b",
            "/ä",
            "http://a/b",
            &long,
        ] {
            assert!(BasePath::parse(text).is_err(), "{text:?}");
        }
    }
}
