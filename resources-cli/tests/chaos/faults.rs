//! What strikes, in an order that the seed decides. Three hands strike at the same time: one at
//! the broker, one at the observer, and one at the other programs and the lines between them.

use std::time::Duration;

use fastrand::Rng;
use resources_core::service::now_ms;
use tokio::time::Instant;

use super::broker::Broker;
use super::pass;
use super::processes::Program;
use super::settings::Settings;
use super::stage::{Line, Stage};
use resources_core::test_support::{Mode, Proxy};

/// Longest time one fault lasts: long enough for both sides to take a silent line for dead.
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
enum AtBroker {
    Kill,
    CloseConnections,
    MemoryAlarm,
}

#[derive(Debug, Clone, Copy)]
enum Elsewhere {
    KillAnalyzer(usize),
    KillWeb,
    Disturb(Line, Mode),
}

#[derive(Debug, Clone, Copy)]
enum AtObserver {
    /// And started again at once.
    Kill,
    KillForLong,
    Disturb(Mode),
}

const AT_BROKER: [AtBroker; 3] =
    [AtBroker::Kill, AtBroker::CloseConnections, AtBroker::MemoryAlarm];

const ELSEWHERE: [Elsewhere; 12] = [
    Elsewhere::KillAnalyzer(0),
    Elsewhere::KillAnalyzer(1),
    Elsewhere::KillWeb,
    Elsewhere::Disturb(Line::Trackers, Mode::Cut),
    Elsewhere::Disturb(Line::Trackers, Mode::Stall),
    Elsewhere::Disturb(Line::Trackers, Mode::Slow),
    Elsewhere::Disturb(Line::Analyzers, Mode::Cut),
    Elsewhere::Disturb(Line::Analyzers, Mode::Stall),
    Elsewhere::Disturb(Line::Analyzers, Mode::Slow),
    Elsewhere::Disturb(Line::Web, Mode::Cut),
    Elsewhere::Disturb(Line::Web, Mode::Stall),
    Elsewhere::Disturb(Line::Web, Mode::Slow),
];

const AT_OBSERVER: [AtObserver; 8] = [
    AtObserver::Kill,
    AtObserver::Kill,
    AtObserver::Kill,
    AtObserver::Kill,
    AtObserver::KillForLong,
    AtObserver::Disturb(Mode::Cut),
    AtObserver::Disturb(Mode::Stall),
    AtObserver::Disturb(Mode::Slow),
];

/// When a fault was, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
    /// Whether less came from the hosts than they sent, so that some were heard and others not.
    pub(crate) starves: bool,
}

impl Span {
    /// From then until now.
    pub(crate) fn since(from_ms: u64) -> Self {
        Self { from_ms, until_ms: now_ms(), starves: false }
    }

    /// Whether any of it was between these times.
    pub(crate) const fn touches(&self, from_ms: u64, until_ms: u64) -> bool {
        self.from_ms <= until_ms && from_ms <= self.until_ms
    }
}

/// All hands.
#[derive(Debug)]
pub(crate) struct Faults {
    duration: Duration,
    /// Longest time one fault of this run lasts.
    longest: Duration,
    rng: Rng,
}

impl Faults {
    pub(crate) fn new(settings: &Settings) -> Self {
        let longest = (settings.duration / 15).clamp(Duration::from_secs(1), LONGEST);
        Self { duration: settings.duration, longest, rng: Rng::with_seed(settings.seed) }
    }

    /// Strikes until the time is over; every fault has ended when this returns.
    pub(crate) async fn strike(mut self, stage: &mut Stage) {
        let end = Instant::now() + self.duration;
        let longest = self.longest;
        let mut hand = |longest_peace: Duration| {
            let rng = self.rng.fork();
            Hand { rng, end, longest, longest_peace, felt: Vec::new() }
        };
        let Stage { broker, programs, lines, faults, .. } = stage;
        let (observer, others) = programs.split_last_mut().expect("there are some");
        let (one, two, three) = tokio::join!(
            hand(longest / 2).at_broker(broker),
            hand(longest / 2).elsewhere(others, lines),
            // Who is killed all the time never hears that somebody is silent.
            hand(longest * 3 / 2).at_observer(observer, lines),
        );
        faults.extend([one, two, three].concat());
    }
}

