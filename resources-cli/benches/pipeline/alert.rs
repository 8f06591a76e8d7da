//! From the call that publishes a measure over its level to the alert that follows and the web
//! hook that is told, through analyzer and observer; what the observer takes when a very large
//! fleet falls silent; and what its engine judges by itself.

mod engine;
mod hook;
mod latency;
mod silence;

use std::num::NonZeroU16;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use resources_core::bus::{Bus, Message, Subscription};
use resources_core::contract::{Kind, Measure};
use tokio::time::timeout;

use self::hook::Hook;
use crate::context::{Context, PATIENCE};
use crate::load::{messages_of, publish_at_once};
use crate::process::Program;
use crate::report::Report;

/// Hosts that fall silent and come back.
const FLEET: usize = 40_000;

/// How long the last alerts may take.
const LAST_LIMIT: Duration = Duration::from_secs(30);

/// Alerts the broker sends ahead.
const PREFETCH: NonZeroU16 = NonZeroU16::MAX;

/// How long the hook may take to be told before something else is told of.
const HOOK_PATIENCE: Duration = Duration::from_secs(2);

/// A silence that is longer than all of a fleet take to say something.
const RULES: &str = "[default]\n\
    cpu = { raise = 90, clear = 80, hold = \"0s\", clear_hold = \"0s\" }\n\
    silent = { at_least = \"30s\" }\nflapping = { enabled = false }\n\
    clock = { enabled = false }\nrestarted = { enabled = false }\n";

pub(crate) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    engine::measure(context, report)?;
    latency::measure(context, report).await?;
    silence::measure(context, report).await
}

/// An observer with its rules and state in `folder`, whose reaction `hook` calls that URL when
/// `route` says so.
fn observer(
    context: &Context,
    exchange: &str,
    folder: &Path,
    hook_url: &str,
    route: &str,
) -> anyhow::Result<Program> {
    let rules = folder.join("rules.toml");
    let reaction = format!(
        "[reaction.hook]\ntype = \"webhook\"\nurl = \"{hook_url}\"\nrate = \"off\"\nlist = 1000\n"
    );
    std::fs::write(&rules, [RULES, &reaction, route].concat())?;
    let mut command = context.program("resources-observer", exchange);
    command.arg("--rules").arg(rules).arg("--state").arg(folder.join("alerts.sqlite"));
    Program::start("resources-observer", command)
}

/// Waits until the observer judges what is published, and tells `hook`: hosts of nobody's are
/// over their level. What was raised before the reactions had begun is told nobody, so another
/// is, until one was told.
async fn wait_for_observer(
    bus: &Bus,
    alerts: &mut Subscription,
    mut hook: Option<&mut Hook>,
) -> anyhow::Result<()> {
    let busy = |_, measure: &mut Measure| measure.cpu_percentage = 99.0;
    let begun = Instant::now();
    for number in 0.. {
        let mut first = messages_of(Kind::Analysis, 1, 1, busy)?;
        rename(&mut first[0], &format!("first-{number}"), 0)?;
        publish_at_once(&bus.publisher(), &first).await?;
        let told = timeout(PATIENCE, alerts.next()).await.context("the observer says nothing")?;
        told.context("the bus was closed")?;
        let Some(hook) = &mut hook else { return Ok(()) };
        if hook.next(HOOK_PATIENCE).await.is_ok() {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            break;
        }
    }
    bail!("no reaction follows")
}

fn rename(message: &mut Message, host: &str, sequence: u64) -> anyhow::Result<()> {
    let mut body: serde_json::Value = serde_json::from_slice(&message.body)?;
    (body["host"], body["sequence"]) = (host.into(), sequence.into());
    message.topic = format!("{host}.analysis").parse()?;
    message.body = body.to_string().into();
    Ok(())
}
