//! `resources-observer`: takes analyses, publishes alerts. Only wiring; the work is in the library
//! beside it.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use resources_core::bus::BusArgs;
use resources_core::service::{self, Failure, HealthArgs, LogArgs, check_health};
use resources_core::telemetry::TelemetryArgs;
use resources_observer::ObserverArgs;

/// An analysis is some 40 allocations, made on one thread and freed on another, which the
/// system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NAME: &str = "resources-observer";

/// Watches what analyzers say of every host, by rules, and publishes what is worth a reaction as
/// `<host>.alert`: raised when it begins, cleared when it ends. Then does what the rules say about
/// it: calls web hooks, runs programs, writes e-mails.
///
/// What it knows is kept in a file, so that whatever ends it, nothing is raised twice and nothing
/// forgotten.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
#[command(
    after_help = "Exit codes: 0 asked to stop, 1 failed while running, 2 a setting cannot be used."
)]
struct Args {
    /// Check all settings and the rules, with the secrets and programs they name, say in words
    /// what holds, and end. Needs no broker.
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    observer: ObserverArgs,
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
    if args.check {
        return check(args);
    }
    // One thread beside the one that judges: it only waits for the broker.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?
        .block_on(work(args))
}

/// Says what would hold, if it can be used.
fn check(args: &Args) -> Result<(), Failure> {
    let settings = args.observer.settings()?;
    args.bus.config(NAME).map_err(Failure::settings)?;
    let text = settings.rules.explain() + &settings.reactions.explain();
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::failed)
}

async fn work(args: &Args) -> Result<(), Failure> {
    let settings = args.observer.settings()?;
    let config = args.bus.config(NAME).map_err(Failure::settings)?;
    let stop = service::stop_on_signal().map_err(Failure::failed)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        broker = %config.url,
        exchange = config.names.exchange(),
        rules = args.observer.rules.as_ref().map(|file| file.display().to_string()),
        "watching the hosts of exchange `{}` at {}",
        config.names.exchange(),
        config.url,
    );
    let telemetry = args.telemetry.start(NAME, &config)?;
    let health_file = args.health.health_file.as_deref();
    let outcome = service::run_over_bus(config, health_file, stop, |bus, stop| {
        resources_observer::run(settings, bus, stop)
    })
    .await;
    telemetry.finish().await;
    outcome
}
