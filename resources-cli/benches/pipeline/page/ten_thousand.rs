//! Ten thousand hosts, each a sample a second, from one process: what they cost the page and the
//! wire.

use std::time::Duration;

use super::browser::{Browser, Memory, Watched};
use super::fleet::Fleet;
use super::wire::Wire;
use crate::context::Context;
use crate::report::{Report, Row};

const HOSTS: &str = "10000";

/// Bytes a host and update, cores of the main thread.
const WIRE_TARGET: f64 = 60.0;
const BUSY_TARGET: f64 = 0.4;

/// A page that gets less is idle for want of updates: programs and browser share the machine.
const UPDATES_AT_LEAST: u32 = 9_500;

/// Memory that ends this much higher than it began, or more, grows.
const FLAT: f64 = 1.1;

/// Both views, and where they are.
const VIEWS: [(&str, &str); 2] = [("table", "#/"), ("map", "#/map")];

/// What the wire and the page's main thread take.
pub(super) async fn measure(
    context: &Context,
    browser: &Browser,
    report: &mut Report,
) -> anyhow::Result<()> {
    let fleet = Fleet::start(context, HOSTS).await?;
    let time = Duration::from_secs(context.seconds(30, 5));
    let wire = Wire::listen(fleet.address, time).await?;
    report.add(Row {
        figure: format!("wire, {HOSTS} hosts at 1 Hz: bytes a host and update"),
        ours: format!(
            "{:.1} ({} updates; a snapshot of all takes {} KiB)",
            wire.bytes_a_row(),
            wire.rows,
            wire.snapshot_bytes / 1024,
        ),
        target: Some(("≤ 60", wire.bytes_a_row() <= WIRE_TARGET)),
        ..Row::default()
    });
    for (view, route) in VIEWS {
        add_view(context, browser, view, &fleet.url(route), report).await?;
    }
    fleet.program.end().await
}

/// Whether the page's memory stays as it is: a page for each view, both at a time.
pub(super) async fn memory(
    context: &Context,
    browser: &Browser,
    report: &mut Report,
) -> anyhow::Result<()> {
    let seconds = context.seconds(600, 10);
    let fleet = Fleet::start(context, HOSTS).await?;
    let told = seconds.to_string();
    let arguments = ["--seconds", &told];
    let [table, map] = VIEWS.map(|(_, route)| fleet.url(route));
    let (table, map) = tokio::try_join!(
        browser.measure::<Memory>("memory", &table, seconds, &arguments),
        browser.measure::<Memory>("memory", &map, seconds, &arguments),
    )?;
    for ((view, _), seen) in VIEWS.into_iter().zip([table, map]) {
        let (page, worker) = (Heap::of(&seen.page_heap_mb), Heap::of(&seen.worker_heap_mb));
        let is_flat = page.is_flat() && worker.is_flat();
        report.add(Row {
            figure: format!("{view}, {HOSTS} hosts at 1 Hz for {seconds} s: JavaScript's memory"),
            ours: format!(
                "page {}; worker {}; {} updates a second",
                page.describe(),
                worker.describe(),
                seen.updates_per_second,
            ),
            target: Some((
                "flat (within 10 %), of all updates",
                is_flat && seen.updates_per_second >= UPDATES_AT_LEAST,
            )),
            ..Row::default()
        });
    }
    fleet.program.end().await
}

async fn add_view(
    context: &Context,
    browser: &Browser,
    view: &str,
    url: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let seconds = context.seconds(60, 5);
    let told = seconds.to_string();
    let arguments = ["--seconds", &told, "--traced", &told];
    let seen: Watched = browser.measure("watch", url, 2 * seconds, &arguments).await?;
    report.add(Row {
        figure: format!("{view}, {HOSTS} hosts at 1 Hz: main thread busy"),
        ours: format!(
            "{:.0} % of one core over {seconds} s, {} updates a second",
            seen.busy_share * 100.0,
            seen.updates_per_second,
        ),
        target: Some((
            "≤ 40 %, of all updates",
            seen.busy_share <= BUSY_TARGET && seen.updates_per_second >= UPDATES_AT_LEAST,
        )),
        ..Row::default()
    });
    report.add(Row {
        figure: format!("{view}, {HOSTS} hosts at 1 Hz for {seconds} s: tasks over 50 ms of CPU"),
        ours: seen.tasks.describe(),
        target: Some(("none", seen.tasks.over_50_ms_of_cpu == 0)),
        ..Row::default()
    });
    Ok(())
}

/// Memory in megabytes in the first and in the last fifth of the time.
struct Heap {
    first: f64,
    last: f64,
}

impl Heap {
    fn of(megabytes: &[f64]) -> Self {
        let fifth = megabytes.len().div_ceil(5);
        let mean = |part: &[f64]| part.iter().sum::<f64>() / crate::statistics::number(part.len());
        Self { first: mean(&megabytes[..fifth]), last: mean(&megabytes[megabytes.len() - fifth..]) }
    }

    fn is_flat(&self) -> bool {
        self.last <= self.first * FLAT
    }

    fn describe(&self) -> String {
        format!("{:.1} to {:.1} MB", self.first, self.last)
    }
}
