//! What flows: how old the newest analysis is, and whether clocks agree. Pure but for reading
//! the analyses.

use resources_core::bus::Delivery;
use resources_core::contract::Analysis;

use super::finding::Findings;

/// Clocks further apart than this are wrong.
const CLOCK_TOLERANCE_MS: u64 = 2_000;

/// An installation whose newest analysis is older than this stands still, whatever its interval.
const STILL_MS: u64 = 60_000;

/// What one analysis tells about time, all in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    host: String,
    /// When it was sampled, by the clock of its host.
    sampled_ms: u64,
    /// When it was seen, by our clock.
    seen_ms: u64,
    interval_ms: u64,
}

/// What the analyses that were seen tell about time; those that are none are left out.
pub(super) fn notes(seen: &[(u64, Delivery)]) -> Vec<Note> {
    seen.iter()
        .filter_map(|(seen_ms, delivery)| {
            let analysis = Analysis::decode(&delivery.topic, &delivery.body).ok()?;
            Some(Note {
                host: analysis.host.to_string(),
                sampled_ms: analysis.timestamp_ms,
                seen_ms: *seen_ms,
                interval_ms: analysis.interval_ms.unwrap_or(0),
            })
        })
        .collect()
}

/// Judges what `notes` tell at `now_ms`.
pub(super) fn judge(notes: &[Note], now_ms: u64, findings: &mut Findings) {
    let Some(newest) = notes.iter().max_by_key(|note| note.sampled_ms) else {
        findings.warning(
            "flow",
            "the stream holds no analysis",
            "start a tracker and an analyzer, then run this again",
        );
        return;
    };
    let age_ms = now_ms.saturating_sub(newest.sampled_ms);
    if age_ms > STILL_MS.max(3 * newest.interval_ms) {
        findings.warning(
            "flow",
            format!("the newest analysis is {} s old, of {}", age_ms / 1000, newest.host),
            "check that trackers run and reach the broker; and the clock of this machine",
        );
    } else {
        findings.ok("flow", format!("the newest analysis is {} ms old", age_ms));
    }
    judge_clocks(notes, findings);
}

/// A sample from the future tells of a clock that is wrong. One from the past may only be late.
fn judge_clocks(notes: &[Note], findings: &mut Findings) {
    let ahead_ms = |note: &Note| note.sampled_ms.saturating_sub(note.seen_ms);
    let mut ahead: Vec<&Note> =
        notes.iter().filter(|note| ahead_ms(note) > CLOCK_TOLERANCE_MS).collect();
    ahead.sort_by(|a, b| a.host.cmp(&b.host));
    ahead.dedup_by(|a, b| a.host == b.host);
    let Some(first) = ahead.first() else {
        findings.ok("clock", "no host is ahead of this machine's clock");
        return;
    };
    let text = format!(
        "{} of the hosts seen are ahead of this machine's clock, such as {} by {} s",
        ahead.len(),
        first.host,
        ahead_ms(first) / 1000
    );
    let mut hosts: Vec<&str> = notes.iter().map(|note| &*note.host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let advice = if ahead.len() == hosts.len() {
        "most likely this machine's clock is behind: check its time service"
    } else {
        "check the time service of those hosts"
    };
    findings.wrong("clock", text, advice);
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn note(host: &str, sampled_ms: u64) -> Note {
        Note { host: host.to_owned(), sampled_ms, seen_ms: NOW_MS, interval_ms: 1_000 }
    }

    fn judged(notes: &[Note]) -> Vec<(&'static str, Status, String)> {
        let mut findings = Findings::default();
        judge(notes, NOW_MS, &mut findings);
        let told = |finding: &super::super::finding::Finding| {
            let advice = finding.advice.clone().unwrap_or_default();
            (finding.check, finding.status, format!("{} {advice}", finding.text))
        };
        findings.all().iter().map(told).collect()
    }

    #[test]
    fn fresh_analyses_are_well() {
        let found = judged(&[note("a", NOW_MS - 90_000), note("b", NOW_MS - 300)]);
        assert_eq!((found[0].0, found[0].1), ("flow", Status::Ok));
        assert_eq!((found[1].0, found[1].1), ("clock", Status::Ok));
    }

    #[test]
    fn an_empty_or_old_stream_is_a_warning() {
        assert_eq!(judged(&[])[0].1, Status::Warning);
        let found = judged(&[note("a", NOW_MS - 90_000)]);
        assert_eq!(found[0].1, Status::Warning);
        assert!(found[0].2.contains("90 s old"), "{}", found[0].2);
        let slow = Note { interval_ms: 60_000, ..note("a", NOW_MS - 90_000) };
        assert_eq!(judged(&[slow])[0].1, Status::Ok);
    }

    #[test]
    fn samples_from_the_future_name_the_clock_to_mend() {
        let one =
            judged(&[note("a", NOW_MS + 9_000), note("b", NOW_MS), note("a", NOW_MS + 9_500)]);
        assert_eq!((one[1].0, one[1].1), ("clock", Status::Wrong));
        assert!(one[1].2.contains("1 of the hosts") && one[1].2.contains("those hosts"));
        let all = judged(&[note("a", NOW_MS + 9_000), note("b", NOW_MS + 9_000)]);
        assert!(all[1].2.contains("this machine's clock is behind"), "{}", all[1].2);
    }
}
