//! Reactions and routes in words.

use std::fmt::Write as _;
use std::time::Duration;

use humantime::format_duration;
use resources_core::contract::{Alert, AlertKind, AlertState, HostName, Level};

use super::outbox::{Limits, Rate};
use super::route::{Route, Target, listeners, targets};
use super::{Config, Reaction, Reactions};

impl Reactions {
    /// Each reaction and each route in words; nothing when there is none.
    #[must_use]
    pub fn explain(&self) -> String {
        let Config { reactions, routes, .. } = &*self.0;
        let mut text = String::new();
        if !reactions.is_empty() {
            text.push_str("\nReactions:\n");
        }
        for (place, reaction) in reactions.iter().enumerate() {
            // Writing to a string cannot fail.
            writeln!(text, "  {:<10} {}", reaction.name, words(reaction)).ok();
            if !routes.iter().any(|route| route.to.contains(&place)) {
                writeln!(text, "  {:<10} no route leads to it: write [[route]]", "").ok();
            }
        }
        if !routes.is_empty() {
            text.push_str("\nRoutes, in this order:\n");
        }
        for route in routes {
            writeln!(text, "  {}", self.route_words(route)).ok();
        }
        text
    }

    fn route_words(&self, route: &Route) -> String {
        let filter = if route.filter.takes_everything() {
            "every alert goes".to_owned()
        } else {
            format!("alerts with {} go", route.filter)
        };
        let to: Vec<&str> = route.to.iter().map(|place| &*self.0.reactions[*place].name).collect();
        let stop = if route.stop { ", and later routes are not looked at" } else { "" };
        format!("{filter} to {}, {}{stop}", to.join(", "), group_words(route.group_ms))
    }

    /// Which reactions hear of what may be raised for `host`.
    #[must_use]
    pub fn explain_host(&self, host: &HostName) -> String {
        if self.0.reactions.is_empty() {
            return String::new();
        }
        let mut text = format!("\nWho is told of {host}:\n");
        let samples = [
            ("cpu", AlertKind::Level, Some("cpu")),
            ("memory", AlertKind::Level, Some("memory")),
            ("swap", AlertKind::Level, Some("swap")),
            ("disks", AlertKind::Level, Some("disk:/")),
            ("flapping", AlertKind::Flapping, Some("cpu")),
            ("silent", AlertKind::Silent, None),
            ("stopped", AlertKind::Stopped, None),
            ("restarted", AlertKind::Restarted, None),
            ("clock", AlertKind::Clock, None),
        ];
        for (name, kind, resource) in samples {
            self.explain_sample(&mut text, name, &sample(host, kind, resource));
        }
        let fleet = HostName::new(Alert::PIPELINE);
        if let Ok(fleet) = fleet {
            writeln!(text, "\nWho is told when nothing arrives from any host:").ok();
            let alert = sample(&fleet, AlertKind::Pipeline, None);
            self.explain_sample(&mut text, "pipeline", &alert);
        }
        text
    }

    /// Who is told when `alert` is raised, and where it differs, of reminders and of its end.
    fn explain_sample(&self, text: &mut String, name: &str, alert: &Alert) {
        let routes = &self.0.routes;
        let raised = targets(routes, alert, None);
        let reminder = Alert { repeat: Some(1), ..alert.clone() };
        let reminded = targets(routes, &reminder, None);
        let end = Alert { state: AlertState::Cleared, ..alert.clone() };
        let mut ended = targets(routes, &end, Some(alert));
        for target in listeners(routes, &reminder, &reminded) {
            if !ended.iter().any(|known| known.reaction == target.reaction) {
                ended.push(target);
            }
        }
        // Writing to a string cannot fail.
        writeln!(text, "  {name:<10} {}", self.told_words(&raised)).ok();
        for (what, told) in [("reminded of", reminded), ("over", ended)] {
            if told != raised {
                writeln!(text, "  {:<10}   {what}: {}", "", self.told_words(&told)).ok();
            }
        }
    }

    fn told_words(&self, targets: &[Target]) -> String {
        let words = |target: &Target| {
            let name = &self.0.reactions[target.reaction].name;
            format!("{name}, {}", group_words(target.group_ms))
        };
        let told: Vec<String> = targets.iter().map(words).collect();
        if told.is_empty() { "nobody".to_owned() } else { told.join("; ") }
    }
}

/// An alert as it may be raised: of the highest level.
fn sample(host: &HostName, kind: AlertKind, resource: Option<&str>) -> Alert {
    let has_level = matches!(kind, AlertKind::Level | AlertKind::Flapping);
    Alert {
        id: "example".into(),
        host: host.clone(),
        resource: resource.map(Into::into),
        state: AlertState::Raised,
        kind,
        level: has_level.then_some(Level::High),
        percentage: has_level.then_some(100.0),
        repeat: None,
        since_ms: 0,
        timestamp_ms: 0,
    }
}

fn group_words(group_ms: u64) -> String {
    match group_ms {
        0 => "at once".to_owned(),
        _ => format!("in one message for {}", format_duration(Duration::from_millis(group_ms))),
    }
}

fn words(reaction: &Reaction) -> String {
    let Reaction { sender, limits: Limits { rate, parallel, listed }, retry_for, .. } = reaction;
    let rate = match rate {
        None => String::new(),
        Some(Rate { count, period_ms }) => {
            let period = match period_ms {
                1_000 => "a second",
                60_000 => "a minute",
                3_600_000 => "an hour",
                _ => "a day",
            };
            format!(", at most {count} times {period}")
        }
    };
    let parallel = if *parallel > 1 { format!(", {parallel} at a time") } else { String::new() };
    format!(
        "tells {}{rate}{parallel}, {listed} alerts listed in one message; tried for {}",
        sender.place(),
        format_duration(*retry_for),
    )
}
