//! The broker: whether it answers, what is declared there, and what this user may do.

use std::time::Duration;

use resources_core::bus::inspect::{
    Declaration, Glimpse, InspectError, Inspector, Part, PartState, Presence, Right,
};
use resources_core::bus::{BusConfig, ListenerName};
use resources_core::service::now_ms;

use super::finding::Findings;
use super::flow;

/// Most analyses looked at.
const GLIMPSED: usize = 2_000;

/// More measures than this in the queue are a backlog, not a moment.
const BACKLOG: u32 = 5_000;

/// Looks at everything the broker of `config` shows, for about as long as `watch`.
pub(super) async fn examine(
    config: &BusConfig,
    listeners: &[ListenerName],
    watch: Duration,
    findings: &mut Findings,
) {
    let url = &config.url;
    let mut inspector = match Inspector::connect(config).await {
        Ok(inspector) => inspector,
        Err(InspectError::Unreachable(reason)) => {
            findings.wrong(
                "broker",
                format!("{url} cannot be reached: {reason}"),
                "start it, or name another with --broker-url",
            );
            return;
        }
        Err(InspectError::Refused(reason)) => {
            findings.wrong(
                "broker",
                format!("{url} refused the login: {reason}"),
                "check user, password and virtual host of the broker URL",
            );
            return;
        }
    };
    findings.ok("broker", format!("{url} answers and takes the login"));
    if let Err(error) = look(&mut inspector, listeners, watch, findings).await {
        findings.wrong(
            "broker",
            format!("the connection broke while it was looked at: {error}"),
            "run this again, then read the broker's log",
        );
    }
    inspector.close().await;
}

async fn look(
    inspector: &mut Inspector,
    listeners: &[ListenerName],
    watch: Duration,
    findings: &mut Findings,
) -> Result<(), InspectError> {
    let parts = inspector.topology().await?;
    judge_topology(&parts, findings);
    let is_there =
        |part| parts.iter().any(|seen| seen.part == part && seen.presence != Presence::Missing);
    if is_there(Part::Exchange) {
        judge_publishing(&inspector.may_publish().await?, findings);
    }
    judge_queues(&parts, findings);
    for listener in listeners {
        judge_listeners(&inspector.named(listener).await?, listener, findings);
    }
    if is_there(Part::Analyses) {
        match inspector.glimpse(watch, GLIMPSED).await? {
            Glimpse::Seen(seen) => flow::judge(&flow::notes(&seen), now_ms(), findings),
            Glimpse::Denied(words) => findings.warning(
                "reading",
                format!("this user may not read the stream of analyses: {words}"),
                "a web server needs that right; a tracker does not",
            ),
        }
    }
    Ok(())
}

/// What is declared, and whether this user may declare.
fn judge_topology(parts: &[PartState], findings: &mut Findings) {
    let mut sound = true;
    let mut forbidden = None;
    for PartState { name, presence, part } in parts {
        match presence {
            Presence::Missing => {
                sound = false;
                findings.wrong(
                    "topology",
                    format!("{} `{name}` is not there", noun(*part)),
                    "start an analyzer, which declares everything, with the same --exchange",
                );
            }
            Presence::There { declaration: Declaration::Different(words), .. } => {
                sound = false;
                findings.warning(
                    "topology",
                    format!("{} `{name}` is declared in another way: {words}", noun(*part)),
                    "it is used as it is; unless that is meant, delete it and start an analyzer",
                );
            }
            Presence::There { declaration: Declaration::Forbidden(words), .. } => {
                forbidden.get_or_insert(words);
            }
            Presence::There { declaration: Declaration::Same, .. } => {}
        }
    }
    match forbidden {
        Some(words) => findings.warning(
            "permissions",
            format!("this user may not declare, so arguments were not compared: {words}"),
            "right for a tracker; run this once more as the user of an analyzer",
        ),
        None if sound => findings.ok("topology", "exchanges and queues are as they should be"),
        None => {}
    }
}

fn judge_publishing(right: &Right, findings: &mut Findings) {
    match right {
        Right::Granted => findings.ok("permissions", "this user may publish"),
        Right::Denied(words) => findings.wrong(
            "permissions",
            format!("this user may not publish: {words}"),
            "give it the right to write to the exchange: rabbitmqctl set_permissions",
        ),
    }
}

/// Backlog, consumers, and what was refused.
fn judge_queues(parts: &[PartState], findings: &mut Findings) {
    for seen in parts {
        let Presence::There { messages, consumers, .. } = seen.presence else { continue };
        match (seen.part, messages, consumers) {
            (Part::Measures, _, 0) => findings.wrong(
                "analyzers",
                format!("none takes measures; {messages} wait"),
                "start resources-analyzer",
            ),
            (Part::Measures, BACKLOG.., _) => findings.warning(
                "analyzers",
                format!("{messages} measures wait for {consumers} analyzers"),
                "after an outage this shrinks by itself; else start another analyzer",
            ),
            (Part::Measures, ..) => {
                findings.ok("analyzers", format!("{consumers} take measures; {messages} wait"));
            }
            (Part::Rejected, 0, _) => findings.ok("rejected", "no message was set aside"),
            (Part::Rejected, ..) => findings.warning(
                "rejected",
                format!("{messages} messages were set aside"),
                "see why with `resources rejected list`",
            ),
            _ => {}
        }
    }
}

