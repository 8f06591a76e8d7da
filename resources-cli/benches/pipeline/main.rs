//! What the whole pipeline costs, each figure beside a bare program that does the least that
//! could be done, in the same run on the same broker.
//!
//! `make bench` builds the programs and runs this; `-- --help` tells the rest.

mod alert;
mod amqp;
mod analyzer;
mod context;
mod dashboard;
mod fan_out;
mod latency;
mod load;
mod machine;
mod page;
mod process;
mod report;
mod role;
mod statistics;
mod tracker;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use resources_core::service;

use crate::context::Context;
use crate::report::Report;
use crate::role::Role;

/// Measures the programs of this workspace, in their release build, over a RabbitMQ of the
/// bench's own, and prints a table in Markdown with the targets beside the figures.
///
/// A figure that misses its target is shown as missed; the exit code tells only whether
/// everything could be measured.
#[derive(Debug, Parser)]
#[command(name = "pipeline", args_conflicts_with_subcommands = true)]
struct Args {
    /// Measure only these.
    #[arg(long, value_name = "FIGURE", value_delimiter = ',')]
    only: Vec<Figure>,

    /// Write the tables to docs/benchmarks.md as well; what is not measured stays as it is there.
    #[arg(long)]
    write: bool,

    /// A few seconds for each figure: to see that it works, not what it says.
    #[arg(long, conflicts_with = "write")]
    quick: bool,

    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,

    #[command(subcommand)]
    role: Option<Role>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// CPU and memory of a tracker.
    Tracker,
    /// Measures a second through an analyzer.
    Analyzer,
    /// From a sample to the browser.
    Latency,
    /// From a measure over its level to the alert, and a large fleet that falls silent.
    Alert,
    /// Many browsers at a time.
    FanOut,
    /// A thousand hosts on one page.
    Page,
    /// Ten thousand hosts on one page.
    Fleet,
    /// The page's memory over ten minutes.
    Memory,
}

impl Figure {
    /// As `--only` has it, and the document.
    fn name(&self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.role {
        Some(role) => role.play(),
        None => measure(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::say(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> anyhow::Result<()> {
    let context = Context::new(args.quick)?;
    // Two threads: what is published must not wait for what is received.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = runtime.block_on(async {
        let stop = service::stop_on_signal()?;
        tokio::select! {
            report = figures(args, &context) => report,
            () = stop.cancelled() => bail!("asked to stop"),
        }
    })?;
    report.print()?;
    if args.write {
        let names: Vec<_> = Figure::value_variants().iter().map(Figure::name).collect();
        report.write(&names, &machine::describe(&context.broker), &machine::when())?;
    }
    Ok(())
}

async fn figures(args: &Args, context: &Context) -> anyhow::Result<Report> {
    let all = Figure::value_variants();
    let wanted = if args.only.is_empty() { all } else { &args.only };
    let mut report = Report::default();
    for figure in all.iter().filter(|figure| wanted.contains(figure)) {
        report::say(&format!("measuring: {}", figure.name()));
        report.begin(&figure.name());
        let outcome = match figure {
            Figure::Tracker => tracker::measure(context, &mut report).await,
            Figure::Analyzer => analyzer::measure(context, &mut report).await,
            Figure::Latency => latency::measure(context, &mut report).await,
            Figure::Alert => alert::measure(context, &mut report).await,
            Figure::FanOut => fan_out::measure(context, &mut report).await,
            Figure::Page => page::measure(context, &mut report).await,
            Figure::Fleet => page::measure_fleet(context, &mut report).await,
            Figure::Memory => page::measure_memory(context, &mut report).await,
        };
        outcome.with_context(|| figure.name())?;
    }
    Ok(report)
}
