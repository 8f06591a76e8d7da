//! `resources rejected`: the messages that were set aside, why, and putting them back.

mod identity;
mod shelf;
mod table;

use clap::{Args, Subcommand};
use resources_core::bus::{BusArgs, Delivery, Message, PublishError, Publisher};
use resources_core::contract::{Topic, TraceParent};
use resources_core::service::{Failure, now_ms};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use self::identity::{Identity, Which};
use self::shelf::Shelf;
use super::print;
use crate::args::QuietLogArgs;

/// Look at the messages that were set aside, put them back, or drop them.
///
/// A message that nobody can understand, that was delivered too often, for which its queue had no
/// room, or that a reaction of an observer could not tell is kept in a queue of its own with the
/// reason.
#[derive(Debug, Args)]
pub(crate) struct RejectedArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(ListArgs),
    Show(ShowArgs),
    Requeue(RequeueArgs),
    Drop(DropArgs),
}

/// List the messages that were set aside, oldest first. They stay where they are.
#[derive(Debug, Args)]
struct ListArgs {
    /// At most this many.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=65_535)
    )]
    limit: u32,

    #[command(flatten)]
    common: CommonArgs,
}

/// Show one message whole. It stays where it is.
#[derive(Debug, Args)]
struct ShowArgs {
    /// Its number or its id, as `list` shows them.
    #[arg(value_name = "NUMBER|ID")]
    which: Which,

    #[command(flatten)]
    common: CommonArgs,
}

/// Publish messages once more under their own key, after what made them be refused was mended.
/// What a reaction of an observer gave up to tell (`<reaction>.notification`) stays. Each leaves the queue only once the broker has it in its old place.
#[derive(Debug, Args)]
struct RequeueArgs {
    #[command(flatten)]
    chosen: Chosen,

    #[command(flatten)]
    common: CommonArgs,
}

/// Drop messages for ever.
#[derive(Debug, Args)]
struct DropArgs {
    #[command(flatten)]
    chosen: Chosen,

    /// Really drop all of them.
    #[arg(long, requires = "all")]
    yes: bool,

    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Chosen {
    /// Ids, as `list` shows them.
    #[arg(value_name = "ID")]
    ids: Vec<Identity>,

    /// All of them.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct CommonArgs {
    #[command(flatten)]
    bus: BusArgs,

    #[command(flatten)]
    log: QuietLogArgs,
}

impl RejectedArgs {
    pub(crate) fn log(&self) -> &QuietLogArgs {
        &self.common().log
    }

    fn common(&self) -> &CommonArgs {
        match &self.action {
            Action::List(args) => &args.common,
            Action::Show(args) => &args.common,
            Action::Requeue(args) => &args.common,
            Action::Drop(args) => &args.common,
        }
    }
}

/// Does what is asked, or says why it could not be done to every message that was named.
pub(crate) async fn run(args: RejectedArgs, stop: CancellationToken) -> Result<(), Failure> {
    if let Action::Drop(DropArgs { chosen: Chosen { all: true, .. }, yes: false, .. }) =
        &args.action
    {
        return Err(Failure::settings(
            "drop --all drops every message for ever; say --yes as well to do it",
        ));
    }
    let mut shelf = Shelf::open(&args.common().bus)?;
    let work = async {
        match &args.action {
            Action::List(args) => list(&mut shelf, args.limit).await,
            Action::Show(args) => show(&mut shelf, &args.which).await,
            Action::Requeue(args) => requeue(&mut shelf, &args.chosen).await,
            Action::Drop(args) => drop_chosen(&mut shelf, &args.chosen).await,
        }
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = stop.cancelled() => Err(Failure::failed("stopped; what was not done stays")),
    };
    shelf.close().await;
    outcome
}

async fn list(shelf: &mut Shelf, limit: u32) -> Result<(), Failure> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    // One more tells whether there are more.
    let messages = shelf.take(most + 1).await?;
    print(&table::list(&messages[..messages.len().min(most)], messages.len() > most))
}

async fn show(shelf: &mut Shelf, which: &Which) -> Result<(), Failure> {
    let messages = shelf.take(usize::MAX).await?;
    match messages.iter().zip(1..).find(|(message, number)| which.is(message, *number)) {
        Some((message, _)) => print(&table::whole(message)),
        None => Err(Failure::failed(format_args!(
            "none of the {} messages that were set aside is {which}; see `resources rejected list`",
            messages.len()
        ))),
    }
}

