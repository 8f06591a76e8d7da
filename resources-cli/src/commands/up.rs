//! `resources up`: tracker, analyzer, observer and web in one process, over one bus, and with
//! them machines that are not there when they are asked for.

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use resources_analyzer::AnalyzerArgs;
use resources_core::bus::{BrokerUrl, Bus};
use resources_core::service::{self, Failure, GRACE};
use resources_core::telemetry::TelemetryArgs;
use resources_tracker::TrackerArgs;
use resources_web::{BasePath, Server};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::close;
use super::simulate::fleet::{self, FleetPlan, SimulatedFleet};
use crate::args::{LocalBusArgs, LocalObserverArgs, LocalWebArgs, QuietLogArgs};

/// Monitor this machine: tracker, analyzer, observer and web page in one process.
///
/// Nothing else needs to run. Prints the address of the page once it serves. With
/// `--broker-url amqp://…` it joins the fleet of that broker: this machine is measured, alerts
/// are raised for every machine there, and the page shows all of them.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Also show this many machines that are not there, 1–10000, to see what the page does with
    /// a fleet: `sim-0001`, `sim-0002` …, each sampled once a second.
    ///
    /// Only inside this process; to load a broker there is `resources simulate`.
    #[arg(
        long,
        value_name = "COUNT",
        help_heading = "Simulation",
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    simulate_hosts: Option<u32>,

    #[command(flatten)]
    tracker: TrackerArgs,

    #[command(flatten)]
    analyzer: AnalyzerArgs,

    #[command(flatten)]
    pub(crate) observer: LocalObserverArgs,

    /// Raise no alerts here: for a fleet that has an observer already, as two tell everything
    /// twice.
    #[arg(long, help_heading = "Alerts", conflicts_with_all = ["rules", "state", "dry_run"])]
    no_observer: bool,

    #[command(flatten)]
    pub(crate) web: LocalWebArgs,

    #[command(flatten)]
    pub(crate) bus: LocalBusArgs,

    #[command(flatten)]
    telemetry: TelemetryArgs,

    #[command(flatten)]
    pub(crate) log: QuietLogArgs,
}

/// Runs all parts until `stop`, or until one of them ends by itself.
pub(crate) async fn run(args: UpArgs, stop: CancellationToken) -> Result<(), Failure> {
    let LocalBusArgs(bus_args) = args.bus;
    let config = bus_args.config(crate::NAME).map_err(Failure::settings)?;
    if args.simulate_hosts.is_some() && !matches!(config.url, BrokerUrl::Memory) {
        return Err(Failure::settings(
            "--simulate-hosts stays inside this process and does not go with --broker-url; to \
             send simulated measures to a broker use `resources simulate`",
        ));
    }
    let analyzer = args.analyzer.settings()?;
    let observer = if args.no_observer { None } else { Some(args.observer.0.settings()?) };
    let web = args.web.0.settings()?;
    // Last, as it may warn: a mistake elsewhere is one line.
    let tracker = args.tracker.settings()?;
    let telemetry = args.telemetry.start(crate::NAME, &config)?;
    let url = config.url.clone();
    let bus = Bus::open(config);
    // Before anything runs: a port that is taken is found out at once.
    let server = Server::bind(web, bus.clone()).await?;
    let (address, base_path) = (server.address(), server.base_path().clone());

    // Stops all parts, also when one of them ended by itself.
    let stop_parts = stop.child_token();
    let mut parts = JoinSet::new();
    parts.spawn(named("web", server.run(stop_parts.clone())));
    parts.spawn(named(
        "analyzer",
        resources_analyzer::run(analyzer, bus.clone(), stop_parts.clone()),
    ));
    if let Some(observer) = observer {
        let observing = resources_observer::run(observer, bus.clone(), stop_parts.clone());
        parts.spawn(named("observer", observing));
    }
    parts.spawn(named("tracker", resources_tracker::run(tracker, bus.clone(), stop_parts.clone())));
    if let Some(hosts) = args.simulate_hosts {
        let fleet = SimulatedFleet::new(&simulated(hosts), bus.link())?;
        let simulation = fleet::run(fleet, bus.clone(), stop_parts.clone());
        parts.spawn(named("simulation", simulation));
    }
    announce(address, &base_path)?;

    let early = tokio::select! {
        () = stop.cancelled() => Ok(()),
        Some(ended) = parts.join_next() => match ended {
            _ if stop.is_cancelled() => Ok(()),
            Ok((_, Err(failure))) => Err(failure),
            Ok((name, Ok(()))) => Err(Failure::failed(format_args!("the {name} ended by itself"))),
            Err(panic) => Err(Failure::failed(panic)),
        },
        reason = bus.refused() => {
            Err(Failure::failed(format_args!("the broker at {url} refused: {reason}")))
        }
    };
    stop_parts.cancel();
    let mut late = Ok(());
    service::within(GRACE, "stopping all parts", async {
        while let Some(ended) = parts.join_next().await {
            if let Ok((_, Err(failure))) = ended {
                late = Err(failure);
            }
        }
    })
    .await;
    close(&bus).await;
    telemetry.finish().await;
    early.and(late)
}

/// Machines as `resources simulate` has them when it is told no more than how many.
const fn simulated(hosts: u32) -> FleetPlan<'static> {
    let interval = Duration::from_secs(1);
    FleetPlan { hosts, interval, name_prefix: "sim-", seed: 1, episodes: None }
}

async fn named<T>(
    name: &'static str,
    part: impl Future<Output = Result<T, Failure>>,
) -> (&'static str, Result<T, Failure>) {
    (name, part.await)
}

/// Prints where the page is, for people and for programs that wait for it.
fn announce(address: SocketAddr, base_path: &BasePath) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    let said = writeln!(output, "Open http://{}{base_path}", reachable(address))
        .and_then(|()| output.flush());
    match said {
        // Nobody reads it; the page is served all the same.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        said => said.map_err(Failure::failed),
    }
}

/// An address a browser on this machine can open.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            (Ipv4Addr::LOCALHOST, address.port()).into()
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            (Ipv6Addr::LOCALHOST, address.port()).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_is_opened_as_this_machine() {
        for (listen, opened) in [
            ("127.0.0.1:8888", "127.0.0.1:8888"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), opened);
        }
    }
}
