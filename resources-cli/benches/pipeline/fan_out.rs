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
use crate::statistics::percentile_ms;
use crowd::{Crowd, Frames};

/// Hosts, each at one analysis a second.
const HOSTS: usize = 200;
const PER_SECOND: u32 = 200;

/// Files a process has open besides its WebSockets, at most.
const OTHER_FILES: usize = 100;

/// What a crowd of clients was sent.
struct Round {
    updates: usize,
    expected: usize,
    resyncs: usize,
    p99_ms: f64,
    cpu_cores: f64,
    mean_batch_bytes: usize,
}

pub(crate) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let seconds = context.seconds(15, 2);
    let count = usize::try_from(seconds * u64::from(PER_SECOND))?;
    let messages = messages(Kind::Analysis, HOSTS, count)?;
    for clients in [1, 200, 1000] {
        if let Some(limit) = open_files().filter(|limit| *limit < clients + OTHER_FILES) {
            say(&format!(
                "  left out {clients} clients: only {limit} files may be open; run `ulimit -n 4096`"
            ));
            continue;
        }
        let ours = through_web(context, clients, &messages).await?;
        let bare = broadcast(context, clients, ours.mean_batch_bytes, seconds).await?;
        report.add(Row {
            figure: format!("fan-out to {clients} WebSockets, {PER_SECOND} updates a second"),
            ours: format!(
                "{:.2} cores; {} of {} updates{}; age p99 {:.0} ms",
                ours.cpu_cores,
                ours.updates,
                ours.expected,
                match ours.resyncs {
                    0 => String::new(),
                    count => format!(", {count} started over"),
                },
                ours.p99_ms
            ),
            bare: format!("{bare:.2} cores for batches of {} bytes", ours.mean_batch_bytes),
            ratio: Some(ours.cpu_cores / bare),
            target: Some(("all delivered", ours.updates == ours.expected)),
        });
    }
    Ok(())
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

    let (before, begun) = (dashboard.program.cpu()?, Instant::now());
    let sent = publish_evenly(&bus.publisher(), messages, PER_SECOND).await?;
    let cpu = dashboard.program.cpu()? - before;
    let cpu_cores = cpu.as_secs_f64() / begun.elapsed().as_secs_f64();

    let seen = crowd.seen(PATIENCE).await?;
    let mut ages = Vec::with_capacity(seen.updates);
    for (at, updates) in seen.frames {
        ages.extend(updates.iter().map(|update| at.saturating_duration_since(sent[*update])));
    }
    ages.sort_unstable();
    dashboard.program.end().await?;
    bus.close().await;
    amqp::remove(&url, &exchange).await?;
    Ok(Round {
        updates: seen.updates,
        expected: clients * messages.len(),
        resyncs: seen.resyncs,
        p99_ms: percentile_ms(&ages, 99),
        cpu_cores,
        mean_batch_bytes: frames.mean_bytes(),
    })
}

/// Cores a bare server takes to send texts of this size to as many clients.
async fn broadcast(
    context: &Context,
    clients: usize,
    bytes: usize,
    seconds: u64,
) -> anyhow::Result<f64> {
    let bytes = bytes.to_string();
    let mut server =
        Program::start("the bare server", context.role(&["broadcast", "--bytes", &bytes])?)?;
    let mut line = String::new();
    let mut output = BufReader::new(server.output()?);
    timeout(PATIENCE, output.read_line(&mut line)).await.context("no bare server")??;
    let address: SocketAddr = line.trim().parse().context("the bare server's address")?;
    // Its texts hold no update, so its clients never have enough.
    let frames = Arc::new(Frames::without_updates());
    let crowd = Crowd::gather(address, clients, usize::MAX, &frames).await?;
    let (before, begun) = (server.cpu()?, Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let cpu = server.cpu()? - before;
    drop(crowd);
    Ok(cpu.as_secs_f64() / begun.elapsed().as_secs_f64())
}

/// How many files this process may have open.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
