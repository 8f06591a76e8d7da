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

/// What the pipeline does while no analysis comes, with how many measures wait; `before` is what
/// it did.
pub(super) fn judge(
    sight: Sight,
    quiet: Quiet,
    before: PipelineState,
) -> (PipelineState, Option<u64>) {
    let waiting = match sight {
        Sight::Queue(backlog) => Some(u64::from(backlog.measures)),
        Sight::InProcess | Sight::Nothing | Sight::NoQueue => None,
    };
    let state = match sight {
        Sight::Nothing => PipelineState::Unknown,
        // The first analyzer makes it.
        Sight::NoQueue | Sight::Queue(Backlog { consumers: 0, .. }) => PipelineState::NoAnalyzer,
        Sight::Queue(Backlog { measures: 1.., .. }) => PipelineState::Stalled,
        // A tracker that samples every minute is silent for most of it.
        Sight::Queue(_) | Sight::InProcess
            if before == PipelineState::Flowing && quiet.lasts < quiet.interval * PATIENCE =>
        {
            return (PipelineState::Flowing, None);
        }
        Sight::Queue(_) | Sight::InProcess => PipelineState::Idle,
    };
    (state, waiting)
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
                assert_eq!(judge(sight, NEVER, before), told, "{sight:?} after {before:?}");
            }
        }
    }

    #[test]
    fn between_two_samples_of_a_slow_host_it_still_flows() {
        for sight in [queue(0, 1), Sight::InProcess] {
            assert_eq!(judge(sight, quiet(29, 10), Flowing), (Flowing, None));
            assert_eq!(judge(sight, quiet(30, 10), Flowing).0, Idle);
            assert_eq!(judge(sight, quiet(29, 10), Unknown).0, Idle, "only what flowed flows on");
        }
        // What is wrong is told at once, however slow the host.
        assert_eq!(judge(queue(1, 1), quiet(3, 10), Flowing), (Stalled, Some(1)));
        assert_eq!(judge(queue(0, 0), quiet(3, 10), Flowing), (NoAnalyzer, Some(0)));
        assert_eq!(judge(Sight::Nothing, quiet(3, 10), Flowing), (Unknown, None));
    }
}
