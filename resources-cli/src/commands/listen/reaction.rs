//! What is done with each message: it is printed, or a program is run for it.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use resources_core::bus::Delivery;
use resources_core::contract::RoutingKey;
use resources_observer::program::{Program, ProgramError};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::render::{self, Format};

/// What to do with each message.
pub(super) enum Reaction {
    /// Print it like this.
    Print(Format),
    /// Run a program.
    Run(Box<Runs>),
}

/// The runs of a program.
pub(super) struct Runs {
    program: Program,
    path: PathBuf,
    begun: u64,
    failed: u64,
}

/// What came of it.
pub(super) enum Done {
    /// On to the next.
    On,
    /// Whoever was to read the output is gone.
    NobodyReads,
}

impl Reaction {
    pub(super) const fn print(format: Format) -> Self {
        Self::Print(format)
    }

    pub(super) fn program(
        path: &Path,
        arguments: Vec<OsString>,
        time_limit: Duration,
    ) -> Result<Self, ProgramError> {
        let program = Program::new(path, arguments, time_limit, None)?;
        Ok(Self::Run(Box::new(Runs { program, path: path.to_owned(), begun: 0, failed: 0 })))
    }

    /// Does it for one message.
    pub(super) async fn to(&mut self, delivery: &Delivery) -> std::io::Result<Done> {
        match self {
            Self::Print(format) => write(tokio::io::stdout(), &format.line(delivery)?).await,
            Self::Run(runs) => runs.run(delivery).await,
        }
    }

    /// Whether all went well.
    pub(super) fn finish(self) -> Result<(), String> {
        match self {
            Self::Run(runs) if runs.failed > 0 => {
                let Runs { path, begun, failed, .. } = *runs;
                Err(format!("{failed} of {begun} runs of {} failed", path.display()))
            }
            _ => Ok(()),
        }
    }
}

impl Runs {
    async fn run(&mut self, delivery: &Delivery) -> std::io::Result<Done> {
        self.begun += 1;
        let line = render::line(delivery)?;
        let (printed, outcome) = self.program.run(&line, variables(delivery)).await;
        if let Err(error) = outcome {
            self.failed += 1;
            // The key is foreign: shown with its control characters escaped.
            let told = format!("{}: {error} on {:?}\n", crate::NAME, delivery.topic);
            write(tokio::io::stderr(), told.as_bytes()).await?;
        }
        write(tokio::io::stderr(), &printed.errors).await?;
        write(tokio::io::stdout(), &printed.output).await
    }
}

/// The message as variables; each is set, as the program would else get one of ours.
fn variables(delivery: &Delivery) -> [(&'static str, String); 4] {
    let host = delivery.topic.parse().map(|key: RoutingKey| key.host.to_string());
    [
        // A key may hold what a variable may not.
        ("RESOURCES_KEY", delivery.topic.replace('\0', "")),
        ("RESOURCES_HOST", host.unwrap_or_default()),
        (
            "RESOURCES_TIMESTAMP_MS",
            delivery.timestamp_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        ),
        ("TRACEPARENT", delivery.trace.map(|trace| trace.to_string()).unwrap_or_default()),
    ]
}

async fn write(mut to: impl AsyncWrite + Unpin, bytes: &[u8]) -> std::io::Result<Done> {
    if bytes.is_empty() {
        return Ok(Done::On);
    }
    let written = async {
        to.write_all(bytes).await?;
        to.flush().await
    };
    match written.await {
        Ok(()) => Ok(Done::On),
        // Such as `| head -1`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Done::NobodyReads),
        Err(error) => Err(error),
    }
}
