//! What a reaction is told: one or more alerts at a time.

use std::fmt::Write as _;

use resources_core::contract::{Alert, AlertKind, AlertState, Level, TraceParent};
use serde::{Deserialize, Serialize};
use url::Url;

/// Version of the form of a [`Notification`].
const VERSION: u32 = 1;

/// How much before and after an alert its page shows, in milliseconds.
const AROUND_MS: u64 = 15 * 60 * 1000;

/// What a reaction is told, as it goes to web hooks and programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Notification {
    version: u32,
    /// The same for each try, also after a restart: whoever has seen it may leave it out.
    pub(super) id: Box<str>,
    /// The name of the reaction.
    pub(super) reaction: Box<str>,
    pub(super) group: Counts,
    /// How many of the alerts counted are not in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) truncated: Option<u64>,
    /// In the order in which they came.
    pub(super) alerts: Vec<Listed>,
    /// The trace that the first alert belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) traceparent: Option<Box<str>>,
    /// Where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) page_url: Option<Box<str>>,
}

/// An alert of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Listed {
    #[serde(flatten)]
    pub(super) alert: Alert,
    /// The step of its own trace that it follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<Box<str>>,
}

impl Listed {
    pub(super) fn new(alert: Alert, trace: Option<TraceParent>) -> Self {
        Self { alert, traceparent: trace.map(|trace| trace.to_string().into()) }
    }

    pub(super) fn trace(&self) -> Option<TraceParent> {
        self.traceparent.as_deref().and_then(|trace| trace.parse().ok())
    }
}

/// How many alerts a notification is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) count: u64,
    pub(super) raised: u64,
    pub(super) cleared: u64,
}

impl Counts {
    pub(super) const fn add(&mut self, state: AlertState) {
        self.count += 1;
        match state {
            AlertState::Raised => self.raised += 1,
            AlertState::Cleared => self.cleared += 1,
        }
    }
}

impl Notification {
    /// About `counts` alerts, of which some are listed.
    pub(super) fn new(
        reaction: &str,
        group: Counts,
        alerts: Vec<Listed>,
        page: Option<&Url>,
    ) -> Self {
        Self {
            version: VERSION,
            id: id_of(reaction, group, &alerts),
            reaction: reaction.into(),
            group,
            truncated: left_out(group, &alerts),
            traceparent: alerts.first().and_then(|first| first.traceparent.clone()),
            page_url: page.map(|page| page_of(page, &alerts)),
            alerts,
        }
    }

    /// The trace that the first alert belongs to.
    pub(super) fn trace(&self) -> Option<TraceParent> {
        self.traceparent.as_deref().and_then(|trace| trace.parse().ok())
    }

    /// The trace, for logs; empty when there is none.
    pub(super) fn trace_id(&self) -> String {
        self.trace().map(|trace| trace.trace_id_text().to_string()).unwrap_or_default()
    }

    /// The same, told by the step `trace`.
    pub(super) fn told_by(&self, trace: TraceParent) -> Self {
        Self { traceparent: Some(trace.to_string().into()), ..self.clone() }
    }

    /// The same, with no more than the first `most` alerts listed and the others counted.
    pub(super) fn listing(&self, most: usize) -> Self {
        let mut shorter = self.clone();
        shorter.alerts.truncate(most);
        shorter.truncated = left_out(shorter.group, &shorter.alerts);
        shorter
    }

    /// Made up, to try a reaction with: one alert, or several of which some are not listed.
    pub(super) fn made_up(reaction: &str, now_ms: u64, page: Option<&Url>, several: bool) -> Self {
        let host =
            |name: &str| name.parse().unwrap_or_else(|_| unreachable!("{name} is a host name"));
        let level = Alert {
            id: format!("test-{now_ms}").into(),
            host: host("example-host"),
            resource: Some("cpu".into()),
            state: AlertState::Raised,
            kind: AlertKind::Level,
            level: Some(Level::High),
            percentage: Some(97.0),
            repeat: None,
            since_ms: now_ms,
            timestamp_ms: now_ms,
        };
        let traced = |alert| Listed::new(alert, Some(TraceParent::begin()));
        let (mut group, mut alerts) = (Counts::default(), vec![traced(level.clone())]);
        group.add(AlertState::Raised);
        if several {
            alerts.push(traced(Alert {
                host: host("other-host"),
                resource: None,
                kind: AlertKind::Silent,
                state: AlertState::Cleared,
                level: None,
                percentage: None,
                ..level
            }));
            group = Counts { count: 3, raised: 2, cleared: 1 };
        }
        Self::new(reaction, group, alerts, page)
    }

    /// What it is about, in a line.
    pub(super) fn subject(&self) -> String {
        match (&*self.alerts, self.group.count) {
            ([only], 1) => line_of(&only.alert),
            _ => {
                let Counts { count, raised, cleared } = self.group;
                format!("{count} alerts: {raised} raised, {cleared} cleared")
            }
        }
    }

