//! What an observer may do without, as the guide for whoever deploys it says.

use std::num::NonZeroU16;

use resources_core::bus::{PublishError, Source};
use resources_core::test_support::{RabbitMq, in_time, open_bus};
use resources_observer::{Event, Observer, Reject, SendError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// An observer named `pager` that listens as `user`, and the bodies it gets.
async fn listen(broker: &RabbitMq, user: &str) -> (JoinHandle<()>, mpsc::Receiver<String>) {
    let (sender, bodies) = mpsc::channel(10);
    let (ready, is_ready) = oneshot::channel();
    let observer = Observer::over(open_bus(&broker.url_of(user, "secret"), "resources"))
        .named("pager")
        .when_ready(|| ready.send(()).expect("the test waits"))
        .on("ring", move |event: Event| {
            sender.try_send(event.body().to_string()).expect("room");
            // Whatever it was, it goes to the rejected queue.
            std::future::ready(Err::<(), _>(Reject("nobody is in".into())))
        });
    let task = tokio::spawn(async move {
        observer.run_until(std::future::pending()).await.expect("it never ends");
    });
    in_time("the observer listens", is_ready).await.expect("it runs");
    (task, bodies)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_needs_rights_to_its_own_queue_only() {
    let broker = RabbitMq::start();
    let guest = open_bus(&broker.url(), "resources");
    let sender = Observer::over(guest.clone()).sender();
    // Declares what all parts share.
    drop(sender.send("web.measure", "{}").await);
    let user = "pager";
    let configure = "^resources\\.on\\.pager$";
    let write = "^resources(\\.on\\.pager|\\.rejected)?$";
    let read = "^resources(\\.on\\.pager)?$";
    broker.ctl(&["add_user", user, "secret"]);
    broker.ctl(&["set_permissions", user, configure, write, read]);
    let (task, mut bodies) = listen(&broker, user).await;
    in_time("it is sent", sender.send("ring", "the bell")).await.expect("a queue");
    assert_eq!(in_time("it comes", bodies.recv()).await.expect("it runs"), "\"the bell\"");
    let mut rejected = guest.subscribe(Source::Rejected, NonZeroU16::MIN);
    let aside = in_time("it is set aside", rejected.next()).await.expect("the bus is open");
    assert_eq!(aside.rejection.as_deref(), Some("nobody is in"));
    assert!(rejected.acknowledge_one(aside.receipt).await);
    task.abort();
    assert!(in_time("it is gone", task).await.expect_err("aborted").is_cancelled());

    // What may not be sent says so, and holds up nothing that may.
    broker.ctl(&["set_topic_permissions", user, "resources", "^ring$", "^ring$"]);
    let pager = open_bus(&broker.url_of(user, "secret"), "resources");
    let observer = Observer::over(pager.clone()).named("other").on("ring", async |_| {});
    for _ in 0..3 {
        let refused = in_time("it is refused", observer.send("forbidden", "")).await;
        assert!(
            matches!(refused, Err(SendError::Publish(PublishError::Refused(_)))),
            "{refused:?}"
        );
        in_time("it is sent", observer.send("ring", "again")).await.expect("a queue");
    }
    pager.close().await;

    // Without the right to its queue it ends, and says so.
    broker.ctl(&["set_permissions", user, "^$", write, read]);
    let bus = open_bus(&broker.url_of(user, "secret"), "resources");
    let observer = Observer::over(bus).named("pager").on("ring", async |_| {});
    let ended = in_time("it ends", observer.run_until(std::future::pending())).await;
    let error = ended.expect_err("it is refused").to_string();
    assert!(error.contains("refused: ACCESS_REFUSED") && error.contains("on.pager"), "{error}");
    guest.close().await;
}
