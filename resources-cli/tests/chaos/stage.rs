//! Everything that runs: the broker, the programs, and the lines between them.

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use resources_core::bus::{Pattern, Source};
use resources_core::service::now_ms;
use resources_core::test_support::{Proxy, free_port, in_time, open_bus};
use tokio::process::Command;

use super::alerts::{self, Verdict};
use super::broker::Broker;
use super::faults::{Span, say};
use super::hook::Hook;
use super::ledger::{Stream, sampled};
use super::processes::Program;
use super::settings::Settings;
use super::stalls::Stalls;

/// A queue of measures that does not get shorter for this long is stuck.
const STUCK: Duration = Duration::from_secs(90);

/// The list of what happens to simulated hosts, in the folder of a run.
const EPISODES: &str = "episodes";

/// Who reaches the broker through which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Trackers,
    Analyzers,
    Web,
    Observer,
}

/// A whole installation, on the loopback and of this run alone.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) broker: Broker,
    pub(crate) lines: Vec<(Line, Proxy)>,
    /// The observer is the last of them.
    pub(crate) programs: Vec<Program>,
    /// When there was what may keep the observer from hearing hosts.
    pub(crate) faults: Vec<Span>,
    /// When this machine itself stood still.
    stalls: Stalls,
    /// Where the episodes of hosts are listed, if they have any.
    episodes: Option<PathBuf>,
    /// Who is told of every alert.
    hook: Hook,
    /// Address of the web server.
    pub(crate) page: String,
    folder: PathBuf,
}

impl Stage {
    /// Starts everything and waits until analyses of every program's samples arrive.
    pub(crate) async fn start(settings: &Settings) -> Self {
        say(&format_args!("{settings:?}"));
        let folder = tempfile::Builder::new()
            .prefix("chaos-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a folder")
            .keep();
        let broker = Broker::start().await;
        let mut lines = Vec::new();
        for line in [Line::Trackers, Line::Analyzers, Line::Web, Line::Observer] {
            lines.push((line, Proxy::start(broker.port()).await));
        }
        let listen = format!("127.0.0.1:{}", free_port());
        let hook = Hook::listen().await;
        // Whoever begins without a state judges what is said from then on: it listens first.
        let observer = observer(&folder, &lines, &hook.url);
        observer.must_say("is up", "analyses link").await;
        let mut programs = programs(settings, &folder, &lines, &listen);
        programs.push(observer);
        let page = format!("http://{listen}/");
        let episodes = settings.episodes.map(|_| folder.join(EPISODES));
        let faults = Vec::new();
        let stalls = Stalls::watch();
        let mut stage =
            Self { broker, lines, programs, faults, stalls, episodes, hook, page, folder };
        stage.hear_from_everyone().await;
        stage.broker.settle().await;
        stage.note_resident();
        stage
    }

    /// Has the broker down for so long.
    pub(crate) async fn be_without_broker_for(&mut self, time: Duration) {
        let from_ms = now_ms();
        self.broker.be_down_for(time).await;
        self.faults.push(Span::since(from_ms));
    }

    /// Everything stops in order; then every sample must be there, and once, and alerts must
    /// tell what happened, and nothing else.
    pub(crate) async fn finish(mut self) -> Verdict {
        self.hear_from_everyone().await;
        if self.episodes.is_some() {
            alerts::calm(&self.broker.url()).await;
        }
        let ended_ms = now_ms();
        self.note_resident();
        let resident: Vec<_> = self.programs.iter().map(Program::resident).collect();
        for name in ["simulate", "tracker-0", "tracker-1"] {
            self.program(name).end().await;
        }
        self.drain().await;
        let ledger = self.ledger();
        let sampled = sampled(&ledger);
        let refused = self.broker.messages("resources.rejected").await;
        assert_eq!(refused, 0, "messages were set aside");
        let stream = Stream::read(&self.broker.url()).await;
        stream.must_hold(&sampled);
        let mut ledgers = vec![ledger];
        for host in ["tracker-0", "tracker-1"] {
            stream.must_be_gapless(host);
            let path = self.folder.join(format!("{host}.ledger"));
            stream.write_ledger(host, &path);
            ledgers.push(path);
        }
        let told = alerts::read(&self.broker.url()).await;
        self.faults.extend(self.stalls.so_far());
        let episodes = self.episodes.as_deref();
        let verdict = alerts::judge(&told, &stream.levels, episodes, &self.faults, ended_ms);
        alerts::must_be_told(&told, &self.hook).await;
        self.audit(&ledgers).await;
        for name in ["analyzer-0", "analyzer-1", "web", "observer"] {
            self.program(name).end().await;
        }
        let count: usize = sampled.values().map(std::collections::BTreeSet::len).sum();
        say(&format_args!(
            "{count} simulated samples, all in the stream and in history; of the {} analyses in \
             the stream {} came twice; the broker was killed {} times",
            stream.read, stream.repeated, self.broker.kills
        ));
        for line in resident {
            say(&line);
        }
        std::fs::remove_dir_all(&self.folder).expect("its own folder");
        verdict
    }

