//! What the observer told, read whole from the stream of alerts, against what happened: levels
//! against the analyses it had to judge, silence against who was away.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

use resources_core::bus::{Message, Source, Start};
use resources_core::contract::{Alert, AlertKind, AlertState, Topic, TraceParent};
use resources_core::service::now_ms;
use resources_core::test_support::{eventually, open_bus};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::faults::{Span, say};
use super::hook::{self, Hook};

/// What the observer of a run is told: short holds, and nothing that is left to chance.
const RULES: &str = r#"
[default]
cpu = { raise = 90, clear = 80, hold = "2s", clear_hold = "2s" }
memory = { enabled = false }
swap = { enabled = false }
disk = { enabled = false }
flapping = { enabled = false }
silent = { intervals = 10, at_least = "8s" }

[pipeline]
after = "5s"

# What this machine does meanwhile is nobody's business.
[[group]]
hosts = ["tracker-*"]
rules.cpu = { enabled = false }

[host.end-of-alerts]
cpu = { raise = 90, clear = 80, hold = "0s", clear_hold = "0s" }

[[route]]
where = "host!=end-of-alerts"
to = ["hook"]
group = "0s"
"#;

/// The whole file: with a web hook that is told of everything.
pub(crate) fn rules(hook_url: &str) -> String {
    let reaction = "[reaction.hook]\ntype = \"webhook\"\nrate = \"off\"\nlist = 1000";
    format!("{RULES}\n{reaction}\nurl = \"{hook_url}\"\n")
}

/// As in [`RULES`].
const RAISE: f64 = 90.0;
const CLEAR: f64 = 80.0;
const HOLD_MS: u64 = 2_000;
const SILENT_AFTER_MS: u64 = 8_000;

/// With nothing in the way for this long, who is away is missed: links are back within 5 s, what
/// was sampled before an absence may come after them, and the time is looked at each second.
const TOLD_AFTER_MS: u64 = SILENT_AFTER_MS + 12_000;

/// What a fault does lasts this much longer than the fault: links come back, and what waited is
/// read.
const AFTERMATH_MS: u64 = 30_000;

/// How long alerts may take to be cleared once all is calm.
const CALM_LIMIT: Duration = Duration::from_secs(180);

/// In a run of this length a part of all that was planned must be seen; in any, some of it.
const LONG_RUN_MS: u64 = 5 * 60 * 1_000;

/// One in so many.
const SEEN_OF: usize = 4;

/// A host of nobody's, to know when everything was judged.
const END: &str = "end-of-alerts";

/// What was to happen to a host, as `resources simulate --episode-list` writes it.
#[derive(Debug, Clone, Deserialize)]
struct Planned {
    host: String,
    kind: String,
    from_ms: u64,
    until_ms: u64,
}

/// One episode as it was told.
#[derive(Debug, Clone)]
struct Told {
    raised: Alert,
    cleared: Option<Alert>,
}

/// All that was told.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    /// By host, resource and kind, in order.
    episodes: BTreeMap<(String, String, String), Vec<Told>>,
    seen: BTreeSet<(Box<str>, bool, Option<u64>)>,
    /// Messages that came once more, which readers drop.
    repeated: u64,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// How often one alert stood for all hosts.
    pub(crate) pipeline: usize,
}

impl Alerts {
    /// Takes one message in; panics unless raised and cleared alternate.
    fn take(&mut self, alert: Alert) {
        let is_raised = alert.state == AlertState::Raised;
        if !self.seen.insert((alert.id.clone(), is_raised, alert.repeat)) {
            self.repeated += 1;
            return;
        }
        assert_eq!(alert.repeat, None, "nobody asked to be reminded: {alert:?}");
        let resource = alert.resource.as_deref().unwrap_or_default().to_owned();
        let key = (alert.host.to_string(), resource, format!("{:?}", alert.kind));
        let episodes = self.episodes.entry(key).or_default();
        let open = episodes.last_mut().filter(|told| told.cleared.is_none());
        match (open, is_raised) {
            (None, true) => episodes.push(Told { raised: alert, cleared: None }),
            (Some(told), false) => {
                assert_eq!(told.raised.id, alert.id, "{alert:?} clears another than {told:?}");
                told.cleared = Some(alert);
            }
            (open, _) => panic!("{alert:?} after {open:?}"),
        }
    }

    fn of(&self, host: &str, kind: AlertKind) -> &[Told] {
        let of = |(name, _, found): &&(String, String, String)| {
            name == host && *found == format!("{kind:?}")
        };
        let key = self.episodes.keys().find(of);
        key.and_then(|key| self.episodes.get(key)).map_or(&[], Vec::as_slice)
    }

    fn open(&self) -> Vec<&Told> {
        let last = self.episodes.values().filter_map(|episodes| episodes.last());
        last.filter(|told| told.cleared.is_none()).collect()
    }
}

