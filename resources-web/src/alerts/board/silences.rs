//! The silences there are.

use std::collections::{BTreeSet, HashMap};

use resources_core::contract::{HostName, Silence};

use crate::protocol::AlertEntry;

/// Most silences known at a time; further ones are left out and counted.
const MAX_SILENCES: usize = 10_000;

/// How long one that is over is remembered, so that its first message, coming again, does not
/// begin it anew.
pub(super) const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1_000;

/// Silences by host, each with the earliest end it was told to have.
#[derive(Debug, Default)]
pub(super) struct Silences {
    of_host: HashMap<HostName, Vec<Silence>>,
    len: usize,
    left_out: u64,
}

impl Silences {
    /// Takes in one; gives it as it counts, if that is otherwise than before.
    pub(super) fn take(&mut self, silence: Silence) -> Option<Silence> {
        let is_full = self.is_full();
        let known = self.of_host.get_mut(&silence.host).into_iter().flatten();
        match known.into_iter().find(|known| known.id == silence.id) {
            Some(known) if silence.until_ms < known.until_ms => {
                known.until_ms = silence.until_ms;
                Some(known.clone())
            }
            Some(_) => None,
            None if is_full => {
                self.left_out += 1;
                None
            }
            None => {
                self.len += 1;
                self.of_host.entry(silence.host.clone()).or_default().push(silence.clone());
                Some(silence)
            }
        }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.len >= MAX_SILENCES
    }

    /// Until when nobody is told of this alert; `None` when it is not silenced now.
    pub(super) fn covering_until_ms(&self, entry: &AlertEntry, now_ms: u64) -> Option<u64> {
        let silences = self.of_host.get(&entry.host)?.iter();
        silences
            .filter(|silence| {
                silence.runs_at(now_ms)
                    && silence.covers(&entry.host, entry.resource.as_deref(), entry.kind)
            })
            .map(|silence| silence.until_ms)
            .max()
    }

    /// Hosts of which a silence begins or ends after one time and until another.
    pub(super) fn hosts_that_change(&self, before_ms: u64, now_ms: u64) -> BTreeSet<HostName> {
        let changes = |silence: &&Silence| silence.runs_at(before_ms) != silence.runs_at(now_ms);
        self.all().filter(changes).map(|silence| silence.host.clone()).collect()
    }

    /// When the next one begins or ends.
    pub(super) fn next_change_ms(&self, now_ms: u64) -> Option<u64> {
        self.all()
            .flat_map(|silence| [silence.from_ms, silence.until_ms])
            .filter(|at_ms| *at_ms > now_ms)
            .min()
    }

    /// Those that hold now, the one that ends first first.
    pub(super) fn running(&self, now_ms: u64) -> Vec<Silence> {
        let mut running: Vec<Silence> =
            self.all().filter(|silence| silence.runs_at(now_ms)).cloned().collect();
        running.sort_by(|a, b| (a.until_ms, &a.id).cmp(&(b.until_ms, &b.id)));
        running
    }

    pub(super) fn forget_old(&mut self, now_ms: u64) {
        let oldest_ms = now_ms.saturating_sub(REMEMBERED_MS);
        if !self.all().any(|silence| silence.until_ms < oldest_ms) {
            return;
        }
        self.of_host.retain(|_, silences| {
            silences.retain(|silence| silence.until_ms >= oldest_ms);
            !silences.is_empty()
        });
        self.len = self.of_host.values().map(Vec::len).sum();
    }

    pub(super) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    fn all(&self) -> impl Iterator<Item = &Silence> {
        self.of_host.values().flatten()
    }
}
