use std::collections::BTreeSet;

use axum::response::IntoResponse as _;
use serde_json::Value;

use super::query::Query;
use super::*;
use crate::history::read::Range;

fn documented() -> Value {
    serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap()
}

#[test]
fn the_openapi_file_has_every_address_and_no_other() {
    let documented = documented();
    let paths: BTreeSet<&str> =
        documented["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut served: BTreeSet<&str> = routes().into_iter().map(|(path, _)| path).collect();
    served.insert("/");
    assert_eq!(paths, served);
}

#[test]
fn the_openapi_file_has_every_parameter_and_no_other() {
    for (path, _) in routes() {
        let method = if path == "/api/v1/silences/{id}" { "delete" } else { "get" };
        let documented = &documented()["paths"][path][method]["parameters"];
        let documented: Vec<&str> = documented
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let known = match path {
            "/ws" => live::PARAMETERS,
            "/api/v1/hosts/{host}/history" => history::PARAMETERS,
            "/api/v1/export" => export::PARAMETERS,
            "/api/v1/alerts" => alerts::PARAMETERS,
            "/api/v1/silences/{id}" => silences::END_PARAMETERS,
            _ => &[],
        };
        assert_eq!(documented, known, "{path}");
    }
}

const KNOWN: &[&str] = &["from", "to", "points", "resource", "tier"];

fn query(sent: &str) -> Result<Query, ApiError> {
    Query::parse(Some(sent), KNOWN)
}

/// The status and sentence of a refusal.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, ApiError>) -> String {
    let error = outcome.unwrap_err();
    let sentence = format!("{error:?}");
    assert_eq!(error.into_response().status(), 400, "{sentence}");
    sentence
}

#[test]
fn a_parameter_is_known_and_given_once() {
    assert!(query("").is_ok());
    assert!(refusal(query("form=1")).contains("known are from, to, points, resource, tier"));
    assert!(refusal(query("to=1&to=1")).contains("to may be given only once"));
}

#[test]
fn a_number_is_whole_and_in_its_range() {
    let points = |sent: &str| query(sent).unwrap().number("points", 1..=10_000);
    assert_eq!(points("").unwrap(), None);
    assert_eq!(points("points=10000").unwrap(), Some(10_000));
    for bad in ["0", "10001", "-1", "1.5", "", "ten", "99999999999999999999"] {
        assert!(refusal(points(&format!("points={bad}"))).contains("from 1 to 10000"), "{bad}");
    }
}

#[test]
fn a_range_has_a_beginning_before_its_end() {
    let range = |sent: &str| query(sent).unwrap().range(9_000, |to_ms| to_ms.saturating_sub(100));
    assert_eq!(range("").unwrap(), Range { from_ms: 8_900, to_ms: 9_000 });
    assert_eq!(range("to=50").unwrap(), Range { from_ms: 0, to_ms: 50 });
    assert_eq!(range("from=1&to=2").unwrap(), Range { from_ms: 1, to_ms: 2 });
    for bad in ["from=9000", "from=2&to=2", "from=3&to=2", "to=0"] {
        assert!(refusal(range(bad)).contains("must be earlier than"), "{bad}");
    }
    for bad in ["from=253402300800000", "to=-5", "from=2026-01-01"] {
        assert!(refusal(range(bad)).contains("must be a whole number"), "{bad}");
    }
}

#[test]
fn names_are_split_at_commas_and_bounded() {
    let names = |sent: &str| query(sent).unwrap().names("resource");
    assert_eq!(names("").unwrap(), []);
    let expected: [Box<str>; 2] = ["cpu".into(), "disk:/".into()];
    assert_eq!(names("resource=cpu,disk%3A%2F,cpu").unwrap(), expected);
    for bad in ["", ",", "cpu,", "cpu,,swap"] {
        assert!(refusal(names(&format!("resource={bad}"))).contains("commas between"), "{bad:?}");
    }
    let many: Vec<String> = (0..65).map(|number| format!("disk:/{number}")).collect();
    assert!(names(&format!("resource={}", many[..64].join(","))).is_ok());
    assert!(refusal(names(&format!("resource={}", many.join(",")))).contains("at most 64"));
}

#[test]
fn a_tier_is_one_of_three() {
    assert_eq!(query("tier=1h").unwrap().tier().unwrap(), Some(crate::history::Tier::Hour));
    assert!(refusal(query("tier=1d").unwrap().tier()).contains("10s, 1m or 1h"));
}