/// Waits until everything that was raised is cleared.
pub(crate) async fn calm(url: &str) {
    let bus = open_bus(url, "resources");
    let mut stream = bus.subscribe(Source::Alerts(Start::First), NonZeroU16::MAX);
    let mut alerts = Alerts::default();
    let calm = async {
        loop {
            // What is there already comes without a pause.
            match timeout(Duration::from_secs(5), stream.next()).await {
                Ok(delivery) => {
                    let delivery = delivery.expect("the bus is open");
                    stream.acknowledge_through(delivery.receipt).await;
                    alerts.take(decode(&delivery.topic, &delivery.body));
                }
                Err(_) if alerts.open().is_empty() => return,
                Err(_) => {}
            }
        }
    };
    let ended = timeout(CALM_LIMIT, calm).await;
    assert!(ended.is_ok(), "never cleared: {:?}", alerts.open());
    bus.close().await;
}

fn decode(key: &str, body: &[u8]) -> Alert {
    Alert::decode(key, body).expect("an alert of the observer")
}

/// Reads the stream of alerts from its beginning to what follows from the analyses there are now.
pub(crate) async fn read(url: &str) -> Alerts {
    let bus = open_bus(url, "resources");
    let mut stream = bus.subscribe(Source::Alerts(Start::First), NonZeroU16::MAX);
    let mut alerts = Alerts::default();
    let run = now_ms().to_string();
    // An alert of its own behind all others, raised and then cleared: alerts of several hosts
    // are published at a time, but not before those told earlier are confirmed.
    for (sequence, cpu) in [99.0, 1.0].into_iter().enumerate() {
        let body = json!({
            "host": END, "run": run, "sequence": sequence,
            "timestamp_ms": now_ms(), "cpu_percentage": cpu, "cpu_result": "LOW", "level": "LOW",
            "resources": [{"name": "cpu", "percentage": cpu, "level": "LOW"}],
        });
        let message = Message {
            topic: Topic::new(&format!("{END}.analysis")).expect("a topic"),
            body: body.to_string().into(),
            timestamp_ms: now_ms(),
            trace: TraceParent::begin(),
        };
        bus.publisher().publish_until_confirmed(&message).await.expect("the stream takes it");
        loop {
            let next = timeout(CALM_LIMIT, stream.next()).await;
            let delivery = next.expect("the observer reads to the end").expect("the bus is open");
            stream.acknowledge_through(delivery.receipt).await;
            let alert = decode(&delivery.topic, &delivery.body);
            if alert.host.as_str() == END {
                break;
            }
            alerts.take(alert);
        }
    }
    bus.close().await;
    alerts
}

/// When the CPU of a host was over its level, worked out from the stream of analyses the plain
/// way.
#[derive(Debug, Default)]
pub(crate) struct Levels(BTreeMap<String, Level>);

#[derive(Debug, Default)]
struct Level {
    newest: Option<u64>,
    is_over: bool,
    since_ms: u64,
    /// Each episode that is to be told; only the last may go on.
    episodes: Vec<Episode>,
}

/// When a level was over, by the clock of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Episode {
    since_ms: u64,
    /// When it had been under it for long enough.
    over_ms: Option<u64>,
}

impl Level {
    /// The episode that goes on.
    fn open(&mut self) -> Option<&mut Episode> {
        self.episodes.last_mut().filter(|episode| episode.over_ms.is_none())
    }
}

impl Levels {
    /// The next analysis of the stream.
    pub(crate) fn add(&mut self, host: &str, sequence: u64, at_ms: u64, cpu: f64) {
        if host.starts_with("tracker-") {
            return;
        }
        let level = self.0.entry(host.to_owned()).or_default();
        // Late samples change nothing: what they tell is over.
        if level.newest.is_some_and(|newest| sequence <= newest) {
            return;
        }
        level.newest = Some(sequence);
        let is_raised = level.open().is_some();
        let is_over = cpu >= if level.is_over || is_raised { CLEAR } else { RAISE };
        if level.is_over != is_over {
            (level.is_over, level.since_ms) = (is_over, at_ms);
        }
        let held = at_ms.saturating_sub(level.since_ms) >= HOLD_MS;
        let since_ms = level.since_ms;
        match (level.open(), is_over) {
            (None, true) if held => level.episodes.push(Episode { since_ms, over_ms: None }),
            (Some(episode), false) if held => episode.over_ms = Some(at_ms),
            _ => {}
        }
    }
}

