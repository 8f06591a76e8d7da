//! What happens to machines that are not there, decided beforehand: who is busy and who is away,
//! from when until when. A test of alerts compares what was told with it.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use resources_core::contract::HostName;
use serde::Serialize;

/// One of these many episodes is an absence.
const AWAY_EVERY: u32 = 3;

/// What an episode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The CPU is at 95 % at least.
    Busy,
    /// Nothing is sampled.
    Away,
}

/// Something that happens to one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Episode {
    pub(crate) kind: Kind,
    /// When it begins, milliseconds since the Unix epoch.
    pub(crate) from_ms: u64,
    /// When it is over: the first moment that is not of it.
    pub(crate) until_ms: u64,
}

/// The episodes of one host, in order and apart from each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Episodes(Vec<Episode>);

impl Episodes {
    /// Those of host `number` (from 1) of a simulation that begins at `start_ms` and is calm
    /// after `time`. The same seed and number give the same.
    ///
    /// A host is calm first, for a twelfth to a sixth of the time, then busy for an eighth to a
    /// fifth of it or away for a fifth to a quarter, and so on.
    pub(crate) fn new(seed: u64, number: u32, start_ms: u64, time: Duration) -> Self {
        let mut rng = Rng::with_seed(!seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let part = |rng: &mut Rng, most: u64, least: u64| rng.u64(time_ms / most..=time_ms / least);
        let (mut episodes, mut at_ms) = (Vec::new(), 0);
        loop {
            let kind = if rng.u32(0..AWAY_EVERY) == 0 { Kind::Away } else { Kind::Busy };
            let from_ms = at_ms + part(&mut rng, 12, 6);
            at_ms = from_ms
                + match kind {
                    Kind::Busy => part(&mut rng, 8, 5),
                    Kind::Away => part(&mut rng, 5, 4),
                };
            if at_ms > time_ms || from_ms == at_ms {
                return Self(episodes);
            }
            let (from_ms, until_ms) = (start_ms + from_ms, start_ms + at_ms);
            episodes.push(Episode { kind, from_ms, until_ms });
        }
    }

    /// What happens at `at_ms`.
    pub(crate) fn at(&self, at_ms: u64) -> Option<Kind> {
        let next = self.0.partition_point(|episode| episode.until_ms <= at_ms);
        self.0.get(next).filter(|episode| episode.from_ms <= at_ms).map(|episode| episode.kind)
    }
}

/// Writes all that will happen to a new file at `path`, one line of JSON an episode.
pub(crate) fn write<'a>(
    path: &Path,
    hosts: impl Iterator<Item = (&'a HostName, &'a Episodes)>,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        host: &'a HostName,
        #[serde(flatten)]
        episode: &'a Episode,
    }
    let mut text = Vec::new();
    for (host, Episodes(episodes)) in hosts {
        for episode in episodes {
            serde_json::to_writer(&mut text, &Line { host, episode })?;
            text.push(b'\n');
        }
    }
    std::fs::File::create_new(path)?.write_all(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(300);

    #[test]
    fn every_host_has_episodes_apart_from_each_other_and_is_calm_in_the_end() {
        let mut kinds = [0, 0];
        for number in 1..=200 {
            let Episodes(episodes) = Episodes::new(7, number, 1_000, TIME);
            assert!(!episodes.is_empty());
            let mut before_ms = 1_000;
            for Episode { kind, from_ms, until_ms } in episodes {
                assert!(from_ms >= before_ms + 25_000 && until_ms >= from_ms + 37_500);
                kinds[usize::from(kind == Kind::Away)] += 1;
                before_ms = until_ms;
            }
            assert!(before_ms <= 301_000);
        }
        assert!(kinds[0] > kinds[1] && kinds[1] > 100, "{kinds:?}");
    }

    #[test]
    fn an_episode_lasts_until_just_before_its_end() {
        let episodes = Episodes::new(7, 1, 0, TIME);
        let first = episodes.0[0];
        let at = |at_ms| episodes.at(at_ms);
        assert_eq!((at(0), at(first.from_ms - 1)), (None, None));
        let all = (Some(first.kind), Some(first.kind), None);
        assert_eq!((at(first.from_ms), at(first.until_ms - 1), at(first.until_ms)), all);
        assert_eq!(at(u64::MAX), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_episodes_and_no_time_gives_none() {
        let of = |seed, number| Episodes::new(seed, number, 0, TIME);
        assert_eq!(of(1, 1), of(1, 1));
        assert_ne!(of(1, 1), of(2, 1));
        assert_ne!(of(1, 1), of(1, 2));
        assert_eq!(Episodes::new(1, 1, 0, Duration::ZERO), Episodes(Vec::new()));
    }
}
