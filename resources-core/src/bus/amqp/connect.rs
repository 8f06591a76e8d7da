//! Making one connection, with a bound on every step.

use std::io;
use std::net::Shutdown;
use std::sync::Mutex;
use std::time::Duration;

use async_compat::CompatExt as _;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::tcp::{AsyncTcpStream, OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{
    AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism,
};
use lapin::{Connection, ConnectionProperties, ErrorKind};
use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::bus::link::lock;
use crate::bus::settings::{AmqpUrl, BusConfig};

/// Bound on looking the broker's name up, and on reaching each of its addresses.
const TCP_LIMIT: Duration = Duration::from_secs(3);

/// Bound on each of the TLS and the AMQP handshake, which a broker that is just starting, or
/// under load, may draw out.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum ConnectError {
    /// Nobody answered, or not in time, or not as a broker; it may be starting.
    Unreachable(String),
    /// The broker answered no: wrong credentials, no such virtual host, no right.
    Refused(String),
}

impl ConnectError {
    /// Sorts lapin's error by whether waiting may help.
    pub(super) fn of(error: &lapin::Error) -> Self {
        if is_refusal(error) {
            Self::Refused(reason(error))
        } else {
            Self::Unreachable(reason(error))
        }
    }
}

/// Whether the broker said no to who we are or to what we may do.
fn is_refusal(error: &lapin::Error) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(protocol) => matches!(
            protocol.kind(),
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
                | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
        ),
        _ => false,
    }
}

/// The broker's or the system's words, without lapin's.
pub(super) fn reason(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(protocol) => protocol.get_message().to_string(),
        ErrorKind::IOError(io) => io.to_string(),
        _ => error.to_string(),
    }
}

/// Connects and logs in; `purpose` tells this connection from others in the broker's list.
pub(super) async fn connect(
    config: &BusConfig,
    url: &AmqpUrl,
    purpose: &str,
) -> Result<Connection, ConnectError> {
    let unreachable = |what: &str, error: &dyn std::fmt::Display| {
        ConnectError::Unreachable(format!("{what}: {error}"))
    };
    let tcp = reach(url).await.map_err(|error| unreachable("cannot connect", &error))?;
    let hangup = prepare(&tcp, url).map_err(|error| unreachable("cannot set up", &error))?;
    // A handshake given up by us goes on in lapin's thread; without a socket it ends.
    let hang_up = || {
        if let Err(error) = hangup.shutdown(Shutdown::Both) {
            tracing::debug!(%error, "cannot shut down the socket of a failed attempt");
        }
    };

    let stream = AsyncTcpStream::Plain(tcp.compat());
    let stream = if url.tls {
        let tls = tls_config(config);
        timeout(HANDSHAKE_LIMIT, stream.into_tls(&url.host, tls.as_ref()))
            .await
            .map_err(|_| unreachable("no TLS handshake", &format!("{HANDSHAKE_LIMIT:?} are over")))?
            .map_err(|error| unreachable("TLS", &error))?
    } else {
        stream
    };

    // Handed over once: lapin is told not to connect by itself a second time.
    let stream = Mutex::new(Some(stream));
    let runtime = lapin::runtime::default_runtime().map_err(|error| ConnectError::of(&error))?;
    let handshake = Connection::connector(
        uri(url),
        runtime,
        async move |_, _| {
            let taken = lock(&stream).take();
            taken.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted).into())
        },
        ConnectionProperties::default()
            .with_connection_name(format!("{} {purpose}", config.application).into()),
    );
    match timeout(HANDSHAKE_LIMIT, handshake).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => {
            hang_up();
            Err(ConnectError::of(&error))
        }
        Err(_) => {
            hang_up();
            Err(unreachable("no AMQP handshake", &format!("{HANDSHAKE_LIMIT:?} are over")))
        }
    }
}

/// Connects to the first address of the broker's name that answers; a silent one must not keep
/// the others from being tried.
async fn reach(url: &AmqpUrl) -> io::Result<TcpStream> {
    let silent = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {TCP_LIMIT:?}"));
    let lookup = timeout(TCP_LIMIT, lookup_host((url.host.as_str(), url.port)));
    let addresses = lookup.await.map_err(|_| silent())??;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(TCP_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = silent(),
        }
    }
    Err(failure)
}

/// Sends at once, and notices a peer that is gone without a word; gives a second handle.
fn prepare(tcp: &TcpStream, url: &AmqpUrl) -> io::Result<Socket> {
    tcp.set_nodelay(true)?;
    let heartbeat = Duration::from_secs(u64::from(url.heartbeat_seconds));
    let socket = SockRef::from(tcp);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(heartbeat).with_interval(heartbeat))?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(heartbeat * 2))?;
    socket.try_clone()
}

fn tls_config(config: &BusConfig) -> OwnedTLSConfig {
    OwnedTLSConfig {
        identity: config
            .tls
            .identity
            .as_ref()
            .map(|(chain, key)| OwnedIdentity::PKCS8 { pem: chain.clone(), key: key.clone() }),
        cert_chain: config.tls.authorities.clone(),
    }
}

/// Built from the checked parts: lapin's own parser takes an IPv6 address for `localhost`.
fn uri(url: &AmqpUrl) -> AMQPUri {
    AMQPUri {
        scheme: if url.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: url.username.clone(),
                password: url.password.clone(),
            },
            host: url.host.clone(),
            port: url.port,
        },
        vhost: url.vhost.clone(),
        query: AMQPQueryString {
            frame_max: Some(url.frame_max_bytes),
            channel_max: None,
            heartbeat: Some(url.heartbeat_seconds),
            connection_timeout: None,
            auth_mechanism: Some(if url.external_login {
                SASLMechanism::External
            } else {
                SASLMechanism::Plain
            }),
        },
    }
}
