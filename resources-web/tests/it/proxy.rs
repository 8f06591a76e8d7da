//! The dashboard under a base path, behind the proxies that `deploy/` has configurations for.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use resources_core::test_support::{eventually, in_time};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::dashboard::{Answer, Browser, Dashboard};

const NAME: &str = "dashboard.example.com";

const NGINX: &str = include_str!("../../../deploy/nginx.conf");
const CADDY: &str = include_str!("../../../deploy/Caddyfile");

/// What the tests make of nginx's read timeout. Above the 5 s after which the server says
/// something on a quiet connection, and far below the time the tests wait.
const SHORT_TIMEOUT: Duration = Duration::from_secs(8);

/// A proxy of the test's own; gone with it.
struct Proxy {
    address: SocketAddr,
    child: Child,
    _folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.child.kill().expect("it can be ended");
        self.child.wait().expect("it can be waited for");
    }
}

impl Proxy {
    /// Starts `program` with the configuration that `configuration` makes of a free port and a
    /// folder, and waits until it listens.
    async fn start(
        program: &str,
        configuration: impl FnOnce(u16, &Path) -> String,
        arguments: &[&str],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        let file = folder.path().join("configuration");
        std::fs::write(&file, configuration(address.port(), folder.path())).unwrap();
        drop(free);
        let child = Command::new(installed(program))
            .args(arguments)
            .arg(&file)
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let proxy = Self { address, child, _folder: folder };
        eventually("the proxy listens", async || TcpStream::connect(address).await.is_ok()).await;
        proxy
    }

    async fn nginx(to: SocketAddr) -> Self {
        let configuration = |port: u16, folder: &Path| {
            let site = replaced(NGINX, "listen 80;", &format!("listen 127.0.0.1:{port};"));
            let site = replaced(&site, "127.0.0.1:8888", &to.to_string());
            let timeout = format!("proxy_read_timeout {}s;", SHORT_TIMEOUT.as_secs());
            let site = replaced(&site, "proxy_read_timeout 1m;", &timeout);
            let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {}/{name};\n", folder.display()))
                .concat();
            format!(
                "daemon off;\nmaster_process off;\npid {}/pid;\nerror_log stderr;\nevents {{}}\n\
                 http {{\naccess_log off;\n{folders}{site}}}\n",
                folder.display()
            )
        };
        Self::start("nginx", configuration, &["-e", "stderr", "-c"]).await
    }

    async fn caddy(to: SocketAddr) -> Self {
        let configuration = |port: u16, _: &Path| {
            let address = format!("http://{NAME}:{port} {{\n\tbind 127.0.0.1");
            let site = replaced(CADDY, &format!("{NAME} {{"), &address);
            let site = replaced(&site, "127.0.0.1:8888", &to.to_string());
            format!("{{\n\tadmin off\n}}\n{site}")
        };
        let arguments = ["run", "--adapter", "caddyfile", "--config"];
        Self::start("caddy", configuration, &arguments).await
    }
}

/// `text` with `from`, which it must hold, replaced by `to`.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replace(from, to)
}

/// Where `program` is.
fn installed(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders
        .find_map(|folder| Some(folder.join(program)).filter(|file| file.is_file()))
        .unwrap_or_else(|| panic!("no {program} on this machine: run `make setup`"))
}

/// A page to serve.
fn page() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    std::fs::write(folder.path().join("index.html"), "<title>mine</title>").unwrap();
    std::fs::write(folder.path().join("assets/app.js"), "export {};\n").unwrap();
    folder
}

async fn under_monitor(page: &TempDir) -> Dashboard {
    let folder = page.path().to_str().unwrap();
    let args = ["--base-path", "/monitor", "--allowed-host", NAME, "--page-dir", folder];
    Dashboard::start(&args).await
}

/// Asks what is at the dashboard's address, by the name the world knows.
async fn get(dashboard: &Dashboard, path: &str) -> Answer {
    dashboard.ask("GET", path, &[("host", NAME)]).await
}

async fn connect(address: SocketAddr) -> Result<Browser, tungstenite::Error> {
    let stream = TcpStream::connect(address).await?;
    let mut request = format!("ws://{address}/monitor/ws").into_client_request()?;
    for (name, value) in [("host", NAME.to_owned()), ("origin", format!("https://{NAME}"))] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    Ok(Browser::new(tokio_tungstenite::client_async(request, stream).await?.0))
}

/// Everything a browser needs, through whatever is at the dashboard's address.
async fn is_served(dashboard: &Dashboard) {
    for path in ["/monitor", "/monitor?a=b"] {
        let answer = get(dashboard, path).await;
        assert!(matches!(answer.status, 307 | 308), "{path}: {}", answer.status);
        assert!(answer.header("location").unwrap().contains("/monitor/"), "{path}");
    }
    for (path, kind) in [
        ("/monitor/", "text/html"),
        ("/monitor/assets/app.js", "text/javascript"),
        ("/monitor/api/v1/hosts", "application/json"),
        ("/monitor/healthz", "application/json"),
    ] {
        let answer = get(dashboard, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").unwrap().starts_with(kind), "{path}");
        assert!(answer.header("content-security-policy").is_some(), "{path}");
    }
    assert_eq!(get(dashboard, "/monitor/nothing").await.status, 404);
    let mut browser = connect(dashboard.address).await.unwrap();
    assert_eq!(browser.next().await["type"], "snapshot");
}

/// A WebSocket on which nothing happens outlives the proxy's timeout twice.
async fn a_quiet_socket_stays(dashboard: &Dashboard) {
    let mut browser = connect(dashboard.address).await.unwrap();
    let begun = Instant::now();
    while begun.elapsed() < SHORT_TIMEOUT * 2 {
        let frame = in_time("a frame", browser.frame()).await;
        assert!(frame.is_some(), "cut off after {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn nginx_passes_everything_on() {
    let page = page();
    let mut dashboard = under_monitor(&page).await;
    let proxy = Proxy::nginx(dashboard.address).await;
    dashboard.address = proxy.address;
    is_served(&dashboard).await;
    a_quiet_socket_stays(&dashboard).await;
    dashboard.stop().await;
}

#[tokio::test]
async fn caddy_passes_everything_on() {
    let page = page();
    let mut dashboard = under_monitor(&page).await;
    let proxy = Proxy::caddy(dashboard.address).await;
    dashboard.address = proxy.address;
    is_served(&dashboard).await;
    a_quiet_socket_stays(&dashboard).await;
    dashboard.stop().await;
}

#[tokio::test]
async fn under_a_base_path_only_health_is_elsewhere() {
    let page = page();
    let dashboard = under_monitor(&page).await;
    is_served(&dashboard).await;
    for path in ["/healthz", "/readyz", "/monitor/readyz"] {
        assert_eq!(dashboard.get(path).await.status, 200, "{path}");
    }
    let root = dashboard.get("/?a=b").await;
    assert_eq!((root.status, root.header("location")), (307, Some("/monitor/?a=b")));
    for path in ["/assets/app.js", "/api/v1/hosts", "/ws", "/monitors", "/index.html"] {
        let answer = dashboard.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.json()["error"].is_string(), "{path}");
    }
    assert_eq!(
        dashboard.ask("GET", "/monitor/", &[("host", "evil.example.com")]).await.status,
        421
    );
    dashboard.stop().await;
}

#[test]
fn the_document_shows_these_configurations() {
    let document = include_str!("../../../docs/deploy.md");
    for configuration in [NGINX, CADDY] {
        assert!(
            document.contains(configuration.trim_end()),
            "docs/deploy.md lacks {configuration}"
        );
    }
}
