//! `resources-web`: the dashboard. Only wiring lives here; the work is in the library beside it.

use std::process::ExitCode;

use clap::Parser;
use resources_core::bus::{BusArgs, BusConfig};
use resources_core::service::{self, Failure, LogArgs};
use resources_core::telemetry::TelemetryArgs;
use resources_web::{Settings, WebArgs};

const PROGRAM: &str = env!("CARGO_PKG_NAME");

/// Shows every monitored host as it is now: a page, a WebSocket and JSON over HTTP.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    web: WebArgs,
    #[command(flatten)]
    bus: BusArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,

    /// Ask the dashboard that runs at `--listen` whether it is ready, instead of starting one:
    /// exit code 0 when its link to the broker is up, else 1.
    #[arg(long, help_heading = "Health")]
    health_check: bool,
}

fn main() -> ExitCode {
    service::report(PROGRAM, start(&service::parse::<Args>()))
}

fn start(args: &Args) -> Result<(), Failure> {
    let settings = args.web.settings()?;
    // One thread serves a thousand browsers, in the least memory.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    if args.health_check {
        return runtime.block_on(resources_web::health::check(&settings));
    }
    args.log.init()?;
    let config = args.bus.config(PROGRAM).map_err(Failure::settings)?;
    runtime.block_on(serve(settings, config, &args.telemetry))
}

async fn serve(
    settings: Settings,
    config: BusConfig,
    telemetry: &TelemetryArgs,
) -> Result<(), Failure> {
    let stop = service::stop_on_signal().map_err(Failure::failed)?;
    tracing::info!(broker = %config.url, exchange = config.names.exchange(), "reading analyses from {}", config.url);
    let telemetry = telemetry.start(PROGRAM, &config)?;
    let work = |bus, stop| resources_web::run(settings, bus, stop);
    let outcome = service::run_over_bus(config, None, stop, work).await;
    telemetry.finish().await;
    outcome
}
