//! Watches whether analyses arrive; when none does, asks the broker what holds them up and
//! listens whether there is anything to analyse.

use std::sync::Arc;
use std::time::Duration;

use resources_core::bus::inspect::{Backlog, InspectError, Inspector};
use resources_core::bus::{Bus, Link, LinkState};
use resources_core::service::now_ms;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::alarm::Alarm;
use super::judge::{Heard, Quiet, Sight, judge};
use super::traffic::Traffic;
use super::{Pipeline, PipelineState};

/// No analysis for this long is looked into, and then every so often until one comes.
const QUIET: Duration = Duration::from_secs(3);

/// How long the broker may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// Longest interval that is believed: a host that promises a sample a year must not keep
/// everything that is wrong from being seen.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);

/// When the last analysis came. Whoever reads analyses notes them here.
#[derive(Debug)]
pub(crate) struct Arrivals(watch::Sender<Arrival>);

/// One analysis that came.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: Instant,
    /// What its host promises between two.
    interval: Duration,
}

impl Arrivals {
    /// Takes note of an analysis that came now, of a host with this interval.
    pub(crate) fn note(&self, interval_ms: Option<u64>) {
        let interval = Duration::from_millis(interval_ms.unwrap_or(0)).min(LONGEST_INTERVAL);
        self.0.send_replace(Arrival { at: Instant::now(), interval });
    }
}

/// Knows what the pipeline does, and tells when that changes.
#[derive(Debug)]
pub(crate) struct PipelineWatch {
    bus: Bus,
    arrivals: Arc<Arrivals>,
    /// Follows them from the first one on.
    seen: watch::Receiver<Arrival>,
    told: watch::Sender<Pipeline>,
    /// The link to the broker as it is told: that of the bus, or held back by an alarm.
    link: watch::Sender<Link>,
    alarm: watch::Sender<Option<Link>>,
}

impl PipelineWatch {
    /// Nothing is known until it [`run`](Self::run)s.
    pub(crate) fn new(bus: Bus) -> Self {
        let unknown =
            Pipeline { state: PipelineState::Unknown, since_ms: now_ms(), waiting_measures: None };
        let begin = Arrival { at: Instant::now(), interval: Duration::ZERO };
        let (arrivals, seen) = watch::channel(begin);
        let link = watch::Sender::new(bus.link().borrow().clone());
        Self {
            bus,
            arrivals: Arc::new(Arrivals(arrivals)),
            seen,
            told: watch::Sender::new(unknown),
            link,
            alarm: watch::Sender::new(None),
        }
    }

    /// Where analyses are to be noted.
    pub(crate) fn arrivals(&self) -> Arc<Arrivals> {
        Arc::clone(&self.arrivals)
    }

    /// What the pipeline does.
    pub(crate) fn pipeline(&self) -> watch::Receiver<Pipeline> {
        self.told.subscribe()
    }

    /// The state of the link to the broker.
    pub(crate) fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    /// Watches until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.watch() => {}
            () = self.follow_link() => {}
        }
    }

    async fn follow_link(&self) {
        let (mut link, mut alarm) = (self.bus.link(), self.alarm.subscribe());
        loop {
            let of_bus = link.borrow_and_update().clone();
            let held_back = alarm.borrow_and_update().clone().filter(|_| of_bus.state.is_up());
            let now = held_back.unwrap_or(of_bus);
            self.link.send_if_modified(|told| {
                let is_new = *told != now;
                *told = now;
                is_new
            });
            tokio::select! {
                Ok(()) = link.changed() => {}
                Ok(()) = alarm.changed() => {}
            }
        }
    }

    async fn watch(&self) {
        let mut arrivals = self.seen.clone();
        let mut probe = Probe::new(&self.bus);
        let mut traffic = Traffic::new(&self.bus);
        let mut alarm = Alarm::new(&self.bus, &self.alarm);
        loop {
            // Asks until one comes.
            let mut asks = interval_at(arrivals.borrow().at + QUIET, QUIET);
            asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    Ok(()) = arrivals.changed() => break,
                    _ = asks.tick() => {
                        let sight = probe.look().await;
                        if sight != Sight::Nothing {
                            alarm.ask().await;
                        }
                        if sight == Sight::Nothing || alarm.is_raised() {
                            // What came meanwhile, or would have, is not known.
                            traffic.close();
                        } else {
                            traffic.open();
                        }
                        if !arrivals.has_changed().unwrap_or(true) {
                            let quiet = quiet(&arrivals);
                            let heard = if alarm.is_raised() {
                                Heard::HeldBack
                            } else {
                                traffic.heard(quiet)
                            };
                            self.tell(|before| judge(sight, heard, quiet, before));
                        }
                    }
                    () = traffic.listen() => {}
                    () = alarm.over() => {}
                }
            }
            traffic.close();
            alarm.close().await;
            probe.close().await;
            self.tell(|_| (PipelineState::Flowing, None));
            // They come, thousands a second perhaps: looked at now and then.
            loop {
                let next = arrivals.borrow_and_update().at + QUIET;
                if next <= Instant::now() {
                    break;
                }
                sleep_until(next).await;
            }
        }
    }

    fn tell(&self, now: impl FnOnce(PipelineState) -> (PipelineState, Option<u64>)) {
        self.told.send_if_modified(|told| {
            let before = *told;
            let (state, waiting_measures) = now(before.state);
            let since_ms = if state == before.state { before.since_ms } else { now_ms() };
            *told = Pipeline { state, since_ms, waiting_measures };
            *told != before
        });
    }
}