struct Hand {
    rng: Rng,
    end: Instant,
    longest: Duration,
    /// Longest time between two faults.
    longest_peace: Duration,
    /// When there was what may keep the observer from hearing hosts.
    felt: Vec<Span>,
}

impl Hand {
    async fn at_broker(mut self, broker: &mut Broker) -> Vec<Span> {
        let mut bag = Vec::new();
        while let Some((fault, time)) = self.next(&mut bag, &AT_BROKER).await {
            let from_ms = now_ms();
            match fault {
                AtBroker::Kill => {
                    say(&format_args!("broker: killed for {time:.1?}"));
                    broker.be_down_for(time).await;
                }
                AtBroker::CloseConnections => {
                    say(&"broker: closes every connection");
                    broker.close_connections().await;
                }
                AtBroker::MemoryAlarm => {
                    say(&format_args!("broker: memory alarm for {time:.1?}"));
                    broker.raise_memory_alarm(time).await;
                }
            }
            self.felt.push(Span::since(from_ms));
        }
        self.felt
    }

    async fn at_observer(mut self, observer: &mut Program, lines: &[(Line, Proxy)]) -> Vec<Span> {
        let mut bag = Vec::new();
        while let Some((fault, time)) = self.next(&mut bag, &AT_OBSERVER).await {
            say(&format_args!("observer: {fault:?} for {time:.1?}"));
            let from_ms = now_ms();
            match fault {
                AtObserver::Kill => kill_for(observer, Duration::ZERO).await,
                AtObserver::KillForLong => kill_for(observer, time).await,
                AtObserver::Disturb(mode) => disturb(lines, Line::Observer, mode, time).await,
            }
            self.felt.push(Span::since(from_ms));
        }
        self.felt
    }

    async fn elsewhere(mut self, programs: &mut [Program], lines: &[(Line, Proxy)]) -> Vec<Span> {
        let mut bag = Vec::new();
        while let Some((fault, time)) = self.next(&mut bag, &ELSEWHERE).await {
            say(&format_args!("elsewhere: {fault:?} for {time:.1?}"));
            let from_ms = now_ms();
            match fault {
                Elsewhere::KillAnalyzer(number) => {
                    kill_for(named(programs, &format!("analyzer-{number}")), time).await;
                }
                Elsewhere::KillWeb => kill_for(named(programs, "web"), time).await,
                Elsewhere::Disturb(line, mode) => disturb(lines, line, mode, time).await,
            }
            if !matches!(fault, Elsewhere::KillWeb | Elsewhere::Disturb(Line::Web, _)) {
                let starves = matches!(fault, Elsewhere::Disturb(Line::Trackers, Mode::Slow));
                self.felt.push(Span { starves, ..Span::since(from_ms) });
            }
        }
        self.felt
    }

    /// The next fault and how long it lasts, after a moment of peace: each of `all` once in an
    /// order of its own, then again in another. `None` when the time is over.
    async fn next<T: Copy>(&mut self, bag: &mut Vec<T>, all: &[T]) -> Option<(T, Duration)> {
        let peace = self.longest_peace.mul_f64(self.rng.f64());
        let time = self.longest.mul_f64(0.1 + 0.9 * self.rng.f64());
        if bag.is_empty() {
            bag.extend(all);
            self.rng.shuffle(bag);
        }
        pass(peace).await;
        if Instant::now() >= self.end { None } else { bag.pop().map(|fault| (fault, time)) }
    }
}

fn named<'a>(programs: &'a mut [Program], name: &str) -> &'a mut Program {
    let found = programs.iter_mut().find(|program| program.name == name);
    found.expect("it is one of the programs")
}

async fn kill_for(program: &mut Program, time: Duration) {
    program.kill().await;
    pass(time).await;
    program.start_again();
}

async fn disturb(lines: &[(Line, Proxy)], line: Line, mode: Mode, time: Duration) {
    let found = lines.iter().find(|(of, _)| *of == line);
    let (_, proxy) = found.expect("every line has a proxy");
    proxy.set(mode);
    pass(time).await;
    proxy.set(Mode::Pass);
}

#[expect(clippy::print_stdout, reason = "shown by a test that fails and by `make chaos`")]
pub(crate) fn say(text: &dyn std::fmt::Display) {
    println!("{text}");
}
