//! What a host tells about once a minute.

use std::sync::Arc;

use resources_core::contract::{Analysis, Labels, ResourceThresholds, System};

/// The last that was told of what hardly ever changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Rare {
    pub(super) system: Option<Arc<System>>,
    pub(super) labels: Option<Arc<Labels>>,
    pub(super) thresholds: Option<Arc<[ResourceThresholds]>>,
    /// When the sample that told it was taken; 0 before any did.
    at_ms: u64,
}

impl Rare {
    /// Whether `analysis`, which is not the latest, tells something newer than what is known.
    pub(super) fn is_older_than(&self, analysis: &Analysis) -> bool {
        analysis.system.is_some() && analysis.timestamp_ms > self.at_ms
    }

    /// Takes what `analysis` tells; `true` when the labels are others.
    pub(super) fn take(&mut self, analysis: &Analysis) -> bool {
        // All of it comes together: what is missing beside a system is no more.
        let Some(system) = &analysis.system else { return false };
        self.at_ms = analysis.timestamp_ms;
        if self.system.as_deref() != Some(system) {
            self.system = Some(Arc::new(system.clone()));
        }
        let thresholds = Some(&*analysis.thresholds).filter(|thresholds| !thresholds.is_empty());
        if self.thresholds.as_deref() != thresholds {
            self.thresholds = thresholds.map(Into::into);
        }
        let labels = Some(&analysis.labels).filter(|labels| !labels.is_empty());
        let are_others = self.labels.as_deref() != labels;
        if are_others {
            self.labels = labels.cloned().map(Arc::new);
        }
        are_others
    }
}
