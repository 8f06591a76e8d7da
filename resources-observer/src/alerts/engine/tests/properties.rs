//! Whatever comes.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What a sample or the time may bring.
#[derive(Debug, Clone)]
enum Input {
    /// Of run 0 or 1, or of none.
    Sample {
        host: u8,
        run: Option<u8>,
        ahead: u8,
        cpu: u8,
        stopping: bool,
        disk: bool,
    },
    Again {
        back: u8,
    },
    Wait {
        seconds: u8,
    },
    Link {
        is_up: bool,
    },
    /// The clock of a host is so much behind from now on.
    Clock {
        host: u8,
        behind_seconds: u8,
    },
    /// Started again, perhaps with other rules.
    Restored {
        other_rules: bool,
    },
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let sample = (0..3_u8, 0..40_u8, 0..4_u8, 0..100_u8, 0..20_u8, any::<bool>()).prop_map(
        |(host, run, ahead, cpu, stopping, disk)| Input::Sample {
            host,
            run: (run > 1).then_some(run / 38),
            ahead,
            cpu,
            stopping: stopping == 0,
            disk,
        },
    );
    let clock = (0..3_u8, 0..200_u8)
        .prop_map(|(host, behind_seconds)| Input::Clock { host, behind_seconds });
    let input = prop_oneof![
        24 => sample,
        6 => (0..20_u8).prop_map(|back| Input::Again { back }),
        6 => (0..60_u8).prop_map(|seconds| Input::Wait { seconds }),
        2 => any::<bool>().prop_map(|is_up| Input::Link { is_up }),
        1 => clock,
        1 => any::<bool>().prop_map(|other_rules| Input::Restored { other_rules }),
    ];
    prop::collection::vec(input, 0..400)
}

const TOUCHY: &str = "[default]\n\
    cpu = { raise = 60, clear = 40, hold = \"0s\", clear_hold = \"1s\" }\n\
    disk = { raise = 50, hold = \"1s\", clear_hold = \"0s\" }\n\
    flapping = { changes = 4, window = \"30s\", calm = \"5s\" }\n\
    clock = { tolerance = \"20s\", hold = \"1s\", clear_hold = \"0s\" }\n\
    silent = { clear_hold = \"2s\" }\n\
    stopped = { hold = \"2s\" }\nrestarted = { clear_after = \"5s\" }\nrepeat = \"1m\"\n";

/// Other rules; the start is at 08:00 UTC.
const OTHER: &str = "[default]\n\
    cpu = { raise = 90, hold = \"0s\", clear_hold = \"0s\" }\n\
    flapping = { enabled = false }\nrestarted = { enabled = false }\n\
    silent = { at_least = \"30s\" }\nrepeat = \"1m\"\n\
    quiet = [{ from = \"08:05\", to = \"08:10\" }]\n\
    [host.host-1]\nexpected_offline = true\ndisk = { enabled = false }\n\
    [pipeline]\nenabled = false\n";

/// An engine that knows what `engine` would store.
fn restored(engine: &Engine, rules: &str) -> Engine {
    let mut copy = Engine::new(Rules::parse("r.toml", rules).unwrap());
    copy.restore_fleet(&engine.stored_fleet()).unwrap();
    for (name, state) in engine.stored_hosts() {
        if let Some(state) = state {
            copy.restore_host(name.clone(), &state).unwrap();
        }
    }
    // All of it is to be stored, should it be asked once more.
    copy.changed = copy.hosts.keys().cloned().collect();
    copy.hosts.values_mut().for_each(|host| host.changed = true);
    copy
}

/// Inputs and what they led to so far.
#[derive(Default)]
struct Play {
    at_ms: u64,
    sequences: BTreeMap<(u8, Option<u8>), u64>,
    behind_ms: BTreeMap<u8, u64>,
    sent: Vec<Analysis>,
}

