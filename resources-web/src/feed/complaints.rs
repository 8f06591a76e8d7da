//! Which messages do not follow the contract: each kind of each sender once, then counted.

use std::collections::HashMap;

use resources_core::contract::Rejection;

/// Senders and kinds told apart; further ones are counted together.
const MAX_TOLD_APART: usize = 1000;

/// Stands for all that are not told apart.
const OTHERS: &str = "(others)";

/// Counts of what went wrong since the last summary.
#[derive(Debug, Default)]
pub(super) struct Complaints(HashMap<(Box<str>, &'static str), u64>);

impl Complaints {
    /// Notes a rejected message; `true` when nothing like it was noted lately, so that it should
    /// be logged.
    pub(super) fn note(&mut self, routing_key: &str, rejection: &Rejection) -> bool {
        let kind = rejection.kind();
        let mut key = (Box::from(routing_key), kind);
        if self.0.len() >= MAX_TOLD_APART && !self.0.contains_key(&key) {
            key = (OTHERS.into(), kind);
        }
        let count = self.0.entry(key).or_insert(0);
        *count += 1;
        *count == 1
    }

    /// What came again since the last summary: routing key, kind, how often. What did not come
    /// again is forgotten, so that it is logged when it comes once more.
    pub(super) fn sum_up(&mut self) -> Vec<(Box<str>, &'static str, u64)> {
        let mut again = Vec::new();
        self.0.retain(|(routing_key, kind), count| {
            // The first of them was logged by itself, or stands for an earlier summary.
            let more = *count - 1;
            *count = 1;
            if more > 0 {
                again.push((routing_key.clone(), *kind, more));
            }
            more > 0
        });
        again.sort();
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn malformed() -> Rejection {
        Rejection::Malformed("eof".into())
    }

    #[test]
    fn each_kind_of_each_sender_is_told_once_and_counted_after() {
        let mut complaints = Complaints::default();
        assert!(complaints.note("a.analysis", &malformed()));
        assert!(!complaints.note("a.analysis", &malformed()));
        assert!(!complaints.note("a.analysis", &malformed()));
        assert!(complaints.note("b.analysis", &malformed()));
        assert!(complaints.note("a.analysis", &Rejection::TooLarge { bytes: 1 }));
        assert_eq!(complaints.sum_up(), [("a.analysis".into(), "malformed", 2)]);
    }

    #[test]
    fn what_goes_on_is_summed_up_and_what_ended_is_told_anew() {
        let mut complaints = Complaints::default();
        complaints.note("a.analysis", &malformed());
        complaints.note("a.analysis", &malformed());
        complaints.sum_up();
        assert!(!complaints.note("a.analysis", &malformed()), "it goes on");
        assert_eq!(complaints.sum_up(), [("a.analysis".into(), "malformed", 1)]);
        assert_eq!(complaints.sum_up(), []);
        assert!(complaints.note("a.analysis", &malformed()), "it had ended");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut complaints = Complaints::default();
        for number in 0..MAX_TOLD_APART + 10 {
            complaints.note(&format!("host-{number}.analysis"), &malformed());
        }
        assert_eq!(complaints.0.len(), MAX_TOLD_APART + 1);
        assert_eq!(complaints.sum_up(), [(OTHERS.into(), "malformed", 9)]);
    }
}
