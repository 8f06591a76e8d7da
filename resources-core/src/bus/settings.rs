//! Where the broker is and how to log in, checked before anything starts.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use url::Url;

use super::topology::Names;

/// How to reach the broker.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Broker")]
pub struct BusArgs {
    /// Where the broker is: `amqp://user:password@host:5672/vhost`, `amqps://…` for TLS, or
    /// `memory:` for a broker inside this process.
    ///
    /// The default virtual host is `/`, written `%2f`. The query may set `heartbeat` (seconds),
    /// `frame_max` (bytes) and `auth_mechanism` (`plain` or `external`).
    // Text at this point: an error of the argument parser would print the password.
    #[arg(
        long,
        value_name = "URL",
        env = "RESOURCES_BROKER_URL",
        hide_env_values = true,
        default_value = "amqp://guest:guest@localhost:5672/%2f",
        hide_default_value = false
    )]
    pub broker_url: String,

    /// A file that holds the broker's URL, instead of `--broker-url`, so that the password is
    /// neither in the environment nor in the process list.
    // Given twice, by flag or environment, is an error: one of the two would be ignored.
    #[arg(
        long,
        value_name = "FILE",
        env = "RESOURCES_BROKER_URL_FILE",
        conflicts_with = "broker_url"
    )]
    pub broker_url_file: Option<PathBuf>,

    /// A PEM file of certificates to trust besides the system's, for `amqps://`.
    #[arg(long, value_name = "FILE", env = "RESOURCES_BROKER_CA_FILE")]
    pub broker_ca_file: Option<PathBuf>,

    /// A PEM file with this client's certificate chain, for `amqps://`.
    #[arg(
        long,
        value_name = "FILE",
        env = "RESOURCES_BROKER_CERT_FILE",
        requires = "broker_key_file"
    )]
    pub broker_cert_file: Option<PathBuf>,

    /// A PEM file with the private key of `--broker-cert-file`.
    #[arg(
        long,
        value_name = "FILE",
        env = "RESOURCES_BROKER_KEY_FILE",
        requires = "broker_cert_file"
    )]
    pub broker_key_file: Option<PathBuf>,

    /// The topic exchange; queues are named after it (`<exchange>.measures`, …).
    #[arg(long, value_name = "NAME", env = "RESOURCES_EXCHANGE", default_value = "resources")]
    pub exchange: String,
}

/// Settings of a bus, checked.
#[derive(Debug, Clone)]
pub struct BusConfig {
    /// Where the broker is.
    pub url: BrokerUrl,
    /// Certificates and key for TLS.
    pub tls: TlsFiles,
    /// Names of exchanges and queues.
    pub names: Names,
    /// The program, as the broker's list of connections and each message name it.
    pub application: String,
}

/// PEM texts for TLS, already read.
#[derive(Clone, Default)]
pub struct TlsFiles {
    /// Certificates to trust besides the system's.
    pub authorities: Option<String>,
    /// The client's certificate chain and its private key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFiles")
            .field("authorities", &self.authorities.is_some())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}

/// Why the settings of a bus cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BusSettingsError {
    /// The URL is not one of a broker.
    #[error("broker URL: {0}")]
    Url(#[from] BrokerUrlError),
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A PEM file has no PEM block of the kind needed.
    #[error("{path} holds no PEM block ({wanted})")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// The exchange's name cannot be used.
    #[error("exchange name {0:?}: use 1–200 letters, digits, '-', '_', '.' and ':'")]
    Exchange(String),
}

impl BusArgs {
    /// Reads the files, checks everything, and gives the settings of a bus for `application`.
    ///
    /// # Errors
    /// Names the setting that cannot be used, never a password.
    pub fn config(&self, application: &str) -> Result<BusConfig, BusSettingsError> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path)
                .map_err(|source| BusSettingsError::File { path: path.clone(), source })
        };
        let read_pem = |path: &PathBuf, wanted: &'static str| {
            let text = read(path)?;
            if text.contains("-----BEGIN") {
                Ok(text)
            } else {
                Err(BusSettingsError::Pem { path: path.clone(), wanted })
            }
        };
        let url = match &self.broker_url_file {
            Some(path) => BrokerUrl::parse(read(path)?.trim())?,
            None => BrokerUrl::parse(&self.broker_url)?,
        };
        let authorities =
            self.broker_ca_file.as_ref().map(|path| read_pem(path, "CERTIFICATE")).transpose()?;
        let identity = match (&self.broker_cert_file, &self.broker_key_file) {
            (Some(cert), Some(key)) => Some((
                read_pem(cert, "CERTIFICATE")?.into_bytes(),
                read_pem(key, "PRIVATE KEY")?.into_bytes(),
            )),
            _ => None,
        };
        let names = Names::new(&self.exchange)
            .ok_or_else(|| BusSettingsError::Exchange(self.exchange.clone()))?;
        Ok(BusConfig {
            url,
            tls: TlsFiles { authorities, identity },
            names,
            application: application.to_owned(),
        })
    }
}

