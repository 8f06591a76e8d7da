//! The least a dashboard does: sends a ready text to every WebSocket client.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::routing::get;
use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Sender};

/// Texts a slow client may be behind.
const BACKLOG: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct BroadcastArgs {
    /// Size of the text.
    #[arg(long)]
    bytes: usize,

    /// Time between two.
    #[arg(long)]
    every_us: u64,
}

pub(super) async fn run(args: BroadcastArgs) -> anyhow::Result<()> {
    let sender = Sender::new(BACKLOG);
    let app = Router::new()
        .route(
            "/ws",
            get(async |upgrade: WebSocketUpgrade, State(sender): State<_>| {
                upgrade.on_upgrade(|socket| follow(socket, sender))
            }),
        )
        .with_state(sender.clone());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let tell = async {
        let text = Utf8Bytes::from("x".repeat(args.bytes));
        let mut ticks = tokio::time::interval(Duration::from_micros(args.every_us));
        loop {
            ticks.tick().await;
            // Fails while there is no client.
            sender.send(text.clone()).ok();
        }
    };
    tokio::select! {
        served = axum::serve(listener, app) => Ok(served?),
        () = tell => Ok(()),
    }
}

async fn follow(mut socket: WebSocket, sender: Sender<Utf8Bytes>) {
    let mut texts: broadcast::Receiver<_> = sender.subscribe();
    drop(sender);
    loop {
        match texts.recv().await {
            Ok(text) => {
                if socket.send(Message::Text(text)).await.is_err() {
                    break;
                }
            }
            // What is left out is not counted either.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => break,
        }
    }
}
