//! What one reaction has yet to tell: purely, alerts and the time in, notifications out.
//!
//! Alerts wait in one group until its window is over, until the one before is told and until the
//! rate allows; whatever comes meanwhile joins it. So there is never more than the notifications
//! under way and one group, of which only the first alerts are listed and the others counted.

use std::collections::VecDeque;

use resources_core::contract::{Alert, TraceParent};
use serde::{Deserialize, Serialize};
use url::Url;

use super::notification::{Counts, Listed, Notification};

/// Most notifications of a reaction that may be under way at a time.
pub(super) const MAX_PARALLEL: usize = 64;

/// How many notifications in which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    /// 1–1,000.
    pub(super) count: usize,
    pub(super) period_ms: u64,
}

/// What bounds the notifications of a reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) rate: Option<Rate>,
    /// Most notifications under way at a time, 1 to [`MAX_PARALLEL`].
    pub(super) parallel: usize,
    /// Most alerts that are listed in one.
    pub(super) listed: usize,
}

/// What one reaction has yet to tell.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Outbox {
    group: Option<Group>,
    under_way: Vec<Formed>,
    /// When the last notifications were formed, as many as the rate needs.
    formed_ms: VecDeque<u64>,
}

/// A notification that is told, again and again as it is until somebody takes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Formed {
    pub(super) notification: Notification,
}

#[derive(Debug, Serialize, Deserialize)]
struct Group {
    /// When its window is over, and how long the window is.
    due_ms: u64,
    window_ms: u64,
    counts: Counts,
    /// The first ones.
    alerts: Vec<Listed>,
}

impl Outbox {
    /// Adds an alert that is to be told within `window_ms`.
    pub(super) fn add(
        &mut self,
        alert: &Alert,
        trace: Option<TraceParent>,
        window_ms: u64,
        now_ms: u64,
        limits: &Limits,
    ) {
        let due_ms = now_ms.saturating_add(window_ms);
        let group = self.group.get_or_insert_with(|| Group {
            due_ms,
            window_ms,
            counts: Counts::default(),
            alerts: Vec::new(),
        });
        if due_ms < group.due_ms {
            (group.due_ms, group.window_ms) = (due_ms, window_ms);
        }
        group.counts.add(alert.state);
        if group.alerts.len() < limits.listed {
            group.alerts.push(Listed::new(alert.clone(), trace));
        }
    }

    /// When there will be something to tell; `None` while there is nothing, or while one that is
    /// under way has to be done first.
    pub(super) fn due_ms(&self, limits: &Limits) -> Option<u64> {
        let group = self.group.as_ref().filter(|_| self.under_way.len() < limits.parallel)?;
        let allowed_ms = limits.rate.and_then(|rate| {
            let nth_last = self.formed_ms.len().checked_sub(rate.count)?;
            Some(self.formed_ms.get(nth_last)?.saturating_add(rate.period_ms))
        });
        Some(group.due_ms.max(allowed_ms.unwrap_or(0)))
    }

    /// Makes a notification of what is due at `now_ms`.
    pub(super) fn form(
        &mut self,
        reaction: &str,
        now_ms: u64,
        limits: &Limits,
        page: Option<&Url>,
    ) -> Option<&Formed> {
        self.follow_clock(now_ms);
        if self.due_ms(limits)? > now_ms {
            return None;
        }
        let Group { counts, alerts, .. } = self.group.take()?;
        let notification = Notification::new(reaction, counts, alerts, page);
        if let Some(rate) = limits.rate {
            self.formed_ms.push_back(now_ms);
            while self.formed_ms.len() > rate.count {
                self.formed_ms.pop_front();
            }
        }
        self.under_way.push(Formed { notification });
        self.under_way.last()
    }

    /// A clock that was set back must not make anyone wait for it.
    fn follow_clock(&mut self, now_ms: u64) {
        self.formed_ms.retain(|formed_ms| *formed_ms <= now_ms);
        if let Some(group) = &mut self.group {
            group.due_ms = group.due_ms.min(now_ms.saturating_add(group.window_ms));
        }
    }

    /// The notification was taken, or was given up. Whether it was under way.
    pub(super) fn settle(&mut self, id: &str) -> bool {
        let before = self.under_way.len();
        self.under_way.retain(|formed| &*formed.notification.id != id);
        self.under_way.len() < before
    }

    /// What was formed and is not settled.
    pub(super) fn under_way(&self) -> &[Formed] {
        &self.under_way
    }

    /// How many alerts were not told.
    pub(super) fn alert_count(&self) -> u64 {
        let under_way = self.under_way.iter().map(|formed| formed.notification.group.count);
        under_way.sum::<u64>() + self.group.as_ref().map_or(0, |group| group.counts.count)
    }
}

#[cfg(test)]
mod tests;