async fn requeue(shelf: &mut Shelf, chosen: &Chosen) -> Result<(), Failure> {
    let messages = choose(shelf, chosen).await?;
    let publisher = shelf.publisher();
    let mut count = 0_u64;
    let mut kept = Vec::new();
    for message in &messages {
        match put_back(&publisher, message).await {
            // The broker has it. Should this not arrive, it is there twice; history counts it
            // once when it has a run and a sequence.
            Ok(()) if shelf.remove(message).await => count += 1,
            Ok(()) => {
                kept.push(format!(
                    "{} was put back but is still set aside as well: the link broke; what \
                     follows was left where it is",
                    Identity::of(message)
                ));
                // All that is held was given back with the link: the same would befall the rest.
                break;
            }
            Err(reason) => kept.push(format!("{} stays: {reason}", Identity::of(message))),
        }
    }
    print(&format!("{} put back\n", messages_were(count)))?;
    all_done(&kept)
}

async fn drop_chosen(shelf: &mut Shelf, chosen: &Chosen) -> Result<(), Failure> {
    let messages = choose(shelf, chosen).await?;
    let mut count = 0_u64;
    let mut kept = Vec::new();
    for message in &messages {
        if shelf.remove(message).await {
            count += 1;
        } else {
            kept.push(format!("{} stays: the link broke", Identity::of(message)));
        }
    }
    print(&format!("{} dropped\n", messages_were(count)))?;
    all_done(&kept)
}

/// The messages that are meant; every id must be there before anything is done.
async fn choose(shelf: &mut Shelf, chosen: &Chosen) -> Result<Vec<Delivery>, Failure> {
    let mut messages = shelf.take(usize::MAX).await?;
    if messages.len() >= usize::from(shelf::PREFETCH.get()) {
        tracing::warn!("there are more messages than can be taken at a time: run this again");
    }
    if !chosen.all {
        let there: Vec<Identity> = messages.iter().map(Identity::of).collect();
        if let Some(missing) = chosen.ids.iter().find(|id| !there.contains(id)) {
            return Err(Failure::failed(format_args!(
                "no message with id {missing} is set aside; nothing was done"
            )));
        }
        messages.retain(|message| chosen.ids.contains(&Identity::of(message)));
    }
    Ok(messages)
}

/// The part of what an observer could not tell that says which of its reactions was to.
#[derive(Debug, Deserialize)]
struct Notification {
    reaction: Box<str>,
}

/// Whether this is what a reaction of an observer had to tell, and gave up: it never was in a
/// queue, and its key is only a name.
fn is_notification(message: &Delivery) -> bool {
    let Some(reaction) = message.topic.strip_suffix(".notification") else { return false };
    serde_json::from_slice::<Notification>(&message.body).is_ok_and(|of| *of.reaction == *reaction)
}

/// Publishes `message` as it was published first.
async fn put_back(publisher: &Publisher, message: &Delivery) -> Result<(), String> {
    if is_notification(message) {
        return Err(
            "it is what a reaction gave up to tell, and is not told any more; `show` it, then \
             `drop` it"
                .to_owned(),
        );
    }
    let topic = Topic::new(&message.topic).map_err(|error| error.to_string())?;
    let again = Message {
        topic,
        body: message.body.clone(),
        timestamp_ms: message.timestamp_ms.unwrap_or_else(now_ms),
        trace: message.trace.unwrap_or_else(TraceParent::begin),
    };
    publisher.publish_until_confirmed(&again).await.map_err(|error| match error {
        PublishError::Unroutable(topic) => format!("no queue takes `{topic}`"),
        error => error.to_string(),
    })
}

fn messages_were(count: u64) -> String {
    if count == 1 { "1 message was".to_owned() } else { format!("{count} messages were") }
}

fn all_done(kept: &[String]) -> Result<(), Failure> {
    match kept {
        [] => Ok(()),
        [one] => Err(Failure::failed(one)),
        [first, rest @ ..] => {
            Err(Failure::failed(format_args!("{first}; and {} more like it", rest.len())))
        }
    }
}
