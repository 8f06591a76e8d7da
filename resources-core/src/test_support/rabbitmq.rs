//! A RabbitMQ node of the test's own: free ports, a temporary folder, gone with the test.

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::ports::free_port;

/// Folders the plain scripts live in. The ones on Debian's PATH are wrappers that change the
/// user and ignore where the data should be.
const SCRIPT_FOLDERS: [&str; 2] = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"];

/// Longest wait for a node to answer.
const START_LIMIT: Duration = Duration::from_secs(180);

/// Starts the server in a process group of its own, and ends it when standard input closes:
/// when the test ends in whatever way. Arguments: the server, the data folder.
const GUARD: &str = r#"
trap '' INT TERM HUP
setsid "$1" >"$2/out" 2>&1 </dev/null &
echo $! >"$2/group"
cat >/dev/null
kill -KILL "-$(cat "$2/group")"
rm -rf "$2"
"#;

/// PEM texts of a broker that listens for TLS.
#[derive(Debug)]
pub struct ServerTls {
    /// Who signs the certificates of clients.
    pub authority: String,
    /// The broker's certificate.
    pub chain: String,
    /// Its private key.
    pub key: String,
}

/// A running broker. Dropping it ends the node and removes its data.
#[derive(Debug)]
pub struct RabbitMq {
    folder: PathBuf,
    port: u16,
    dist_port: u16,
    tls_port: u16,
    guard: Option<Child>,
}

impl RabbitMq {
    /// Starts a node and waits until it answers.
    ///
    /// # Panics
    /// When RabbitMQ is not installed or does not come up; says what to install.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Like [`start`](Self::start), listening for TLS as well, with these PEM texts.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_tls(tls: &ServerTls) -> Self {
        Self::start_with(Some(tls))
    }

    fn start_with(tls: Option<&ServerTls>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("resources-rabbitmq-")
            .tempdir()
            .expect("a folder")
            .keep();
        let [port, dist_port, tls_port] = [free_port(), free_port(), free_port()];
        let mut config = String::new();
        for line in [
            format!("listeners.tcp.default = 127.0.0.1:{port}"),
            "disk_free_limit.absolute = 50MB".to_owned(),
            "log.file.level = info".to_owned(),
        ] {
            writeln!(config, "{line}").expect("writing to a string");
        }
        if let Some(tls) = tls {
            writeln!(config, "listeners.ssl.default = 127.0.0.1:{tls_port}").expect("a string");
            writeln!(config, "ssl_options.verify = verify_peer").expect("a string");
            for (name, pem) in
                [("cacertfile", &tls.authority), ("certfile", &tls.chain), ("keyfile", &tls.key)]
            {
                let file = folder.join(name);
                std::fs::write(&file, pem).expect("a PEM file");
                writeln!(config, "ssl_options.{name} = {}", file.display()).expect("a string");
            }
        }
        std::fs::write(folder.join("rabbitmq.conf"), config).expect("the configuration");
        std::fs::write(folder.join("enabled_plugins"), "[].\n").expect("the list of plugins");
        std::fs::write(folder.join("env.conf"), "").expect("the environment file");
        let mut this = Self { folder, port, dist_port, tls_port, guard: None };
        this.start_again();
        this
    }

    /// URL of the node, as its first user.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("guest", "guest")
    }

    /// URL of the node for another user.
    #[must_use]
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("amqp://{user}:{password}@127.0.0.1:{}/%2f", self.port)
    }

    /// URL of the node over TLS, for a node started with TLS.
    #[must_use]
    pub fn tls_url(&self) -> String {
        format!("amqps://guest:guest@localhost:{}/%2f", self.tls_port)
    }

    /// The port it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Makes the node write down the names of the queues declared so far. Older versions do so
    /// only about a second after the first declaration; killed before, a stream does not come
    /// back and a quorum queue comes back empty.
    pub fn settle(&self) {
        self.ctl(&[
            "eval",
            "[dets:sync(maps:get(directory_rev, maps:get(names, ra_system:fetch(S)))) \
             || S <- [coordination, quorum_queues]].",
        ]);
    }

    /// Ends the node at once, as a power cut would; its data stays.
    pub fn kill(&mut self) {
        let Some(mut guard) = self.guard.take() else { return };
        // First the guard, or it would remove the data.
        guard.kill().expect("killing the guard");
        guard.wait().expect("waiting for the guard");
        self.signal("KILL");
    }

    /// Stops the node in its tracks without ending it: connections stay open and silent.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen node go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let group = std::fs::read_to_string(self.folder.join("group")).expect("the group's id");
        let target = format!("-{}", group.trim());
        let status =
            Command::new("kill").args(["-s", name, "--", &target]).status().expect("kill runs");
        assert!(status.success(), "kill -s {name} -- {target}");
    }

    /// Starts a killed node on the same data and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&mut self) {
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "guard"]).arg(script("rabbitmq-server")).arg(&self.folder);
        self.environment(&mut command);
        let guard =
            command.current_dir(&self.folder).stdin(Stdio::piped()).spawn().expect("sh runs");
        self.guard = Some(guard);
        self.wait_until_it_answers();
    }

    /// Runs `rabbitmqctl` on the node and gives what it prints.
    ///
    /// # Panics
    /// When the command fails.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(script("rabbitmqctl"));
        command.args(["-q", "-n", &self.node()]).args(arguments);
        self.environment(&mut command);
        let output = command.output().expect("rabbitmqctl runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    fn node(&self) -> String {
        format!("resources-{}@localhost", self.port)
    }

    fn environment(&self, command: &mut Command) {
        let file = |name: &str| self.folder.join(name);
        command
            .env("HOME", &self.folder)
            .env("RABBITMQ_NODENAME", self.node())
            .env("RABBITMQ_DIST_PORT", self.dist_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", file("data"))
            .env("RABBITMQ_LOG_BASE", file("log"))
            .env("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", file("env.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins"))
            .env("RABBITMQ_PID_FILE", file("pid"))
            .env("ERL_CRASH_DUMP", file("erl_crash.dump"));
    }

    /// No event tells another process that a port is open, so it is tried.
    fn wait_until_it_answers(&self) {
        let begun = Instant::now();
        while !answers(self.port) {
            assert!(
                begun.elapsed() < START_LIMIT,
                "RabbitMQ did not answer within {START_LIMIT:?}: {}",
                std::fs::read_to_string(self.folder.join("out")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        match self.guard.take() {
            // Closing standard input tells the guard to end the node and remove the data.
            Some(mut guard) => {
                drop(guard.stdin.take());
                guard.wait().ok();
            }
            None => {
                std::fs::remove_dir_all(&self.folder).ok();
            }
        }
    }
}

/// Whether a broker, not just a socket, is at `port`: it answers a wrong protocol header with
/// the right one.
fn answers(port: u16) -> bool {
    let Ok(mut tcp) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut answer = [0; 4];
    tcp.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && std::io::Write::write_all(&mut tcp, b"AMQP\x00\x00\x00\x00").is_ok()
        && tcp.read_exact(&mut answer).is_ok()
        && &answer == b"AMQP"
}

fn script(name: &str) -> PathBuf {
    let on_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.exists())
    };
    let plain = SCRIPT_FOLDERS.iter().map(|folder| Path::new(folder).join(name));
    plain.into_iter().find(|path| path.exists()).or_else(on_path).unwrap_or_else(|| {
        panic!("no `{name}` on this machine: install rabbitmq-server (or run `make setup`)")
    })
}
