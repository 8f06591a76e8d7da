//! The messages that are listened to, from now on or from a while ago.

use std::num::NonZeroU16;
use std::time::Duration;

use futures_util::future::select_all;
use resources_core::bus::{Bus, Delivery, Pattern, Source, Start, Subscription};
use resources_core::contract::Kind;
use resources_observer::filter::Filter;
use serde_json::Value;

/// What the broker sends ahead of what is printed.
pub(super) const PREFETCH: NonZeroU16 = NonZeroU16::new(512).unwrap();

/// The same while a program is run for each message. The broker takes a consumer for broken, and
/// deletes the queue of its own, when one message is unacknowledged for long, also while it waits
/// here behind others.
pub(super) const PREFETCH_OF_RUNS: NonZeroU16 = NonZeroU16::MIN;

/// From where to take what matches `patterns`: a queue of its own, or the streams that keep it and
/// go on with what comes. Each key is in one stream only, so that nothing comes twice.
pub(super) fn plan(patterns: &[Pattern], since: Option<Duration>) -> Result<Vec<Source>, String> {
    let Some(since) = since else { return Ok(vec![Source::Patterns(patterns.to_vec())]) };
    let mut sources: Vec<Source> = Vec::new();
    for pattern in patterns {
        let Some(source) = Source::with_history(pattern, Start::Ago(since)) else {
            return Err(format!(
                "`{pattern}` has no history for --since: only patterns that end like one of {} have",
                kept().join(", ")
            ));
        };
        let kind = std::mem::discriminant(&source);
        if sources.iter().all(|known| std::mem::discriminant(known) != kind) {
            sources.push(source);
        }
    }
    Ok(sources)
}

/// The widest patterns with a history.
fn kept() -> Vec<&'static str> {
    let kept = |text: &&str| {
        Pattern::new(text)
            .is_ok_and(|pattern| Source::with_history(&pattern, Start::First).is_some())
    };
    Kind::ALL.into_iter().map(Kind::pattern).filter(kept).collect()
}

/// Messages from one or several sources that match and pass the filter.
pub(super) struct Incoming {
    subscriptions: Vec<Subscription>,
    patterns: Vec<Pattern>,
    filter: Filter,
}

impl Incoming {
    pub(super) fn new(
        bus: &Bus,
        sources: Vec<Source>,
        patterns: Vec<Pattern>,
        filter: Filter,
        prefetch: NonZeroU16,
    ) -> Self {
        let subscribe = |source| bus.subscribe(source, prefetch);
        Self { subscriptions: sources.into_iter().map(subscribe).collect(), patterns, filter }
    }

    /// Resolves once nothing more is missed; `false` when the bus was closed instead.
    pub(super) async fn ready(&mut self) -> bool {
        for subscription in &mut self.subscriptions {
            if !subscription.ready().await {
                return false;
            }
        }
        true
    }

    /// The next message that passes; `None` once the bus is closed.
    pub(super) async fn next(&mut self) -> Option<Delivery> {
        loop {
            let each = self.subscriptions.iter_mut().map(|one| Box::pin(one.next()));
            let (delivery, from, _) = select_all(each).await;
            let delivery = delivery?;
            // It is acknowledged where it stands now, and the others come first next time.
            self.subscriptions.rotate_left(from + 1);
            if self.passes(&delivery) {
                return Some(delivery);
            }
            self.acknowledge(&delivery).await;
        }
    }

    /// Notes that the message of the last [`next`](Self::next) was dealt with.
    pub(super) async fn acknowledge(&mut self, delivery: &Delivery) {
        if let Some(last) = self.subscriptions.last_mut() {
            last.acknowledge_through(delivery.receipt).await;
        }
    }

    pub(super) async fn flush(&mut self) {
        for subscription in &mut self.subscriptions {
            subscription.flush().await;
        }
    }

    fn passes(&self, delivery: &Delivery) -> bool {
        if !self.patterns.iter().any(|pattern| pattern.matches(&delivery.topic)) {
            return false;
        }
        if self.filter.takes_everything() {
            return true;
        }
        let body = serde_json::from_slice(&delivery.body)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&delivery.body)));
        self.filter.matches(&delivery.topic, &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(patterns: &[&str], since: Option<Duration>) -> Result<Vec<Source>, String> {
        let patterns: Vec<_> = patterns.iter().map(|text| Pattern::new(text).unwrap()).collect();
        plan(&patterns, since)
    }

    #[test]
    fn history_comes_from_each_stream_once() {
        let hour = Some(Duration::from_secs(3600));
        let sources = planned(&["#.alert", "web.analysis", "db.alert", "db.analysis"], hour);
        let sources = sources.unwrap();
        let started = Start::Ago(Duration::from_secs(3600));
        assert_eq!(sources.len(), 2);
        assert!(matches!(sources[0], Source::Alerts(start) if start == started));
        assert!(matches!(sources[1], Source::Analyses(start) if start == started));
        let error = planned(&["#.alert", "terminator_detected"], hour).unwrap_err();
        assert!(error.contains("`terminator_detected`"), "{error}");
        assert!(error.contains("#.analysis, #.alert") && !error.contains("measure"), "{error}");
        let live = planned(&["#.alert", "terminator_detected"], None).unwrap();
        assert!(matches!(&live[..], [Source::Patterns(patterns)] if patterns.len() == 2));
    }
}
