//! Which events a handler is for, and how it is treated.

use std::time::Duration;

use resources_core::bus::{Backoff, Pattern};

use crate::filter::Filter;

/// Which events a handler is for, and how it is called with them. A bare pattern is enough where
/// the defaults will do.
#[derive(Debug, Clone)]
#[must_use = "give it to `Observer::on`"]
pub struct Events {
    pattern: String,
    filter: Option<String>,
    concurrency: u16,
    attempts: u32,
    pause: (Duration, Duration),
    time_limit: Duration,
}

/// The same, checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) pattern: Pattern,
    pub(super) filter: Filter,
    pub(super) concurrency: u16,
    pub(super) attempts: u32,
    pub(super) backoff: Backoff,
    pub(super) time_limit: Duration,
    /// Longest that the handler may be at one event, all attempts and pauses included.
    pub(super) longest: Duration,
}

impl Events {
    /// Events whose routing key matches `pattern`: words between dots, `*` for one word and `#` for
    /// any number of words.
    pub fn of(pattern: &str) -> Self {
        Self {
            pattern: pattern.to_owned(),
            filter: None,
            concurrency: 1,
            attempts: 5,
            pause: (Duration::from_secs(1), Duration::from_secs(30)),
            time_limit: Duration::from_secs(30),
        }
    }

    /// Only those that the filter takes; see [`crate::filter`] for how one is written. The others
    /// are done with.
    pub fn filter(mut self, filter: &str) -> Self {
        self.filter = Some(filter.to_owned());
        self
    }

    /// Calls the handler with up to so many events at the same time; 1 by default.
    pub const fn concurrency(mut self, at_most: u16) -> Self {
        self.concurrency = at_most;
        self
    }

    /// Calls the handler up to so many times with an event at which it fails; 5 by default. Then the
    /// event is set aside.
    pub const fn attempts(mut self, at_most: u32) -> Self {
        self.attempts = at_most;
        self
    }

    /// How long to pause before calling the handler again with an event at which it failed: at most
    /// `first` at first, then at most twice as long each time up to `longest`; the wait itself is
    /// drawn at random below that. 1 s and 30 s by default.
    pub const fn pause(mut self, first: Duration, longest: Duration) -> Self {
        self.pause = (first, longest);
        self
    }

    /// How long one call of the handler may take before it counts as failed and is dropped; 30 s
    /// by default. RabbitMQ itself gives up on a consumer that holds an event for 30 minutes, its
    /// wait for those before it, all attempts and pauses included: an observer whose settings allow
    /// for more does not run.
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    pub(super) fn check(self) -> Result<Checked, String> {
        let of =
            |problem: &dyn std::fmt::Display| format!("events of {:?}: {problem}", self.pattern);
        let pattern = Pattern::new(&self.pattern).map_err(|error| error.to_string())?;
        let filter =
            self.filter.map(|text| text.parse()).transpose().map_err(|error| of(&error))?;
        let backoff = Backoff::new(self.pause.0, self.pause.1).map_err(|error| of(&error))?;
        if self.concurrency == 0 || self.attempts == 0 {
            return Err(of(&"concurrency and attempts are at least 1"));
        }
        let longest = longest(self.attempts, self.time_limit, self.pause);
        Ok(Checked {
            longest,
            pattern,
            filter: filter.unwrap_or_default(),
            concurrency: self.concurrency,
            attempts: self.attempts,
            backoff,
            time_limit: self.time_limit,
        })
    }
}

/// How long it is when every attempt takes its whole time, and every pause between two its longest.
fn longest(attempts: u32, time_limit: Duration, pause: (Duration, Duration)) -> Duration {
    let (mut pause, longest_pause) = pause;
    let mut pauses = attempts.saturating_sub(1);
    let mut total = time_limit.saturating_mul(attempts);
    while pauses > 0 && pause < longest_pause {
        total = total.saturating_add(pause);
        pause = pause.saturating_mul(2);
        pauses -= 1;
    }
    total.saturating_add(longest_pause.saturating_mul(pauses))
}

impl From<&str> for Events {
    fn from(pattern: &str) -> Self {
        Self::of(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_of_an_event_has_every_attempt_and_pause() {
        let seconds = Duration::from_secs;
        let longest = |events: Events| events.check().unwrap().longest;
        assert_eq!(longest(Events::of("a")), seconds(5 * 30 + 1 + 2 + 4 + 8));
        let capped = Events::of("a").attempts(4).pause(seconds(2), seconds(3));
        assert_eq!(longest(capped.time_limit(seconds(10))), seconds(4 * 10 + 2 + 3 + 3));
        assert_eq!(longest(Events::of("a").attempts(1)), seconds(30));
        let endless = Events::of("a").attempts(u32::MAX).time_limit(Duration::MAX);
        assert_eq!(longest(endless), Duration::MAX);
    }
}
