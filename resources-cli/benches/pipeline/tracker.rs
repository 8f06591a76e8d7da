//! Trackers at their usual interval: CPU time a sample, and memory.

use std::num::NonZeroU16;
use std::time::Duration;

use anyhow::{Context as _, bail};
use resources_core::bus::{Source, Subscription};
use resources_core::contract::Measure;
use tokio::time::{sleep, timeout};

use crate::amqp;
use crate::context::{Context, PATIENCE};
use crate::process::Program;
use crate::report::{Report, Row};
use crate::statistics::mebibytes;

const EXCHANGE: &str = "bench-tracker";

/// A tracker with its default settings, and one that lists processes with every sample, as one
/// with default settings does while the CPU is busy.
const USUAL: &str = "usual";
const LISTING: &str = "listing";

/// Samples before the first that counts: the start is over, and every collector was read.
const WARM_UP: u64 = 5;

/// Samples are taken at whole seconds, so this is between two of them.
const BETWEEN_SAMPLES: Duration = Duration::from_millis(500);

pub(crate) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let samples = context.seconds(60, 5);
    let bus = context.bus(EXCHANGE).await?;
    let prefetch = NonZeroU16::new(16).context("not zero")?;
    let mut measures = bus.subscribe(Source::Measures, prefetch);

    let mut programs = [
        start(context, USUAL, &[])?,
        start(context, LISTING, &["--processes-above", "0"])?,
        Program::start("the bare reader", context.role(&["reader"])?)?,
    ];
    let mut with_processes = 0;
    wait_for_sample(&mut measures, WARM_UP).await?;
    sleep(BETWEEN_SAMPLES).await;
    let before = cpu(&mut programs)?;
    for sequence in WARM_UP + 1..=WARM_UP + samples {
        let measure = wait_for_sample(&mut measures, sequence).await?;
        with_processes += u32::from(!measure.processes.is_empty());
        // Also to see every thread before it ends.
        cpu(&mut programs)?;
    }
    sleep(BETWEEN_SAMPLES).await;
    let after = cpu(&mut programs)?;
    let [usual, listing, bare] = std::array::from_fn(|program| {
        let spent = after[program] - before[program];
        spent.as_secs_f64() * 1e6 / Duration::from_secs(samples).as_secs_f64()
    });
    let [mut usual_program, listing_program, mut bare_program] = programs;
    let (memory, bare_memory) = (usual_program.memory()?, bare_program.memory()?);
    usual_program.end().await?;
    listing_program.end().await?;
    bus.close().await;
    amqp::remove(&context.broker.url(), EXCHANGE).await?;

    report.add(Row {
        figure: format!("tracker, 1 Hz for {samples} s: CPU a sample"),
        ours: match with_processes {
            0 => format!("{usual:.0} µs"),
            count => format!("{usual:.0} µs ({count} with processes, as the CPU was busy)"),
        },
        bare: format!("{bare:.0} µs"),
        ratio: Some(usual / bare),
        target: Some(("≤ 1,000 µs", usual <= 1000.0)),
    });
    report.add(Row {
        figure: "tracker that lists processes with every sample: CPU a sample".to_owned(),
        ours: format!("{listing:.0} µs"),
        bare: format!("{bare:.0} µs"),
        ratio: Some(listing / bare),
        target: None,
    });
    let resident = mebibytes(memory.peak_bytes);
    report.add(Row {
        figure: "tracker: resident memory, at most".to_owned(),
        ours: format!("{resident:.1} MiB (at the end {:.1})", mebibytes(memory.resident_bytes)),
        bare: format!("{:.1} MiB", mebibytes(bare_memory.peak_bytes)),
        ratio: Some(resident / mebibytes(bare_memory.peak_bytes)),
        target: Some(("≤ 8 MiB", resident <= 8.0)),
    });
    Ok(())
}

fn start(context: &Context, host: &str, arguments: &[&str]) -> anyhow::Result<Program> {
    let mut command = context.program("resources-tracker", EXCHANGE);
    command.args(["--host", host]).args(arguments);
    Program::start("resources-tracker", command)
}

fn cpu(programs: &mut [Program; 3]) -> anyhow::Result<[Duration; 3]> {
    let [first, second, third] = programs;
    Ok([first.cpu()?, second.cpu()?, third.cpu()?])
}

/// The sample of the usual tracker with this number. The other tracker started with it and
/// samples at the same whole seconds.
async fn wait_for_sample(measures: &mut Subscription, sequence: u64) -> anyhow::Result<Measure> {
    let arrive = async {
        while let Some(delivery) = measures.next().await {
            measures.acknowledge_through(delivery.receipt).await;
            let measure = Measure::decode(&delivery.topic, &delivery.body, 0)?;
            if measure.host.as_str() == USUAL && measure.sequence == Some(sequence) {
                return Ok(measure);
            }
        }
        bail!("the bus was closed")
    };
    let arrived = timeout(PATIENCE, arrive).await;
    arrived.with_context(|| format!("sample {sequence} did not come within {PATIENCE:?}"))?
}
