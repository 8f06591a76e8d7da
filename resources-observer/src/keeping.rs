//! Writing what the observer remembers, again and again until it can be written.

use std::sync::LazyLock;

use resources_core::bus::Backoff;
use resources_core::service::PartHealth;
use resources_core::telemetry::metrics::{
    Counter, Counters, Gauge, Gauges, counters_by, gauges_by,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The service stops while the state cannot be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GivenUp;

/// Sees to it that a state is written, and says so where it cannot be: in the log, in figures and
/// to whoever checks the health.
#[derive(Debug)]
pub(crate) struct Keeping {
    /// Whose state it is.
    whose: &'static str,
    stop: CancellationToken,
    health: PartHealth,
    failures: Counter,
    unwritable: Gauge,
}

static FAILURES: LazyLock<Counters> = LazyLock::new(|| {
    counters_by(
        "resources_observer_state_failures_total",
        "Tries to write or read the state that failed",
        "state",
    )
});

static UNWRITABLE: LazyLock<Gauges> = LazyLock::new(|| {
    gauges_by(
        "resources_observer_state_unwritable",
        "1 while the state cannot be written, so that nothing is judged or told, else 0",
        "state",
    )
});

impl Keeping {
    /// Keeps the state of `whose`, until `stop` when it cannot be written.
    pub(crate) fn new(whose: &'static str, stop: CancellationToken) -> Self {
        let unwritable = UNWRITABLE.with_label_values(&[whose]);
        unwritable.set(0);
        let failures = FAILURES.with_label_values(&[whose]);
        Self { whose, stop, health: PartHealth::new(whose), failures, unwritable }
    }

    /// The thread goes on; to be called at least every few seconds.
    pub(crate) fn alive(&self) {
        self.health.alive();
    }

    /// Does `work` again and again until the database lets it be done. Nothing more is taken from
    /// the stream until then, which keeps it.
    pub(crate) async fn persevere<T>(
        &self,
        mut work: impl FnMut() -> rusqlite::Result<T>,
    ) -> Result<T, GivenUp> {
        let Self { whose, stop, health, failures, unwritable } = self;
        let mut backoff = Backoff::default();
        let mut is_troubled = false;
        loop {
            match work() {
                Ok(done) => {
                    if is_troubled {
                        unwritable.set(0);
                        health.show(None);
                        tracing::info!("the state of {whose} is written again");
                    }
                    return Ok(done);
                }
                Err(error) => {
                    failures.inc();
                    unwritable.set(1);
                    health.show(Some(format!("the state cannot be written: {error}")));
                    if !std::mem::replace(&mut is_troubled, true) {
                        tracing::error!(
                            %error,
                            "the state of {whose} cannot be written: {error}; nothing is told \
                             until it can be"
                        );
                    }
                }
            }
            let wait = backoff.next_wait();
            if stop.run_until_cancelled(sleep(wait)).await.is_none() {
                tracing::warn!(
                    "stopping while the state of {whose} cannot be written; what is missing is \
                     read from the stream at the next start"
                );
                return Err(GivenUp);
            }
        }
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.unwritable.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None)
    }

    #[tokio::test(start_paused = true)]
    async fn it_counts_each_try_and_gives_up_only_to_stop() {
        let stop = CancellationToken::new();
        let keeping = Keeping::new("test", stop.clone());
        let mut tries = 0;
        let done = keeping.persevere(|| {
            tries += 1;
            if tries > 3 { Ok(tries) } else { Err(full()) }
        });
        assert_eq!(done.await, Ok(4));
        assert_eq!((keeping.failures.get(), keeping.unwritable.get()), (3, 0));
        let mut tries = 0;
        let given_up = keeping.persevere(|| {
            tries += 1;
            assert_eq!(keeping.unwritable.get(), i64::from(tries > 1));
            if tries == 3 {
                stop.cancel();
            }
            Err::<(), _>(full())
        });
        assert_eq!(given_up.await, Err(GivenUp));
        assert_eq!(tries, 3);
    }
}
