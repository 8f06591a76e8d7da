//! Functions that are called with events.
//!
//! ```no_run
//! use resources_observer::{Event, Observer, ObserverError};
//!
//! async fn terminator_detected(_: Event) {
//!     println!("Terminator just dropped in our space-time");
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), ObserverError> {
//!     Observer::from_environment("sarah-connor")?
//!         .on("terminator_detected", terminator_detected)
//!         .run()
//!         .await
//! }
//! ```
//!
//! What is promised:
//!
//! - **At least once.** An observer with a [name](Observer::named) has a queue at the broker that
//!   outlives it. An event leaves it only once every handler it is for has succeeded, or once the
//!   broker has it among the rejected ones. So whatever ends the observer or the broker, the event
//!   comes again, and a handler may see it twice. Without a name an observer gets what is published
//!   while it runs, and what it has not dealt with when it ends or loses its link is gone.
//! - **One slow handler.** With a name all handlers share a queue, and one that is slow holds up the
//!   others once all events sent ahead wait for it. Without a name each has a queue of its own.
//! - **Order.** A handler gets events one at a time, in the order of the queue; one that fails holds
//!   up those behind it until it succeeds or is rejected. With [`Events::concurrency`] they are begun
//!   in that order and end in any. Events that come again, and several observers of one name, keep
//!   no order.
//! - **Failing.** A handler that returns an error, panics or takes too long is called again after a
//!   pause; see [`Events::attempts`]. After the last attempt, or at once when it returns [`Reject`] or
//!   the body is not what it takes, the event is set aside in the rejected queue with the cause, where
//!   `resources rejected` shows it and puts it back. Without a name it is dropped with a line in the
//!   log, as every listener had it.
//! - **Bounds.** Of events that are not dealt with it holds no more than the broker may send ahead:
//!   what its handlers work on at the same time, and one. RabbitMQ waits half an hour for an event
//!   to be dealt with; settings by which one might take longer are refused.

mod counts;
mod dispatch;
mod event;
mod events;
mod handler;

use std::future::Future;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args as _, FromArgMatches as _};
use futures_util::future::try_join_all;
use resources_core::bus::{Bus, BusArgs, BusConfig, ListenerName, Source, Subscription};
use resources_core::service::{self, GRACE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

pub use counts::{Counts, Figures};
pub use event::{Event, SendError, Sender};
pub use events::Events;
pub use handler::{Outcome, Reject, TypedHandler};

use dispatch::Dispatcher;
use handler::{Registered, Run, typed, untyped};

/// RabbitMQ takes a consumer for broken that has not acknowledged an event this long after it was
/// sent, and gives all it holds to another, or nobody.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Calls functions with the events they are for; see the [module](self) for what it promises.
#[must_use = "an observer does nothing until it is run"]
pub struct Observer {
    bus: Bus,
    /// Whether nobody else uses the bus, so that it is to be closed in the end.
    owns_bus: bool,
    name: Option<ListenerName>,
    handlers: Vec<Registered>,
    grace: Duration,
    when_ready: Option<Box<dyn FnOnce() + Send>>,
    counts: Arc<Counts>,
    /// The first setting that cannot be used.
    problem: Option<String>,
}

/// Why an observer ended by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserverError {
    /// Something it was told cannot be used: says what, and what is allowed.
    #[error("{0}")]
    Settings(String),
    /// The broker refused it: wrong credentials, no such virtual host.
    #[error("the broker refused: {0}")]
    Refused(String),
    /// The bus was closed by somebody else.
    #[error("the bus was closed")]
    Closed,
    /// The system would not tell of signals.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] std::io::Error),
}

impl Observer {
    /// An observer with a bus of its own.
    pub fn connect(config: BusConfig) -> Self {
        Self { owns_bus: true, ..Self::over(Bus::open(config)) }
    }

