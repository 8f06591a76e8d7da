//! The HTTP server: what it serves, where it listens, and in which order it stops.

mod accept;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderName;
use axum::middleware::{from_fn_with_state, map_response};
use resources_core::bus::{Bus, Link};
use resources_core::service::{Failure, GRACE, now_ms, within};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::alerts::{Board, Keeping};
use crate::assets::Page;
use crate::base_path::BasePath;
use crate::config::Settings;
use crate::history::{History, Limits, OpenError, Reader, Recording};
use crate::live::{Live, Pace};
use crate::pipeline::{Pipeline, PipelineState, PipelineWatch};
use crate::security::Guard;
use crate::{alerts, api, assets, feed, security};

/// No request has a body to speak of.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// What the system holds of what a browser has not yet taken, a browser. Without it the system
/// would hold megabytes for each slow one.
const SEND_BUFFER_BYTES: u32 = 256 * 1024;

/// What every request may need. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    live: Arc<Live>,
    link: watch::Receiver<Link>,
    history: History,
    alerts: Reader,
    bus: Bus,
    user_header: Option<HeaderName>,
    /// Whether metrics tell of hosts.
    tells_hosts: bool,
    guard: Guard,
    base_path: BasePath,
    page: Page,
    socket_places: Arc<Semaphore>,
    sockets: TaskTracker,
    closing: CancellationToken,
}

impl AppState {
    /// The state of a dashboard that has heard nothing yet over `bus`, and reads `history` and `alerts`.
    fn new(
        settings: &Settings,
        bus: &Bus,
        link: watch::Receiver<Link>,
        history: History,
        alerts: Reader,
    ) -> Self {
        let now = link.borrow().clone();
        let kept = (&*history.state().borrow()).into();
        let pipeline =
            Pipeline { state: PipelineState::Unknown, since_ms: now_ms(), waiting_measures: None };
        Self(Arc::new(Shared {
            live: Arc::new(Live::new(
                settings.max_hosts,
                settings.push_interval,
                now,
                kept,
                pipeline,
            )),
            link,
            history,
            alerts,
            bus: bus.clone(),
            user_header: settings.user_header.clone(),
            tells_hosts: settings.host_metrics,
            guard: settings.guard.clone(),
            base_path: settings.base_path.clone(),
            page: Page::new(settings.page_dir.as_deref()),
            socket_places: Arc::new(Semaphore::new(settings.max_connections)),
            sockets: TaskTracker::new(),
            closing: CancellationToken::new(),
        }))
    }

    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.0.live
    }

    /// What the fleet was.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.0.history
    }

    /// What was wrong with hosts.
    pub(crate) fn alerts(&self) -> &Reader {
        &self.0.alerts
    }

    /// The way to the broker.
    pub(crate) fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// The header in which a proxy says who is logged in.
    pub(crate) fn user_header(&self) -> Option<&HeaderName> {
        self.0.user_header.as_ref()
    }

    /// The state of the link now.
    pub(crate) fn link(&self) -> Link {
        self.0.link.borrow().clone()
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// Whether metrics tell of hosts.
    pub(crate) fn tells_hosts(&self) -> bool {
        self.0.tells_hosts
    }

    /// The path everything is served under.
    pub(crate) fn base_path(&self) -> &BasePath {
        &self.0.base_path
    }

    pub(crate) fn page(&self) -> &Page {
        &self.0.page
    }

    /// A permit for each WebSocket there may be.
    pub(crate) fn socket_places(&self) -> &Arc<Semaphore> {
        &self.0.socket_places
    }

    /// Every open WebSocket.
    pub(crate) fn sockets(&self) -> &TaskTracker {
        &self.0.sockets
    }

    /// Cancelled when the server stops.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.0.closing
    }
}

/// Everything that is served, without a socket.
pub fn router(state: AppState) -> Router {
    let everything = api::router().fallback(assets::page).with_state(state.clone());
    state
        .base_path()
        .serve(everything, api::health_router().with_state(state.clone()))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(from_fn_with_state(state, security::check_host))
        // Outermost, so that refusals have them too.
        .layer(map_response(security::add_headers))
}

/// A dashboard that listens and is yet to run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: AppState,
    pace: Pace,
    /// `None` when history is off.
    recording: Option<Recording>,
    keeping: Keeping,
    pipeline: PipelineWatch,
    bus: Bus,
}

