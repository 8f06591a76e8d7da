//! The pure part: what was seen of the queue of measures in, what the pipeline does out.

use std::time::Duration;

use resources_core::bus::inspect::Backlog;

use super::PipelineState;

/// What there was to see when no analysis came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// The broker is inside this process: all that could fail there ends the process.
    InProcess,
    /// The broker did not answer.
    Nothing,
    /// It has no queue of measures.
    NoQueue,
    /// It has one.
    Queue(Backlog),
}

/// What was heard of trackers while no analysis came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Too little to tell: what was heard may be on its way, and silence is short.
    NotLongEnough,
    /// No measure, or nobody could listen.
    Nothing,
    /// The broker holds back what is published, so silence says nothing.
    HeldBack,
    /// So many measures, long enough ago that they should have become analyses.
    Measures(u64),
}

/// How long no analysis has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quiet {
    /// Since the last one, or since the start.
    pub(super) lasts: Duration,
    /// What the host of the last one promised between two; zero when none ever came.
    pub(super) interval: Duration,
}

/// Intervals of the last host within which another sample of it may still be under way.
const PATIENCE: u32 = 3;

impl Quiet {
    /// How long the last host may be silent without any fault.
    pub(super) fn patience(self) -> Duration {
        self.interval * PATIENCE
    }
}

/// What the pipeline does while no analysis comes, with how many measures wait; `before` is what
/// it did.
pub(super) fn judge(
    sight: Sight,
    heard: Heard,
    quiet: Quiet,
    before: PipelineState,
) -> (PipelineState, Option<u64>) {
    let ready = match sight {
        Sight::Queue(backlog) => Some(u64::from(backlog.measures)),
        Sight::InProcess | Sight::Nothing | Sight::NoQueue => None,
    };
    match (sight, heard) {
        (Sight::Nothing, _) => (PipelineState::Unknown, None),
        // The first analyzer makes it.
        (Sight::NoQueue | Sight::Queue(Backlog { consumers: 0, .. }), _) => {
            (PipelineState::NoAnalyzer, ready)
        }
        (Sight::Queue(_) | Sight::InProcess, Heard::HeldBack) => (PipelineState::Unknown, ready),
        // Those that were heard are in the queue, or somebody has taken them.
        (Sight::Queue(_) | Sight::InProcess, Heard::Measures(count)) => {
            (PipelineState::Stalled, Some(count.max(ready.unwrap_or(0))))
        }
        (Sight::Queue(Backlog { measures: 1.., .. }), _) => (PipelineState::Stalled, ready),
        // A tracker that samples every minute is silent for most of it.
        (Sight::Queue(_) | Sight::InProcess, _)
            if before == PipelineState::Flowing && quiet.lasts < quiet.patience() =>
        {
            (PipelineState::Flowing, None)
        }
        (Sight::Queue(_) | Sight::InProcess, Heard::NotLongEnough) => {
            (before, ready.filter(|_| before != PipelineState::Flowing))
        }
        (Sight::Queue(_) | Sight::InProcess, Heard::Nothing) => (PipelineState::Idle, ready),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PipelineState::{Flowing, Idle, NoAnalyzer, Stalled, Unknown};

    const NEVER: Quiet = Quiet { lasts: Duration::from_secs(3), interval: Duration::ZERO };

    fn quiet(seconds: u64, interval_seconds: u64) -> Quiet {
        Quiet {
            lasts: Duration::from_secs(seconds),
            interval: Duration::from_secs(interval_seconds),
        }
    }

    fn queue(measures: u32, consumers: u32) -> Sight {
        Sight::Queue(Backlog { measures, consumers })
    }

    #[test]
    fn each_sight_is_told_with_what_waits() {
        for (sight, told) in [
            (Sight::Nothing, (Unknown, None)),
            (Sight::NoQueue, (NoAnalyzer, None)),
            (queue(0, 0), (NoAnalyzer, Some(0))),
            (queue(30, 0), (NoAnalyzer, Some(30))),
            (queue(30, 2), (Stalled, Some(30))),
            (queue(0, 2), (Idle, Some(0))),
            (Sight::InProcess, (Idle, None)),
        ] {
            for before in [Flowing, Idle, NoAnalyzer, Stalled, Unknown] {
                let judged = judge(sight, Heard::Nothing, NEVER, before);
                assert_eq!(judged, told, "{sight:?} after {before:?}");
            }
        }
    }

    #[test]
    fn between_two_samples_of_a_slow_host_it_still_flows() {
        for sight in [queue(0, 1), Sight::InProcess] {
            assert_eq!(judge(sight, Heard::Nothing, quiet(29, 10), Flowing), (Flowing, None));
            assert_eq!(judge(sight, Heard::Nothing, quiet(30, 10), Flowing).0, Idle);
            assert_eq!(
                judge(sight, Heard::Nothing, quiet(29, 10), Unknown).0,
                Idle,
                "only what flowed flows on"
            );
        }
        // What is wrong is told at once, however slow the host.
        assert_eq!(judge(queue(1, 1), Heard::Nothing, quiet(3, 10), Flowing), (Stalled, Some(1)));
        assert_eq!(
            judge(queue(0, 0), Heard::Nothing, quiet(3, 10), Flowing),
            (NoAnalyzer, Some(0))
        );
        assert_eq!(judge(Sight::Nothing, Heard::Nothing, quiet(3, 10), Flowing), (Unknown, None));
    }
    #[test]
    fn measures_that_were_heard_wait_even_when_none_is_in_the_queue() {
        for before in [Flowing, Idle, NoAnalyzer, Stalled, Unknown] {
            for (sight, told) in [
                (queue(0, 1), (Stalled, Some(20))),
                (queue(30, 1), (Stalled, Some(30))),
                (Sight::InProcess, (Stalled, Some(20))),
                (queue(20, 0), (NoAnalyzer, Some(20))),
                (Sight::Nothing, (Unknown, None)),
            ] {
                let judged = judge(sight, Heard::Measures(20), quiet(5, 10), before);
                assert_eq!(judged, told, "{sight:?} after {before:?}");
            }
        }
    }

    #[test]
    fn an_alarm_of_the_broker_is_blamed_on_no_tracker_and_no_analyzer() {
        for before in [Flowing, Idle, Stalled, Unknown] {
            for measures in [0, 30] {
                let told = judge(queue(measures, 1), Heard::HeldBack, quiet(5, 10), before);
                assert_eq!(told, (Unknown, Some(measures.into())));
            }
        }
        assert_eq!(judge(queue(0, 0), Heard::HeldBack, NEVER, Flowing), (NoAnalyzer, Some(0)));
    }

    #[test]
    fn silence_is_told_once_it_was_listened_to() {
        let soon = |sight, before| judge(sight, Heard::NotLongEnough, NEVER, before);
        for before in [Flowing, Idle, Stalled, Unknown] {
            assert_eq!(soon(queue(0, 1), before).0, before);
            assert_eq!(soon(Sight::InProcess, before), (before, None));
        }
        assert_eq!(soon(queue(1, 1), Flowing), (Stalled, Some(1)));
        assert_eq!(soon(queue(0, 0), Flowing), (NoAnalyzer, Some(0)));
    }
}
