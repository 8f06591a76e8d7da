//! Whatever a browser sends after its upgrade, the server lets go of it and serves the others.
//! The same with far more cases: `fuzz/`.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use resources_core::test_support::in_time;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::dashboard::Dashboard;

/// What an upgrade is answered with. Whoever ends its side before gets no answer at all.
const UPGRADED: &[u8] = b"HTTP/1.1 101";

/// Browsers tried.
const CASES: usize = 100;

/// A frame of any kind and length, said rightly or not, with a mask or without.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..126_u64, Just(16_384), Just(16_385), any::<u64>()];
    (any::<u8>(), any::<bool>(), length, vec(any::<u8>(), 0..200)).prop_map(
        |(head, masked, length, payload)| {
            let mask_bit = if masked { 0x80 } else { 0 };
            let mut frame = vec![head];
            match (u8::try_from(length), u16::try_from(length)) {
                (Ok(short @ 0..126), _) => frame.push(mask_bit | short),
                (_, Ok(middle)) => {
                    frame.push(mask_bit | 126);
                    frame.extend(middle.to_be_bytes());
                }
                _ => {
                    frame.push(mask_bit | 127);
                    frame.extend(length.to_be_bytes());
                }
            }
            frame.extend(payload);
            frame
        },
    )
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    let frames = vec(frame(), 0..4).prop_map(|frames| frames.concat());
    prop_oneof![frames, vec(any::<u8>(), 0..300)]
}

/// Upgrades, sends `bytes` and nothing more, and reads until the server lets go.
async fn send(dashboard: &Dashboard, bytes: &[u8]) {
    let mut tcp = TcpStream::connect(dashboard.address).await.unwrap();
    let upgrade = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        dashboard.address
    );
    tcp.write_all(upgrade.as_bytes()).await.unwrap();
    // It may hang up before it has read all of them.
    let is_sent = tcp.write_all(bytes).await.is_ok();
    let mut answer = vec![0; UPGRADED.len()];
    in_time("an answer", tcp.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, UPGRADED, "the frames are read");
    if is_sent {
        tcp.shutdown().await.ok();
    }
    in_time("the server lets go", tcp.read_to_end(&mut answer)).await.ok();
}

#[tokio::test]
async fn no_frame_keeps_the_server_or_brings_it_down() {
    let dashboard = Dashboard::start(&[]).await;
    let mut runner = TestRunner::deterministic();
    for _ in 0..CASES {
        let bytes = input().new_tree(&mut runner).unwrap().current();
        send(&dashboard, &bytes).await;
    }
    assert_eq!(dashboard.get("/healthz").await.status, 200);
    dashboard.stop().await;
}
