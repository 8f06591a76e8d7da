//! The page that is part of this program.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use rust_embed::RustEmbed;

/// The built page: compiled in by release builds, read from its folder by debug builds.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../static/dist"]
struct Dist;

/// Whether there is a page at all.
pub(super) fn has_page() -> bool {
    Dist::get("index.html").is_some()
}

/// The file at `path`, or an empty 404.
pub(super) fn serve(path: &str, headers: &HeaderMap) -> Response {
    let name = match path {
        "/" => "index.html",
        _ => path.trim_start_matches('/'),
    };
    let Some(file) = Dist::get(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = tag(&file.metadata.sha256_hash());
    if headers.get_all(IF_NONE_MATCH).iter().any(|known| names(known.as_bytes(), &tag)) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    let kind = match file.metadata.mimetype() {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    };
    ([(ETAG, tag), (CONTENT_TYPE, kind)], Body::from(file.data)).into_response()
}

/// A weak tag, because compression on the way out makes other bytes of the same content.
fn tag(hash: &[u8; 32]) -> String {
    let mut tag = String::from("W/\"");
    for byte in &hash[..16] {
        // Writing to a text cannot fail.
        let _written = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// Whether a list of tags, as in `If-None-Match`, names `tag`; strong or weak does not matter.
fn names(list: &[u8], tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    std::str::from_utf8(list).is_ok_and(|list| {
        list.split(',').any(|one| one.trim() == "*" || opaque(one) == opaque(tag))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_names_one_weak_or_strong() {
        let tag = tag(&[7; 32]);
        assert_eq!(tag, format!("W/\"{}\"", "07".repeat(16)));
        let strong = tag.trim_start_matches("W/").to_owned();
        for list in [tag.clone(), strong, format!("\"x\", {tag}"), "*".to_owned()] {
            assert!(names(list.as_bytes(), &tag), "{list}");
        }
        for list in ["", "\"x\"", "W/\"\"", "07"] {
            assert!(!names(list.as_bytes(), &tag), "{list}");
        }
    }
}