    /// All of it for people: a line for each alert.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for listed in &self.alerts {
            text.push_str(&line_of(&listed.alert));
            text.push('\n');
        }
        // Writing to a string cannot fail.
        if let Some(truncated) = self.truncated {
            writeln!(text, "… and {truncated} more").ok();
        }
        if let Some(page) = &self.page_url {
            writeln!(text, "{page}").ok();
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn left_out(group: Counts, listed: &[Listed]) -> Option<u64> {
    let left_out = group.count.saturating_sub(listed.len() as u64);
    (left_out > 0).then_some(left_out)
}

/// The same for the same alerts of the same reaction. What is put together otherwise after a power
/// cut is something else, which nobody may leave out.
fn id_of(reaction: &str, group: Counts, alerts: &[Listed]) -> Box<str> {
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    digest.update(reaction.as_bytes());
    for count in [group.raised, group.cleared] {
        digest.update(&count.to_be_bytes());
    }
    for Listed { alert, .. } in alerts {
        let state = match alert.state {
            AlertState::Raised => "raised",
            AlertState::Cleared => "cleared",
        };
        let repeat = alert.repeat.unwrap_or_default().to_string();
        for part in [&*alert.id, state, &repeat] {
            // No part holds it, so that no two of them run together.
            digest.update(&[0]);
            digest.update(part.as_bytes());
        }
    }
    hex(&digest.finish().as_ref()[..16]).into()
}

/// Bytes as text, two digits each.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// The page of the host at that time, when the alerts are about one machine; otherwise of all hosts.
fn page_of(page: &Url, alerts: &[Listed]) -> Box<str> {
    let mut page = page.clone();
    if let Some(Listed { alert: first, .. }) = alerts.first()
        && first.host.as_str() != Alert::PIPELINE
        && alerts.iter().all(|listed| listed.alert.host == first.host)
    {
        // A host name needs no escaping there.
        let from_ms = first.since_ms.saturating_sub(AROUND_MS);
        let to_ms = first.timestamp_ms.saturating_add(AROUND_MS);
        page.set_fragment(Some(&format!("/hosts/{}?from={from_ms}&to={to_ms}", first.host)));
    }
    page.as_str().into()
}

fn line_of(alert: &Alert) -> String {
    let host = &alert.host;
    let what = alert.resource.as_deref().unwrap_or("it");
    let mut usage = String::new();
    if let Some(percentage) = alert.percentage {
        write!(usage, " at {percentage:.0} %").ok();
    }
    if let (Some(level), AlertState::Raised) = (alert.level, alert.state) {
        write!(usage, " ({level})").ok();
    }
    let line = match (alert.kind, alert.state) {
        (AlertKind::Level, AlertState::Raised) => format!("{host}: {what} is{usage}"),
        (AlertKind::Level, AlertState::Cleared) => {
            format!("{host}: {what} is back to normal{usage}")
        }
        (AlertKind::Silent, AlertState::Raised) => format!("{host} sends nothing"),
        (AlertKind::Silent, AlertState::Cleared) => format!("{host} sends again"),
        (AlertKind::Flapping, AlertState::Raised) => {
            format!("{host}: {what} changes again and again")
        }
        (AlertKind::Flapping, AlertState::Cleared) => format!("{host}: {what} is calm again"),
        (AlertKind::Stopped, AlertState::Raised) => format!("{host}: its tracker was stopped"),
        (AlertKind::Stopped, AlertState::Cleared) => format!("{host}: its tracker runs again"),
        (AlertKind::Restarted, AlertState::Raised) => format!("{host} was restarted"),
        (AlertKind::Restarted, AlertState::Cleared) => {
            format!("{host} has run on since its restart")
        }
        (AlertKind::Clock, AlertState::Raised) => format!("{host}: its clock is off"),
        (AlertKind::Clock, AlertState::Cleared) => format!("{host}: its clock is right again"),
        (AlertKind::Pipeline, AlertState::Raised) => "nothing arrives from any host".to_owned(),
        (AlertKind::Pipeline, AlertState::Cleared) => "hosts are heard again".to_owned(),
    };
    match alert.repeat {
        Some(_) => format!("still: {line}"),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alert_is_a_line_and_several_are_counted() {
        let page: Url = "https://monitor.example.com/page/".parse().unwrap();
        let one = Notification::made_up("chat", 5, Some(&page), false);
        assert_eq!(one.subject(), "example-host: cpu is at 97 % (HIGH)");
        let url = "https://monitor.example.com/page/#/hosts/example-host?from=0&to=900005";
        assert_eq!(one.page_url.as_deref(), Some(url));
        let three = Notification::made_up("chat", 5, Some(&page), true);
        assert_eq!(three.subject(), "3 alerts: 2 raised, 1 cleared");
        assert_eq!(
            three.text(),
            "example-host: cpu is at 97 % (HIGH)\nother-host sends again\n… and 1 more\n\
             https://monitor.example.com/page/"
        );
        assert_eq!(three.truncated, Some(1));
    }

    #[test]
    fn the_id_is_of_all_alerts_and_the_reaction() {
        let one = Notification::made_up("chat", 5, None, false);
        assert_eq!(one.id.len(), 32);
        assert_eq!(one.id, Notification::made_up("chat", 5, None, false).id);
        let more = Notification::made_up("chat", 5, None, true);
        assert_ne!(one.id, more.id);
        assert_ne!(one.id, Notification::made_up("mail", 5, None, false).id);
        assert_ne!(one.id, Notification::made_up("chat", 6, None, false).id);
        let cut = |count| {
            let group = Counts { count, raised: count, cleared: 0 };
            Notification::new("chat", group, one.alerts.clone(), None).id
        };
        assert_ne!(cut(2), cut(3), "also of those that are counted only");
    }
}
