//! The fleet as a list of JSON, borrowed: nothing is copied to be told.

use serde::{Serialize, Serializer};

use super::Fleet;

/// Every host, sorted by name.
#[derive(Debug)]
pub(crate) struct AllHosts<'a>(pub(crate) &'a Fleet);

impl Serialize for AllHosts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.by_name().map(|(_, entry)| entry.latest()))
    }
}
