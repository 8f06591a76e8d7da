//! How much is much: levels and the thresholds between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How heavily a resource is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Below the medium threshold.
    Low,
    /// At or above the medium threshold.
    Medium,
    /// At or above the high threshold.
    High,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        })
    }
}

/// The percentages from which a resource counts as MEDIUM and as HIGH: 0 ≤ medium ≤ high ≤ 100.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    medium: f64,
    high: f64,
}

/// Why two numbers are not thresholds.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("thresholds must hold 0 ≤ medium ≤ high ≤ 100, not medium {medium} and high {high}")]
pub struct ThresholdsError {
    medium: f64,
    high: f64,
}

impl Thresholds {
    /// Checks the order of the two percentages.
    ///
    /// # Errors
    /// When they are not finite or not in order.
    pub fn new(medium: f64, high: f64) -> Result<Self, ThresholdsError> {
        if 0.0 <= medium && medium <= high && high <= 100.0 {
            Ok(Self { medium, high })
        } else {
            Err(ThresholdsError { medium, high })
        }
    }

    /// Percentage from which the level is at least MEDIUM.
    #[must_use]
    pub const fn medium(&self) -> f64 {
        self.medium
    }

    /// Percentage from which the level is HIGH.
    #[must_use]
    pub const fn high(&self) -> f64 {
        self.high
    }

    /// The level of a usage of `percentage` (0–100).
    #[must_use]
    pub fn level(&self, percentage: f64) -> Level {
        if percentage >= self.high {
            Level::High
        } else if percentage >= self.medium {
            Level::Medium
        } else {
            Level::Low
        }
    }
}

impl Default for Thresholds {
    /// MEDIUM from 25, HIGH from 75.
    fn default() -> Self {
        Self { medium: 25.0, high: 75.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_threshold_belongs_to_the_level_above_it() {
        let thresholds = Thresholds::default();
        let levels = [0.0, 24.99, 25.0, 74.99, 75.0, 100.0].map(|p| thresholds.level(p));
        use Level::{High, Low, Medium};
        assert_eq!(levels, [Low, Low, Medium, Medium, High, High]);
    }

    #[test]
    fn equal_thresholds_leave_no_medium() {
        let thresholds = Thresholds::new(50.0, 50.0).unwrap();
        assert_eq!(thresholds.level(49.9), Level::Low);
        assert_eq!(thresholds.level(50.0), Level::High);
    }

    #[test]
    fn refuses_thresholds_out_of_order_or_range() {
        for (medium, high) in [(-1.0, 5.0), (60.0, 50.0), (5.0, 101.0), (f64::NAN, 5.0)] {
            assert!(Thresholds::new(medium, high).is_err(), "{medium} {high}");
        }
    }

    #[test]
    fn levels_order_from_low_to_high() {
        assert!(Level::Low < Level::Medium && Level::Medium < Level::High);
        assert_eq!(serde_json::to_string(&Level::Medium).unwrap(), "\"MEDIUM\"");
    }
}
