//! Whom reactions tell in tests: a web server of every temper, and a mail server.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::stream;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Most that a test looks at; what comes beyond is dropped.
const MAX_KEPT: usize = 10_000;

/// One call of the web server.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Call {
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect(name).to_str().expect("text")
    }
}

/// A web server: what is said under `/error`, `/redirect`, `/endless` and `/hang` goes wrong, and
/// under `/echo/` it says back all that it was given.
#[derive(Debug)]
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    calls: mpsc::Receiver<Call>,
}

impl Web {
    pub(crate) async fn start() -> Self {
        let (told, calls) = mpsc::channel(MAX_KEPT);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let router = Router::new().fallback(answer).with_state(told);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, calls }
    }

    pub(crate) async fn next(&mut self) -> Call {
        let call = tokio::time::timeout(Duration::from_secs(60), self.calls.recv()).await;
        call.expect("somebody calls").expect("the server runs")
    }

    /// Those that came already.
    pub(crate) fn calls(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }
}

async fn answer(
    State(told): State<mpsc::Sender<Call>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = String::from_utf8(body.to_vec()).expect("UTF-8");
    let path = uri.path().to_owned();
    let call = Call { path: path.clone(), headers, text };
    told.try_send(call.clone()).ok();
    match path.as_str() {
        "/error" => (StatusCode::INTERNAL_SERVER_ERROR, "no room\nat all").into_response(),
        "/unwanted" => (StatusCode::UNPROCESSABLE_ENTITY, "not like this").into_response(),
        "/redirect" => Redirect::temporary("/elsewhere").into_response(),
        "/endless" => {
            let more =
                stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 65_536])));
            (StatusCode::INTERNAL_SERVER_ERROR, Body::from_stream(more)).into_response()
        }
        path if path.starts_with("/echo/") => {
            let authorization = call.header("authorization");
            let text = format!("there is nothing at {uri} for {authorization}");
            (StatusCode::NOT_FOUND, text).into_response()
        }
        "/hang" => std::future::pending().await,
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

/// A mail server without TLS, which keeps what it is given, and knows nobody whose address begins
/// with `unknown`.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) address: SocketAddr,
    mails: mpsc::Receiver<String>,
}

impl Mail {
    pub(crate) async fn start() -> Self {
        let (taken, mails) = mpsc::channel(MAX_KEPT);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let taken = taken.clone();
                tokio::spawn(async move {
                    if let Some(mail) = take_mail(socket).await {
                        taken.try_send(mail).ok();
                    }
                });
            }
        });
        Self { address, mails }
    }

    pub(crate) async fn next(&mut self) -> String {
        let mail = tokio::time::timeout(Duration::from_secs(60), self.mails.recv()).await;
        mail.expect("somebody writes").expect("the server runs")
    }

    pub(crate) fn is_empty(&mut self) -> bool {
        self.mails.try_recv().is_err()
    }
}

/// Speaks as much SMTP as it takes to be given one e-mail.
async fn take_mail(socket: TcpStream) -> Option<String> {
    let mut stream = BufReader::new(socket);
    stream.write_all(b"220 sink ESMTP\r\n").await.ok()?;
    let (mut mail, mut in_data) = (String::new(), false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if in_data {
            if line == ".\r\n" {
                stream.write_all(b"250 taken\r\n").await.ok()?;
                return Some(mail);
            }
            mail.push_str(&line);
            continue;
        }
        mail.push_str(&line);
        let answer: &[u8] = match line.get(..4) {
            Some("EHLO") => b"250-sink\r\n250 8BITMIME\r\n",
            Some("DATA") => {
                in_data = true;
                b"354 go on\r\n"
            }
            Some("QUIT") => return None,
            _ if line.starts_with("RCPT TO:<unknown") => b"550 nobody of that name\r\n",
            _ => b"250 fine\r\n",
        };
        stream.write_all(answer).await.ok()?;
    }
}
