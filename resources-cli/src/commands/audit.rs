//! `resources audit`: compares what was sampled with what history holds.

mod account;
mod report;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hyper::StatusCode;
use resources_core::service::{Failure, parse_duration};
use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::account::{Account, Held};
use self::report::Report;
use crate::args::QuietLogArgs;
use crate::http::{ApiClient, ApiError, parse_base};
use crate::ledger::Ledger;
use crate::sequences::Sequences;

/// Time between two questions while history catches up: nothing over HTTP tells when it has.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Compare ledgers of `resources simulate` with what history holds.
///
/// By host: how many samples were taken, how many history holds, how many are missing, and how
/// many were counted more than once. Exit code 0 only when none is.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Files written by `resources simulate --ledger`.
    #[arg(value_name = "LEDGER", required = true)]
    ledgers: Vec<PathBuf>,

    /// Where `resources-web` serves, with its history on.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8888/",
        value_parser = parse_base
    )]
    web: Url,

    /// Wait this long for history to catch up before anything counts as missing.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    within: Duration,

    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(crate) log: QuietLogArgs,
}

/// Exits well only when every sample was counted exactly once.
pub(crate) async fn run(args: AuditArgs, stop: CancellationToken) -> Result<(), Failure> {
    let mut ledger = Ledger::default();
    for path in &args.ledgers {
        ledger.read(path).map_err(Failure::settings)?;
    }
    if ledger.hosts().next().is_none() {
        return Err(Failure::settings("the ledger is empty: there is nothing to compare"));
    }
    let mut history = History(ApiClient::new(args.web));
    let report = tokio::select! {
        report = audit(&ledger, &mut history, args.within) => report.map_err(Failure::failed)?,
        () = stop.cancelled() => {
            return Err(Failure::failed("stopped before the audit was done"));
        }
    };
    let text = if args.json { report.json() } else { report.table() };
    super::print(&text)?;
    if report.is_exact() { Ok(()) } else { Err(Failure::failed(report.verdict())) }
}

/// Asks history for every host; again, while some are missing and `within` is not over, and
/// once more for all in the end: counts may have grown since.
async fn audit(
    ledger: &Ledger,
    history: &mut History,
    within: Duration,
) -> Result<Report, ApiError> {
    let deadline = Instant::now() + within;
    let mut caught_up = BTreeSet::new();
    while Instant::now() + ASK_AGAIN < deadline {
        let mut behind = false;
        for (host, runs) in ledger.hosts() {
            if caught_up.contains(host) {
                continue;
            }
            match history.held(host).await {
                Ok(held) if Account::new(runs, &held).missing == 0 => {
                    caught_up.insert(host);
                }
                Ok(_) => behind = true,
                // It may be starting.
                Err(ApiError::Unreachable { .. }) => {
                    behind = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if !behind {
            break;
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
    let mut report = Report::default();
    for (host, runs) in ledger.hosts() {
        report.add(host, Account::new(runs, &history.held(host).await?));
    }
    Ok(report)
}

/// What the server keeps.
struct History(ApiClient);

/// The answer of `GET /api/v1/hosts/{host}/runs`, as far as it is used.
#[derive(Debug, Deserialize)]
struct Runs {
    counted: u64,
    runs: Vec<Run>,
    /// Whether there are more runs or gaps than one answer holds.
    #[serde(default)]
    truncated: bool,
}

#[derive(Debug, Deserialize)]
struct Run {
    run: String,
    sequences: Vec<(u64, u64)>,
}

impl History {
    /// What it holds of `host`; nothing when it does not know it.
    async fn held(&mut self, host: &str) -> Result<Held, ApiError> {
        let path = ["api", "v1", "hosts", host, "runs"];
        let answer: Runs = match self.0.get(&path).await {
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
                return Ok(Held::default());
            }
            answer => answer?,
        };
        if answer.truncated {
            tracing::warn!(
                host,
                "not all of its runs are told: what is left out counts as missing, and duplicates \
                 cannot be seen"
            );
        }
        let ranges = |run: Run| {
            let sequences = run.sequences.into_iter().map(|(first, last)| first..=last);
            (run.run, sequences.collect::<Sequences>())
        };
        Ok(Held {
            counted: answer.counted,
            runs: answer.runs.into_iter().map(ranges).collect(),
            truncated: answer.truncated,
        })
    }
}
