//! What a host tells about once a minute.

use std::sync::Arc;

use resources_core::contract::{Analysis, System};
use serde::Deserialize;

use crate::protocol::{Labels, ResourceThresholds};

/// The last that was told of what hardly ever changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Rare {
    pub(super) system: Option<Arc<System>>,
    pub(super) labels: Option<Arc<Labels>>,
    pub(super) thresholds: Option<Arc<[ResourceThresholds]>>,
}

impl Rare {
    /// Takes what `analysis` and the body it came in tell; `true` when the labels are others.
    pub(super) fn take(&mut self, analysis: &Analysis, body: &[u8]) -> bool {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Told {
            labels: Labels,
            thresholds: Vec<ResourceThresholds>,
        }
        // They come together.
        let Some(system) = &analysis.system else { return false };
        let told: Told = serde_json::from_slice(body).unwrap_or_default();
        if self.system.as_deref() != Some(system) {
            self.system = Some(Arc::new(system.clone()));
        }
        let thresholds = (!told.thresholds.is_empty()).then_some(told.thresholds);
        if self.thresholds.as_deref() != thresholds.as_deref() {
            self.thresholds = thresholds.map(Into::into);
        }
        let labels = (!told.labels.is_empty()).then_some(told.labels);
        let are_others = self.labels.as_deref() != labels.as_ref();
        if are_others {
            self.labels = labels.map(Arc::new);
        }
        are_others
    }
}
