//! The arithmetic of one host: what a ledger expects against what history holds. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sequences::Sequences;

/// What history holds of one host.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Samples its roll-ups counted, of all runs.
    pub(super) counted: u64,
    /// The sequences it says it counted, by run.
    pub(super) runs: BTreeMap<String, Sequences>,
    /// Whether it holds more runs or gaps than it tells.
    pub(super) truncated: bool,
}

/// How the samples of one host, or of several together, fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    /// Samples in the ledger.
    pub(super) expected: u64,
    /// Of those, samples in history.
    pub(super) found: u64,
    /// Of those, samples not in history.
    pub(super) missing: u64,
    /// Times a sample of this host was counted beyond the first; none is known of when not all
    /// runs are told.
    pub(super) duplicated: u64,
}

impl Account {
    /// Compares `ledger`, the sequences of each run, with what history holds.
    pub(super) fn new(ledger: &BTreeMap<String, Sequences>, history: &Held) -> Self {
        let expected: u64 = ledger.values().map(Sequences::len).sum();
        let known: u64 = ledger
            .iter()
            .filter_map(|(run, sequences)| Some((sequences, history.runs.get(run)?)))
            .map(|(sequences, held)| sequences.count_common(held))
            .sum();
        let held: u64 = history.runs.values().map(Sequences::len).sum();
        // Noted as counted, but in no roll-up: as good as lost.
        let found = known.saturating_sub(held.saturating_sub(history.counted));
        let duplicated = if history.truncated { 0 } else { history.counted.saturating_sub(held) };
        Self { expected, found, missing: expected - found, duplicated }
    }

    /// Whether every sample was counted exactly once.
    pub(super) const fn is_exact(&self) -> bool {
        self.missing == 0 && self.duplicated == 0
    }

    /// Both together.
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            expected: self.expected + other.expected,
            found: self.found + other.found,
            missing: self.missing + other.missing,
            duplicated: self.duplicated + other.duplicated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs<const N: usize>(runs: [(&str, &[(u64, u64)]); N]) -> BTreeMap<String, Sequences> {
        runs.into_iter()
            .map(|(run, ranges)| {
                (run.to_owned(), ranges.iter().map(|(first, last)| *first..=*last).collect())
            })
            .collect()
    }

    fn account(
        ledger: BTreeMap<String, Sequences>,
        counted: u64,
        history: BTreeMap<String, Sequences>,
    ) -> (u64, u64, u64, u64) {
        let account = Account::new(&ledger, &Held { counted, runs: history, truncated: false });
        (account.expected, account.found, account.missing, account.duplicated)
    }

    #[test]
    fn exact_is_every_sample_once() {
        let ledger = || runs([("a", &[(0, 99)]), ("b", &[(0, 9)])]);
        assert_eq!(account(ledger(), 110, ledger()), (110, 110, 0, 0));
        let with_an_older_run = runs([("a", &[(0, 99)]), ("b", &[(0, 9)]), ("old", &[(0, 4)])]);
        assert_eq!(account(ledger(), 115, with_an_older_run), (110, 110, 0, 0));
    }

    #[test]
    fn a_gap_a_run_or_a_host_that_is_not_there_is_missing() {
        let ledger = || runs([("a", &[(0, 99)]), ("b", &[(0, 9)])]);
        assert_eq!(account(ledger(), 100, runs([("a", &[(0, 49), (52, 101)])])), (110, 98, 12, 0));
        assert_eq!(account(ledger(), 0, BTreeMap::new()), (110, 0, 110, 0));
    }

    #[test]
    fn what_was_counted_beyond_what_is_held_is_duplicated_and_below_it_missing() {
        let ledger = || runs([("a", &[(0, 99)])]);
        assert_eq!(account(ledger(), 103, ledger()), (100, 100, 0, 3));
        assert_eq!(account(ledger(), 98, ledger()), (100, 98, 2, 0));
    }

    #[test]
    fn what_history_does_not_tell_is_missing_and_not_duplicated() {
        let told = runs([("a", &[(0, 79)])]);
        let held = Held { counted: 100, runs: told, truncated: true };
        let account = Account::new(&runs([("a", &[(0, 99)])]), &held);
        assert_eq!((account.missing, account.duplicated), (20, 0));
    }
}
