//! `resources-analyzer`: takes measures, publishes analyses. Only wiring; the work is in the
//! library beside it.

use std::process::ExitCode;

use clap::Parser;
use resources_analyzer::AnalyzerArgs;
use resources_core::bus::BusArgs;
use resources_core::service::{self, Failure, HealthArgs, LogArgs, check_health};
use resources_core::telemetry::TelemetryArgs;

/// A measure is some 40 allocations, made on one thread and freed on another, which the
/// system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NAME: &str = "resources-analyzer";

/// Classifies what trackers measure: takes every `<host>.measure`, gives each resource a level
/// (LOW, MEDIUM, HIGH) and publishes the result as `<host>.analysis`.
///
/// Start as many as you like: they share the work, and a measure is never lost with one of them.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
#[command(
    after_help = "Exit codes: 0 asked to stop, 1 failed while running, 2 a setting cannot be used."
)]
struct Args {
    #[command(flatten)]
    analyzer: AnalyzerArgs,
    #[command(flatten)]
    bus: BusArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    health: HealthArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

fn main() -> ExitCode {
    service::report(NAME, start(&service::parse()))
}

fn start(args: &Args) -> Result<(), Failure> {
    if let (true, Some(path)) = (args.health.health_check, &args.health.health_file) {
        return check_health(path);
    }
    args.log.init()?;
    // One thread is enough: it keeps ahead of the broker, at the smallest footprint.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?
        .block_on(work(args))
}

async fn work(args: &Args) -> Result<(), Failure> {
    let settings = args.analyzer.settings()?;
    let config = args.bus.config(NAME).map_err(Failure::settings)?;
    let stop = service::stop_on_signal().map_err(Failure::failed)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        broker = %config.url,
        exchange = config.names.exchange(),
        prefetch = settings.prefetch(),
        window = settings.window(),
        thresholds = args.analyzer.thresholds.file.as_ref().map(|file| file.display().to_string()),
        "analysing the measures of exchange `{}` at {}",
        config.names.exchange(),
        config.url,
    );
    let telemetry = args.telemetry.start(NAME, &config)?;
    let health_file = args.health.health_file.as_deref();
    let outcome = service::run_over_bus(config, health_file, stop, |bus, stop| {
        resources_analyzer::run(settings, bus, stop)
    })
    .await;
    telemetry.finish().await;
    outcome
}
