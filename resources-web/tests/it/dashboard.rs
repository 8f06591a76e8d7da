//! A dashboard on a port of its own, and clients of it.

use std::net::SocketAddr;

use clap::Parser;
use futures_util::{SinkExt as _, StreamExt as _};
use resources_core::bus::{Bus, BusConfig, Message as BusMessage};
use resources_core::contract::{Analysis, Topic, TraceParent};
use resources_core::service::Failure;
use resources_core::test_support::in_time;
use resources_web::client::{Told, View};
use resources_web::history::History;
use resources_web::protocol::Alerts;
use resources_web::{Server, Settings, WebArgs};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::sync::CancellationToken;

/// The settings of a command line.
pub(crate) fn settings(args: &[&str]) -> Result<Settings, Failure> {
    #[derive(Parser)]
    #[command(args_override_self = true)]
    struct Args {
        #[command(flatten)]
        web: WebArgs,
    }
    // The last of two wins: a test that wants history says where.
    let defaults = ["test", "--history", "off"];
    Args::try_parse_from([&defaults, args].concat()).unwrap().web.settings()
}

pub(crate) struct Dashboard {
    pub(crate) address: SocketAddr,
    pub(crate) bus: Bus,
    pub(crate) history: History,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<Result<(), Failure>>,
}

impl Dashboard {
    pub(crate) async fn start(args: &[&str]) -> Self {
        Self::start_over(Bus::open(BusConfig::in_memory("test")), args).await
    }

    pub(crate) async fn start_over(bus: Bus, args: &[&str]) -> Self {
        let settings = settings(&[&["--listen", "127.0.0.1:0"], args].concat()).unwrap();
        let server = Server::bind(settings, bus.clone()).await.unwrap();
        let address = server.address();
        let history = server.history().clone();
        let stop = CancellationToken::new();
        let running = tokio::spawn(server.run(stop.clone()));
        Self { address, bus, history, stop, running }
    }

    pub(crate) async fn stop(self) -> Bus {
        self.stop.cancel();
        in_time("the dashboard stops", self.running).await.unwrap().unwrap();
        self.bus
    }

    pub(crate) async fn publish(&self, analysis: &Analysis) {
        publish(&self.bus, analysis).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(method, path, headers, "").await
    }