impl Server {
    /// Binds the address; requests wait until [`run`](Self::run).
    ///
    /// # Errors
    /// When the address cannot be bound, for instance because its port is in use, or when the
    /// database of history cannot be opened.
    pub async fn bind(settings: Settings, bus: Bus) -> Result<Self, Failure> {
        let wanted = settings.listen;
        let cannot = |error: std::io::Error| {
            let reason = if error.kind() == std::io::ErrorKind::AddrInUse {
                "the port is in use; stop what uses it or choose another with --listen".to_owned()
            } else {
                error.to_string()
            };
            Failure::failed(format!("cannot listen on {wanted}: {reason}"))
        };
        let listener = listen(wanted).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (recording, history) = open_history(&settings)?;
        let mut board = Board::default();
        let (keeping, alerts) = Keeping::open(&history, &mut board).map_err(cannot_open)?;
        let pipeline = PipelineWatch::new(bus.clone());
        let state = AppState::new(&settings, &bus, pipeline.link(), history, alerts);
        state.live().change_alerts(|alerts| *alerts = board);
        tracing::info!(
            listen = %address,
            page = state.page().describe(),
            push_interval_ms = u64::try_from(settings.push_interval.as_millis()).unwrap_or(u64::MAX),
            max_connections = settings.max_connections,
            max_hosts = settings.max_hosts,
            "serving the dashboard on http://{address}{}",
            state.base_path()
        );
        let pace =
            Pace { push_interval: settings.push_interval, forget_after: settings.forget_after };
        Ok(Self { listener, address, state, pace, recording, keeping, pipeline, bus })
    }

    /// Where the server listens: the port that was picked when port 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The path of the page, with a slash at its end.
    #[must_use]
    pub fn base_path(&self) -> &BasePath {
        self.state.base_path()
    }

    /// The history it keeps.
    #[must_use]
    pub fn history(&self) -> &History {
        self.state.history()
    }

    /// Serves until `stop`, then says good-bye to every browser, within
    /// [`GRACE`](resources_core::service::GRACE).
    ///
    /// # Errors
    /// When a part of the service ends by itself.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        let Self { listener, state, pace, recording, keeping, pipeline, bus, .. } = self;
        // The parts stop together: when asked to, or when one of them ends.
        let closing = state.closing().clone();
        let mut parts = JoinSet::new();
        let link = pipeline.link();
        if let Some(recording) = recording {
            parts.spawn(recording.run(bus.clone(), closing.clone()));
        }
        let live = Arc::clone(state.live());
        parts.spawn(alerts::run(keeping, bus.clone(), live, closing.clone()));
        let (arrivals, told) = (pipeline.arrivals(), pipeline.pipeline());
        parts.spawn(feed::run(bus, Arc::clone(state.live()), arrivals, closing.clone()));
        let watching = pipeline.run(closing.clone());
        parts.spawn(async move {
            watching.await;
            Ok(())
        });
        let history = state.history().state();
        let tell = Arc::clone(state.live()).tell(pace, link, history, told, closing.clone());
        parts.spawn(async move {
            tell.await;
            Ok(())
        });
        let accept = accept::run(listener, router(state.clone()), closing.clone());
        parts.spawn(async move {
            accept.await;
            Ok(())
        });

        let early = tokio::select! {
            () = stop.cancelled() => None,
            ended = parts.join_next() => ended,
        };
        closing.cancel();
        state.sockets().close();
        within(GRACE, "closing connections", async {
            while parts.join_next().await.is_some() {}
            state.sockets().wait().await;
        })
        .await;
        match early {
            None => Ok(()),
            Some(Ok(Err(failure))) => Err(failure),
            Some(Ok(Ok(()))) => Err(Failure::failed("a part of the dashboard ended by itself")),
            Some(Err(panic)) => Err(Failure::failed(format!("a part of the dashboard: {panic}"))),
        }
    }
}

fn open_history(settings: &Settings) -> Result<(Option<Recording>, History), Failure> {
    let Some(location) = &settings.history else { return Ok((None, History::off())) };
    let limits = Limits { retention: settings.retention, max_hosts: settings.max_hosts };
    let (recording, history) = Recording::open(location, limits).map_err(cannot_open)?;
    tracing::info!("keeping history in {location}");
    Ok((Some(recording), history))
}

fn cannot_open(error: OpenError) -> Failure {
    let reason = format!("--history {error}");
    match error {
        // Waiting may help.
        OpenError::InUse(_) => Failure::failed(reason),
        _ => Failure::settings(reason),
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Elsewhere it would let two servers share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
