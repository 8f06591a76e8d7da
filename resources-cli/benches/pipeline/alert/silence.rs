//! A very large fleet falls silent and comes back: the alerts, what a web hook is told, and the
//! observer's memory.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use resources_core::bus::{Bus, Message, Source, Start, Subscription};
use resources_core::contract::{Alert, AlertKind, AlertState, Kind};
use resources_core::service::now_ms;
use resources_core::test_support::unique_exchange;
use tokio::time::{sleep, timeout};

use super::hook::{Counts, Hook};
use super::{FLEET, LAST_LIMIT, PREFETCH, observer, rename, wait_for_observer};
use crate::amqp;
use crate::context::Context;
use crate::load::{HOST_PREFIX, messages, publish_at_once};
use crate::report::{Report, Row, say};
use crate::statistics::mebibytes;

/// Most messages for all that a fleet does at a time: what goes on while one is formed and sent
/// may be in the next ones, and the first may be about those who were told of first.
const MOST_MESSAGES: usize = 10;

/// What a web hook was told.
#[derive(Debug, Default)]
struct Told {
    messages: usize,
    counts: Counts,
    /// Most messages for one silence, or one return.
    most: usize,
}

impl Told {
    /// Takes messages until this many in all were raised and cleared.
    async fn until(&mut self, hook: &mut Hook, wanted: Counts) -> anyhow::Result<()> {
        let before = self.messages;
        while self.counts.raised < wanted.raised || self.counts.cleared < wanted.cleared {
            let got = self.counts;
            let next = hook.next(LAST_LIMIT * 2).await;
            let (_, told) = next.with_context(|| format!("{got:?} of {wanted:?} were told"))?;
            self.messages += 1;
            self.counts.raised += told.group.raised;
            self.counts.cleared += told.group.cleared;
        }
        let got = self.counts;
        ensure!(got == wanted, "{got:?} were told instead of {wanted:?}");
        self.most = self.most.max(self.messages - before);
        Ok(())
    }
}

/// Again and again: alerts alternate, each is told the hook in a group, memory stays.
pub(super) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let (fleet, rounds) = (context.count(FLEET, FLEET / 10), context.count(4, 1));
    let group = context.seconds(10, 2);
    let route = format!(
        "[[route]]\nwhere = \"host={HOST_PREFIX}* kind=silent\"\nto = [\"hook\"]\ngroup = \"{group}s\"\n"
    );
    let (url, exchange) = (context.broker.url(), unique_exchange());
    let folder = tempfile::tempdir()?;
    let bus = context.bus(&exchange).await?;
    let mut hook = Hook::listen().await?;
    let mut observer = observer(context, &exchange, folder.path(), &hook.url, &route)?;
    let mut alerts = bus.subscribe(Source::Alerts(Start::First), PREFETCH);
    wait_for_observer(&bus, &mut alerts, None).await?;
    let samples = messages(Kind::Analysis, fleet, fleet * (rounds + 1))?;
    let mut resident = Vec::new();
    let mut told = Told::default();
    for (round, samples) in samples.chunks(fleet).enumerate() {
        publish_at_once(&bus.publisher(), &taken_now(samples)?).await?;
        // Those who come back are told of; the first time nobody was away.
        count(&mut alerts, AlertState::Cleared, if round == 0 { 0 } else { fleet }).await?;
        let all = fleet * round;
        told.until(&mut hook, Counts { raised: all, cleared: all }).await?;
        resident.push(mebibytes(observer.memory()?.resident_bytes));
        if round == rounds {
            break;
        }
        // Somebody is heard all the while, so that the silence is the others'.
        let witness = tokio::spawn(witness(bus.clone()));
        let begun = Instant::now();
        count(&mut alerts, AlertState::Raised, fleet).await?;
        let in_stream = begun.elapsed().as_secs_f64();
        told.until(&mut hook, Counts { raised: all + fleet, cleared: all }).await?;
        witness.abort();
        say(&format!(
            "  {fleet} hosts silent, in the stream within {in_stream:.1} s, the hook told within \
             {:.1} s",
            begun.elapsed().as_secs_f64()
        ));
    }
    let peak = mebibytes(observer.memory()?.peak_bytes);
    observer.end().await?;
    bus.close().await;
    amqp::remove(&url, &exchange).await?;
    let figure = format!("alert: {fleet} hosts silent and back, {rounds} times");
    let (first, last) = (resident[1], resident[resident.len() - 1]);
    let shown: Vec<_> = resident.iter().map(|mebibytes| format!("{mebibytes:.0}")).collect();
    report.add(Row {
        figure: format!("{figure}: the observer's memory"),
        ours: format!("{} MiB, peak {peak:.0}", shown.join(", ")),
        target: Some(("flat", last <= first * 1.1)),
        ..Row::default()
    });
    let Told { messages, counts: Counts { raised, cleared }, most } = told;
    report.add(Row {
        figure: format!("{figure}: a web hook, groups of {group} s"),
        ours: format!(
            "{messages} messages about {raised} alerts raised and {cleared} cleared, at most {most} \
             at a time"
        ),
        target: Some(("≤ 10 at a time", most <= MOST_MESSAGES)),
        ..Row::default()
    });
    Ok(())
}

/// Takes `wanted` alerts of silence, all in `state` and each of another host.
async fn count(alerts: &mut Subscription, state: AlertState, wanted: usize) -> anyhow::Result<()> {
    let mut hosts = HashSet::new();
    while hosts.len() < wanted {
        let next = timeout(LAST_LIMIT * 2, alerts.next()).await;
        let got = hosts.len();
        let delivery = next.with_context(|| format!("{got} of {wanted} alerts came"))?;
        let delivery = delivery.context("the bus was closed")?;
        alerts.acknowledge_through(delivery.receipt).await;
        let alert = Alert::decode(&delivery.topic, &delivery.body)?;
        if alert.kind != AlertKind::Silent || !alert.host.as_str().starts_with(HOST_PREFIX) {
            continue;
        }
        ensure!(alert.state == state, "{alert:?} is not {state:?}");
        ensure!(hosts.insert(alert.host.clone()), "{alert:?} came twice");
    }
    Ok(())
}

/// The same, sampled now: what was sampled before a silence does not end it.
fn taken_now(samples: &[Message]) -> anyhow::Result<Vec<Message>> {
    let taken_now = |sample: &Message| {
        let mut body: serde_json::Value = serde_json::from_slice(&sample.body)?;
        body["timestamp_ms"] = now_ms().into();
        Ok(Message { body: body.to_string().into(), ..sample.clone() })
    };
    samples.iter().map(taken_now).collect()
}

/// Sends analyses of one more host until it is stopped.
async fn witness(bus: Bus) -> anyhow::Result<()> {
    let publisher = bus.publisher();
    loop {
        let mut message = messages(Kind::Analysis, 1, 1)?.remove(0);
        rename(&mut message, "witness", now_ms())?;
        publisher.publish_until_confirmed(&message).await?;
        sleep(Duration::from_millis(500)).await;
    }
}