/// Panics unless what was told is what happened: `plan` is the list of episodes, if there is one;
/// `faults` is when what stood between hosts and observer; from `ended_ms` on trackers stopped.
pub(crate) fn judge(
    alerts: &Alerts,
    levels: &Levels,
    plan: Option<&Path>,
    faults: &[Span],
    ended_ms: u64,
) -> Verdict {
    let planned = plan.map_or_else(Vec::new, |path| {
        let text = std::fs::read_to_string(path).expect("the list of episodes");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of it")).collect()
    });
    let busy = judge_levels(alerts, levels, plan.is_some().then_some(&planned), faults);
    let away = judge_silence(alerts, &planned, faults, ended_ms);
    let pipeline = judge_pipeline(alerts, faults, ended_ms);
    for ((host, _, kind), told) in &alerts.episodes {
        let known = ["Level", "Silent", "Pipeline"].contains(&kind.as_str());
        let goodbye = kind == "Stopped" && told[0].raised.timestamp_ms >= ended_ms;
        assert!(known || goodbye, "nothing like that happened to {host}: {told:?}");
    }
    say(&format_args!(
        "alerts: {busy}; {away}; {pipeline} times one alert for all; {} messages came twice",
        alerts.repeated
    ));
    Verdict { pipeline }
}

/// Each time a CPU was over its level must be told, and nothing else; its end, too, and not
/// before it was there.
fn judge_levels(
    alerts: &Alerts,
    levels: &Levels,
    planned: Option<&Vec<Planned>>,
    faults: &[Span],
) -> String {
    let mut count = 0;
    let hosts: BTreeSet<&String> =
        levels.0.keys().chain(alerts.episodes.keys().map(|(host, ..)| host)).collect();
    for host in hosts {
        let told = alerts.of(host, AlertKind::Level);
        let begun: Vec<u64> = told.iter().map(|told| told.raised.since_ms).collect();
        let level = levels.0.get(host);
        let episodes = level.map_or(&[][..], |level| &level.episodes);
        let expected: Vec<u64> = episodes.iter().map(|episode| episode.since_ms).collect();
        assert_eq!(begun, expected, "{host}: told and happened");
        for (told, episode) in told.iter().zip(episodes) {
            let cleared_ms = told.cleared.as_ref().map(|alert| alert.timestamp_ms);
            assert_eq!(cleared_ms.is_some(), episode.over_ms.is_some(), "{told:?} {episode:?}");
            assert!(cleared_ms >= episode.over_ms, "cleared too early: {told:?} {episode:?}");
        }
        count += told.len();
    }
    let Some(planned) = planned else { return format!("{count} times busy, each told once") };
    let busy: Vec<&Planned> = planned.iter().filter(|planned| planned.kind == "busy").collect();
    let mut seen = 0;
    for planned in &busy {
        let within =
            |told: &&Told| (planned.from_ms..planned.until_ms).contains(&told.raised.since_ms);
        let all = alerts.of(&planned.host, AlertKind::Level);
        let told = all.iter().filter(within).count();
        assert!(told <= 1, "{planned:?} was told {told} times");
        // One before goes on when nobody could be heard in between.
        let goes_on = |told: &Told| {
            let cleared_ms = told.cleared.as_ref().map(|alert| alert.timestamp_ms);
            told.raised.since_ms < planned.from_ms
                && cleared_ms.is_none_or(|cleared_ms| cleared_ms > planned.from_ms)
        };
        let must = longest_peace(planned, faults) >= TOLD_AFTER_MS && !all.iter().any(goes_on);
        assert!(told == 1 || !must, "{planned:?} was never told; faults {faults:?}");
        seen += told;
    }
    enough("busy", seen, &busy);
    assert_eq!(seen, count, "what is told was planned");
    format!("{seen} of {} times busy, each told once, the others came too late", busy.len())
}

