//! The fleet as lists of JSON, borrowed: nothing is copied to be told.

use serde::{Serialize, Serializer};

use super::points::POINTS_KEPT;
use super::{Entry, Fleet, Host};

/// Points one snapshot holds at most, all hosts together: about 1.2 MB of text. It must reach a
/// browser on a slow line before the browser holds the connection for dead.
const SNAPSHOT_POINTS: usize = 60_000;

/// Every host without points.
#[derive(Debug)]
pub(crate) struct AllHosts<'a>(pub(crate) &'a Fleet);

/// Every host with the points that were told before: what a batch of changes told last or tells
/// next adds to it, and nothing comes twice.
#[derive(Debug)]
pub(crate) struct HostsWithPoints<'a>(pub(crate) &'a Fleet);

/// Every host that changed, with the points not told yet.
#[derive(Debug)]
pub(crate) struct ChangedHosts<'a>(pub(crate) &'a Fleet);

#[derive(Serialize)]
struct HostAndPoints<'a, P: Serialize> {
    #[serde(flatten)]
    host: &'a Host,
    points: P,
}

struct Told<'a> {
    entry: &'a Entry,
    most: usize,
}

struct Untold<'a>(&'a Entry);

impl Serialize for AllHosts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.hosts.values().map(|entry| &entry.latest))
    }
}

impl Serialize for HostsWithPoints<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let most = POINTS_KEPT.min(SNAPSHOT_POINTS / self.0.hosts.len().max(1));
        serializer.collect_seq(
            self.0
                .hosts
                .values()
                .map(|entry| HostAndPoints { host: &entry.latest, points: Told { entry, most } }),
        )
    }
}

impl Serialize for ChangedHosts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let changed = self.0.changed.iter().filter_map(|name| self.0.hosts.get(name));
        serializer.collect_seq(
            changed.map(|entry| HostAndPoints { host: &entry.latest, points: Untold(entry) }),
        )
    }
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entry.points.told(self.most))
    }
}

impl Serialize for Untold<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.points.untold())
    }
}
