//! `resources listen`: prints what arrives, or runs a program for it.

mod incoming;
mod reaction;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use resources_core::bus::{Bus, BusArgs, Pattern};
use resources_core::service::{Failure, parse_duration};
use resources_observer::filter::Filter;
use tokio_util::sync::CancellationToken;

use self::incoming::{Incoming, PREFETCH, PREFETCH_OF_RUNS, plan};
use self::reaction::{Done, Reaction};
use super::{close, trouble};
use crate::args::{QuietLogArgs, remote};
use crate::render::Format;

/// Print what is published from now on, one line each, or run a program for each.
///
/// A line is {"topic": …, "timestamp_ms": …, "trace_id": …, "body": …}. Takes nothing away from others. Says on standard error when it is listening. A body that is
/// not JSON is shown as a string.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Which routing keys: words between dots, `*` for one word, `#` for any number of words;
    /// `#.analysis` takes the analyses of every host. Quote them: shells know `*` and `#`, too.
    #[arg(value_name = "PATTERN", required = true)]
    patterns: Vec<Pattern>,

    /// Only messages whose fields are like this, such as `level=HIGH|MEDIUM host=web-*
    /// percentage>=90`: terms that must all hold, with = != < <= > >=; dots go into objects, `key`
    /// is the routing key.
    #[arg(long = "where", value_name = "FILTER")]
    filter: Option<Filter>,

    /// Begin with what was published this long ago and go on with what comes. Only for what is
    /// kept in a stream: patterns that end in a kind such as `.analysis` or `.alert`.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    since: Option<Duration>,

    /// How messages are printed.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Json)]
    format: Format,

    /// Run this program for each message, one after another, instead of printing it: without a
    /// shell, with the arguments that stand behind `--`. It gets the message as a line of JSON on
    /// standard input, and as RESOURCES_KEY, RESOURCES_HOST, RESOURCES_TIMESTAMP_MS and
    /// TRACEPARENT. Exit code 1 in the end when it failed once.
    #[arg(long, value_name = "PROGRAM", conflicts_with = "format")]
    exec: Option<PathBuf>,

    /// Arguments of the program of `--exec`.
    #[arg(last = true, value_name = "ARGUMENT", requires = "exec")]
    exec_arguments: Vec<OsString>,

    /// How long the program may take for one message; then it is ended, and has failed. At most
    /// 14m, as the broker waits half an hour for an answer.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_exec_timeout, requires = "exec")]
    exec_timeout: Duration,

    /// End after this many messages that pass `--where`.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// End after this time; with `--count`, exit code 1 when there were fewer messages by then.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,

    #[command(flatten)]
    bus: BusArgs,

    #[command(flatten)]
    pub(crate) log: QuietLogArgs,
}

/// Longest that a program may take. The broker gives up on a consumer that holds a message for 30
/// minutes; of two streams one holds its message while the program runs for that of the other.
const MAX_EXEC_TIMEOUT: Duration = Duration::from_secs(14 * 60);

fn parse_exec_timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        limit if limit > MAX_EXEC_TIMEOUT => Err("at most 14m".to_owned()),
        limit => Ok(limit),
    }
}

/// Why listening ended.
#[derive(Debug)]
enum End {
    /// As many messages as asked for, or nobody reads them any more.
    Enough,
    /// The bus was closed.
    Closed,
    /// Nothing can be printed.
    Output(std::io::Error),
    /// The broker does not want this client.
    Refused(String),
    /// The time is over.
    Time(Duration),
    /// Asked to stop.
    Stopped,
}

pub(crate) async fn run(args: ListenArgs, stop: CancellationToken) -> Result<(), Failure> {
    let shown: Vec<_> = args.patterns.iter().map(ToString::to_string).collect();
    let sources = plan(&args.patterns, args.since).map_err(Failure::settings)?;
    let mut reaction = match &args.exec {
        Some(path) => Reaction::program(path, args.exec_arguments, args.exec_timeout)
            .map_err(Failure::settings)?,
        None => Reaction::print(args.format),
    };
    let config = remote(&args.bus)?;
    let url = config.url.clone();
    let bus = Bus::open(config);
    let filter = args.filter.unwrap_or_default();
    let prefetch = if args.exec.is_some() { PREFETCH_OF_RUNS } else { PREFETCH };
    let mut incoming = Incoming::new(&bus, sources, args.patterns, filter, prefetch);
    let (mut listening, mut passed) = (false, 0);
    let work = async {
        if !incoming.ready().await {
            return End::Closed;
        }
        listening = true;
        // Without standard error there is nobody to tell.
        let _told = writeln!(std::io::stderr(), "listening to {} on {url}", shown.join(", "));
        let end = react(&mut incoming, &mut reaction, args.count, &mut passed).await;
        incoming.flush().await;
        end.unwrap_or_else(End::Output)
    };
    let over = async {
        match args.duration {
            Some(duration) => {
                tokio::time::sleep(duration).await;
                End::Time(duration)
            }
            None => std::future::pending().await,
        }
    };
    let end = tokio::select! {
        end = work => end,
        end = over => end,
        reason = bus.refused() => End::Refused(reason),
        () = stop.cancelled() => End::Stopped,
    };
    let outcome = match (end, args.count) {
        (End::Enough | End::Stopped, _) => Ok(()),
        (End::Time(duration), _) if !listening => Err(format!(
            "cannot reach the broker at {url} within {duration:?}: {}",
            trouble(&bus).unwrap_or_else(|| "it does not answer".to_owned())
        )),
        (End::Time(_), None) => Ok(()),
        (End::Time(duration), Some(count)) => {
            Err(format!("{passed} of {count} messages came within {duration:?}"))
        }
        (End::Refused(reason), _) => Err(format!("the broker at {url} refused: {reason}")),
        (End::Closed, _) => Err("the link to the broker was closed".to_owned()),
        (End::Output(error), _) => Err(format!("cannot print: {error}")),
    };
    close(&bus).await;
    outcome.and_then(|()| reaction.finish()).map_err(Failure::failed)
}

/// Deals with up to `count` messages. Waits for whoever reads them; what the broker holds
/// meanwhile is bounded there.
async fn react(
    incoming: &mut Incoming,
    reaction: &mut Reaction,
    count: Option<u64>,
    passed: &mut u64,
) -> std::io::Result<End> {
    while count.is_none_or(|count| *passed < count) {
        let Some(delivery) = incoming.next().await else { return Ok(End::Closed) };
        match reaction.to(&delivery).await? {
            Done::On => *passed += 1,
            Done::NobodyReads => return Ok(End::Enough),
        }
        incoming.acknowledge(&delivery).await;
    }
    Ok(End::Enough)
}
