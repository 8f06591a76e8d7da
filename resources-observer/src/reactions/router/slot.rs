//! What can be raised once at a time.

use resources_core::contract::{Alert, AlertKind, HostName};

/// One condition of one host: the observer raises nothing in it until what it raised there ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    host: HostName,
    resource: Option<Box<str>>,
    /// The kind, or the one it shares the slot with.
    kind: AlertKind,
}

impl Slot {
    pub(super) fn of(alert: &Alert) -> Self {
        let kind = match alert.kind {
            // A resource is told by its level, or as flapping instead.
            AlertKind::Level | AlertKind::Flapping => AlertKind::Level,
            // A host is away, whether it said so or not.
            AlertKind::Silent | AlertKind::Stopped => AlertKind::Silent,
            other => other,
        };
        Self { host: alert.host.clone(), resource: alert.resource.clone(), kind }
    }
}
