//! The page: built in, or from a folder, or a plain one that says how to build it.

mod embedded;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tower_http::services::ServeDir;

use crate::error::ApiError;
use crate::server::AppState;

/// Files under it have a hash of their content in their name, so they never change.
const HASHED: &str = "/assets/";

const FOR_A_YEAR: &str = "public, max-age=31536000, immutable";

/// To be asked for again each time; what has not changed is answered without a body.
const REVALIDATE: &str = "no-cache";

/// Shown where no page was built.
const NO_PAGE: &str = include_str!("assets/no_page.html");

/// Where the page comes from.
#[derive(Debug)]
pub(crate) enum Page {
    /// From this program itself.
    Embedded,
    /// From a folder.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What serves it.
        files: Box<ServeDir>,
    },
}

impl Page {
    /// The page in `folder`, or the one built in.
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        match folder {
            None => Self::Embedded,
            Some(folder) => {
                Self::Folder { folder: folder.to_owned(), files: Box::new(ServeDir::new(folder)) }
            }
        }
    }

    /// Where the page comes from, for the log.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Embedded if embedded::has_page() => "built in".to_owned(),
            Self::Embedded => "none: build it with `make page`".to_owned(),
            Self::Folder { folder, .. } => folder.display().to_string(),
        }
    }
}

/// Serves a file of the page; whatever no other route took comes here.
pub(crate) async fn page(State(state): State<AppState>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refusal =
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here");
        return ([(ALLOW, "GET, HEAD")], refusal).into_response();
    }
    let path = request.uri().path().to_owned();
    // Names that begin with a dot are no part of a page: ignore files, and ways out of it.
    let is_hidden = path.split('/').any(|name| name.starts_with('.'));
    if is_hidden || path == "/api" || path.starts_with("/api/") {
        return ApiError::not_found(&path).into_response();
    }
    let mut response = match state.page() {
        Page::Embedded => embedded::serve(&path, request.headers()),
        Page::Folder { files, .. } => from_folder(files.as_ref().clone(), request).await,
    };
    if response.status() == StatusCode::NOT_FOUND {
        return if is_index(&path) {
            no_page()
        } else {
            ApiError::not_found(&path).into_response()
        };
    }
    if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
        let caching = if path.starts_with(HASHED) { FOR_A_YEAR } else { REVALIDATE };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    }
    response
}

fn is_index(path: &str) -> bool {
    matches!(path, "/" | "/index.html")
}

async fn from_folder(mut files: ServeDir, request: Request) -> Response {
    match files.try_call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            StatusCode::NOT_FOUND.into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "a file of the page cannot be read");
            ApiError::internal().into_response()
        }
    }
}

fn no_page() -> Response {
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (headers, NO_PAGE).into_response()
}