/// Whoever was away must be told as silent once, unless nobody could be heard meanwhile; and
/// nobody else.
fn judge_silence(alerts: &Alerts, planned: &[Planned], faults: &[Span], ended_ms: u64) -> String {
    let away = |host: &str| {
        let is = |planned: &&Planned| planned.kind == "away" && planned.host == host;
        planned.iter().filter(is).cloned().collect::<Vec<_>>()
    };
    let hosts: BTreeSet<&str> = planned
        .iter()
        .map(|planned| planned.host.as_str())
        .chain(alerts.episodes.keys().map(|(host, ..)| host.as_str()))
        .collect();
    let after_a_fault = |at_ms: u64| {
        faults.iter().any(|fault| fault.touches(at_ms.saturating_sub(AFTERMATH_MS), at_ms))
    };
    let (mut seen, mut all) = (0, 0);
    for host in hosts {
        let mut times = vec![0; away(host).len()];
        for told in alerts.of(host, AlertKind::Silent) {
            let at_ms = told.raised.timestamp_ms;
            if at_ms >= ended_ms {
                continue;
            }
            let missed = away(host);
            // A fault that holds the last samples of before makes it silent so much sooner.
            let soonest_ms = if after_a_fault(at_ms) { 0 } else { SILENT_AFTER_MS };
            // A reader that trails behind tells of it later. Whoever was heard since was missed anew.
            let place = missed.iter().rposition(|away| {
                away.from_ms + soonest_ms <= at_ms
                    && told.raised.since_ms < away.until_ms
                    && (at_ms <= away.until_ms + 2_000 || after_a_fault(at_ms))
            });
            let cleared = told.cleared.as_ref().unwrap_or_else(|| panic!("not cleared: {told:?}"));
            let Some(place) = place else {
                // All hosts share a line. Over one that carries too little the newest samples go
                // first, which are always those of the same hosts: the others are not heard.
                let starved = faults
                    .iter()
                    .any(|fault| fault.starves && fault.touches(told.raised.since_ms, at_ms));
                assert!(starved, "{host} was not away: {told:?}; it was {missed:?}; {faults:?}");
                continue;
            };
            // What it sampled before, and a fault held up until now, is no sign of life.
            let is_back = cleared.timestamp_ms >= missed[place].until_ms;
            assert!(is_back, "cleared too early: {told:?} {missed:?}; faults {faults:?}");
            times[place] += 1;
        }
        for (away, times) in away(host).iter().zip(times) {
            assert!(times <= 1, "{away:?} was told {times} times");
            let must = longest_peace(away, faults) >= TOLD_AFTER_MS;
            assert!(times == 1 || !must, "{away:?} was never told; faults {faults:?}");
            seen += times;
            all += 1;
        }
    }
    let away: Vec<&Planned> = planned.iter().filter(|planned| planned.kind == "away").collect();
    enough("away", seen, &away);
    format!("{seen} of {all} times away, each told once, in the others nobody could be heard")
}

/// A run in which hardly anything of what was planned was seen tells nothing.
fn enough(what: &str, seen: usize, planned: &[&Planned]) {
    let from_ms = planned.iter().map(|planned| planned.from_ms).min();
    let until_ms = planned.iter().map(|planned| planned.until_ms).max();
    let (Some(from_ms), Some(until_ms)) = (from_ms, until_ms) else { return };
    let is_long = until_ms - from_ms >= LONG_RUN_MS;
    let floor = if is_long { planned.len().div_ceil(SEEN_OF) } else { 1 };
    assert!(seen >= floor, "only {seen} of {} times {what} were seen", planned.len());
}

/// Panics unless the hook is told all of it, each alert in one message.
pub(crate) async fn must_be_told(alerts: &Alerts, hook: &Hook) {
    let episodes = || alerts.episodes.values().flatten();
    let all: BTreeSet<hook::Key> = episodes()
        .flat_map(|told| std::iter::once(&told.raised).chain(&told.cleared))
        .map(hook::key)
        .collect();
    eventually("the web hook is told of every alert", || async {
        hook.look(|told| {
            let told = told.alerts();
            all.iter().all(|key| told.contains_key(key))
        })
    })
    .await;
    // What came behind the end of what was read is of no interest.
    let last_ms = episodes().map(|told| told.raised.timestamp_ms).max().unwrap_or_default();
    hook.look(|told| {
        for (key, alert) in told.alerts() {
            let was_published = all.contains(&key) || alert.timestamp_ms >= last_ms;
            assert!(was_published, "{alert:?} is not in the stream");
        }
        say(&format_args!("{} alerts, each in one of {told}", all.len()));
    });
}

/// The longest time without a fault during what was planned.
fn longest_peace(planned: &Planned, faults: &[Span]) -> u64 {
    let mut during: Vec<&Span> =
        faults.iter().filter(|fault| fault.touches(planned.from_ms, planned.until_ms)).collect();
    during.sort_by_key(|fault| fault.from_ms);
    let (mut longest, mut at_ms) = (0, planned.from_ms);
    for fault in during {
        longest = longest.max(fault.from_ms.saturating_sub(at_ms));
        at_ms = at_ms.max(fault.until_ms);
    }
    longest.max(planned.until_ms.saturating_sub(at_ms))
}

/// One alert for all only when something stood between all of them and the observer.
fn judge_pipeline(alerts: &Alerts, faults: &[Span], ended_ms: u64) -> usize {
    let told = alerts.of(Alert::PIPELINE, AlertKind::Pipeline);
    let before_end = |told: &&Told| told.raised.timestamp_ms < ended_ms;
    for told in told.iter().filter(before_end) {
        let (from_ms, until_ms) = (told.raised.since_ms - AFTERMATH_MS, told.raised.timestamp_ms);
        let reason = faults.iter().any(|fault| fault.touches(from_ms, until_ms));
        assert!(reason, "nothing was in the way: {told:?}");
        assert!(told.cleared.is_some(), "not cleared: {told:?}");
    }
    told.iter().filter(before_end).count()
}
