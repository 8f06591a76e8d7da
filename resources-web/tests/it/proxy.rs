//! The dashboard under a base path, behind the proxies that `deploy/` has configurations for.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use resources_core::test_support::{eventually, free_port, in_time};
use resources_web::client::View;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::dashboard::{Answer, Browser, Dashboard};

const NAME: &str = "dashboard.example.com";

/// How the user that both proxies know says who it is: `anna`, `secret`.
const ANNA: (&str, &str) = ("authorization", "Basic YW5uYTpzZWNyZXQ=");

/// A quick hash of that password, of 16 rounds.
const ANNAS_HASH: &str = "$2b$04$oy3YB7F5O/dCFQ9KP1pu9O/k0PpFFrlci883AZ8D0VrBzxYMFkPra";

const NGINX: &str = include_str!("../../../deploy/nginx.conf");
const CADDY: &str = include_str!("../../../deploy/Caddyfile");

/// What the tests make of nginx's read timeout. Above the 5 s after which the server says
/// something on a quiet connection, also where the machine stalls for as long again, and far
/// below the time the tests wait.
const SHORT_TIMEOUT: Duration = Duration::from_secs(15);

/// How many ports a proxy tries: another program may be quicker to take one.
const ATTEMPTS: usize = 3;

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
    /// Starts `program` with the configuration that `configuration` makes of a port and a folder,
    /// and waits until it listens.
    async fn start(
        program: &Path,
        configuration: impl Fn(u16, &Path) -> String,
        arguments: &[&str],
    ) -> Self {
        for _ in 0..ATTEMPTS {
            let folder = tempfile::tempdir().unwrap();
            // It is free for others, too, until the proxy has it.
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            let file = folder.path().join("configuration");
            std::fs::write(&file, configuration(address.port(), folder.path())).unwrap();
            let child = Command::new(program)
                .args(arguments)
                .arg(&file)
                .env("HOME", folder.path())
                .stdin(Stdio::null())
                .spawn()
                .unwrap();
            let mut proxy = Self { address, child, _folder: folder };
            eventually("the proxy listens, or ends", || {
                let ended = proxy.has_ended();
                async move { ended || TcpStream::connect(address).await.is_ok() }
            })
            .await;
            if !proxy.has_ended() {
                return proxy;
            }
        }
        panic!("{} ended at once, {ATTEMPTS} times", program.display());
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    async fn nginx(program: &Path, to: SocketAddr) -> Self {
        let configuration = |port: u16, folder: &Path| {
            let site = replaced(NGINX, "listen 443 ssl;", &format!("listen 127.0.0.1:{port};"));
            let site = without_lines(&site, "ssl_certificate");
            let users = folder.join("users");
            std::fs::write(&users, "anna:{PLAIN}secret\n").unwrap();
            let site = replaced(&site, "/etc/nginx/resources-users", users.to_str().unwrap());
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
        Self::start(program, configuration, &["-e", "stderr", "-c"]).await
    }

    async fn caddy(program: &Path, to: SocketAddr) -> Self {
        let configuration = |port: u16, folder: &Path| {
            let users = folder.join("users");
            std::fs::write(&users, format!("anna {ANNAS_HASH}\n")).unwrap();
            let address = format!("http://{NAME}:{port} {{\n\tbind 127.0.0.1");
            let site = replaced(CADDY, &format!("{NAME} {{"), &address);
            let site = replaced(&site, "/etc/caddy/resources-users", users.to_str().unwrap());
            let site = replaced(&site, "127.0.0.1:8888", &to.to_string());
            format!("{{\n\tadmin off\n}}\n{site}")
        };
        let arguments = ["run", "--adapter", "caddyfile", "--config"];
        Self::start(program, configuration, &arguments).await
    }
}

/// `text` with `from`, which it must hold, replaced by `to`.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replace(from, to)
}

/// `text` without the lines, of which there must be some, that begin with `word`.
fn without_lines(text: &str, word: &str) -> String {
    let is_other = |line: &&str| !line.trim_start().starts_with(word);
    let rest: String = text.split_inclusive('\n').filter(is_other).collect();
    assert!(rest.len() < text.len(), "no line of {text} begins with {word}");
    rest
}