    fn ledger(&self) -> PathBuf {
        self.folder.join("ledger")
    }

    pub(crate) fn program(&mut self, name: &str) -> &mut Program {
        let found = self.programs.iter_mut().find(|program| program.name == name);
        found.expect("it is one of the programs")
    }

    /// Waits until new analyses of the simulation and of each tracker arrive.
    async fn hear_from_everyone(&mut self) {
        let bus = open_bus(&self.broker.url(), "resources");
        for host in ["tracker-0", "tracker-1", "sim-0001"] {
            let pattern = Pattern::new(&format!("{host}.analysis")).expect("a pattern");
            let mut heard = bus.subscribe(Source::Patterns(vec![pattern]), NonZeroU16::MIN);
            let waited = format!("analyses of {host} arrive; see {}", self.folder.display());
            in_time(&waited, heard.next()).await.expect("the bus is open");
        }
        bus.close().await;
    }

    /// History must hold every sample, and none twice.
    async fn audit(&self, ledgers: &[PathBuf]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resources"));
        command.args(["audit", "--within", "5m", "--web", &self.page]).args(ledgers).env_clear();
        let audit = command.kill_on_drop(true).output().await.expect("the program starts");
        let (table, verdict) =
            (String::from_utf8_lossy(&audit.stdout), String::from_utf8_lossy(&audit.stderr));
        say(&format_args!("{table}{verdict}"));
        assert!(audit.status.success(), "{verdict} see {}", self.folder.display());
    }

    /// Waits until the analyzers have taken and acknowledged every measure.
    async fn drain(&mut self) {
        let mut left = u64::MAX;
        let mut progress = Instant::now();
        loop {
            let now_left = self.broker.messages("resources.measures").await;
            if now_left == 0 {
                return;
            }
            if now_left < left {
                (left, progress) = (now_left, Instant::now());
            }
            assert!(progress.elapsed() < STUCK, "{left} measures stay in the queue");
        }
    }

    fn note_resident(&mut self) {
        self.programs.iter_mut().for_each(Program::note_resident);
    }
}

fn programs(
    settings: &Settings,
    folder: &Path,
    lines: &[(Line, Proxy)],
    listen: &str,
) -> Vec<Program> {
    let file = |name: &str| path_in(folder, name);
    let url = |line: Line| url_of(lines, line);
    let (trackers, analyzers, web) = (url(Line::Trackers), url(Line::Analyzers), url(Line::Web));
    let mut programs = Vec::new();
    let mut start = |name: &str, program: &str, url: &str, arguments: &[&str]| {
        let arguments = [arguments, &["--broker-url", url]].concat();
        programs.push(Program::start(folder, name, program, &arguments));
    };
    for name in ["analyzer-0", "analyzer-1"] {
        start(name, "resources-analyzer", &analyzers, &[]);
    }
    let history = file("history.sqlite");
    start("web", "resources-web", &web, &["--listen", listen, "--history", &history]);
    for name in ["tracker-0", "tracker-1"] {
        let arguments = ["--host", name, "--interval", &settings.interval];
        start(name, "resources-tracker", &trackers, &arguments);
    }
    let (hosts, ledger) = (settings.hosts.to_string(), file("ledger"));
    let arguments = [
        &["simulate", "--hosts", &hosts, "--interval", &settings.interval][..],
        &["--ledger", &ledger],
        // Never the reason for a loss here: as much as is needed, as long as it takes.
        &["--buffer", "10000000", "--drain", "10m"],
    ];
    let mut arguments = arguments.concat();
    let time = settings.episodes.map(|time| format!("{}ms", time.as_millis()));
    let (list, seed) = (file(EPISODES), settings.seed.to_string());
    if let Some(time) = &time {
        arguments.extend(["--episodes", time, "--episode-list", &list, "--seed", &seed]);
        // A machine that is away sends nothing of what it held either.
        arguments.extend(["--replay-rate", "1000"]);
    }
    start("simulate", "resources", &trackers, &arguments);
    programs
}

fn observer(folder: &Path, lines: &[(Line, Proxy)], hook_url: &str) -> Program {
    let [rules, state] = ["rules.toml", "alerts.sqlite"].map(|name| path_in(folder, name));
    std::fs::write(&rules, alerts::rules(hook_url)).expect("a file");
    let url = url_of(lines, Line::Observer);
    let arguments = ["--rules", &rules, "--state", &state, "--broker-url", &url];
    Program::start(folder, "observer", "resources-observer", &arguments)
}

fn path_in(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("a path of this test").to_owned()
}

/// Where the broker is for those on this line.
fn url_of(lines: &[(Line, Proxy)], wanted: Line) -> String {
    let found = lines.iter().find(|(line, _)| *line == wanted);
    found.map(|(_, proxy)| proxy.url("")).expect("every line has a proxy")
}
