//! `resources observer`: tools for whoever writes the observer's rules.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use resources_core::contract::{HostName, Labels};
use resources_core::service::Failure;
use resources_observer::read_rules;

use super::print;
use crate::args::QuietLogArgs;

/// Check the rules of the observer before it runs with them.
#[derive(Debug, Args)]
pub(crate) struct ObserverArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say in words what a rules file makes of every host, or of one.
    ///
    /// A file that cannot be used ends with exit code 2 and one line: file, line, what is wrong
    /// and what is allowed.
    Check(CheckArgs),
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

impl ObserverArgs {
    pub(crate) const fn log(&self) -> &QuietLogArgs {
        let What::Check(args) = &self.what;
        &args.log
    }
}

pub(crate) fn run(args: &ObserverArgs) -> Result<(), Failure> {
    let What::Check(CheckArgs { rules, host, labels, .. }) = &args.what;
    let (rules, _reactions) = rules.as_deref().map(read_rules).transpose()?.unwrap_or_default();
    let labels = Labels::parse(labels.iter().map(String::as_str))
        .map_err(|error| Failure::settings(format_args!("--label: {error}")))?;
    print(&match host {
        Some(host) => rules.explain_host(host, &labels),
        None => rules.explain(),
    })
}
