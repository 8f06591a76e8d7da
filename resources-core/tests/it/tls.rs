//! TLS to the broker: never plain text, never to a stranger, and with a client's certificate.

use std::io::Read as _;
use std::net::TcpListener;
use std::num::NonZeroU16;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use resources_core::bus::{Bus, LinkState, Message, Source, TlsFiles};
use resources_core::contract::{Topic, TraceParent};
use resources_core::test_support::{RabbitMq, ServerTls, bus_config, in_time, open_bus};

/// An authority of the test's own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key for `name`, signed by `authority`.
fn signed(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    // Unlike the authority's, or it would pass for signed by itself.
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

async fn why_down(bus: &Bus) -> String {
    let _publisher = bus.publisher();
    let mut link = bus.link();
    let down = link.wait_for(|link| matches!(link.state, LinkState::Down { .. }));
    format!("{:?}", in_time("the link is down", down).await.unwrap().state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_is_trusted_by_its_authority_only() {
    let authority = authority();
    let (chain, key) = signed(&authority, "localhost");
    let broker = RabbitMq::start_with_tls(&ServerTls { authority: authority.pem(), chain, key });

    // The system's authorities do not know ours.
    let stranger = open_bus(&broker.tls_url(), "resources");
    let reason = why_down(&stranger).await;
    assert!(reason.contains("certificate"), "{reason}");
    stranger.close().await;

    let (client_chain, client_key) = signed(&authority, "tracker");
    let mut config = bus_config(&broker.tls_url(), "resources");
    config.tls = TlsFiles {
        authorities: Some(authority.pem()),
        identity: Some((client_chain.into_bytes(), client_key.into_bytes())),
    };
    let bus = Bus::open(config);
    let mut measures = bus.subscribe(Source::Measures, NonZeroU16::new(10).unwrap());
    let message = Message {
        topic: Topic::new("web.measure").unwrap(),
        // Many frames and TLS records.
        body: vec![b' '; 200_000].into(),
        timestamp_ms: 0,
        trace: TraceParent::begin(),
    };
    let publisher = bus.publisher();
    in_time("the confirm", publisher.publish_until_confirmed(&message)).await.unwrap();
    let delivery = in_time("the measure", measures.next()).await.unwrap();
    assert_eq!(delivery.body, message.body);
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_never_replaced_by_plain_text() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let first_bytes = tokio::task::spawn_blocking(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut bytes = [0; 5];
        tcp.read_exact(&mut bytes).unwrap();
        bytes
    });
    let bus = open_bus(&format!("amqps://guest:guest@localhost:{port}/%2f"), "resources");
    let _publisher = bus.publisher();
    let bytes = in_time("the first bytes", first_bytes).await.unwrap();
    // A TLS record of type handshake, not the plain protocol header `AMQP`.
    assert_eq!((bytes[0], bytes[1]), (0x16, 0x03), "{bytes:?}");
    bus.close().await;
}
