//! Tracker, analyzer, observer and web in this process, over one real broker.

use clap::Parser;
use resources_core::bus::{Bus, BusConfig};
use resources_core::service::Failure;
use resources_core::test_support::in_time;
use resources_web::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(super) const HOST: &str = "traced";

/// Every sample is HIGH, and the first one of a host an alert.
const RULES: &str = "[default]\ncpu = { raise = \"HIGH\", hold = \"0s\" }\n\
    [reaction.say]\ntype = \"log\"\n[[route]]\nto = [\"say\"]\ngroup = \"0s\"\n";

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    tracker: resources_tracker::TrackerArgs,
    #[command(flatten)]
    analyzer: resources_analyzer::AnalyzerArgs,
    #[command(flatten)]
    observer: resources_observer::ObserverArgs,
    #[command(flatten)]
    web: resources_web::WebArgs,
}

pub(super) struct Installation {
    pub(super) bus: Bus,
    address: std::net::SocketAddr,
    stop: CancellationToken,
    parts: JoinSet<Result<(), Failure>>,
    _rules: tempfile::TempDir,
}

impl Installation {
    pub(super) async fn start(config: BusConfig) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = folder.path().join("rules.toml");
        std::fs::write(&rules, RULES).expect("a file");
        let rules = rules.display().to_string();
        let arguments = [
            ["test", "--host", HOST, "--interval", "200ms"],
            ["--cpu-medium=0", "--cpu-high=0", "--state=memory", "--rules", &rules],
            ["--listen", "127.0.0.1:0", "--history=memory", "--networks-exclude", "none"],
        ];
        let settings = Settings::parse_from(arguments.concat());
        let bus = Bus::open(config);
        let web = settings.web.settings().expect("settings");
        let server = Server::bind(web, bus.clone()).await.expect("a free port");
        let address = server.address();
        let stop = CancellationToken::new();
        let mut parts = JoinSet::new();
        parts.spawn(server.run(stop.clone()));
        let observer = settings.observer.settings().expect("settings");
        parts.spawn(resources_observer::run(observer, bus.clone(), stop.clone()));
        let analyzer = settings.analyzer.settings().expect("settings");
        parts.spawn(resources_analyzer::run(analyzer, bus.clone(), stop.clone()));
        let tracker = settings.tracker.settings().expect("settings");
        parts.spawn(resources_tracker::run(tracker, bus.clone(), stop.clone()));
        Self { bus, address, stop, parts, _rules: folder }
    }

    /// What the server tells of itself and of hosts, the chunks of the answer put together.
    pub(super) async fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        // HTTP/1.0 knows no chunks.
        let request = format!("GET /metrics HTTP/1.0\r\nHost: {}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        in_time("an answer", stream.read_to_string(&mut answer)).await.expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        body.to_owned()
    }

    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        in_time("all parts stop", async {
            while let Some(ended) = self.parts.join_next().await {
                ended.expect("no panic").expect("no error");
            }
        })
        .await;
        self.bus.close().await;
    }
}