impl BusConfig {
    /// A broker inside this process, with the usual names.
    #[must_use]
    pub fn in_memory(application: &str) -> Self {
        Self {
            url: BrokerUrl::Memory,
            tls: TlsFiles::default(),
            names: Names::default(),
            application: application.to_owned(),
        }
    }
}

/// Where a broker is. Its text and debug forms never show the password.
#[derive(Clone, PartialEq, Eq)]
pub enum BrokerUrl {
    /// Inside this process.
    Memory,
    /// RabbitMQ, over TCP or TLS.
    Amqp(AmqpUrl),
}

/// The checked parts of an `amqp://` or `amqps://` URL.
#[derive(Clone, PartialEq, Eq)]
pub struct AmqpUrl {
    pub(crate) tls: bool,
    /// Name or address, an IPv6 address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) vhost: String,
    pub(crate) heartbeat_seconds: u16,
    pub(crate) frame_max_bytes: u32,
    pub(crate) external_login: bool,
}

/// Why a text is not the URL of a broker. Never holds the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerUrlError {
    /// Not a URL at all.
    #[error("it does not parse ({0}); write amqp://user:password@host:5672/%2f")]
    Syntax(url::ParseError),
    /// Another scheme.
    #[error("scheme {0:?} is not known; use amqp://, amqps:// or memory:")]
    Scheme(String),
    /// No host.
    #[error("it names no host; write amqp://user:password@host:5672/%2f")]
    Host,
    /// A percent-encoded part is not UTF-8.
    #[error("its {0} is not percent-encoded UTF-8")]
    Encoding(&'static str),
    /// A part is longer than AMQP can carry.
    #[error("its {0} is longer than 255 bytes")]
    TooLong(&'static str),
    /// A part of the query cannot be used.
    #[error("{name}: {allowed}")]
    Query {
        /// The parameter.
        name: String,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// Notices a dead peer within twice this; RabbitMQ's advice is 5–20.
const DEFAULT_HEARTBEAT_SECONDS: u16 = 10;

/// lapin's buffers are 32 of these, twice: 8 KiB keeps a tracker small at no cost in throughput.
const DEFAULT_FRAME_MAX_BYTES: u32 = 8192;

impl BrokerUrl {
    /// Checks `text`.
    ///
    /// # Errors
    /// Says what is wrong, without repeating the text, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, BrokerUrlError> {
        let url = Url::parse(text).map_err(BrokerUrlError::Syntax)?;
        match url.scheme() {
            "memory" => Ok(Self::Memory),
            "amqp" => AmqpUrl::parse(&url, false).map(Self::Amqp),
            "amqps" => AmqpUrl::parse(&url, true).map(Self::Amqp),
            // A text such as `user:secret@host` parses with the user as scheme.
            other => Err(BrokerUrlError::Scheme(other.to_owned())),
        }
    }
}

impl AmqpUrl {
    fn parse(url: &Url, tls: bool) -> Result<Self, BrokerUrlError> {
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(BrokerUrlError::Host)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let username = decode(url.username(), "user name")?;
        let password = decode(url.password().unwrap_or_default(), "password")?;
        let (username, password) = if username.is_empty() && url.password().is_none() {
            ("guest".to_owned(), "guest".to_owned())
        } else {
            (username, password)
        };
        // As in other clients: no path, or a bare slash, is the default virtual host.
        let vhost = match url.path().trim_start_matches('/') {
            "" => "/".to_owned(),
            path => decode(path, "virtual host")?,
        };
        let mut this = Self {
            tls,
            host: decode(host, "host")?,
            port: url.port().unwrap_or(if tls { 5671 } else { 5672 }),
            username,
            password,
            vhost,
            heartbeat_seconds: DEFAULT_HEARTBEAT_SECONDS,
            frame_max_bytes: DEFAULT_FRAME_MAX_BYTES,
            external_login: false,
        };
        for (name, value) in url.query_pairs() {
            this.set(&name, &value)
                .map_err(|allowed| BrokerUrlError::Query { name: name.into_owned(), allowed })?;
        }
        // The user and password travel together in one long string, the vhost in a short one.
        for (part, text) in [("virtual host", &this.vhost), ("user name", &this.username)] {
            if text.len() > 255 {
                return Err(BrokerUrlError::TooLong(part));
            }
        }
        Ok(this)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "heartbeat" => {
                self.heartbeat_seconds = value
                    .parse()
                    .ok()
                    .filter(|seconds| (1..=3600).contains(seconds))
                    .ok_or("give seconds from 1 to 3600")?;
            }
            "frame_max" => {
                self.frame_max_bytes = value
                    .parse()
                    .ok()
                    .filter(|bytes| (4096..=1_048_576).contains(bytes))
                    .ok_or("give bytes from 4096 to 1048576")?;
            }
            "auth_mechanism" => {
                self.external_login = match value.to_ascii_lowercase().as_str() {
                    "plain" => false,
                    "external" => true,
                    _ => return Err("use plain or external"),
                };
            }
            _ => return Err("not known; known are heartbeat, frame_max and auth_mechanism"),
        }
        Ok(())
    }
}

fn decode(text: &str, part: &'static str) -> Result<String, BrokerUrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| BrokerUrlError::Encoding(part))
}

impl fmt::Display for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "amqps" } else { "amqp" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        let Self { username, host, port, vhost, .. } = self;
        write!(f, "{scheme}://{username}:***@{open}{host}{close}:{port}/")?;
        // Shown as it must be written in the URL.
        write!(f, "{}", vhost.replace('%', "%25").replace('/', "%2f"))
    }
}

