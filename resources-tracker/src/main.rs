//! `resources-tracker`: samples this machine, publishes measures. Only wiring; the work is in
//! the library beside it.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use resources_core::bus::{BusArgs, BusConfig};
use resources_core::service::{self, Failure, HealthArgs, LogArgs, check_health};
use resources_core::telemetry::TelemetryArgs;
use resources_tracker::{Settings, SpoolSettings, TrackerArgs, measure_once};

const NAME: &str = "resources-tracker";

/// Samples this machine (CPU, memory, disks, network, temperatures, load) at a steady interval
/// and publishes each sample as `<host>.measure`.
///
/// Samples taken while the broker cannot be reached are kept and sent when it is back; with
/// --spool-dir also across a restart.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
#[command(
    after_help = "Exit codes: 0 asked to stop, 1 failed while running, 2 a setting cannot be used."
)]
struct Args {
    /// Print one measure as JSON and exit, without a broker: what this machine would send.
    #[arg(long, help_heading = "Tracker")]
    once: bool,

    #[command(flatten)]
    tracker: TrackerArgs,
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
    let settings = args.tracker.settings()?;
    if args.once {
        return print_once(&settings);
    }
    let config = args.bus.config(NAME).map_err(Failure::settings)?;
    settings.spool().map_or(Ok(()), SpoolSettings::check).map_err(Failure::settings)?;
    // One thread: a tracker should not be felt on the machine it watches.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?
        .block_on(work(args, settings, config))
}

fn print_once(settings: &Settings) -> Result<(), Failure> {
    let measure = measure_once(settings)
        .ok_or_else(|| Failure::failed("the CPU of this machine cannot be read"))?;
    let json = serde_json::to_string(&measure).map_err(Failure::failed)?;
    writeln!(std::io::stdout(), "{json}").map_err(Failure::failed)
}

async fn work(args: &Args, settings: Settings, config: BusConfig) -> Result<(), Failure> {
    let stop = service::stop_on_signal().map_err(Failure::failed)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        host = %settings.host(),
        interval_ms = settings.interval_ms(),
        buffer = settings.buffer(),
        broker = %config.url,
        exchange = config.names.exchange(),
        "sampling {} every {} ms for exchange `{}` at {}",
        settings.host(),
        settings.interval_ms(),
        config.names.exchange(),
        config.url,
    );
    let telemetry = args.telemetry.start(NAME, &config)?;
    let health_file = args.health.health_file.as_deref();
    let outcome = service::run_over_bus(config, health_file, stop, |bus, stop| {
        resources_tracker::run(settings, bus, stop)
    })
    .await;
    telemetry.finish().await;
    outcome
}