impl Play {
    /// Gives `stages` the input; `again` says whether samples that came before come again.
    fn give(&mut self, input: &Input, again: bool, stages: &mut [&mut Stage]) {
        match *input {
            Input::Sample { host, run, ahead, cpu, stopping, disk } => {
                self.at_ms += 100;
                let sequence = self.sequences.entry((host, run)).or_default();
                *sequence += 1;
                let behind_ms = self.behind_ms.get(&host).copied().unwrap_or(0);
                let sampled_ms = (self.at_ms + u64::from(ahead)).saturating_sub(behind_ms);
                let name = format!("host-{host}");
                let mut analysis = sample(&name, *sequence, sampled_ms, f64::from(cpu));
                analysis.run = run.map(|run| format!("run-{run}").into());
                analysis.sequence = analysis.sequence.filter(|_| run.is_some());
                analysis.stopping = stopping;
                if disk {
                    let mut on = analysis.resources[0].clone();
                    on.name = "disk:/".into();
                    analysis.resources.push(on);
                }
                stages.iter_mut().for_each(|stage| stage.observe(&analysis, self.at_ms));
                // Those that name no run cannot be told apart.
                if run.is_some() {
                    self.sent.push(analysis);
                }
            }
            Input::Again { back } => {
                let back = if again { usize::from(back) } else { 0 };
                let place = self.sent.len().saturating_sub(back + 1);
                if let Some(analysis) = self.sent.get(place) {
                    stages.iter_mut().for_each(|stage| stage.observe(analysis, self.at_ms));
                }
            }
            Input::Wait { seconds } => {
                for _ in 0..seconds {
                    self.at_ms += SECOND_MS;
                    stages.iter_mut().for_each(|stage| stage.tick(self.at_ms));
                }
            }
            Input::Link { is_up } => {
                let now_ms = START_MS + self.at_ms;
                stages.iter_mut().for_each(|stage| stage.engine.link(is_up, now_ms));
            }
            Input::Clock { host, behind_seconds } => {
                self.behind_ms.insert(host, u64::from(behind_seconds) * SECOND_MS);
            }
            Input::Restored { other_rules } => {
                let rules = if other_rules { OTHER } else { TOUCHY };
                for stage in stages {
                    stage.engine = restored(&stage.engine, rules);
                }
            }
        }
    }
}

/// Plays inputs to an engine of its own.
fn play<'a>(inputs: impl IntoIterator<Item = &'a Input>, again: bool) -> Vec<Alert> {
    let (mut stage, mut play) = (Stage::new(TOUCHY), Play::default());
    for input in inputs {
        play.give(input, again, &mut [&mut stage]);
    }
    stage.alerts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_comes_raised_and_cleared_alternate(inputs in inputs()) {
        let mut open = BTreeMap::new();
        let mut ids = HashSet::new();
        for alert in play(&inputs, true) {
            // Of kinds that exclude each other there is one at a time.
            let kind = format!("{:?}", alert.kind.slot());
            let key = (alert.host.to_string(), alert.resource.clone(), kind);
            match (alert.state, alert.repeat) {
                (AlertState::Raised, None) => {
                    prop_assert!(ids.insert(alert.id.clone()), "an id is used once");
                    prop_assert!(open.insert(key, alert.id).is_none(), "raised twice");
                }
                (AlertState::Raised, Some(_)) => prop_assert_eq!(open.get(&key), Some(&alert.id)),
                (AlertState::Cleared, _) => prop_assert_eq!(open.remove(&key), Some(alert.id)),
            }
        }
    }

    #[test]
    fn duplicates_and_late_samples_never_change_the_outcome(inputs in inputs()) {
        // A sample of another life with an earlier clock looks like a late one.
        let told_apart = || inputs.iter().filter(|input| !matches!(input, Input::Clock { .. }));
        let (with, without) = (play(told_apart(), true), play(told_apart(), false));
        let differ = with.iter().zip(&without).find(|(with, without)| with != without);
        prop_assert_eq!(differ, None);
        prop_assert_eq!(with.len(), without.len());
    }

    #[test]
    fn a_stored_engine_goes_on_as_if_nothing_happened(inputs in inputs(), cut in any::<Index>()) {
        let (before, after) = inputs.split_at(cut.index(inputs.len() + 1));
        let (mut stage, mut play) = (Stage::new(TOUCHY), Play::default());
        let is_link = |input: &&Input| !matches!(input, Input::Link { .. });
        let goes_on = |input: &&Input| !matches!(input, Input::Restored { .. });
        for input in before.iter().filter(goes_on) {
            play.give(input, true, &mut [&mut stage]);
        }
        // Whether the link is up is told anew; and when something is due is worked out anew.
        stage.engine.link(true, START_MS + play.at_ms);
        stage.alerts.clear();
        stage.engine.hosts.values_mut().for_each(|host| host.due_ms = 0);
        let mut other = Stage { engine: restored(&stage.engine, TOUCHY), alerts: Vec::new() };
        for input in after.iter().filter(goes_on).filter(is_link) {
            play.give(input, true, &mut [&mut stage, &mut other]);
        }
        prop_assert_eq!(stage.alerts, other.alerts);
    }
}
