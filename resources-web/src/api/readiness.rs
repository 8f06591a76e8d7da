//! Liveness and readiness.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use resources_core::bus::{Link, LinkState};
use serde::Serialize;

use super::NO_STORE;
use crate::protocol::AlertsStatus;
use crate::server::AppState;

/// `/healthz`: the process serves.
pub(crate) async fn healthz() -> impl IntoResponse {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
    }
    (NO_STORE, Json(Health { status: "ok" }))
}

/// `/readyz`: whether analyses can arrive.
pub(crate) async fn readyz(State(state): State<AppState>) -> impl IntoResponse {
    let alerts = state.live().alerts(|board| board.status());
    let (status, readiness) = judge(state.link(), alerts);
    (status, NO_STORE, Json(readiness))
}

#[derive(Debug, Serialize)]
struct Readiness {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    link: Link,
    /// Not a matter of readiness: pages show the rest.
    alerts: AlertsStatus,
}

fn judge(link: Link, alerts: AlertsStatus) -> (StatusCode, Readiness) {
    let reason = match &link.state {
        LinkState::Up => {
            return (StatusCode::OK, Readiness { status: "ready", reason: None, link, alerts });
        }
        LinkState::Connecting => "the link to the broker is being made".to_owned(),
        LinkState::Blocked { reason } => format!("the broker accepts nothing for now: {reason}"),
        LinkState::Down { reason } => format!("the link to the broker is down: {reason}"),
        LinkState::Refused { reason } => format!("the broker refused the link: {reason}"),
        LinkState::Closed => "the link to the broker was closed".to_owned(),
    };
    let readiness = Readiness { status: "not ready", reason: Some(reason), link, alerts };
    (StatusCode::SERVICE_UNAVAILABLE, readiness)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(state: LinkState) -> (u16, serde_json::Value) {
        let (status, readiness) = judge(Link { state, since_ms: 7 }, AlertsStatus::On);
        (status.as_u16(), serde_json::to_value(readiness).unwrap())
    }

    #[test]
    fn ready_is_a_link_that_is_up() {
        let (status, body) = judged(LinkState::Up);
        assert_eq!(status, 200);
        let expected = serde_json::json!({
            "status": "ready", "link": {"state": "up", "since_ms": 7}, "alerts": {"state": "on"},
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn every_other_state_is_not_ready_and_says_why() {
        let reason = || "connection reset".to_owned();
        for (state, word) in [
            (LinkState::Connecting, "being made"),
            (LinkState::Blocked { reason: reason() }, "connection reset"),
            (LinkState::Down { reason: reason() }, "connection reset"),
            (LinkState::Refused { reason: reason() }, "connection reset"),
            (LinkState::Closed, "closed"),
        ] {
            let (status, body) = judged(state);
            assert_eq!((status, &body["status"]), (503, &"not ready".into()));
            assert!(body["reason"].as_str().unwrap().contains(word), "{body}");
        }
    }
}