/// Where `program` is. There are systems that have no package of it: `None` there, and said
/// aloud. On Debian, which has, and in CI the test fails instead.
fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.find_map(|f| Some(f.join(program)).filter(|file| file.is_file()));
    if found.is_none() {
        let missing = format!("no {program} on this machine: run `make setup`, or install it");
        let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let has_package = system.lines().any(|line| line == "ID=debian");
        assert!(!has_package && std::env::var_os("CI").is_none(), "{missing}");
        // Past the test harness, which swallows what a test that passes prints.
        let mut aloud = std::io::stderr();
        writeln!(aloud, "NOT TESTED: the configuration of {program}; {missing}").unwrap();
    }
    found
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
    let user = ["--user-header", "X-Forwarded-User"];
    Dashboard::start(&[&args[..], &user].concat()).await
}

/// Asks what is at the dashboard's address, by the name the world knows.
async fn get(dashboard: &Dashboard, path: &str) -> Answer {
    dashboard.ask("GET", path, &[("host", NAME), ANNA]).await
}

async fn connect(dashboard: &Dashboard) -> Browser {
    let origin = format!("https://{NAME}");
    let headers = [("host", NAME), ("origin", &*origin), ANNA];
    dashboard.open("monitor/ws", View::default(), &headers).await.unwrap()
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
    let mut browser = connect(dashboard).await;
    assert_eq!(browser.next().await["type"], "snapshot");
}

/// Who does not say who they are, or says it wrongly, sees nothing.
async fn strangers_see_nothing(dashboard: &Dashboard) {
    // `anna`, `guess`.
    let wrong = ("authorization", "Basic YW5uYTpndWVzcw==");
    for path in ["/monitor/", "/monitor/assets/app.js", "/monitor/api/v1/hosts", "/monitor/ws"] {
        for headers in [&[("host", NAME)][..], &[("host", NAME), wrong]] {
            let answer = dashboard.ask("GET", path, headers).await;
            assert_eq!(answer.status, 401, "{path}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic"), "{path}");
        }
    }
}

/// Who silences is whom the proxy logged in, whatever the request says of itself.
async fn nobody_acts_as_another(dashboard: &Dashboard) {
    let origin = format!("https://{NAME}");
    let headers = [("host", NAME), ("origin", &*origin), ANNA, ("x-forwarded-user", "Eve")];
    for headers in [&headers[..], &headers[..3]] {
        let body = r#"{"host":"web","for_ms":60000,"by":"Eve"}"#;
        let answer = dashboard.send("POST", "/monitor/api/v1/silences", headers, body).await;
        // A proxy may send it in chunks: as text, then.
        let text = answer.text();
        assert_eq!(answer.status, 201, "{text}");
        assert!(text.contains(r#""by":"anna""#), "{text}");
    }
}

/// A WebSocket on which nothing happens outlives the proxy's timeout twice.
async fn a_quiet_socket_stays(dashboard: &Dashboard) {
    let mut browser = connect(dashboard).await;
    let begun = Instant::now();
    while begun.elapsed() < SHORT_TIMEOUT * 2 {
        let frame = in_time("a frame", browser.frame()).await;
        assert!(frame.is_some(), "cut off after {:?}", begun.elapsed());
    }
}

/// Everything works through the proxy that `start` puts before the dashboard.
async fn passes_everything_on(start: impl AsyncFnOnce(SocketAddr) -> Proxy) {
    let page = page();
    let mut dashboard = under_monitor(&page).await;
    let proxy = start(dashboard.address).await;
    dashboard.address = proxy.address;
    is_served(&dashboard).await;
    strangers_see_nothing(&dashboard).await;
    nobody_acts_as_another(&dashboard).await;
    a_quiet_socket_stays(&dashboard).await;
    dashboard.stop().await;
}

#[tokio::test]
async fn nginx_passes_everything_on_to_those_who_may_look() {
    let Some(program) = installed("nginx") else { return };
    passes_everything_on(async |dashboard| Proxy::nginx(&program, dashboard).await).await;
}

#[tokio::test]
async fn caddy_passes_everything_on_to_those_who_may_look() {
    let Some(program) = installed("caddy") else { return };
    passes_everything_on(async |dashboard| Proxy::caddy(&program, dashboard).await).await;
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
