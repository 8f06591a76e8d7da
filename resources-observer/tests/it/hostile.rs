//! Web servers that answer without end: what that costs is bounded in bytes and in time.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use resources_core::bus::{Bus, BusConfig};
use resources_core::service::Failure;
use resources_core::test_support::in_time;
use resources_observer::reactions::Reactions;
use tokio::task::{JoinHandle, spawn_blocking};

/// Takes one call and has `answer` write until the other side has enough; gives what that gives.
fn server<T: Send + 'static>(
    answer: impl FnOnce(&mut TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let served = spawn_blocking(move || {
        let (mut socket, _) = listener.accept().expect("a call");
        socket.set_write_timeout(Some(Duration::from_secs(30))).expect("a limit");
        let mut request = Vec::new();
        // The head; the rest may stay where it is.
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).expect("a request");
            request.extend(byte);
        }
        answer(&mut socket)
    });
    (format!("http://{address}/hook"), served)
}

async fn told(url: &str) -> Result<String, Failure> {
    let rules = format!("[reaction.hook]\ntype = \"webhook\"\nurl = \"{url}\"\ntimeout = \"2s\"\n");
    let reactions = Reactions::parse("r.toml", &rules).expect("rules");
    let bus = Bus::open(BusConfig::in_memory("test"));
    in_time("it ends", reactions.test("hook", &bus.publisher())).await
}

#[tokio::test]
async fn two_gigabytes_of_an_answer_are_not_taken() {
    const LENGTH_BYTES: u64 = 2 << 30;
    // Besides what is read, the system holds some megabytes on both sides.
    const MOST_BYTES: u64 = 32 << 20;
    let (url, served) = server(|socket| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH_BYTES}\r\n\r\n");
        socket.write_all(head.as_bytes()).expect("the head is taken");
        let chunk = vec![b'x'; 64 << 10];
        let mut written = 0;
        while written < LENGTH_BYTES && socket.write_all(&chunk).is_ok() {
            written += chunk.len() as u64;
        }
        written
    });
    let how = told(&url).await.expect("200 is success");
    assert!(how.contains("answered 200"), "{how}");
    let written = in_time("the connection is closed", served).await.expect("no panic");
    assert!(written < MOST_BYTES, "{written} bytes were taken");
}

/// Writes a byte now and then until the connection is closed.
fn drip(socket: &mut TcpStream) {
    while socket.write_all(b"x").is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn an_answer_that_drips_ends_with_the_timeout() {
    let (url, served) = server(|socket| {
        socket.write_all(b"HTTP/1.1 200 OK\r\nx-drip: ").expect("it is taken");
        drip(socket);
    });
    let cause = told(&url).await.expect_err("no answer").to_string();
    assert!(cause.contains("did not answer within 2s"), "{cause}");
    in_time("the connection is closed", served).await.expect("no panic");

    let (url, served) = server(|socket| {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
        socket.write_all(head).expect("it is taken");
        drip(socket);
    });
    let how = told(&url).await.expect("200 is success");
    assert!(how.contains("answered 200"), "{how}");
    in_time("the connection is closed", served).await.expect("no panic");
}