    /// An observer with a bus of its own, to the broker that the environment names as for every
    /// part of Resources: `RESOURCES_BROKER_URL`, `RESOURCES_EXCHANGE` and so on, RabbitMQ on this
    /// machine when it says nothing. Shows at the broker as `application`.
    ///
    /// # Errors
    /// Names the variable that cannot be used.
    pub fn from_environment(application: &str) -> Result<Self, ObserverError> {
        let settings = |error: &dyn std::fmt::Display| ObserverError::Settings(error.to_string());
        let command = BusArgs::augment_args(clap::Command::new("observer")).no_binary_name(true);
        let matches = command.try_get_matches_from::<_, &str>([]).map_err(|e| settings(&e))?;
        let arguments = BusArgs::from_arg_matches(&matches).map_err(|e| settings(&e))?;
        arguments.config(application).map(Self::connect).map_err(|e| settings(&e))
    }

    /// An observer over a bus that others may use, too. The bus stays open when it ends.
    pub fn over(bus: Bus) -> Self {
        Self {
            bus,
            owns_bus: false,
            name: None,
            handlers: Vec::new(),
            grace: GRACE,
            when_ready: None,
            counts: Arc::default(),
            problem: None,
        }
    }

    /// Shares a durable queue with every observer of this name: each event goes to one of them, and
    /// waits while none is running. The name is 1–50 letters, digits, `-`, `_` or `.`.
    ///
    /// All of one name should be the same program: an event that reaches one without a handler for
    /// its key is set aside.
    pub fn named(mut self, name: &str) -> Self {
        match name.parse() {
            Ok(name) => self.name = Some(name),
            Err(error) => self.refuse(&error),
        }
        self
    }

