//! A TCP proxy before the broker that can cut, stall and slow what goes through it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Bytes carried at a time.
const CHUNK_BYTES: usize = 16 << 10;

/// What a slow line takes for each chunk.
const SLOWNESS: Duration = Duration::from_millis(100);

/// What the proxy does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Carries every byte at once.
    Pass,
    /// Ends every connection, and new ones as soon as they are made.
    Cut,
    /// Half-open: connections stay and are accepted, but not a byte goes through.
    Stall,
    /// Carries a little at a time, late.
    Slow,
}

/// A running proxy; it ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    accepted: Arc<Mutex<Vec<Instant>>>,
    _stop: DropGuard,
}

impl Proxy {
    /// A proxy on a free port before `broker_port`.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(broker_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let (mode, modes) = watch::channel(Mode::Pass);
        let accepted = Arc::<Mutex<Vec<Instant>>>::default();
        let stop = CancellationToken::new();
        let serve = serve(listener, broker_port, modes, Arc::clone(&accepted), stop.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve));
        Self { port, mode, accepted, _stop: stop.drop_guard() }
    }

    /// What it does from now on, also with the connections it has.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// URL of the broker behind it; `query` such as `?heartbeat=2`.
    #[must_use]
    pub fn url(&self, query: &str) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f{query}", self.port)
    }

    /// When each connection was made that was not cut at once.
    ///
    /// # Panics
    /// Never: nobody panics while holding what it reads.
    #[must_use]
    pub fn accepted(&self) -> Vec<Instant> {
        self.accepted.lock().expect("no panic while it is held").clone()
    }
}

async fn serve(
    listener: TcpListener,
    broker_port: u16,
    modes: watch::Receiver<Mode>,
    accepted: Arc<Mutex<Vec<Instant>>>,
    stop: CancellationToken,
) {
    loop {
        // Out of open files, most likely: those who wait come again.
        let Ok((client, _)) = listener.accept().await else { continue };
        if *modes.borrow() == Mode::Cut {
            continue;
        }
        accepted.lock().expect("no panic while it is held").push(Instant::now());
        let carry = carry(client, broker_port, modes.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(carry));
    }
}

/// Carries one connection to its end.
async fn carry(client: TcpStream, broker_port: u16, modes: watch::Receiver<Mode>) {
    let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, broker_port)).await else { return };
    for side in [&client, &broker] {
        side.set_nodelay(true).ok();
    }
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let mut cut = modes.clone();
    // However it ended, both sides see it end.
    tokio::select! {
        _ended = one_way(from_client, to_broker, modes.clone()) => {}
        _ended = one_way(from_broker, to_client, modes) => {}
        _cut = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut modes: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = from.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        let flowing = modes.wait_for(|mode| *mode != Mode::Stall).await;
        let slow = flowing.is_ok_and(|mode| *mode == Mode::Slow);
        if slow {
            tokio::time::sleep(SLOWNESS).await;
        }
        to.write_all(&chunk[..count]).await?;
    }
}
