//! What an engine takes over from one before it.

use resources_core::contract::{Alert, AlertKind};

use super::super::condition::Raised;
use super::super::resource::Resource;
use super::Host;

impl Host {
    /// Takes over what was raised by an engine before this one, as `alert` tells of it.
    pub(in super::super) fn adopt(&mut self, alert: &Alert, raised: Raised, now_ms: u64) {
        let told_ms = raised.told_ms;
        // What was raised long ago may hold still: it gets its time to be heard of from now on.
        self.received_ms = now_ms;
        self.due_ms = 0;
        match (alert.kind, &alert.resource) {
            (AlertKind::Level | AlertKind::Flapping, Some(name)) => {
                let known = self.resources.iter().position(|resource| resource.name == *name);
                let at = known.unwrap_or_else(|| {
                    self.resources.push(Resource::new(name));
                    self.resources.len() - 1
                });
                self.resources[at].adopt(raised);
            }
            (AlertKind::Silent, None) => self.silent.adopt(raised),
            (AlertKind::Stopped, None) => {
                self.stopped_ms = Some(alert.since_ms);
                self.stopped.get_or_insert(Box::new(raised));
            }
            (AlertKind::Restarted, None) => {
                self.restarted_until_ms =
                    told_ms.saturating_add(self.rules.restarted.clear_after_ms);
                self.restarted.adopt(raised);
            }
            (AlertKind::Clock, None) => self.clock.adopt(raised),
            // No engine tells such a thing.
            _ => {}
        }
    }
}