impl fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Amqp(url) => fmt::Display::fmt(url, f),
        }
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amqp(text: &str) -> AmqpUrl {
        match BrokerUrl::parse(text).unwrap() {
            BrokerUrl::Amqp(url) => url,
            BrokerUrl::Memory => panic!("{text} is not amqp"),
        }
    }

    #[test]
    fn reads_every_part() {
        let url =
            amqp("amqps://m%40x:p%2fq@broker.example:5999/my%2fhost?heartbeat=5&frame_max=4096");
        assert_eq!((url.tls, url.host.as_str(), url.port), (true, "broker.example", 5999));
        assert_eq!((url.username.as_str(), url.password.as_str()), ("m@x", "p/q"));
        assert_eq!(url.vhost, "my/host");
        assert_eq!((url.heartbeat_seconds, url.frame_max_bytes), (5, 4096));
    }

    #[test]
    fn fills_in_what_is_left_out() {
        let url = amqp("amqp://localhost");
        assert_eq!((url.port, url.vhost.as_str(), url.username.as_str()), (5672, "/", "guest"));
        assert_eq!(amqp("amqps://localhost/%2f").port, 5671);
        assert_eq!(BrokerUrl::parse("memory:"), Ok(BrokerUrl::Memory));
    }

    #[test]
    fn an_ipv6_address_stays_an_ipv6_address() {
        let url = amqp("amqp://[::1]:5672/%2f");
        assert_eq!(url.host, "::1");
        assert_eq!(url.to_string(), "amqp://guest:***@[::1]:5672/%2f");
    }

    #[test]
    fn never_shows_the_password() {
        let url = BrokerUrl::parse("amqp://me:hunter2@host/%2f").unwrap();
        assert!(!format!("{url} {url:?}").contains("hunter2"));
        for text in [
            "amqp://me:hunter2@host:99999/",
            "http://me:hunter2@host/",
            "amqp://me:hunter2@/",
            "amqp://me:hunter2@host/?heartbeat=x",
            "amqp://me:hunter2@host/?colour=red",
            "me:hunter2@host",
            "",
            "amqp://me:hunter2@ho st/",
        ] {
            let error = BrokerUrl::parse(text).expect_err(text).to_string();
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn exchange_names_are_checked() {
        let mut args = BusArgs {
            broker_url: "memory:".into(),
            broker_url_file: None,
            broker_ca_file: None,
            broker_cert_file: None,
            broker_key_file: None,
            exchange: "resources".into(),
        };
        assert!(args.config("test").is_ok());
        args.exchange = "two words".into();
        assert!(matches!(args.config("test"), Err(BusSettingsError::Exchange(_))));
        args.exchange = "resources".into();
        args.broker_url_file = Some("/nonexistent/url".into());
        let error = args.config("test").unwrap_err().to_string();
        assert!(error.contains("/nonexistent/url"), "{error}");
    }
}
