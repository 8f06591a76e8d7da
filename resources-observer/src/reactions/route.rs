//! Which reactions an alert goes to.

use resources_core::contract::{Alert, AlertState, Kind, RoutingKey};
use serde_json::Value;

use crate::filter::Filter;

/// Where alerts go.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) filter: Filter,
    /// Reactions, by their place in the list of them.
    pub(super) to: Vec<usize>,
    /// How long an alert waits for others.
    pub(super) group_ms: u64,
    /// Whether later routes are not looked at.
    pub(super) stop: bool,
}

/// One reaction that an alert goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) reaction: usize,
    pub(super) group_ms: u64,
}

/// The reactions `alert` goes to, each once, with its shortest wait.
///
/// An alert that is cleared goes where it went when it was `raised`: filters see its figures of
/// that time, so that who heard of it by `level=HIGH` hears that it is over, too.
pub(super) fn targets(routes: &[Route], alert: &Alert, raised: Option<&Alert>) -> Vec<Target> {
    if routes.is_empty() {
        return Vec::new();
    }
    let key = RoutingKey::new(alert.host.clone(), Kind::Alert).to_string();
    let seen = seen(alert, raised);
    let mut targets: Vec<Target> = Vec::new();
    for route in routes {
        if !route.filter.matches(&key, &seen) {
            continue;
        }
        for &reaction in &route.to {
            match targets.iter_mut().find(|target| target.reaction == reaction) {
                Some(known) => known.group_ms = known.group_ms.min(route.group_ms),
                None => targets.push(Target { reaction, group_ms: route.group_ms }),
            }
        }
        if route.stop {
            break;
        }
    }
    targets
}

/// Which of those who are `told` that `alert` is raised hear its end: all that a route leads to
/// for the same alert once it is cleared, so that `state=raised` leaves ends out.
pub(super) fn listeners(routes: &[Route], alert: &Alert, told: &[Target]) -> Vec<Target> {
    let end = Alert { state: AlertState::Cleared, ..alert.clone() };
    let mut ends = targets(routes, &end, None);
    ends.retain(|end| told.iter().any(|told| told.reaction == end.reaction));
    ends
}

/// What filters see.
fn seen(alert: &Alert, raised: Option<&Alert>) -> Value {
    let seen = match (alert.state, raised) {
        (AlertState::Cleared, Some(raised)) => &Alert {
            state: AlertState::Cleared,
            timestamp_ms: alert.timestamp_ms,
            ..raised.clone()
        },
        _ => alert,
    };
    serde_json::to_value(seen).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactions::notification::Notification;

    fn route(filter: &str, to: &[usize], group_ms: u64, stop: bool) -> Route {
        let filter = if filter.is_empty() { Filter::default() } else { filter.parse().unwrap() };
        Route { filter, to: to.to_vec(), group_ms, stop }
    }

    fn names(routes: &[Route], alert: &Alert, raised: Option<&Alert>) -> Vec<(usize, u64)> {
        let found = targets(routes, alert, raised);
        found.iter().map(|target| (target.reaction, target.group_ms)).collect()
    }

    #[test]
    fn an_alert_takes_every_route_up_to_one_that_stops() {
        let high = Notification::made_up("x", 0, None, false).alerts.remove(0).alert;
        let low = Alert { level: None, percentage: Some(3.0), ..high.clone() };
        let cleared = Alert { state: AlertState::Cleared, ..low.clone() };
        let routes = [
            route("level=HIGH", &[0], 5, false),
            route("host=example-*", &[1, 0], 3, true),
            route("", &[2], 0, false),
        ];
        assert_eq!(names(&routes, &high, None), [(0, 3), (1, 3)]);
        assert_eq!(names(&routes, &low, None), [(1, 3), (0, 3)]);
        assert_eq!(names(&routes, &cleared, Some(&high)), [(0, 3), (1, 3)], "as it was raised");
        let other = Alert { host: "other".parse().unwrap(), ..low };
        assert_eq!(names(&routes, &other, None), [(2, 0)]);
        let raised_only = [route("state=raised", &[0], 0, false)];
        assert_eq!(targets(&raised_only, &cleared, Some(&high)), []);
        assert_eq!(targets(&raised_only, &high, None).len(), 1);
    }
}
