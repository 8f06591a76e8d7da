//! Many browsers at a time: is everything delivered, how old is it, and what does it cost.

mod crowd;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use resources_core::bus::Message;
use resources_core::contract::Kind;
use resources_core::test_support::unique_exchange;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::{Instant, timeout};

use crate::amqp;
use crate::context::{Context, PATIENCE};
use crate::dashboard::Dashboard;
use crate::load::{Numbers, messages, publish_evenly};
use crate::process::Program;
use crate::report::{Report, Row, say};
use crate::statistics::{Times, number};
use crowd::{Crowd, Frames};

/// Hosts, each at one analysis a second.
const HOSTS: usize = 200;
const PER_SECOND: u32 = 200;

/// A crowd for which delivery has its price: age in milliseconds, CPU beside the bare server.
const MANY: usize = 1000;
const MANY_WORST_TARGET_MS: f64 = 1000.0;
const MANY_RATIO_TARGET: f64 = 1.5;

/// Rounds of both in turn.
const PAIRS: usize = 3;

/// Files a process has open besides its WebSockets, at most.
const OTHER_FILES: usize = 100;

/// What a crowd of clients was sent.
struct Round {
    updates: usize,
    expected: usize,
    resyncs: usize,
    ages: Times,
    sent: Sent,
}

/// The texts a server sent to all its clients.
#[derive(Debug, Clone, Copy)]
struct Sent {
    clients: usize,
    texts: usize,
    mean_bytes: usize,
    cpu: Duration,
    time: Duration,
}

impl Sent {
    fn cpu_cores(&self) -> f64 {
        self.cpu.as_secs_f64() / self.time.as_secs_f64()
    }

    /// CPU a text and client, in microseconds.
    fn cpu_a_text(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / number(self.texts)
    }

    /// From one text to the next.
    fn period(&self) -> Duration {
        self.time.mul_f64(number(self.clients) / number(self.texts))
    }

    fn describe(&self) -> String {
        format!(
            "{:.1} µs a text of {} bytes, {:.1} a second ({:.2} cores)",
            self.cpu_a_text(),
            self.mean_bytes,
            self.period().as_secs_f64().recip(),
            self.cpu_cores(),
        )
    }
}

pub(crate) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let seconds = context.seconds(10, 2);
    let count = usize::try_from(seconds * u64::from(PER_SECOND))?;
    let messages = messages(Kind::Analysis, HOSTS, count)?;
    for clients in [1, 200, MANY] {
        if let Some(limit) = open_files().filter(|limit| *limit < clients + OTHER_FILES) {
            say(&format!(
                "  left out {clients} clients: only {limit} files may be open; run `ulimit -n 4096`"
            ));
            continue;
        }
        let mut rounds = Vec::new();
        for _ in 0..context.count(PAIRS, 1) {
            let ours = through_web(context, clients, &messages).await?;
            let bare = broadcast(context, &ours.sent).await?;
            say(&format!("  {} beside {}", ours.sent.describe(), bare.describe()));
            rounds.push((ours, bare));
        }
        report.add(row(clients, rounds)?);
    }
    Ok(())
}

/// Of all rounds: the cost of the one in the middle, the ages of all.
fn row(clients: usize, mut rounds: Vec<(Round, Sent)>) -> anyhow::Result<Row> {
    let ratio = |ours: &Round, bare: &Sent| ours.sent.cpu_a_text() / bare.cpu_a_text();
    rounds.sort_by(|a, b| ratio(&a.0, &a.1).total_cmp(&ratio(&b.0, &b.1)));
    let (middle, bare) = rounds.get(rounds.len() / 2).context("no round")?;
    let (ours, ratio) = (middle.sent.describe(), ratio(middle, bare));
    let sum = |count: fn(&Round) -> usize| rounds.iter().map(|(round, _)| count(round)).sum();
    let (updates, expected): (usize, usize) =
        (sum(|round| round.updates), sum(|round| round.expected));
    let resyncs: usize = sum(|round| round.resyncs);
    let worst_ms = rounds.iter().map(|(round, _)| round.ages.worst_ms()).fold(0.0, f64::max);
    let all = updates == expected;
    Ok(Row {
        figure: format!("fan-out to {clients} WebSockets, {PER_SECOND} updates a second"),
        ours: format!(
            "{ours}; {updates} of {expected} updates{}; age {}, worst of all rounds {worst_ms:.0} ms",
            match resyncs {
                0 => String::new(),
                count => format!(", {count} started over"),
            },
            middle.ages.describe(),
        ),
        bare: bare.describe(),
        ratio: Some(ratio),
        target: Some(if clients == MANY {
            let met = all && worst_ms <= MANY_WORST_TARGET_MS && ratio <= MANY_RATIO_TARGET;
            ("all delivered, nobody over 1 s behind, ratio ≤ 1.5", met)
        } else {
            ("all delivered", all)
        }),
    })
}

