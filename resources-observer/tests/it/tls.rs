//! Web hooks and e-mail over TLS: to whom the authorities in `SSL_CERT_FILE` vouch for, and to
//! nobody else.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use resources_core::contract::{AlertState, TraceParent};
use resources_core::test_support::in_time;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio::sync::mpsc;

use crate::react::alert;
use crate::started::Started;

/// Most that a test looks at.
const MAX_KEPT: usize = 100;

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// An authority of the test's own.
fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed")
}

/// A server whom `authority` vouches for as `name`.
fn server(authority: &Issuer, name: &str) -> Arc<ServerConfig> {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.signed_by(&key, authority).expect("signed");
    let provider = rustls::crypto::ring::default_provider();
    let config = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("the usual versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        );
    Arc::new(config.expect("a certificate and its key"))
}

type Secure = StreamOwned<ServerConnection, TcpStream>;

fn secure(config: &Arc<ServerConfig>, socket: TcpStream) -> Secure {
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).expect("a connection"), socket)
}

/// Serves connections one after the other, and keeps what `serve` gives; its port.
fn listen(
    kept: &mpsc::Sender<String>,
    serve: impl Fn(TcpStream) -> Option<String> + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let kept = kept.clone();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
            if let Some(served) = serve(socket) {
                kept.try_send(served).ok();
            }
        }
    });
    port
}

/// No more than the line, as TLS may begin behind it.
fn read_line(from: &mut impl Read) -> Option<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\n") {
        from.read_exact(&mut byte).ok()?;
        line.extend(byte);
    }
    String::from_utf8(line).ok()
}

/// Takes one call, and gives its head.
fn take_call(mut stream: Secure) -> Option<String> {
    let (mut head, mut body_bytes) = (String::new(), 0);
    loop {
        let line = read_line(&mut stream)?;
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            body_bytes = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    stream.read_exact(&mut vec![0; body_bytes]).ok()?;
    stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()?;
    Some(head)
}

/// What goes before TLS when it is begun with STARTTLS: nothing but that.
fn begin_tls(socket: &mut TcpStream) -> Option<()> {
    socket.write_all(b"220 sink ESMTP\r\n").ok()?;
    read_line(socket)?.starts_with("EHLO ").then_some(())?;
    socket.write_all(b"250-sink\r\n250 STARTTLS\r\n").ok()?;
    (read_line(socket)? == "STARTTLS\r\n").then_some(())?;
    socket.write_all(b"220 go on\r\n").ok()
}

/// Takes one e-mail, and gives all that was said.
fn take_mail(mut stream: Secure) -> Option<String> {
    let (mut said, mut in_data) = (String::new(), false);
    loop {
        let line = read_line(&mut stream)?;
        said.push_str(&line);
        let answer: &[u8] = match line.get(..4) {
            _ if in_data && line == ".\r\n" => {
                stream.write_all(b"250 taken\r\n").ok()?;
                return Some(said);
            }
            _ if in_data => continue,
            Some("EHLO") => b"250-sink\r\n250 AUTH PLAIN\r\n",
            Some("AUTH") => b"235 welcome\r\n",
            Some("DATA") => {
                in_data = true;
                b"354 go on\r\n"
            }
            _ => b"250 fine\r\n",
        };
        stream.write_all(answer).ok()?;
    }
}

fn hook(name: &str, port: u16) -> String {
    format!(
        "[reaction.{name}]\ntype = \"webhook\"\nurl = \"https://localhost:{port}/{name}\"\n\
         headers.Authorization = {{ env = \"HOOK_TOKEN\" }}\nretry_for = \"0s\"\n"
    )
}

fn mail(name: &str, port: u16, tls: &str) -> String {
    format!(
        "[reaction.{name}]\ntype = \"email\"\nserver = \"localhost\"\nport = {port}\ntls = \
         \"{tls}\"\nuser = \"monitor\"\npassword = {{ env = \"MAIL_PASSWORD\" }}\nfrom = \
         \"{name}@example.com\"\nto = [\"ops@example.com\"]\nretry_for = \"0s\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_where_it_is_named_and_for_its_names_only() {
    let (ours, other) = (authority("ours"), authority("another"));
    let servers = [
        ("trusted", server(&ours, "localhost")),
        ("stranger", server(&other, "localhost")),
        ("misnamed", server(&ours, "elsewhere.example")),
    ];
    let (kept, mut served) = mpsc::channel(MAX_KEPT);
    let (mut rules, mut names) = (String::new(), Vec::new());
    for (whom, config) in servers {
        let [one, two, three] = [(); 3].map(|()| Arc::clone(&config));
        let port = listen(&kept, move |socket| take_call(secure(&one, socket)));
        rules.push_str(&hook(&format!("hook-{whom}"), port));
        let port = listen(&kept, move |mut socket| {
            begin_tls(&mut socket)?;
            take_mail(secure(&two, socket))
        });
        rules.push_str(&mail(&format!("starttls-{whom}"), port, "starttls"));
        let port = listen(&kept, move |socket| {
            let mut stream = secure(&three, socket);
            stream.write_all(b"220 sink ESMTP\r\n").ok()?;
            take_mail(stream)
        });
        rules.push_str(&mail(&format!("implicit-{whom}"), port, "implicit"));
        names.extend(["hook", "starttls", "implicit"].map(|how| format!("{how}-{whom}")));
    }
    rules.push_str(&format!("[[route]]\nto = {names:?}\ngroup = \"0s\"\n"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, ours.pem()).expect("a file");
    let variables = [
        ("SSL_CERT_FILE", file.path().to_str().expect("UTF-8")),
        ("HOOK_TOKEN", "Bearer T0ken-1"),
        ("MAIL_PASSWORD", "s3cret"),
    ];
    let observer = Started::start(&rules, &["--log", "warn"], &variables).await;
    let mut rejected = observer.rejected();
    observer.tell(&alert("a", "web", AlertState::Raised), TraceParent::begin()).await;

    let mut causes = BTreeMap::new();
    while causes.len() < 6 {
        let delivery = in_time("the others are given up", rejected.next()).await;
        let delivery = delivery.expect("the bus is up");
        causes.insert(delivery.topic.to_string(), delivery.rejection.expect("a cause"));
        rejected.acknowledge_through(delivery.receipt).await;
    }
    for (topic, cause) in causes {
        let words = if topic.contains("stranger") { "UnknownIssuer" } else { "not valid for name" };
        assert!(!topic.contains("trusted") && cause.contains(words), "{topic}: {cause}");
        assert!(!cause.contains("s3cret") && !cause.contains("T0ken"), "{cause}");
    }
    let mut all = String::new();
    for _ in 0..3 {
        let one = in_time("all that are trusted are told", served.recv()).await;
        all.push_str(&one.expect("the servers run"));
    }
    for words in [
        "POST /hook-trusted HTTP/1.1\r\n",
        "authorization: Bearer T0ken-1\r\n",
        "MAIL FROM:<starttls-trusted@example.com>",
        "MAIL FROM:<implicit-trusted@example.com>",
    ] {
        assert!(all.contains(words), "{words:?} is not in\n{all}");
    }
    // The login as it is sent: both parts of it, a zero byte before each.
    assert_eq!(all.matches("AUTH PLAIN AG1vbml0b3IAczNjcmV0\r\n").count(), 2, "{all}");
    assert!(served.try_recv().is_err(), "a stranger was told something");
}
