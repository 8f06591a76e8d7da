//! How far a simulation is, on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use resources_tracker::OutboxCounts;
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// Counts, and says how they grow: in place once a second on a terminal, else in plain lines.
#[derive(Debug)]
pub(crate) struct Progress {
    hosts: usize,
    start: Instant,
    terminal: bool,
    /// When a line was shown last, and how many were confirmed by then.
    shown: (Instant, u64),
}

impl Progress {
    pub(crate) fn new(hosts: usize) -> Self {
        let start = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        Self { hosts, start, terminal, shown: (start, 0) }
    }

    /// When to show.
    pub(crate) fn ticks(&self) -> Interval {
        let period = Duration::from_secs(if self.terminal { 1 } else { 10 });
        let mut ticks = tokio::time::interval_at(self.start + period, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    /// Shows the counts, when `sampled` measures were and `due` should have been sampled by now.
    pub(crate) fn show(&mut self, sampled: u64, due: u64, counts: OutboxCounts) {
        let OutboxCounts { confirmed, dropped, .. } = counts;
        let now = Instant::now();
        let (before, confirmed_before) = std::mem::replace(&mut self.shown, (now, confirmed));
        let rate = rate(confirmed - confirmed_before, now - before);
        let behind = due.max(sampled).saturating_sub(confirmed + dropped);
        let dropped = if dropped > 0 { format!("  dropped {dropped}") } else { String::new() };
        let line = format!(
            "sampled {sampled}  confirmed {confirmed}  {rate:.0}/s  behind {behind}{dropped}"
        );
        // Blanks wipe out what a longer line left.
        let (start, end) = if self.terminal { ("\r", "      ") } else { ("", "\n") };
        say(&format!("{start}{line}{end}"));
    }

    /// Sums up.
    pub(crate) fn finish(&self, sampled: u64, counts: OutboxCounts) {
        let hosts = self.hosts;
        let confirmed = counts.confirmed;
        let elapsed = self.start.elapsed();
        let rate = rate(confirmed, elapsed);
        let start = if self.terminal { "\n" } else { "" };
        say(&format!(
            "{start}sampled {sampled} measures of {hosts} hosts in {:.1} s, {confirmed} confirmed \
             ({rate:.0}/s)\n",
            elapsed.as_secs_f64(),
        ));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(0.001)
}

fn say(text: &str) {
    let mut output = std::io::stderr().lock();
    // Progress nobody can see is no reason to stop.
    let _shown = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}
