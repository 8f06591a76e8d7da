//! A function that is called with events, and one event's way through it.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use resources_core::bus::{Backoff, Pattern};
use resources_core::telemetry::metrics::{self, Histogram};
use resources_core::telemetry::{Span, StepError};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::counts::Counts;
use super::event::Event;
use super::events::Checked;
use crate::filter::Filter;

/// Most characters of a cause that are kept; the rest says no more.
const LONGEST_CAUSE: usize = 500;

/// What a handler may return: nothing, or a result whose error is anything that shows itself.
pub trait Outcome: Send {
    /// The error, if it is one.
    ///
    /// # Errors
    /// What the handler failed with.
    fn into_result(self) -> Result<(), Box<dyn Error + Send + Sync>>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>> + Send> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.map_err(Into::into)
    }
}

/// The error of a handler for which calling it again would not help: the event is set aside at
/// once, with this cause.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Reject(pub String);

/// A function of a body and its event. Implemented for every fitting function and closure.
pub trait TypedHandler<T>:
    Fn(T, Event) -> <Self as TypedHandler<T>>::Future + Send + Sync + 'static
{
    /// What the function returns.
    type Future: Future<Output: Outcome> + Send + 'static;
}

impl<T, H, F> TypedHandler<T> for H
where
    H: Fn(T, Event) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    type Future = F;
}

/// Why a call did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    class: Class,
    cause: String,
}

/// What kind of failure it is. Calling again may help, unless it is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Failed,
    Panic,
    Timeout,
    Rejected,
}

impl Class {
    const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
        }
    }
}

impl Failure {
    fn new(class: Class, cause: &str) -> Self {
        Self { class, cause: shortened(cause) }
    }
}

/// Any handler.
pub(super) type Run = Arc<dyn Fn(Event) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

pub(super) fn untyped<H, F>(handler: H) -> Run
where
    H: Fn(Event) -> F + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    Arc::new(move |event| {
        let work = handler(event);
        async move { outcome(work.await) }.boxed()
    })
}

pub(super) fn typed<T, H>(handler: H) -> Run
where
    T: DeserializeOwned + Send + 'static,
    H: TypedHandler<T>,
{
    Arc::new(move |event| match event.parse() {
        Ok(body) => {
            let work = handler(body, event);
            async move { outcome(work.await) }.boxed()
        }
        Err(error) => {
            let cause = format!("the body does not parse: {error}");
            std::future::ready(Err(Failure::new(Class::Rejected, &cause))).boxed()
        }
    })
}

fn outcome(outcome: impl Outcome) -> Result<(), Failure> {
    outcome.into_result().map_err(|error| match error.downcast_ref::<Reject>() {
        Some(Reject(cause)) => Failure::new(Class::Rejected, cause),
        None => Failure::new(Class::Failed, &error.to_string()),
    })
}

/// A handler with the events it is for.
pub(super) struct Registered {
    pub(super) pattern: Pattern,
    pub(super) filter: Filter,
    pub(super) concurrency: u16,
    /// Longest that it may be at one event.
    pub(super) longest: Duration,
    pub(super) way: Way,
}

impl Registered {
    pub(super) fn new(events: Checked, run: Run) -> Self {
        let Checked { pattern, filter, concurrency, attempts, backoff, time_limit, longest } =
            events;
        let seconds = metrics::handler(pattern.as_str());
        let way = Way { run, attempts, backoff, time_limit, seconds };
        Self { pattern, filter, concurrency, longest, way }
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("pattern", &self.pattern)
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

/// How an event goes through a handler.
#[derive(Clone)]
pub(super) struct Way {
    run: Run,
    attempts: u32,
    backoff: Backoff,
    time_limit: Duration,
    /// How long calls take.
    seconds: Histogram,
}

/// What became of one event in one handler.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The handler succeeded.
    Done,
    /// It failed for good.
    Rejected(String),
    /// It was not brought to an end, because the event comes again.
    Dropped,
}

impl Way {
    /// Calls the handler until it succeeds or there are no attempts left. A pause between two of
    /// them ends with `dropped`.
    pub(super) async fn go(
        mut self,
        event: Event,
        dropped: CancellationToken,
        counts: Arc<Counts>,
    ) -> Verdict {
        for attempt in 1.. {
            let Err(Failure { class, cause }) = self.attempt(&event, &counts).await else {
                counts.handled.add_one();
                return Verdict::Done;
            };
            counts.failed_attempts.add_one();
            if class == Class::Rejected {
                return Verdict::Rejected(cause);
            }
            if attempt >= self.attempts {
                let times = if attempt == 1 { "once" } else { &format!("{attempt} times") };
                return Verdict::Rejected(format!("tried {times}: {cause}"));
            }
            tell(&event, attempt, &cause);
            tokio::select! {
                () = dropped.cancelled() => return Verdict::Dropped,
                () = sleep(self.backoff.next_wait()) => {}
            }
        }
        Verdict::Dropped
    }