/// Whether somebody takes the events of a name.
fn judge_listeners(queue: &PartState, listener: &ListenerName, findings: &mut Findings) {
    let name = &queue.name;
    match &queue.presence {
        Presence::Missing => findings.wrong(
            "listeners",
            format!("`{listener}` has no queue, and no event waits for it: `{name}` is not there"),
            "start the program that listens under this name; it declares the queue",
        ),
        Presence::There { messages, consumers: 0, .. } => findings.wrong(
            "listeners",
            format!("nobody listens as `{listener}`; events that wait in `{name}`: {messages}"),
            "start the program; if it is gone for good, delete the queue",
        ),
        Presence::There { messages: messages @ BACKLOG.., consumers, .. } => findings.warning(
            "listeners",
            format!("listeners named `{listener}`: {consumers}; events that wait: {messages}"),
            "after an outage this shrinks by itself; else start another",
        ),
        Presence::There { declaration: Declaration::Different(words), .. } => findings.warning(
            "listeners",
            format!("queue `{name}` is declared in another way: {words}"),
            "it is used as it is; unless that is meant, delete it and start the program again",
        ),
        Presence::There { messages, consumers, .. } => findings.ok(
            "listeners",
            format!("listeners named `{listener}`: {consumers}; events that wait: {messages}"),
        ),
    }
}

const fn noun(part: Part) -> &'static str {
    match part {
        Part::Exchange | Part::RejectedExchange => "exchange",
        Part::Measures | Part::Rejected | Part::Named => "queue",
        Part::Analyses | Part::Alerts => "stream",
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn part(part: Part, presence: Presence) -> PartState {
        PartState { part, name: "x".to_owned(), presence }
    }

    fn there(messages: u32, consumers: u32, declaration: Declaration) -> Presence {
        Presence::There { messages, consumers, declaration }
    }

    fn found(judge: impl FnOnce(&mut Findings)) -> Vec<(&'static str, Status)> {
        let mut findings = Findings::default();
        judge(&mut findings);
        findings.all().iter().map(|finding| (finding.check, finding.status)).collect()
    }

    #[test]
    fn what_is_missing_is_wrong_and_what_differs_is_a_warning() {
        let judged = |presence| found(|f| judge_topology(&[part(Part::Measures, presence)], f));
        assert_eq!(judged(Presence::Missing), [("topology", Status::Wrong)]);
        assert_eq!(judged(there(0, 0, Declaration::Same)), [("topology", Status::Ok)]);
        let different = Declaration::Different("x-max-length".to_owned());
        assert_eq!(judged(there(0, 0, different)), [("topology", Status::Warning)]);
        let forbidden = Declaration::Forbidden("refused".to_owned());
        assert_eq!(judged(there(0, 0, forbidden)), [("permissions", Status::Warning)]);
    }

    #[test]
    fn a_name_without_listeners_is_wrong() {
        let judged = |presence| {
            let listener = ListenerName::new("pager").unwrap();
            found(|f| judge_listeners(&part(Part::Named, presence), &listener, f))
        };
        assert_eq!(judged(Presence::Missing), [("listeners", Status::Wrong)]);
        assert_eq!(judged(there(9, 0, Declaration::Same)), [("listeners", Status::Wrong)]);
        assert_eq!(judged(there(9_000, 1, Declaration::Same)), [("listeners", Status::Warning)]);
        let different = Declaration::Different("x-max-length".to_owned());
        assert_eq!(judged(there(0, 1, different)), [("listeners", Status::Warning)]);
        assert_eq!(judged(there(9, 1, Declaration::Same)), [("listeners", Status::Ok)]);
    }

    #[test]
    fn measures_without_an_analyzer_are_wrong_and_rejections_a_warning() {
        let judged = |of, messages, consumers| {
            let presence = there(messages, consumers, Declaration::Same);
            found(|f| judge_queues(&[part(of, presence)], f))
        };
        assert_eq!(judged(Part::Measures, 0, 0), [("analyzers", Status::Wrong)]);
        assert_eq!(judged(Part::Measures, 9, 1), [("analyzers", Status::Ok)]);
        assert_eq!(judged(Part::Measures, 9_000, 1), [("analyzers", Status::Warning)]);
        assert_eq!(judged(Part::Rejected, 0, 0), [("rejected", Status::Ok)]);
        assert_eq!(judged(Part::Rejected, 1, 0), [("rejected", Status::Warning)]);
    }
}
