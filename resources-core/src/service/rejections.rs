//! Log lines about bad messages, few enough that a sender gone wild cannot flood the log.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::bus::Delivery;
use crate::contract::{Rejection, TraceParent};

/// One line for each sender and kind of reason in this time.
const QUIET: Duration = Duration::from_secs(10);

/// Most senders and kinds told apart; what comes beyond shares one line a kind.
const MAX_ENTRIES: usize = 1_000;

/// Who sent it, by routing key (empty: too many to tell apart), and the kind of the reason.
type Sender = (Box<str>, &'static str);

/// Says which messages were set aside: each kind of reason of each sender once, then how often
/// it came again.
#[derive(Debug, Default)]
pub struct RejectionLog {
    /// Whether they are dropped instead.
    drops: bool,
    entries: HashMap<Sender, Entry>,
}

#[derive(Debug)]
struct Entry {
    said: Instant,
    unsaid: u64,
}

impl RejectionLog {
    /// Says of messages that they were dropped.
    #[must_use]
    pub fn of_dropped() -> Self {
        Self { drops: true, ..Self::default() }
    }

    /// What is done with them.
    const fn deed(&self) -> &'static str {
        if self.drops { "dropped" } else { "set aside" }
    }

    /// Says that `delivery` was set aside, unless the same was said of its sender a moment ago.
    ///
    /// One that came without a trace is given one here, so that the log and the message that is
    /// set aside have the same id.
    pub fn note(&mut self, delivery: &mut Delivery, rejection: &Rejection, now: Instant) {
        let trace = *delivery.trace.get_or_insert_with(TraceParent::begin);
        if self.count(&delivery.topic, rejection.kind(), now) {
            // The key is as foreign as the body: shown with its control characters escaped.
            tracing::warn!(
                topic = ?delivery.topic,
                reason = %rejection,
                trace_id = %trace.trace_id_text(),
                "{} a message on {:?}: {rejection}",
                self.deed(),
                delivery.topic,
            );
        }
    }

    /// Says how many more there were of what was last said 10 s ago or earlier, and forgets what
    /// did not come again. To be called now and then.
    pub fn tell_counts(&mut self, now: Instant) {
        let deed = self.deed();
        self.entries.retain(|(topic, kind), entry| {
            if now.duration_since(entry.said) < QUIET {
                return true;
            }
            let count = std::mem::take(&mut entry.unsaid);
            if count == 0 {
                return false;
            }
            entry.said = now;
            tell_count(deed, topic, kind, count);
            true
        });
    }

    /// Says all that was not said yet.
    pub fn finish(self) {
        let deed = self.deed();
        for ((topic, kind), entry) in self.entries {
            if entry.unsaid > 0 {
                tell_count(deed, &topic, kind, entry.unsaid);
            }
        }
    }

    /// Counts one; whether it is to be said.
    fn count(&mut self, topic: &str, kind: &'static str, now: Instant) -> bool {
        let mut sender: Sender = (topic.into(), kind);
        if !self.entries.contains_key(&sender) && self.entries.len() >= MAX_ENTRIES {
            sender.0 = Box::default();
        }
        match self.entries.entry(sender) {
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                entry.get_mut().unsaid += 1;
                false
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(Entry { said: now, unsaid: 0 });
                true
            }
        }
    }
}

fn tell_count(deed: &str, topic: &str, kind: &str, count: u64) {
    match topic {
        "" => tracing::warn!(count, kind, "{deed} {count} more messages ({kind})"),
        _ => tracing::warn!(
            ?topic,
            count,
            kind,
            "{deed} {count} more messages on {topic:?} ({kind})"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_said_once_for_each_sender_and_then_counted() {
        let (mut log, start) = (RejectionLog::default(), Instant::now());
        assert!(log.count("web.measure", "malformed", start));
        assert!(!log.count("web.measure", "malformed", start));
        assert!(!log.count("web.measure", "malformed", start + QUIET * 2));
        assert!(log.count("db.measure", "malformed", start));
        assert!(log.count("web.measure", "out of range", start));
        assert_eq!(log.entries[&("web.measure".into(), "malformed")].unsaid, 2);
    }

    #[test]
    fn counts_are_told_after_the_quiet_time_and_then_forgotten() {
        let (mut log, start) = (RejectionLog::default(), Instant::now());
        log.count("web.measure", "malformed", start);
        log.count("web.measure", "malformed", start);
        log.tell_counts(start + QUIET / 2);
        assert_eq!(log.entries[&("web.measure".into(), "malformed")].unsaid, 1);
        log.tell_counts(start + QUIET);
        assert_eq!(log.entries[&("web.measure".into(), "malformed")].unsaid, 0);
        log.tell_counts(start + QUIET * 2);
        assert!(log.entries.is_empty());
        assert!(log.count("web.measure", "malformed", start + QUIET * 2));
    }

    #[test]
    fn however_many_senders_the_table_stays_small() {
        let (mut log, start) = (RejectionLog::default(), Instant::now());
        let said =
            (0..5_000).filter(|i| log.count(&format!("{i}.measure"), "malformed", start)).count();
        assert_eq!(said, MAX_ENTRIES + 1);
        assert_eq!(log.entries.len(), MAX_ENTRIES + 1);
        assert_eq!(log.entries[&("".into(), "malformed")].unsaid, 3_999);
    }
}
