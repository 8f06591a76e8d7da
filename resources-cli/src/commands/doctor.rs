//! `resources doctor`: what is wrong with an installation, and what to do.

mod broker;
mod finding;
mod flow;
mod web;

use std::time::Duration;

use clap::Args;
use resources_core::bus::{BusArgs, ListenerName};
use resources_core::service::{Failure, parse_duration};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::finding::Findings;
use crate::args::{QuietLogArgs, remote};
use crate::http::parse_base;

/// Check the broker and what flows through it, and say what is wrong.
///
/// One line for each check: ok, warning or wrong, and what to do. Looks at the broker without
/// changing anything there. Exit code 1 when something is wrong.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Also check the web server there, and its history.
    #[arg(long, value_name = "URL", value_parser = parse_base)]
    web: Option<Url>,

    /// Also check the queue of the listeners of this name, such as `pager` of an observer that is
    /// `named("pager")`. May be repeated.
    #[arg(long, value_name = "NAME")]
    listener: Vec<ListenerName>,

    /// How long to watch the analyses that come.
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = parse_duration)]
    watch: Duration,

    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    bus: BusArgs,

    #[command(flatten)]
    pub(crate) log: QuietLogArgs,
}

/// Exits well unless something is wrong; warnings are for people.
pub(crate) async fn run(args: DoctorArgs, stop: CancellationToken) -> Result<(), Failure> {
    let config = remote(&args.bus)?;
    let examined = async {
        let mut findings = Findings::default();
        broker::examine(&config, &args.listener, args.watch, &mut findings).await;
        if let Some(base) = args.web {
            web::examine(base, &mut findings).await;
        }
        findings
    };
    let findings = tokio::select! {
        findings = examined => findings,
        () = stop.cancelled() => return Err(Failure::failed("stopped before every check")),
    };
    super::print(&if args.json { findings.json() } else { findings.lines() })?;
    match findings.count_wrong() {
        0 => Ok(()),
        1 => Err(Failure::failed("one thing is wrong")),
        count => Err(Failure::failed(format_args!("{count} things are wrong"))),
    }
}
