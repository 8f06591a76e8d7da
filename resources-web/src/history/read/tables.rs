//! Every statement that reads, in one place: a test checks that each uses a key.

use crate::history::tier::Tier;

/// Rows of a host (1) and resource (2) with buckets from (3) to before (4).
pub(super) fn range(tier: Tier) -> String {
    format!(
        "SELECT bucket_s, minimum, maximum, total, samples FROM {} \
         WHERE host_id = ?1 AND resource_id = ?2 AND bucket_s >= ?3 AND bucket_s < ?4",
        tier.table()
    )
}

/// As [`range`], at most (5) of them, in order.
pub(super) fn page(tier: Tier) -> String {
    range(tier) + " ORDER BY bucket_s LIMIT ?5"
}

/// The first resource of a host (1) after another (2).
pub(super) fn next_resource(tier: Tier) -> String {
    format!(
        "SELECT resource_id FROM {} \
         WHERE host_id = ?1 AND resource_id > ?2 ORDER BY resource_id LIMIT 1",
        tier.table()
    )
}

pub(super) const HOST_ID: &str = "SELECT id FROM host WHERE name = ?1";

/// The first host after an id.
pub(super) const NEXT_HOST: &str = "SELECT id, name FROM host WHERE id > ?1 ORDER BY id LIMIT 1";

pub(super) const RESOURCE_ID: &str = "SELECT id FROM resource WHERE name = ?1";

pub(super) const RESOURCE_NAME: &str = "SELECT name FROM resource WHERE id = ?1";

/// Runs of a host (1), the one seen last first, at most (2).
pub(super) const RUNS: &str =
    "SELECT id, name FROM run WHERE host_id = ?1 ORDER BY seen_ms DESC, id DESC LIMIT ?2";

/// Sequences taken of a run (1), at most (2) ranges.
pub(super) const TAKEN: &str =
    "SELECT first, last FROM taken WHERE run_id = ?1 ORDER BY first LIMIT ?2";

/// How many samples the roll-ups of a host (1) and resource (2) count.
pub(super) const COUNTED: &str =
    "SELECT COALESCE(SUM(samples), 0) FROM rollup_1h WHERE host_id = ?1 AND resource_id = ?2";
