//! The health check of a running dashboard: asks it whether it is ready, over HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use resources_core::service::Failure;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::Settings;

/// How long the whole check may take.
const LIMIT: Duration = Duration::from_secs(3);

/// Most of an answer that is read.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// Asks the dashboard that runs with these settings whether analyses can arrive.
///
/// # Errors
/// Says why not: nothing serves there, or the link to the broker is not up.
pub async fn check(settings: &Settings) -> Result<(), Failure> {
    let address = reachable(settings.listen);
    if address.port() == 0 {
        return Err(Failure::settings(
            "--health-check needs the port the dashboard listens on, not port 0",
        ));
    }
    let answer = match timeout(LIMIT, ask(address)).await {
        Ok(answer) => answer.map_err(|error| format!("http://{address}/readyz: {error}")),
        Err(_) => Err(format!("http://{address}/readyz: no answer within {LIMIT:?}")),
    };
    answer.and_then(|answer| judge(&answer)).map_err(Failure::failed)
}

/// Where this machine reaches what listens on `listen`.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

async fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    // The one name that is always allowed, whatever address is listened on.
    let request = "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Whether an answer says ready, or why not.
fn judge(answer: &[u8]) -> Result<(), String> {
    let answer = String::from_utf8_lossy(answer);
    let foreign = || "what answers there is not a dashboard".to_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(foreign)?;
    let status = head.split(' ').nth(1).ok_or_else(foreign)?;
    let body: serde_json::Value = serde_json::from_str(body).map_err(|_| foreign())?;
    match (status, body["status"].as_str(), body["reason"].as_str()) {
        ("200", Some("ready"), _) => Ok(()),
        (_, _, Some(reason)) => Err(format!("not ready: {reason}")),
        _ => Err(foreign()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_over_loopback_what_listens_on_every_address() {
        for (listen, asked) in [
            ("127.0.0.1:8888", "127.0.0.1:8888"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }

    #[test]
    fn only_ready_is_healthy() {
        let answer = |status: &str, body: &str| format!("HTTP/1.1 {status}\r\na: b\r\n\r\n{body}");
        assert_eq!(judge(answer("200 OK", r#"{"status":"ready"}"#).as_bytes()), Ok(()));
        let not_ready = answer("503 x", r#"{"status":"not ready","reason":"it is down"}"#);
        assert!(judge(not_ready.as_bytes()).unwrap_err().contains("it is down"));
        for foreign in ["", "HTTP/1.1 200 OK", &answer("200 OK", "hello"), &answer("200 OK", "{}")]
        {
            assert!(judge(foreign.as_bytes()).unwrap_err().contains("not a dashboard"));
        }
    }
}