fn quiet(arrivals: &watch::Receiver<Arrival>) -> Quiet {
    let last = *arrivals.borrow();
    Quiet { lasts: last.at.elapsed(), interval: last.interval }
}

/// Looks at the queue of measures over a connection of its own, kept while it is asked.
struct Probe<'a> {
    bus: &'a Bus,
    link: watch::Receiver<Link>,
    inspector: Option<Inspector>,
}

impl<'a> Probe<'a> {
    fn new(bus: &'a Bus) -> Self {
        Self { bus, link: bus.link(), inspector: None }
    }

    async fn look(&mut self) -> Sight {
        if self.bus.inspectable().is_none() {
            return Sight::InProcess;
        }
        // A broker that is away is being looked for already.
        if !matches!(self.link.borrow().state, LinkState::Up | LinkState::Blocked { .. }) {
            self.inspector = None;
            return Sight::Nothing;
        }
        let error = match timeout(ANSWER_LIMIT, self.ask()).await {
            Ok(Ok(Some(backlog))) => return Sight::Queue(backlog),
            Ok(Ok(None)) => return Sight::NoQueue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {ANSWER_LIMIT:?}"),
        };
        tracing::debug!(error, "the queue of measures cannot be looked at");
        self.inspector = None;
        Sight::Nothing
    }

    async fn ask(&mut self) -> Result<Option<Backlog>, InspectError> {
        if self.inspector.is_none()
            && let Some(config) = self.bus.inspectable()
        {
            self.inspector = Some(Inspector::connect(config).await?);
        }
        match &mut self.inspector {
            Some(inspector) => inspector.backlog().await,
            None => Ok(None),
        }
    }