    /// One request with a body on a connection of its own.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let own = [("host", self.address.to_string()), ("connection", "close".to_owned())];
        for (name, value) in own {
            if !headers.iter().any(|(given, _)| *given == name) {
                head += &format!("{name}: {value}\r\n");
            }
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        if !body.is_empty() {
            head += &format!("content-length: {}\r\n", body.len());
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        in_time("an answer", stream.read_to_end(&mut bytes)).await.unwrap();
        Answer::read(&bytes)
    }

    /// A browser that is connected and has not read its snapshot.
    pub(crate) async fn connect(&self) -> Browser {
        self.connect_with(&[]).await.unwrap()
    }

    pub(crate) async fn connect_with(
        &self,
        headers: &[(&'static str, &str)],
    ) -> Result<Browser, tungstenite::Error> {
        self.open("ws", View::default(), headers).await
    }

    /// A browser that knows `view` and wants to go on from there.
    pub(crate) async fn resume(&self, view: View) -> Browser {
        self.open(&format!("ws?resume={}", view.resume()), view, &[]).await.unwrap()
    }

    /// Like [`connect_with`](Self::connect_with), at another path.
    pub(crate) async fn open(
        &self,
        path: &str,
        view: View,
        headers: &[(&'static str, &str)],
    ) -> Result<Browser, tungstenite::Error> {
        // A small window, so that what a slow browser does not read stays with the server.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        let mut request = format!("ws://{}/{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let connected = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Browser { socket: connected.0, view })
    }
}

pub(crate) async fn publish(bus: &Bus, analysis: &Analysis) {
    let topic = Topic::new(&format!("{}.analysis", analysis.host)).unwrap();
    let timestamp_ms = analysis.timestamp_ms;
    let message = BusMessage::json(topic, analysis, timestamp_ms, TraceParent::begin()).unwrap();
    bus.publisher().publish_until_confirmed(&message).await.unwrap();
}

pub(crate) async fn publish_raw(bus: &Bus, topic: &str, body: &'static str) {
    let message = BusMessage {
        topic: Topic::new(topic).unwrap(),
        body: body.into(),
        timestamp_ms: 1,
        trace: TraceParent::begin(),
    };
    bus.publisher().publish_until_confirmed(&message).await.unwrap();
}

pub(crate) fn analysis(host: &str, sequence: u64, cpu_percentage: f64) -> Analysis {
    let body = json!({
        "host": host, "run": "run-1", "sequence": sequence,
        "timestamp_ms": sampled_ms(sequence),
        "interval_ms": 1_000, "cpu_result": "LOW", "level": "LOW",
        "cpu_percentage": cpu_percentage,
        "resources": [{"name": "cpu", "percentage": cpu_percentage, "level": "LOW"}],
    });
    serde_json::from_value(body).unwrap()
}

/// An HTTP answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (header, value) = line.split_once(": ")?;
            header.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The body, put together when it came in chunks.
    pub(crate) fn whole(&self) -> Vec<u8> {
        if self.header("transfer-encoding") != Some("chunked") {
            return self.body.clone();
        }
        let mut whole = Vec::new();
        let mut rest = &*self.body;
        loop {
            let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("a length");
            let length = std::str::from_utf8(&rest[..end]).unwrap();
            let length = usize::from_str_radix(length, 16).unwrap();
            rest = &rest[end + 2..];
            if length == 0 {
                return whole;
            }
            whole.extend_from_slice(&rest[..length]);
            rest = &rest[length + 2..];
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// When [`analysis`] of this sequence was sampled.
pub(crate) const fn sampled_ms(sequence: u64) -> u64 {
    1_000 + sequence * 1_000
}

#[derive(Debug)]
pub(crate) struct Browser {
    socket: WebSocketStream<TcpStream>,
    /// What it made of the messages so far.
    pub(crate) view: View,
}

impl Browser {
    /// The next frame of any kind; `None` once the connection has ended.
    pub(crate) async fn frame(&mut self) -> Option<Message> {
        in_time("a frame", self.socket.next()).await.and_then(Result::ok)
    }

    /// The next message of the protocol other than heartbeats and alerts, and what it told.
    pub(crate) async fn told(&mut self) -> (Value, Told) {
        in_time("a message that is no heartbeat", async {
            loop {
                let frame = self.frame().await.expect("the connection is open");
                let Message::Text(text) = frame else { continue };
                let told = self.view.read(&text).unwrap();
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["type"] != "detail" {
                    assert_eq!(serde_json::to_value(&told.message).unwrap(), message);
                }
                if message["type"] != "heartbeat" && message["type"] != "alerts" {
                    return (message, told);
                }
            }
        })
        .await
    }

    /// Reads on until the alerts it was told of are such; gives the last message.
    pub(crate) async fn until_alerts(&mut self, are_such: impl Fn(&Alerts) -> bool) -> Value {
        in_time("alerts that are such", async {
            loop {
                let frame = self.frame().await.expect("the connection is open");
                let Message::Text(text) = frame else { continue };
                self.view.read(&text).unwrap();
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["type"] == "alerts" && are_such(self.view.alerts()) {
                    return message;
                }
            }
        })
        .await
    }

    /// The next message of the protocol other than heartbeats and alerts.
    pub(crate) async fn next(&mut self) -> Value {
        self.told().await.0
    }

    /// Reads on until a message of this type.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Reads on until the link was told to be in `state`.
    pub(crate) async fn until_link(&mut self, state: &str) {
        while self.next().await["link"]["state"] != state {}
    }

    /// Reads on until a sample of `host` made at `timestamp_ms` was told; gives all messages up
    /// to it.
    pub(crate) async fn until(&mut self, host: &str, timestamp_ms: u64) -> Vec<(Value, Told)> {
        let mut messages = Vec::new();
        loop {
            let (message, told) = self.told().await;
            let has_it = told
                .samples
                .iter()
                .any(|(of, at_ms)| of.as_str() == host && *at_ms == timestamp_ms);
            messages.push((message, told));
            if has_it {
                return messages;
            }
        }
    }

    pub(crate) async fn say(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn look(&mut self, rows: &[u32], detail: &[&str]) {
        self.say(json!({"type": "look", "rows": rows, "detail": detail}).to_string()).await;
    }
}
