//! One trace through what is told: at the web hook, in the program, in the log and at a collector.

use opentelemetry_proto::tonic::trace::v1::Span;
use resources_core::contract::{AlertState, TraceParent};
use resources_core::test_support::{eventually, in_time};

use crate::react::alert;
use crate::receivers::Web;
use crate::started::Started;
use sink::{Sink, text};

#[path = "../../../resources-cli/tests/it/observability/sink.rs"]
mod sink;

/// The exported span of the trace of `trace` for which `is_it` holds.
async fn span(sink: &Sink, what: &str, trace: TraceParent, is_it: impl Fn(&Span) -> bool) -> Span {
    let id = trace.trace_id().to_be_bytes();
    let found = || sink.spans_of(&id).into_iter().find(|span| is_it(span));
    eventually(what, async || found().is_some()).await;
    found().expect("it is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_told_gets_the_step_that_is_exported_and_failures_say_what_they_are() {
    let (mut web, sink) = (Web::start().await, Sink::start().await);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    // Busy until it may go on, so that what comes meanwhile gathers.
    let script = format!(
        "cat > {0}.new; echo $TRACEPARENT > {0}.$RESOURCES_ALERT; while [ ! -e {1} ]; do sleep \
         0.05; done; mv {0}.new {0}.$RESOURCES_ALERT.json",
        file("out"),
        file("go-on")
    );
    let rules = format!(
        "[reaction.hook]\ntype = \"webhook\"\nurl = \"http://{0}/hook\"\n\
         [reaction.error]\ntype = \"webhook\"\nurl = \"http://{0}/error\"\nretry_for = \"0s\"\n\
         [reaction.gate]\ntype = \"exec\"\ncommand = [\"sh\", \"-c\", '{script}']\n\
         timeout = \"5m\"\n\
         [[route]]\nwhere = \"host=first\"\nto = [\"hook\", \"error\"]\ngroup = \"0s\"\n\
         [[route]]\nto = [\"gate\"]\ngroup = \"0s\"\n",
        web.address
    );
    let endpoint = sink.endpoint();
    let arguments = ["--log", "info", "--otlp-endpoint", endpoint.as_str()];
    let observer = Started::start(&rules, &arguments, &[("OTEL_BSP_SCHEDULE_DELAY", "100")]).await;
    let mut rejected = observer.rejected();
    let [first, second, third] = [(); 3].map(|()| TraceParent::begin_sampled());
    observer.tell(&alert("a", "first", AlertState::Raised), first).await;

    let routed = span(&sink, "it is routed", first, |span| span.name == "process alert").await;
    let mut call = web.next().await;
    if call.path != "/hook" {
        call = web.next().await;
    }
    let told: TraceParent = call.header("traceparent").parse().expect("a trace");
    assert_eq!(call.body()["traceparent"], told.to_string());
    let is_of = |name| move |span: &Span| text(span, "resources.reaction") == Some(name);
    let hook = span(&sink, "the call is exported", first, is_of("hook")).await;
    assert_eq!(hook.span_id, told.span_id().to_be_bytes());
    assert_eq!(hook.parent_span_id, routed.span_id);
    assert_eq!(text(&hook, "error.type"), None);

    // The failure: in the span, in the rejected queue and in the log.
    let failed = span(&sink, "the failure is exported", first, is_of("error")).await;
    assert_eq!(text(&failed, "error.type"), Some("http_500"));
    let status = failed.status.expect("a status").message;
    assert!(status.contains("answered 500 Internal Server Error: no room"), "{status}");
    let delivery = in_time("it is set aside", rejected.next()).await.expect("the bus is up");
    assert_eq!(delivery.trace.map(|trace| trace.trace_id()), Some(first.trace_id()));
    let id = first.trace_id_text().to_string();
    let tells = |line: &str| {
        // The last line may be half written.
        serde_json::from_str::<serde_json::Value>(line)
            .is_ok_and(|line| line["level"] == "ERROR" && line["trace_id"] == id)
    };
    eventually("the log tells it", async || observer.log().lines().any(tells)).await;

    // Two that gather behind the first.
    observer.tell(&alert("b", "second", AlertState::Raised), second).await;
    observer.tell(&alert("c", "third", AlertState::Raised), third).await;
    let gathered = || {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let read = || -> rusqlite::Result<String> {
            rusqlite::Connection::open_with_flags(observer.state(), flags)?.query_row(
                "SELECT CAST(state AS TEXT) FROM outboxes WHERE reaction = 'gate'",
                [],
                |row| row.get(0),
            )
        };
        read().is_ok_and(|state| state.contains("\"second\"") && state.contains("\"third\""))
    };
    eventually("both wait", async || gathered()).await;
    std::fs::write(file("go-on"), "").expect("a file");
    let told = || std::fs::read_to_string(file("out.b.json")).ok();
    eventually("both are told", async || told().is_some()).await;
    let body: serde_json::Value =
        serde_json::from_str(&told().expect("it is there")).expect("JSON");
    let own = |place: usize| -> TraceParent {
        let text = body["alerts"][place]["traceparent"].as_str().expect("text");
        text.parse().expect("a trace")
    };
    assert_eq!((own(0).trace_id(), own(1).trace_id()), (second.trace_id(), third.trace_id()));
    let exec = span(&sink, "the program is exported", second, is_of("gate")).await;
    let variable = std::fs::read_to_string(file("out.b")).expect("it ran");
    let variable: TraceParent = variable.trim().parse().expect("a trace");
    assert_eq!(exec.span_id, variable.span_id().to_be_bytes());
    let other =
        span(&sink, "the other is routed", third, |span| span.name == "process alert").await;
    let links: Vec<_> = exec.links.iter().map(|link| (&link.trace_id, &link.span_id)).collect();
    assert_eq!(links, [(&other.trace_id, &other.span_id)]);
}
