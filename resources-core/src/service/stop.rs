//! Being asked to stop, and not waiting for ever afterwards.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A token that is cancelled when the process is asked to stop (SIGINT or SIGTERM). A second
/// signal ends the process at once, with exit code 130.
///
/// # Errors
/// When the system refuses the signal handlers.
pub fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut signals = Signals::new()?;
    let asked = stop.clone();
    tokio::spawn(async move {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping on {name}; once more ends at once");
        asked.cancel();
        signals.next().await;
        std::process::exit(130);
    });
    Ok(stop)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}

/// Waits for `work` at most `grace`; says so and goes on without it when that is over.
/// Returns whether the work ended in time.
pub async fn within(grace: Duration, what: &str, work: impl Future<Output = ()>) -> bool {
    let in_time = tokio::time::timeout(grace, work).await.is_ok();
    if !in_time {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(grace_ms, "grace period over while {what}; leaving the rest");
    }
    in_time
}
