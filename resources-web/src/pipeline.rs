//! Whether measures become analyses and, if they do not, what holds them up.

mod alarm;
mod judge;
mod traffic;
mod watch;

use serde::{Deserialize, Serialize};

pub(crate) use watch::{Arrivals, PipelineWatch};

/// `Pipeline` of docs/api.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Pipeline {
    /// What it does.
    pub state: PipelineState,
    /// Since when: milliseconds since the Unix epoch, UTC, by the server's clock.
    pub since_ms: u64,
    /// How many measures wait, at least; absent when that was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub waiting_measures: Option<u64>,
}

/// What the way from tracker to dashboard is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum PipelineState {
    /// Analyses arrive.
    Flowing,
    /// None arrives, no measure waits and none comes: no tracker sends.
    Idle,
    /// Nobody consumes measures.
    NoAnalyzer,
    /// Somebody consumes measures, but those that wait, in the queue or with whoever took them,
    /// are not analysed.
    Stalled,
    /// The broker cannot be asked, or holds back what is published.
    Unknown,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_told_flat_and_without_what_is_not_known() {
        let told = |state, waiting_measures| {
            serde_json::to_value(Pipeline { state, since_ms: 7, waiting_measures }).unwrap()
        };
        assert_eq!(told(PipelineState::Flowing, None), json!({"state": "flowing", "since_ms": 7}));
        let no_analyzer = json!({"state": "no_analyzer", "since_ms": 7, "waiting_measures": 30});
        assert_eq!(told(PipelineState::NoAnalyzer, Some(30)), no_analyzer);
    }
}
