//! What judges, alone: no broker, no disk, one thread.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use resources_core::contract::{Analysis, Kind};
use resources_observer::alerts::{Engine, Rules};

use super::FLEET;
use crate::context::Context;
use crate::load::messages;
use crate::report::{Report, Row};
use crate::statistics::number;

/// What one core must judge a second.
const WANTED: f64 = 500_000.0;

/// Analyses of a large fleet, decoded already; the best of several rounds, as whatever else the
/// machine does only adds.
pub(super) fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let decode = |message: &resources_core::bus::Message| {
        Analysis::decode(&message.topic.to_string(), &message.body)
    };
    let mut analyses = messages(Kind::Analysis, FLEET, FLEET)?
        .iter()
        .map(decode)
        .collect::<Result<Vec<_>, _>>()
        .context("an analysis of this bench")?;
    let mut engine = Engine::new(Rules::default());
    let mut alerts = Vec::new();
    let mut best = Duration::MAX;
    for sequence in 1..=context.count(15, 3) {
        for analysis in &mut analyses {
            analysis.sequence = Some(sequence.try_into()?);
            analysis.timestamp_ms += 1_000;
        }
        let begun = Instant::now();
        for analysis in &analyses {
            engine.observe(analysis, analysis.timestamp_ms, &mut alerts);
        }
        best = best.min(begun.elapsed());
        alerts.clear();
    }
    let a_second = number(FLEET) / best.as_secs_f64();
    report.add(Row {
        figure: format!("alert: the engine alone, {FLEET} hosts by turns, on one core"),
        ours: format!("{a_second:.0} analyses a second"),
        target: Some(("≥ 500,000 a second", a_second >= WANTED)),
        ..Row::default()
    });
    Ok(())
}