    /// Calls `handler` with the events that match: a pattern such as `"#.alert"`, or [`Events`] for
    /// more than that. Several handlers may be for one event.
    ///
    /// Handlers of one name share its queue: events that wait for a slow one fill the room of those
    /// sent ahead, and others wait behind them. Give each a name, or an observer without one, where
    /// that matters.
    pub fn on<H, F>(self, events: impl Into<Events>, handler: H) -> Self
    where
        H: Fn(Event) -> F + Send + Sync + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        self.add(events.into(), untyped(handler))
    }

    /// Like [`on`](Self::on), with the body as a `T`. An event whose body is none is set aside at
    /// once.
    ///
    /// ```
    /// use resources_core::contract::Alert;
    /// use resources_observer::{Events, Observer};
    /// # fn add(observer: Observer) -> Observer {
    /// let high = Events::of("#.alert").filter("level=HIGH state=raised").concurrency(4);
    /// observer.on_event::<Alert>(high, |alert, event| async move {
    ///     event.send("pager.call", &format!("{} needs somebody", alert.host)).await
    /// })
    /// # }
    /// ```
    pub fn on_event<T: DeserializeOwned + Send + 'static>(
        self,
        events: impl Into<Events>,
        handler: impl TypedHandler<T>,
    ) -> Self {
        self.add(events.into(), typed(handler))
    }

    /// How long handlers may take to end once the observer is asked to stop; 8 s by default.
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Calls `told` once events can come: none that is published later is missed.
    pub fn when_ready(mut self, told: impl FnOnce() + Send + 'static) -> Self {
        self.when_ready = Some(Box::new(told));
        self
    }

    /// What it counts, also while it runs.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Publishes events from outside of handlers, also while it runs.
    #[must_use]
    pub fn sender(&self) -> Sender {
        Sender::new(self.bus.publisher_apart())
    }

    /// Publishes `body` as JSON to `key`, and waits until the broker has it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send<B: Serialize + ?Sized + Sync>(
        &self,
        key: &str,
        body: &B,
    ) -> Result<(), SendError> {
        self.sender().send(key, body).await
    }

    /// Runs until the process is asked to stop by SIGINT or SIGTERM.
    ///
    /// # Errors
    /// See [`ObserverError`].
    pub async fn run(self) -> Result<(), ObserverError> {
        let stop = service::stop_on_signal().map_err(ObserverError::Signals)?;
        self.run_until(stop.cancelled_owned()).await
    }

    /// Runs until `stop` resolves. Then it takes no more events, lets the handlers that are at work
    /// end, within a bound, and gives back what none has begun. Without a name there is no queue to
    /// give it back to, so handlers still get it.
    ///
    /// # Errors
    /// See [`ObserverError`].
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), ObserverError> {
        if let Some(problem) = self.problem {
            return Err(ObserverError::Settings(problem));
        }
        if self.handlers.is_empty() {
            return Err(ObserverError::Settings("an observer needs a handler: `on(…)`".to_owned()));
        }
        // The handlers of a name share its queue. Without one each has its own, so that one that is
        // slow holds up no other.
        let shares: Vec<Vec<Registered>> = match self.name {
            Some(_) => vec![self.handlers],
            None => self.handlers.into_iter().map(|handler| vec![handler]).collect(),
        };
        let prefetches: Vec<_> =
            shares.iter().map(|handlers| ahead(handlers)).collect::<Result<_, _>>()?;
        let mut queues = Vec::new();
        for (handlers, prefetch) in shares.into_iter().zip(prefetches) {
            let patterns = handlers.iter().map(|handler| handler.pattern.clone()).collect();
            let source = match &self.name {
                Some(name) => Source::Named { name: name.clone(), patterns },
                None => Source::Patterns(patterns),
            };
            let dispatcher = Dispatcher::new(
                handlers,
                // Keys are the handlers' choice, and others use the bus.
                self.bus.publisher_apart(),
                Arc::clone(&self.counts),
                self.name.clone(),
                usize::from(prefetch.get()),
            );
            queues.push((dispatcher, self.bus.subscribe(source, prefetch)));
        }
        let stopping = CancellationToken::new();
        let outcome = {
            let work = async {
                let mut ready = true;
                for (_, subscription) in &mut queues {
                    ready &= tokio::select! {
                        ready = subscription.ready() => ready,
                        () = stopping.cancelled() => return Ok(()),
                    };
                }
                if let (true, Some(told)) = (ready, self.when_ready) {
                    told();
                }
                let run = |(dispatcher, subscription): (Dispatcher, Subscription)| {
                    dispatcher.run(subscription, &stopping, self.grace)
                };
                try_join_all(queues.into_iter().map(run)).await.map(|_| ())
            };
            let mut work = std::pin::pin!(work);
            tokio::select! {
                ended = &mut work => ended,
                reason = self.bus.refused() => Err(ObserverError::Refused(reason)),
                () = stop => {
                    stopping.cancel();
                    // A link that is silent may hold up even an acknowledgement.
                    let bound = self.grace.saturating_add(Duration::from_secs(1));
                    tokio::time::timeout(bound, work).await.unwrap_or(Ok(()))
                }
            }
        };
        if self.owns_bus {
            service::within(GRACE, "closing the links to the broker", self.bus.close()).await;
        }
        outcome
    }

    fn add(mut self, events: Events, run: Run) -> Self {
        match events.check() {
            Ok(checked) => self.handlers.push(Registered::new(checked, run)),
            Err(problem) => self.refuse(&problem),
        }
        self
    }

    fn refuse(&mut self, problem: &dyn std::fmt::Display) {
        self.problem.get_or_insert_with(|| problem.to_string());
    }
}

/// How many events the broker may send ahead to `handlers` together: what they work on and one, so
/// that the next is here when one is done.
fn ahead(handlers: &[Registered]) -> Result<NonZeroU16, ObserverError> {
    let at_work = handlers.iter().map(|handler| handler.concurrency);
    let prefetch = NonZeroU16::MIN.saturating_add(at_work.fold(0, u16::saturating_add));
    for Registered { pattern, concurrency, longest, .. } in handlers {
        // All of them may be for this one, and each may take its longest.
        let rounds = u32::from(prefetch.get().div_ceil(*concurrency));
        let held = longest.saturating_mul(rounds);
        if held >= PATIENCE {
            return Err(ObserverError::Settings(format!(
                "events of \"{pattern}\": one may take {longest:?}, and the last of the {prefetch} \
                 that are sent ahead {held:?}; RabbitMQ waits {PATIENCE:?}: lower `time_limit`, \
                 `attempts` or `pause`, or raise `concurrency`"
            )));
        }
    }
    Ok(prefetch)
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer")
            .field("name", &self.name)
            .field("handlers", &self.handlers)
            .field("problem", &self.problem)
            .finish_non_exhaustive()
    }
}