    /// Calls it once, as a step of the event's trace.
    async fn attempt(&self, event: &Event, counts: &Counts) -> Result<(), Failure> {
        let (begun, span) = (Instant::now(), Span::after(Some(event.trace())));
        let outcome = self.call(event.in_step(span.trace()), counts).await;
        self.seconds.observe(begun.elapsed().as_secs_f64());
        let failed = outcome.as_ref().err();
        let failed =
            failed.map(|Failure { class, cause }| StepError { class: class.word(), cause });
        span.end_process(event.delivery(), failed);
        outcome
    }

    async fn call(&self, event: Event, counts: &Counts) -> Result<(), Failure> {
        let run = Arc::clone(&self.run);
        // Called inside of the future, as a function may panic before it gives one.
        let mut call = Box::pin(AssertUnwindSafe(async move { run(event).await }).catch_unwind());
        let ended = timeout(self.time_limit, &mut call).await;
        // What it holds may panic when it goes, above all in the middle of its work.
        let let_go = catch_unwind(AssertUnwindSafe(move || drop(call)));
        let panic = match (ended, let_go) {
            (Ok(Err(panic)), _) | (_, Err(panic)) => panic,
            (Ok(Ok(outcome)), Ok(())) => return outcome,
            (Err(_), Ok(())) => {
                let limit = self.time_limit;
                let cause = format!("the handler took longer than {limit:?}");
                return Err(Failure::new(Class::Timeout, &cause));
            }
        };
        counts.panics.add_one();
        Err(Failure::new(Class::Panic, &panicked(&*panic)))
    }
}

/// Says that the handler failed, the first time with an event.
fn tell(event: &Event, attempt: u32, cause: &str) {
    let (key, trace_id) = (event.key(), event.trace().trace_id_text());
    // The key is foreign: shown with its control characters escaped.
    if attempt == 1 {
        tracing::warn!(?key, %trace_id, cause, "a handler failed and is called again: {cause}");
    } else {
        tracing::debug!(?key, %trace_id, attempt, cause, "a handler failed again: {cause}");
    }
}

/// The cause of a try that ended in a panic.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> String {
    shortened(&format!("the handler panicked: {}", words(panic)))
}

fn words(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(words), _) => words,
        (None, Some(words)) => words,
        (None, None) => "without a word",
    }
}

/// Short enough for a header, and in one line.
fn shortened(cause: &str) -> String {
    cause.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_CAUSE).collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use resources_core::bus::{Bus, BusConfig, Message, Source};
    use resources_core::contract::{Topic, TraceParent};

    use super::*;
    use crate::observer::events::Events;

    async fn event() -> Event {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let everything = Source::Patterns(vec!["#".parse().unwrap()]);
        let mut events = bus.subscribe(everything, NonZeroU16::MIN);
        let topic = Topic::new("a").unwrap();
        let message = Message::json(topic, &1, 0, TraceParent::begin()).unwrap();
        bus.publisher().publish(&message).await.unwrap();
        Event::new(&events.next().await.unwrap(), 1.into(), bus.publisher())
    }

    async fn failure(run: Run) -> (&'static str, String) {
        let events = Events::of("a").time_limit(Duration::from_millis(50)).check().unwrap();
        let way = Registered::new(events, run).way;
        let failed = way.attempt(&event().await, &Counts::default()).await.unwrap_err();
        (failed.class.word(), failed.cause)
    }

    #[tokio::test]
    async fn a_failure_says_of_what_kind_it_is() {
        let failed = |class, cause: &str| (class, cause.to_owned());
        let run = untyped(async |_| Err::<(), _>("no\nroom"));
        assert_eq!(failure(run).await, failed("failed", "no room"));
        let run = untyped(async |_| Err::<(), _>(Reject("not mine".to_owned())));
        assert_eq!(failure(run).await, failed("rejected", "not mine"));
        let run = typed(async |_: String, _| ());
        assert_eq!(failure(run).await.0, "rejected");
        let run = untyped(async |_| -> () { panic!("oh") });
        assert_eq!(failure(run).await, failed("panic", "the handler panicked: oh"));
        let run = untyped(|_| std::future::pending::<()>());
        assert_eq!(failure(run).await, failed("timeout", "the handler took longer than 50ms"));
    }
}
