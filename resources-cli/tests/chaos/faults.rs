//! What strikes, in an order that the seed decides. Two hands strike at the same time: one at
//! the broker, one at the programs and the lines between them.

use std::time::Duration;

use fastrand::Rng;
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

/// Both hands.
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
        let (one, other) = (self.rng.fork(), self.rng.fork());
        let Stage { broker, programs, lines, .. } = stage;
        let at_broker = Hand { rng: one, end, longest: self.longest }.at_broker(broker);
        let elsewhere = Hand { rng: other, end, longest: self.longest }.elsewhere(programs, lines);
        tokio::join!(at_broker, elsewhere);
    }
}

struct Hand {
    rng: Rng,
    end: Instant,
    longest: Duration,
}

impl Hand {
    async fn at_broker(mut self, broker: &mut Broker) {
        let mut bag = Vec::new();
        while let Some((fault, time)) = self.next(&mut bag, &AT_BROKER).await {
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
        }
    }

    async fn elsewhere(mut self, programs: &mut [Program], lines: &[(Line, Proxy)]) {
        let mut bag = Vec::new();
        while let Some((fault, time)) = self.next(&mut bag, &ELSEWHERE).await {
            say(&format_args!("elsewhere: {fault:?} for {time:.1?}"));
            match fault {
                Elsewhere::KillAnalyzer(number) => {
                    kill_for(programs, &format!("analyzer-{number}"), time).await;
                }
                Elsewhere::KillWeb => kill_for(programs, "web", time).await,
                Elsewhere::Disturb(line, mode) => {
                    let found = lines.iter().find(|(of, _)| *of == line);
                    let (_, proxy) = found.expect("every line has a proxy");
                    proxy.set(mode);
                    pass(time).await;
                    proxy.set(Mode::Pass);
                }
            }
        }
    }

    /// The next fault and how long it lasts, after a moment of peace: each of `all` once in an
    /// order of its own, then again in another. `None` when the time is over.
    async fn next<T: Copy>(&mut self, bag: &mut Vec<T>, all: &[T]) -> Option<(T, Duration)> {
        let peace = self.longest.mul_f64(self.rng.f64() / 2.0);
        let time = self.longest.mul_f64(0.1 + 0.9 * self.rng.f64());
        if bag.is_empty() {
            bag.extend(all);
            self.rng.shuffle(bag);
        }
        pass(peace).await;
        if Instant::now() >= self.end { None } else { bag.pop().map(|fault| (fault, time)) }
    }
}

async fn kill_for(programs: &mut [Program], name: &str, time: Duration) {
    let found = programs.iter_mut().find(|program| program.name == name);
    let program = found.expect("it is one of the programs");
    program.kill().await;
    pass(time).await;
    program.start_again();
}

#[expect(clippy::print_stdout, reason = "shown by a test that fails and by `make chaos`")]
pub(crate) fn say(text: &dyn std::fmt::Display) {
    println!("{text}");
}
