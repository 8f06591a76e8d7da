//! `resources observer`: tools for whoever writes the observer's rules.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use resources_core::bus::{Bus, BusArgs, BusConfig};
use resources_core::contract::{HostName, Labels};
use resources_core::service::Failure;
use resources_observer::read_rules;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{close, print, trouble_of};
use crate::args::QuietLogArgs;

/// Longest test of a reaction that has no time of its own.
const LONGEST: Duration = Duration::from_secs(60);

/// How much longer a reaction may take than its own time, to end what it began.
const SLACK: Duration = Duration::from_secs(5);

/// Check the rules of the observer before it runs with them.
#[derive(Debug, Args)]
pub(crate) struct ObserverArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say in words what a rules file makes of every host, or of one, and who is told of alerts.
    ///
    /// A file that cannot be used ends with exit code 2 and one line: file, line, what is wrong
    /// and what is allowed.
    Check(CheckArgs),

    /// Tell a made-up alert through one reaction of a rules file, now, and say how that went.
    ///
    /// Tried once. Exit codes: 0 it was told, 1 it was not, 2 a setting cannot be used.
    TestReaction(TestArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The rules file; without it the rules that every host has anyway.
    #[arg(value_name = "FILE")]
    rules: Option<PathBuf>,

    /// Say what this host gets instead of explaining each rule.
    #[arg(long, value_name = "NAME")]
    host: Option<HostName>,

    /// A label of that host, such as `role=db`; may be given several times.
    #[arg(long = "label", value_name = "NAME=VALUE", requires = "host")]
    labels: Vec<String>,

    #[command(flatten)]
    log: QuietLogArgs,
}

#[derive(Debug, Args)]
struct TestArgs {
    /// The reaction, as in `[reaction.NAME]`.
    #[arg(value_name = "NAME")]
    name: String,

    /// The rules file it is in.
    #[arg(long, value_name = "FILE", env = "RESOURCES_RULES")]
    rules: PathBuf,

    /// The broker, for a reaction that publishes.
    #[command(flatten)]
    bus: BusArgs,

    #[command(flatten)]
    log: QuietLogArgs,
}

impl ObserverArgs {
    pub(crate) const fn log(&self) -> &QuietLogArgs {
        match &self.what {
            What::Check(args) => &args.log,
            What::TestReaction(args) => &args.log,
        }
    }
}

pub(crate) async fn run(args: &ObserverArgs, stop: CancellationToken) -> Result<(), Failure> {
    match &args.what {
        What::Check(args) => check(args),
        What::TestReaction(args) => tokio::select! {
            outcome = test(args) => outcome,
            () = stop.cancelled() => Ok(()),
        },
    }
}

fn check(args: &CheckArgs) -> Result<(), Failure> {
    let CheckArgs { rules, host, labels, .. } = args;
    let (rules, reactions) = rules.as_deref().map(read_rules).transpose()?.unwrap_or_default();
    let labels = Labels::parse(labels.iter().map(String::as_str))
        .map_err(|error| Failure::settings(format_args!("--label: {error}")))?;
    print(&match host {
        Some(host) => rules.explain_host(host, &labels) + &reactions.explain_host(host),
        None => rules.explain() + &reactions.explain(),
    })
}

async fn test(args: &TestArgs) -> Result<(), Failure> {
    let (_, reactions) = read_rules(&args.rules)?;
    let config = if reactions.needs_broker(&args.name) {
        args.bus.config(crate::NAME).map_err(Failure::settings)?
    } else {
        BusConfig::in_memory(crate::NAME)
    };
    let bus = Bus::open(config);
    let publisher = bus.publisher_apart();
    let limit = reactions.longest_try(&args.name).map_or(LONGEST, |own| own + SLACK);
    let outcome = timeout(limit, reactions.test(&args.name, &publisher)).await;
    let told = outcome.unwrap_or_else(|_| {
        let trouble = trouble_of(&publisher.link().borrow().state);
        let trouble = trouble.unwrap_or_else(|| "it takes too long".to_owned());
        Err(Failure::failed(format_args!("not told within {limit:?}: {trouble}")))
    });
    close(&bus).await;
    print(&format!("{}: {}\n", args.name, told?))
}