async fn through_web(
    context: &Context,
    clients: usize,
    messages: &[Message],
) -> anyhow::Result<Round> {
    let (url, exchange) = (context.broker.url(), unique_exchange());
    let bus = context.bus(&exchange).await?;
    let most = clients.to_string();
    let arguments = ["--max-connections", &most];
    let mut dashboard = Dashboard::start(context, &exchange, &arguments).await?;
    let frames = Arc::new(Frames::of(Numbers::of(messages, HOSTS)?));
    let crowd = Crowd::gather(dashboard.address, clients, messages.len(), &frames).await?;

    let meter = Meter::start(&mut dashboard.program, &frames)?;
    let published = publish_evenly(&bus.publisher(), messages, PER_SECOND).await?;
    let seen = crowd.seen(PATIENCE).await?;
    let sent = meter.stop(&mut dashboard.program, &frames, clients)?;

    let mut ages = Vec::with_capacity(seen.updates);
    for (at, updates) in seen.frames {
        ages.extend(updates.iter().map(|update| at.saturating_duration_since(published[*update])));
    }
    dashboard.program.end().await?;
    bus.close().await;
    amqp::remove(&url, &exchange).await?;
    Ok(Round {
        updates: seen.updates,
        expected: clients * messages.len(),
        resyncs: seen.resyncs,
        ages: Times::of(ages),
        sent,
    })
}

/// A bare server that sends texts of the same size, as often, to as many clients, for as long.
async fn broadcast(context: &Context, like: &Sent) -> anyhow::Result<Sent> {
    let (bytes, every_us) = (like.mean_bytes.to_string(), like.period().as_micros().to_string());
    let arguments = ["broadcast", "--bytes", &bytes, "--every-us", &every_us];
    let mut server = Program::start("the bare server", context.role(&arguments)?)?;
    let mut line = String::new();
    let mut output = BufReader::new(server.output()?);
    timeout(PATIENCE, output.read_line(&mut line)).await.context("no bare server")??;
    let address: SocketAddr = line.trim().parse().context("the bare server's address")?;
    // Its texts hold no update, so its clients never have enough.
    let frames = Arc::new(Frames::without_updates());
    let crowd = Crowd::gather(address, like.clients, usize::MAX, &frames).await?;
    let meter = Meter::start(&mut server, &frames)?;
    tokio::time::sleep(like.time).await;
    let sent = meter.stop(&mut server, &frames, like.clients)?;
    // Also to see that none was hung up on.
    crowd.seen(Duration::ZERO).await?;
    Ok(sent)
}

/// What a server takes from one instant to another.
struct Meter {
    begun: Instant,
    cpu: Duration,
    texts: usize,
}

impl Meter {
    fn start(server: &mut Program, frames: &Frames) -> anyhow::Result<Self> {
        Ok(Self { begun: Instant::now(), cpu: server.cpu()?, texts: frames.count() })
    }

    fn stop(self, server: &mut Program, frames: &Frames, clients: usize) -> anyhow::Result<Sent> {
        Ok(Sent {
            clients,
            texts: frames.count() - self.texts,
            mean_bytes: frames.mean_bytes(),
            cpu: server.cpu()? - self.cpu,
            time: self.begun.elapsed(),
        })
    }
}

/// How many files this process may have open.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
