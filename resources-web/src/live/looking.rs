//! What one page looks at, and what it is sent because of that.

use std::collections::{BTreeSet, HashSet};

use axum::extract::ws::Utf8Bytes;

use super::Live;
use super::message::{ServerMessage, text};
use crate::fleet::Known;
use crate::protocol::{Detail, Look};

/// What one page looks at.
#[derive(Debug, Default)]
pub(super) struct Looking {
    rows: HashSet<u32>,
    /// Rows whose last points are still to be sent.
    new_rows: Vec<u32>,
    details: Vec<Watched>,
    /// The place in the journal up to which everything was answered.
    answered: Option<u64>,
}

/// A host that is looked at in detail.
#[derive(Debug)]
struct Watched {
    host: Box<str>,
    sent: Sent,
}

/// What was sent of a host last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Nothing,
    /// That it is not known.
    Unknown,
    /// Its analysis of this revision.
    Revision(u64),
}

impl Looking {
    /// Looks at something else from here on.
    pub(super) fn look(&mut self, look: Look) {
        let rows: HashSet<u32> = look.rows.into_iter().collect();
        self.new_rows.retain(|row| rows.contains(row));
        self.new_rows.extend(rows.difference(&self.rows));
        self.rows = rows;
        let before = std::mem::take(&mut self.details);
        let sent = |host: &str| {
            let known = before.iter().find(|watched| &*watched.host == host);
            known.map_or(Sent::Nothing, |watched| watched.sent)
        };
        let names: BTreeSet<Box<str>> = look.detail.into_iter().collect();
        self.details = names.into_iter().map(|host| Watched { sent: sent(&host), host }).collect();
        self.answered = None;
    }

    /// The page was sent everything anew, and has thrown away what it had.
    pub(super) fn start_over(&mut self) {
        self.new_rows = self.rows.iter().copied().collect();
        for watched in &mut self.details {
            watched.sent = Sent::Nothing;
        }
        self.answered = None;
    }

    /// Whether there may be something to send to a page that has all messages before `cursor`.
    pub(super) fn is_due(&self, cursor: u64) -> bool {
        let has_any = !self.new_rows.is_empty() || !self.details.is_empty();
        has_any && self.answered != Some(cursor)
    }

    /// What to send to a page that has all messages before `cursor`. It may tell of what the
    /// messages after them do, but not of a row that only they explain.
    pub(super) fn answers(
        &mut self,
        live: &Live,
        cursor: u64,
        server_time_ms: u64,
    ) -> Vec<Utf8Bytes> {
        self.answered = Some(cursor);
        let mut answers = Vec::new();
        let hosts = live.take_series(&mut self.new_rows, cursor);
        if !hosts.is_empty() {
            answers.push(text(&ServerMessage::Points { server_time_ms, hosts }));
        }
        for watched in &mut self.details {
            answers.extend(watched.news(live, server_time_ms));
        }
        answers
    }
}

impl Watched {
    fn news(&mut self, live: &Live, server_time_ms: u64) -> Option<Utf8Bytes> {
        let seen = match self.sent {
            Sent::Revision(revision) => Some(revision),
            Sent::Nothing | Sent::Unknown => None,
        };
        let (known, sent) = match live.known(&self.host, seen) {
            None if self.sent == Sent::Unknown => return None,
            None => (None, Sent::Unknown),
            Some(known) => {
                let known = known?;
                let sent = Sent::Revision(known.revision);
                (Some(known), sent)
            }
        };
        self.sent = sent;
        Some(detail(self.host.clone(), known, server_time_ms))
    }
}

fn detail(host: Box<str>, known: Option<Known>, server_time_ms: u64) -> Utf8Bytes {
    let body = known.as_ref().map(|known| known.body.clone()).unwrap_or_default();
    let mut detail = Detail {
        server_time_ms,
        host,
        // It was read before.
        analysis: serde_json::from_slice(&body).ok(),
        received_ms: None,
        system: None,
        labels: None,
        thresholds: None,
        clock_offset_ms: None,
        late_samples: None,
        dropped_samples: None,
    };
    if let Some(known) = known {
        detail.received_ms = Some(known.received_ms);
        detail.system = known.system;
        detail.labels = known.labels;
        detail.thresholds = known.thresholds;
        detail.clock_offset_ms = known.clock_offset_ms;
        detail.late_samples = Some(known.late_samples);
        detail.dropped_samples = Some(known.dropped_samples);
    }
    text(&ServerMessage::Detail(detail))
}