    async fn close(&mut self) {
        if let Some(inspector) = self.inspector.take() {
            inspector.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use resources_core::bus::{BusConfig, Message, Source, Start};
    use resources_core::contract::{Topic, TraceParent};
    use resources_core::test_support::{
        RabbitMq, full_measure, in_time, open_bus, shared_broker, unique_exchange,
    };
    use tokio::task::JoinHandle;

    use super::*;

    /// A watch over a bus inside this process, as it runs.
    fn watched() -> (Arc<Arrivals>, watch::Receiver<Pipeline>, JoinHandle<()>) {
        let watch = PipelineWatch::new(Bus::open(BusConfig::in_memory("test")));
        let (arrivals, pipeline) = (watch.arrivals(), watch.pipeline());
        (arrivals, pipeline, tokio::spawn(watch.run(CancellationToken::new())))
    }

    async fn until(pipeline: &mut watch::Receiver<Pipeline>, state: PipelineState) -> Duration {
        let begun = Instant::now();
        let told = pipeline.wait_for(|now| now.state == state);
        // A clock that is paused runs on by itself, for ever.
        timeout(Duration::from_secs(600), told).await.unwrap().unwrap();
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn it_flows_while_analyses_come_and_rests_six_seconds_after_the_last() {
        let (arrivals, mut pipeline, task) = watched();
        assert_eq!(pipeline.borrow().state, PipelineState::Unknown);
        assert!(until(&mut pipeline, PipelineState::Idle).await >= QUIET, "none ever came");
        for _ in 0..10 {
            arrivals.note(Some(1000));
            until(&mut pipeline, PipelineState::Flowing).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(pipeline.borrow().state, PipelineState::Flowing);
        }
        // Looked into after three seconds, and listened to for three more.
        let rested = until(&mut pipeline, PipelineState::Idle).await;
        assert!((QUIET * 2 - Duration::from_secs(1)..=QUIET * 2).contains(&rested), "{rested:?}");
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_host_keeps_it_flowing_for_three_of_its_intervals() {
        let (arrivals, mut pipeline, task) = watched();
        arrivals.note(Some(20_000));
        until(&mut pipeline, PipelineState::Flowing).await;
        let rested = until(&mut pipeline, PipelineState::Idle).await;
        assert!((60..=63).contains(&rested.as_secs()), "{rested:?}");
        task.abort();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn over_a_broker_it_tells_what_holds_measures_up() {
        let (url, exchange) = (blocking_broker().await, unique_exchange());
        let bus = open_bus(url, &exchange);
        // As the dashboard does: without any link there would be none that is up.
        let _analyses = bus.subscribe(Source::Analyses(Start::Next), NonZeroU16::MIN);
        // Before it listens, so that it can only see them.
        let tracker = open_bus(url, &exchange);
        for sequence in 0..3 {
            publish_measure(&tracker, sequence).await;
        }
        let watch = PipelineWatch::new(bus.clone());
        let (arrivals, mut pipeline) = (watch.arrivals(), watch.pipeline());
        let task = tokio::spawn(watch.run(CancellationToken::new()));
        let waiting = |state, waiting_measures| {
            move |now: &Pipeline| (now.state, now.waiting_measures) == (state, waiting_measures)
        };
        let mut told = async |what: &str, wanted: (PipelineState, Option<u64>)| {
            in_time(what, pipeline.wait_for(waiting(wanted.0, wanted.1))).await.unwrap();
        };
        told("nobody takes them", (PipelineState::NoAnalyzer, Some(3))).await;

        // One that takes a measure and does nothing with it.
        let analyzer = open_bus(url, &exchange);
        let mut measures = analyzer.subscribe(Source::Measures, NonZeroU16::MIN);
        let frozen = in_time("a measure", measures.next()).await.unwrap();
        told("it holds them up", (PipelineState::Stalled, Some(2))).await;

        measures.acknowledge_through(frozen.receipt).await;
        for _ in 0..2 {
            let measure = in_time("a measure", measures.next()).await.unwrap();
            measures.acknowledge_through(measure.receipt).await;
        }
        measures.flush().await;
        // With an interval that lets it flow for long enough to be seen by a busy machine.
        arrivals.note(Some(4000));
        told("one came", (PipelineState::Flowing, None)).await;
        told("no measure is left", (PipelineState::Idle, Some(0))).await;

        in_time("the analyzer ends", analyzer.close()).await;
        told("nobody is there to take any", (PipelineState::NoAnalyzer, Some(0))).await;
        task.abort();
        in_time("the buses close", async { tokio::join!(bus.close(), tracker.close()) }).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_analyzer_that_takes_every_measure_and_does_nothing_has_stalled() {
        let (url, exchange) = (blocking_broker().await, unique_exchange());
        let bus = open_bus(url, &exchange);
        let _analyses = bus.subscribe(Source::Analyses(Start::Next), NonZeroU16::MIN);
        let analyzer = open_bus(url, &exchange);
        let mut frozen = analyzer.subscribe(Source::Measures, NonZeroU16::new(512).unwrap());
        assert!(in_time("it consumes", frozen.ready()).await);
        let watch = PipelineWatch::new(bus.clone());
        let (arrivals, mut pipeline) = (watch.arrivals(), watch.pipeline());
        let task = tokio::spawn(watch.run(CancellationToken::new()));
        let tracker = open_bus(url, &exchange);
        let sender = send_on(&tracker);
        let stalled = |now: &Pipeline| {
            now.state == PipelineState::Stalled && now.waiting_measures >= Some(10)
        };
        in_time("measures come and none is analysed", pipeline.wait_for(stalled)).await.unwrap();
        arrivals.note(Some(4000));
        let flowing = |now: &Pipeline| now.state == PipelineState::Flowing;
        in_time("one came", pipeline.wait_for(flowing)).await.unwrap();
        sender.abort();
        task.abort();
        let closing = async { tokio::join!(bus.close(), tracker.close(), analyzer.close()) };
        in_time("the buses close", closing).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_login_hears_measures_when_it_may_and_looks_at_the_queue_when_not() {
        // Those of docs/deploy.md.
        let logins = [
            (
                "listens",
                r"'^amq\.gen-' '^(resources(\.rejected)?|amq\.(direct|gen-.*))$' '^(resources(\.(analyses|alerts))?|amq\.gen-.*)$'",
                PipelineState::Stalled,
            ),
            (
                "looks",
                r"'^$' '^resources(\.rejected)?$' '^resources\.(analyses|alerts)$'",
                PipelineState::Idle,
            ),
        ];
        let broker = tokio::task::spawn_blocking(RabbitMq::start).await.unwrap();
        let others = open_bus(&broker.url(), "resources");
        let mut frozen = others.subscribe(Source::Measures, NonZeroU16::new(512).unwrap());
        assert!(in_time("it consumes", frozen.ready()).await);
        let sender = send_on(&others);
        for (user, rights, state) in logins {
            assert!(include_str!("../../../docs/deploy.md").contains(rights), "{rights}");
            let rights: Vec<_> = rights.split(' ').map(|each| each.trim_matches('\'')).collect();
            broker.ctl(&["add_user", user, "secret"]);
            broker.ctl(&[&["set_permissions", user][..], &rights].concat());
            let bus = open_bus(&broker.url_of(user, "secret"), "resources");
            let _analyses = bus.subscribe(Source::Analyses(Start::Next), NonZeroU16::MIN);
            let watch = PipelineWatch::new(bus.clone());
            let mut pipeline = watch.pipeline();
            let task = tokio::spawn(watch.run(CancellationToken::new()));
            // One or two may be on their way to the analyzer whenever the queue is looked at.
            let heard = state == PipelineState::Stalled;
            let is_told =
                |now: &Pipeline| now.state == state && (now.waiting_measures >= Some(10)) == heard;
            in_time(user, pipeline.wait_for(is_told)).await.unwrap();
            assert_eq!(bus.link().borrow().state, LinkState::Up, "{user}");
            task.abort();
            in_time("the bus closes", bus.close()).await;
        }
        sender.abort();
        in_time("the bus closes", others.close()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn inside_a_process_measures_that_are_not_analysed_are_heard_as_well() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let watch = PipelineWatch::new(bus.clone());
        let mut pipeline = watch.pipeline();
        let task = tokio::spawn(watch.run(CancellationToken::new()));
        until(&mut pipeline, PipelineState::Idle).await;
        for sequence in 0..3 {
            publish_measure(&bus, sequence).await;
        }
        until(&mut pipeline, PipelineState::Stalled).await;
        assert_eq!(pipeline.borrow().waiting_measures, Some(3));
        // Nobody sends any more.
        let rested = until(&mut pipeline, PipelineState::Idle).await;
        assert!((20..=40).contains(&rested.as_secs()), "{rested:?}");
        task.abort();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_broker_that_does_not_answer_leaves_it_unknown() {
        let watch = PipelineWatch::new(open_bus("amqp://127.0.0.1:1/", "resources"));
        assert_eq!(Probe::new(&watch.bus).look().await, Sight::Nothing);
    }

    async fn publish_measure(bus: &Bus, sequence: u64) {
        let topic = Topic::new("web.measure").unwrap();
        let measure = full_measure("web", sequence);
        let message = Message::json(topic, &measure, 7, TraceParent::begin()).unwrap();
        bus.publisher().publish_until_confirmed(&message).await.unwrap();
    }

    /// Publishes ten measures a second, until it is aborted.
    fn send_on(bus: &Bus) -> JoinHandle<()> {
        let bus = bus.clone();
        tokio::spawn(async move {
            for sequence in 0.. {
                publish_measure(&bus, sequence).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }

    async fn blocking_broker() -> &'static str {
        tokio::task::spawn_blocking(shared_broker).await.unwrap()
    }
}
