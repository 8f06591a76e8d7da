//! The web server under measurement, and WebSocket clients of it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::context::{Context, PATIENCE};
use crate::process::Program;

/// How often the server is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A running web server.
pub(crate) struct Dashboard {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
}

impl Dashboard {
    /// Starts one with these arguments and waits until it is ready.
    pub(crate) async fn start(
        context: &Context,
        exchange: &str,
        arguments: &[&str],
    ) -> anyhow::Result<Self> {
        // Free a moment ago; the server tells its port only in its log.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = context.program("resources-web", exchange);
        // The figures are those of the live view, and no file of this machine's user is written.
        command.env("RESOURCES_HISTORY", "off");
        command.args(["--listen", &address.to_string()]).args(arguments);
        let program = Program::start("resources-web", command)?;
        let begun = Instant::now();
        while !is_ready(address).await {
            if begun.elapsed() > PATIENCE {
                bail!("resources-web is not ready after {PATIENCE:?}");
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(Self { program, address })
    }
}

async fn is_ready(address: SocketAddr) -> bool {
    let ask = async {
        let mut tcp = TcpStream::connect(address).await?;
        let request =
            format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        tcp.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer.starts_with("HTTP/1.1 200 "))
    };
    ask.await.unwrap_or(false)
}

/// One browser.
pub(crate) struct Client(WebSocketStream<TcpStream>);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let (socket, _) = client_async(format!("ws://{address}/ws"), tcp).await?;
        Ok(Self(socket))
    }

    /// The next text, and when it came.
    pub(crate) async fn next(&mut self) -> anyhow::Result<(Instant, Utf8Bytes)> {
        loop {
            let message = self.0.next().await.context("the server closed a WebSocket")??;
            if let Message::Text(text) = message {
                return Ok((Instant::now(), text));
            }
        }
    }
}
