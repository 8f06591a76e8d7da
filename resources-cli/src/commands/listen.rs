//! `resources listen`: prints what arrives, one JSON line each.

use std::io::{ErrorKind, Write as _};
use std::num::NonZeroU16;
use std::time::Duration;

use clap::Args;
use resources_core::bus::{Bus, BusArgs, Pattern, Source, Subscription};
use resources_core::service::{Failure, parse_duration};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::{close, trouble};
use crate::args::{QuietLogArgs, remote};
use crate::render;

/// What the broker sends ahead of what is printed.
const PREFETCH: NonZeroU16 = NonZeroU16::new(512).unwrap();

/// Print what is published from now on, one JSON line each.
///
/// A line is {"topic": …, "timestamp_ms": …, "trace_id": …, "body": …}. Takes nothing away from others. Says on standard error when it is listening. A body that is
/// not JSON is shown as a string.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Which routing keys: words between dots, `*` for one word, `#` for any number of words;
    /// `#.analysis` takes the analyses of every host. Quote them: shells know `*` and `#`, too.
    #[arg(value_name = "PATTERN", required = true)]
    patterns: Vec<Pattern>,

    /// End after this many messages.
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
    let config = remote(&args.bus)?;
    let url = config.url.clone();
    let bus = Bus::open(config);
    let shown: Vec<_> = args.patterns.iter().map(ToString::to_string).collect();
    let mut subscription = bus.subscribe(Source::Patterns(args.patterns), PREFETCH);
    let (mut listening, mut printed) = (false, 0);
    let work = async {
        if !subscription.ready().await {
            return End::Closed;
        }
        listening = true;
        // Without standard error there is nobody to tell.
        let _told = writeln!(std::io::stderr(), "listening to {} on {url}", shown.join(", "));
        let output = tokio::io::stdout();
        let end = print(&mut subscription, output, args.count, &mut printed).await;
        subscription.flush().await;
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
            Err(format!("{printed} of {count} messages came within {duration:?}"))
        }
        (End::Refused(reason), _) => Err(format!("the broker at {url} refused: {reason}")),
        (End::Closed, _) => Err("the link to the broker was closed".to_owned()),
        (End::Output(error), _) => Err(format!("cannot print: {error}")),
    };
    close(&bus).await;
    outcome.map_err(Failure::failed)
}

/// Prints up to `count` messages. Waits for its reader; what the broker holds for it meanwhile
/// is bounded there.
async fn print(
    subscription: &mut Subscription,
    mut output: impl AsyncWrite + Unpin,
    count: Option<u64>,
    printed: &mut u64,
) -> std::io::Result<End> {
    while count.is_none_or(|count| *printed < count) {
        let Some(delivery) = subscription.next().await else { return Ok(End::Closed) };
        let line = render::line(&delivery)?;
        let written = async {
            output.write_all(&line).await?;
            output.flush().await
        };
        match written.await {
            Ok(()) => *printed += 1,
            // Such as `| head -1`.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(End::Enough),
            Err(error) => return Err(error),
        }
        subscription.acknowledge_through(delivery.receipt).await;
    }
    Ok(End::Enough)
}
