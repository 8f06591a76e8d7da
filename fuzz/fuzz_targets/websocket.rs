//! What a browser sends after its upgrade, to a real server.
#![no_main]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use clap::Parser;
use libfuzzer_sys::fuzz_target;
use resources_core::bus::{Bus, BusConfig};
use resources_web::{Server, WebArgs};
use tokio_util::sync::CancellationToken;

/// Longer than this the server may not hold on to a browser that is gone.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    web: WebArgs,
}

/// A server of this process, started once.
fn server() -> SocketAddr {
    static SERVER: OnceLock<(tokio::runtime::Runtime, SocketAddr)> = OnceLock::new();
    let (_, address) = SERVER.get_or_init(|| {
        let arguments = ["fuzz", "--listen", "127.0.0.1:0", "--history", "off"];
        let settings = Args::parse_from(arguments).web.settings().expect("good settings");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let bus = Bus::open(BusConfig::in_memory("fuzz"));
        let server = runtime.block_on(Server::bind(settings, bus)).expect("a free port");
        let address = server.address();
        runtime.spawn(server.run(CancellationToken::new()));
        (runtime, address)
    });
    *address
}

/// Sends `head` and `rest`, and once it is answered as `expected` nothing more, until the server
/// lets go. Whoever ends its side before gets no answer at all.
fn ask(address: SocketAddr, head: &str, rest: &[u8], expected: &[u8]) {
    let mut tcp = TcpStream::connect(address).expect("it accepts");
    tcp.set_read_timeout(Some(LIMIT)).expect("a limit");
    tcp.write_all(format!("{head}Host: {address}\r\n\r\n").as_bytes()).expect("it reads");
    // It may hang up before it has read all.
    let sent = tcp.write_all(rest);
    let mut answer = vec![0; expected.len()];
    tcp.read_exact(&mut answer).expect("it answers");
    assert_eq!(answer, expected);
    let _hung_up = sent.and_then(|()| tcp.shutdown(Shutdown::Write));
    if let Err(error) = tcp.read_to_end(&mut answer) {
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it holds on to the browser");
    }
}

fuzz_target!(|frames: &[u8]| {
    let address = server();
    let upgrade = "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    ask(address, upgrade, frames, b"HTTP/1.1 101");
    // Others are answered as before.
    ask(address, "GET /healthz HTTP/1.1\r\nConnection: close\r\n", &[], b"HTTP/1.1 200");
});
