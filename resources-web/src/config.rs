//! Settings of the dashboard, checked before anything starts.

mod history;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderName;
use clap::Args;
use clap::builder::BoolishValueParser;
use resources_core::service::{Failure, parse_duration};

use crate::base_path::BasePath;
use crate::history::{Location, Retention};
use crate::security::{Guard, HostRule, OriginRule};

pub use history::{HistoryArgs, HistoryPlace};

/// Above this a browser would hold the connection for dead between two batches.
const MAX_PUSH_INTERVAL: Duration = Duration::from_secs(5);

/// Below this a host would be forgotten between two of its samples.
const MIN_FORGET_AFTER: Duration = Duration::from_secs(10);

/// Settings of the dashboard as given on the command line or in the environment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Web")]
pub struct WebArgs {
    /// Address and port to serve on; port 0 takes any free one.
    ///
    /// There is no login: an address other hosts can reach also needs `--allow-remote`.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        env = "RESOURCES_LISTEN",
        default_value = "127.0.0.1:8888",
        value_parser = parse_address
    )]
    pub listen: SocketAddr,

    /// Serve other hosts too: whoever reaches the address sees every host.
    #[arg(long, env = "RESOURCES_ALLOW_REMOTE", value_parser = BoolishValueParser::new())]
    pub allow_remote: bool,

    /// A name this server is asked by, besides those of the loopback; may be given several
    /// times, or as a list with commas.
    ///
    /// A proxy on the same machine that passes the `Host` header on needs it. Requests with
    /// another name are refused, so that no foreign page can read this one through a name of
    /// its own. When listening for other hosts, any name is served until one is given here.
    #[arg(
        long,
        value_name = "NAME",
        env = "RESOURCES_ALLOWED_HOST",
        value_delimiter = ',',
        value_parser = HostRule::parse
    )]
    pub allowed_host: Vec<HostRule>,

    /// An origin whose pages may open the WebSocket, besides the server's own, such as
    /// `https://dashboard.example.com`; may be given several times, or as a list with commas.
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "RESOURCES_ALLOWED_ORIGIN",
        value_delimiter = ',',
        value_parser = OriginRule::parse
    )]
    pub allowed_origin: Vec<OriginRule>,

    /// The header in which a proxy says who is logged in, such as `X-Forwarded-User`: that name
    /// counts for acknowledgements and silences, and without it none is taken.
    ///
    /// Only for a proxy that sets or removes the header itself: whoever reaches the server past it
    /// may call themselves anything.
    #[arg(
        long,
        value_name = "NAME",
        env = "RESOURCES_USER_HEADER",
        value_parser = parse_header
    )]
    pub user_header: Option<HeaderName>,

    /// Serve everything under this path, such as `/monitor`, behind a proxy that passes it on;
    /// health checks are served at the root as well.
    #[arg(
        long,
        value_name = "PATH",
        env = "RESOURCES_BASE_PATH",
        default_value = "/",
        value_parser = BasePath::parse
    )]
    pub base_path: BasePath,

    /// Serve the page from this folder instead of the one built in.
    #[arg(long, value_name = "DIR", env = "RESOURCES_PAGE_DIR")]
    pub page_dir: Option<PathBuf>,

    /// Least time between two batches of changes to the browsers, up to 5s; 0 sends every
    /// change at once.
    #[arg(
        long,
        value_name = "DURATION",
        env = "RESOURCES_PUSH_INTERVAL",
        default_value = "80ms",
        value_parser = parse_duration
    )]
    pub push_interval: Duration,

    /// Most WebSockets at a time, 1–100000; each takes one open file. Further ones are answered
    /// with 503.
    #[arg(
        long,
        value_name = "COUNT",
        env = "RESOURCES_MAX_CONNECTIONS",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub max_connections: u32,

    /// Most hosts to keep, 1–1000000, at about 20 KB each; further ones are left out and counted
    /// in the log.
    #[arg(
        long,
        value_name = "COUNT",
        env = "RESOURCES_MAX_HOSTS",
        default_value_t = 20_000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub max_hosts: u32,

    /// Forget a host that sent nothing for this long, at least 10s.
    #[arg(
        long,
        value_name = "DURATION",
        env = "RESOURCES_FORGET_AFTER",
        default_value = "24h",
        value_parser = parse_duration
    )]
    pub forget_after: Duration,

    /// Whether `/metrics` tells of every host too, about ten lines each: `true` or `false`.
    #[arg(
        long,
        value_name = "BOOL",
        env = "RESOURCES_HOST_METRICS",
        default_value_t = true,
        action = clap::ArgAction::Set,
        value_parser = BoolishValueParser::new()
    )]
    pub host_metrics: bool,

    /// What is kept for longer.
    #[command(flatten)]
    pub history: HistoryArgs,
}

/// Settings of the dashboard, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) guard: Guard,
    /// The header in which a proxy says who is logged in.
    pub(crate) user_header: Option<HeaderName>,
    pub(crate) base_path: BasePath,
    /// An existing folder.
    pub(crate) page_dir: Option<PathBuf>,
    pub(crate) push_interval: Duration,
    pub(crate) max_connections: usize,
    pub(crate) max_hosts: usize,
    pub(crate) forget_after: Duration,
    pub(crate) host_metrics: bool,
    /// Where history is kept; `None` when it is off.
    pub(crate) history: Option<Location>,
    pub(crate) retention: Retention,
}

impl WebArgs {
    /// Checks every setting.
    ///
    /// # Errors
    /// Names the setting that cannot be used and says what is allowed.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let listen = self.listen;
        let loopback = listen.ip().to_canonical().is_loopback();
        if !loopback && !self.allow_remote {
            return Err(Failure::settings(format!(
                "--listen {listen} can be reached by other hosts and there is no login: give \
                 --allow-remote (RESOURCES_ALLOW_REMOTE=true) if that is meant, or listen on \
                 127.0.0.1"
            )));
        }
        if self.push_interval > MAX_PUSH_INTERVAL {
            return Err(Failure::settings(format!(
                "--push-interval {:?} is too long; at most {MAX_PUSH_INTERVAL:?}",
                self.push_interval
            )));
        }
        if self.forget_after < MIN_FORGET_AFTER {
            return Err(Failure::settings(format!(
                "--forget-after {:?} is too short; at least {MIN_FORGET_AFTER:?}",
                self.forget_after
            )));
        }
        if let Some(folder) = &self.page_dir
            && !folder.is_dir()
        {
            return Err(Failure::settings(format!(
                "--page-dir {}: there is no such folder",
                folder.display()
            )));
        }
        Ok(Settings {
            listen,
            guard: Guard::new(loopback, self.allowed_host.clone(), self.allowed_origin.clone()),
            user_header: self.user_header.clone(),
            base_path: self.base_path.clone(),
            page_dir: self.page_dir.clone(),
            push_interval: self.push_interval,
            max_connections: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
            max_hosts: usize::try_from(self.max_hosts).unwrap_or(usize::MAX),
            forget_after: self.forget_after,
            host_metrics: self.host_metrics,
            retention: self.history.retention()?,
            history: self.history.location()?,
        })
    }
}

fn parse_header(text: &str) -> Result<HeaderName, String> {
    text.parse().map_err(|_| "write the name of a header, such as X-Forwarded-User".to_owned())
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "write an IP address and a port, such as 127.0.0.1:8888 or [::1]:8888".to_owned()
    })
}
