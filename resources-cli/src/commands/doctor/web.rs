//! The web server: whether it serves, follows the stream, and keeps its history.

use hyper::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use super::finding::Findings;
use crate::http::{ApiClient, ApiError};

/// History further behind than this is not only a moment late.
const LATE_MS: u64 = 10_000;

/// The answer of `GET /api/v1/history`, as far as it is used.
#[derive(Debug, Deserialize)]
struct History {
    state: String,
    reason: Option<String>,
    hosts: Option<u64>,
    behind_ms: Option<u64>,
}

/// Asks the server at `base`.
pub(super) async fn examine(base: Url, findings: &mut Findings) {
    let mut client = ApiClient::new(base);
    match client.get::<IgnoredAny>(&["readyz"]).await {
        Ok(_) => findings.ok("web", "serves and is linked to the broker"),
        Err(error @ ApiError::Unreachable { .. }) => {
            findings.wrong("web", error.to_string(), "start resources-web, or name it with --web");
            return;
        }
        Err(error) => findings.wrong(
            "web",
            format!("is not ready: {error}"),
            "check its broker URL and its log",
        ),
    }
    judge(client.get(&["api", "v1", "history"]).await, findings);
}

fn judge(answer: Result<History, ApiError>, findings: &mut Findings) {
    let history = match answer {
        Ok(history) => history,
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
            findings.warning("history", "this server keeps none", "update resources-web");
            return;
        }
        Err(error) => {
            findings.wrong("history", error.to_string(), "check the server's log");
            return;
        }
    };
    let reason = history.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    let behind_ms = history.behind_ms.unwrap_or(0);
    let behind = match history.behind_ms {
        Some(behind_ms) => format!(", {} s behind", behind_ms / 1000),
        None => String::new(),
    };
    match &*history.state {
        "on" if behind_ms <= LATE_MS => {
            let hosts = history.hosts.unwrap_or(0);
            let behind = match history.behind_ms {
                Some(behind_ms) => format!("{behind_ms} ms behind"),
                None => "nothing written since its start".to_owned(),
            };
            findings.ok("history", format!("is kept of {hosts} hosts, {behind}"));
        }
        "on" => findings.warning(
            "history",
            format!("is {} s behind{reason}", behind_ms / 1000),
            "after an outage it catches up by itself; else check the disk and the server's log",
        ),
        "off" => findings.warning(
            "history",
            format!("is not kept{reason}"),
            "start the server with --history to keep it",
        ),
        state => findings.wrong(
            "history",
            format!("is {state}{behind}{reason}"),
            "mend what it names, or see the server's log; then it catches up by itself",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn judged(answer: &str) -> Status {
        found(answer).all()[0].status
    }

    fn found(answer: &str) -> Findings {
        let mut findings = Findings::default();
        judge(Ok(serde_json::from_str(answer).unwrap()), &mut findings);
        findings
    }

    #[test]
    fn history_is_well_only_when_it_is_on_and_keeps_up() {
        assert_eq!(judged(r#"{"state":"on","hosts":3,"behind_ms":20}"#), Status::Ok);
        assert_eq!(judged(r#"{"state":"on","hosts":3,"behind_ms":null}"#), Status::Ok);
        assert_eq!(judged(r#"{"state":"on","hosts":3,"behind_ms":60000}"#), Status::Warning);
        assert_eq!(judged(r#"{"state":"off","behind_ms":null}"#), Status::Warning);
        assert_eq!(judged(r#"{"state":"lagging","reason":"disk full"}"#), Status::Wrong);
    }

    #[test]
    fn how_far_it_is_behind_is_told_only_when_it_is_known() {
        let text = |answer| format!("{:?}", found(answer).all()[0]);
        let lagging = text(r#"{"state":"lagging","reason":"another program holds the database"}"#);
        assert!(lagging.contains("is lagging: another program"), "{lagging}");
        assert!(!lagging.contains("behind") && !lagging.contains("room"), "{lagging}");
        let lagging = text(r#"{"state":"lagging","reason":"disk full","behind_ms":7000}"#);
        assert!(lagging.contains("7 s behind: disk full"), "{lagging}");
        let on = text(r#"{"state":"on","hosts":3,"behind_ms":null}"#);
        assert!(on.contains("nothing written since its start"), "{on}");
    }
}
