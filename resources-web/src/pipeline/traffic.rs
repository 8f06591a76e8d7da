//! Listens to what trackers publish, while no analysis comes: an analyzer that hangs may hold
//! every measure there is, and then none is seen to wait in the queue.

use std::num::NonZeroU16;
use std::time::Duration;

use resources_core::bus::{Bus, Link, LinkState, Pattern, Source, Subscription};
use resources_core::contract::Kind;
use tokio::sync::watch;
use tokio::time::Instant;

use super::judge::{Heard, Quiet};

/// Measures on their way from the broker at a time; they are counted, and no more.
const PREFETCH: NonZeroU16 = NonZeroU16::new(1_000).expect("above zero");

/// A measure may take this long to become an analysis, and so long silence must last to be one.
const GRACE: Duration = Duration::from_secs(3);

/// What was heard counts at least this long. Whoever waits longer promised longer intervals.
const MEMORY: Duration = Duration::from_secs(30);

/// The ear. It is open while no analysis comes, and costs nothing otherwise.
pub(super) struct Traffic<'a> {
    bus: &'a Bus,
    open: Option<Open>,
    /// The broker does not let this user have a queue of its own; it is not asked again.
    is_refused: bool,
}

struct Open {
    since: Instant,
    measures: Subscription,
    link: watch::Receiver<Link>,
    seen: Option<Seen>,
}

/// Measures of which none became an analysis.
#[derive(Debug, Clone, Copy)]
struct Seen {
    count: u64,
    first_at: Instant,
    last_at: Instant,
}

impl<'a> Traffic<'a> {
    pub(super) const fn new(bus: &'a Bus) -> Self {
        Self { bus, open: None, is_refused: false }
    }

    /// Begins to listen, unless it does already.
    pub(super) fn open(&mut self) {
        if self.is_refused || self.open.is_some() {
            return;
        }
        let Ok(pattern) = Pattern::new(Kind::Measure.pattern()) else { return };
        // Over a broker a bus of its own: the dashboard's link must not be judged by this one's.
        let bus = self.bus.inspectable().map_or_else(|| self.bus.clone(), |c| Bus::open(c.clone()));
        let measures = bus.subscribe(Source::Patterns(vec![pattern]), PREFETCH);
        self.open = Some(Open { since: Instant::now(), measures, link: bus.link(), seen: None });
    }

    /// Listens no more, and forgets what it heard.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Counts measures as they come, for as long as it is awaited. Safe to drop and call again.
    pub(super) async fn listen(&mut self) {
        if let Some(open) = &mut self.open {
            while let Some(measure) = open.measures.next().await {
                let now = Instant::now();
                let seen = open.seen.get_or_insert(Seen { count: 0, first_at: now, last_at: now });
                seen.count += 1;
                seen.last_at = now;
                open.measures.acknowledge_through(measure.receipt).await;
            }
        }
        std::future::pending::<()>().await;
    }

    /// What was heard in this quiet.
    pub(super) fn heard(&mut self, quiet: Quiet) -> Heard {
        let Some(open) = &mut self.open else { return Heard::Nothing };
        if let LinkState::Refused { reason } = &open.link.borrow().state {
            tracing::warn!(
                reason,
                "this login may not listen to measures, so an analyzer that hangs with all of \
                 them is taken for trackers that are silent: {reason}"
            );
            self.is_refused = true;
        }
        if self.is_refused {
            self.open = None;
            return Heard::Nothing;
        }
        match open.seen {
            Some(seen) if seen.last_at.elapsed() >= MEMORY.max(quiet.patience()) => {
                open.seen = None;
                Heard::Nothing
            }
            Some(seen) if seen.first_at.elapsed() >= GRACE => Heard::Measures(seen.count),
            None if open.since.elapsed() >= GRACE => Heard::Nothing,
            Some(_) | None => Heard::NotLongEnough,
        }
    }
}
