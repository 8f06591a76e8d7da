//! How finely history is kept, and for how long.

use std::time::Duration;

/// One fineness of history: the width of its buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Buckets of 10 s.
    TenSeconds,
    /// Buckets of a minute.
    Minute,
    /// Buckets of an hour.
    Hour,
}

impl Tier {
    /// Every tier, the finest first. A bucket of one holds whole buckets of the one before it.
    pub const ALL: [Self; 3] = [Self::TenSeconds, Self::Minute, Self::Hour];

    /// The finest.
    pub(super) const FINEST: Self = Self::ALL[0];

    /// Width of a bucket, in seconds.
    #[must_use]
    pub const fn width_s(self) -> u64 {
        match self {
            Self::TenSeconds => 10,
            Self::Minute => 60,
            Self::Hour => 3_600,
        }
    }

    /// Start of the bucket that holds `time_s`, in seconds since the Unix epoch.
    #[must_use]
    pub const fn bucket_s(self, time_s: u64) -> u64 {
        time_s - time_s % self.width_s()
    }

    /// The table of this tier.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::TenSeconds => "rollup_10s",
            Self::Minute => "rollup_1m",
            Self::Hour => "rollup_1h",
        }
    }
}

/// How long the buckets of each tier are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Buckets of 10 s.
    pub ten_seconds: Duration,
    /// Buckets of a minute.
    pub minute: Duration,
    /// Buckets of an hour.
    pub hour: Duration,
}

impl Default for Retention {
    /// A day, two weeks, two years.
    fn default() -> Self {
        const DAY: u64 = 24 * 3_600;
        Self {
            ten_seconds: Duration::from_secs(DAY),
            minute: Duration::from_secs(14 * DAY),
            hour: Duration::from_secs(730 * DAY),
        }
    }
}

impl Retention {
    /// How long the buckets of `tier` are kept.
    #[must_use]
    pub const fn of(&self, tier: Tier) -> Duration {
        match tier {
            Tier::TenSeconds => self.ten_seconds,
            Tier::Minute => self.minute,
            Tier::Hour => self.hour,
        }
    }

    /// Buckets of `tier` that begin before this, in seconds since the Unix epoch, are not kept.
    #[must_use]
    pub fn oldest_s(&self, tier: Tier, now_ms: u64) -> u64 {
        tier.bucket_s((now_ms / 1000).saturating_sub(self.of(tier).as_secs()))
    }

    /// A fifth less of every tier.
    pub(super) fn shortened(&self) -> Self {
        let less = |time: Duration| time * 4 / 5;
        let Self { ten_seconds, minute, hour } = *self;
        Self { ten_seconds: less(ten_seconds), minute: less(minute), hour: less(hour) }
    }

    /// Buckets that begin before this are kept by no tier.
    pub(super) fn oldest_of_all_s(&self, now_ms: u64) -> u64 {
        Tier::ALL.map(|tier| self.oldest_s(tier, now_ms)).into_iter().min().unwrap_or_default()
    }
}
