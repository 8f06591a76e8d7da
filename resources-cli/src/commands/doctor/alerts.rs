//! What the end of the stream of alerts tells. Pure but for reading them.

use std::time::Duration;

use resources_core::bus::Delivery;
use resources_core::contract::{Alert, AlertKind, AlertState};

use super::finding::Findings;

/// The alerts among what was seen: others may be in the stream, too, what people said to alerts.
pub(super) fn alerts(seen: &[(u64, Delivery)]) -> Vec<Alert> {
    let decode =
        |(_, delivery): &(u64, Delivery)| Alert::decode(&delivery.topic, &delivery.body).ok();
    seen.iter().filter_map(decode).collect()
}

/// Judges the last alerts there are, in order, at `now_ms`.
///
/// Whether an observer runs cannot be seen at the broker while it has nothing to tell.
pub(super) fn judge(alerts: &[Alert], now_ms: u64, findings: &mut Findings) {
    let Some(last) = alerts.last() else {
        findings.ok("alerts", "there was none so far: all is well, or no resources-observer runs");
        return;
    };
    // A reader cannot tell a second from its end.
    let age = Duration::from_secs(now_ms.saturating_sub(last.timestamp_ms) / 1000);
    let text = format!("the last one is {} old: {}", spoken(age), describe(last));
    let pipeline = alerts.iter().rev().find(|alert| alert.kind == AlertKind::Pipeline);
    if pipeline.is_some_and(|alert| alert.state == AlertState::Raised) {
        findings.warning(
            "alerts",
            format!("nothing arrives from any host, says the observer; {text}"),
            "see what else is wrong here; if all is well, the observer is gone: start it",
        );
    } else {
        findings.ok("alerts", text);
    }
}

/// Such as `cpu of web-1 raised`.
fn describe(alert: &Alert) -> String {
    let state = match alert.state {
        AlertState::Raised => "raised",
        AlertState::Cleared => "cleared",
    };
    let kind = serde_json::to_value(alert.kind).unwrap_or_default();
    let what = alert.resource.as_deref().or(kind.as_str()).unwrap_or_default();
    format!("{what} of {} {state}", alert.host)
}

/// Such as `2days 3h`: the two largest parts.
fn spoken(age: Duration) -> String {
    let text = humantime::format_duration(age).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn told(host: &str, kind: &str, state: &str, age_ms: u64) -> Alert {
        let body = serde_json::json!({
            "id": "1", "host": host, "kind": kind, "state": state, "since_ms": 1,
            "timestamp_ms": NOW_MS - age_ms,
        });
        serde_json::from_value(body).unwrap()
    }

    fn judged(alerts: &[Alert]) -> (Status, String) {
        let mut findings = Findings::default();
        judge(alerts, NOW_MS, &mut findings);
        let finding = &findings.all()[0];
        (finding.status, finding.text.clone())
    }

    #[test]
    fn the_last_alert_is_told_with_its_age() {
        let (status, text) = judged(&[
            told("web", "silent", "raised", 100_000_000),
            told("web", "silent", "cleared", 93_784_000),
        ]);
        assert_eq!(status, Status::Ok);
        assert_eq!(text, "the last one is 1day 2h old: silent of web cleared");
        assert_eq!(judged(&[]).0, Status::Ok);
    }

    #[test]
    fn one_alert_for_all_hosts_is_a_warning_until_it_is_cleared() {
        let pipeline = |state| told(Alert::PIPELINE, "pipeline", state, 5_000);
        assert_eq!(
            judged(&[pipeline("raised"), told("a", "clock", "raised", 1)]).0,
            Status::Warning
        );
        assert_eq!(judged(&[pipeline("raised"), pipeline("cleared")]).0, Status::Ok);
    }
}
