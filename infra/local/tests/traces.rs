//! Traces over OTLP, to a receiver that decodes the protocol's own protobuf.

mod tasks;

use std::{
    fs,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
    trace::v1::{Span, span::SpanKind, status::StatusCode as Ended},
};
use prost::Message;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Server, scripted, serve};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Longer than a server needs to end without a collector, shorter than one would wait for one that hangs.
const END_WITHIN: Duration = Duration::from_secs(20);

/// What stands in no span.
const PROMPT: &str = "what nobody else may read";

#[derive(Clone, Default)]
struct Heard {
    spans: Arc<Mutex<Vec<Span>>>,
    services: Arc<Mutex<Vec<String>>>,
    keys: Arc<Mutex<Vec<String>>>,
}

/// A collector.
struct Receiver {
    endpoint: String,
    heard: Heard,
}

async fn take(State(heard): State<Heard>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    heard.keys.lock().unwrap().extend(headers.get("x-key").map(|key| key.to_str().unwrap().to_owned()));
    for resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
        let said = resource.resource.unwrap().attributes;
        heard.services.lock().unwrap().extend(text(&said, "service.name"));
        heard.spans.lock().unwrap().extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    StatusCode::OK
}

impl Receiver {
    async fn start() -> Self {
        let heard = Heard::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(heard.clone());
        Self { endpoint: serve(router).await, heard }
    }

    fn spans(&self) -> Vec<Span> {
        self.heard.spans.lock().unwrap().clone()
    }

    fn named(&self, name: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.name == name).collect()
    }

    /// The only span of this name.
    fn one(&self, name: &str) -> Span {
        let mut named = self.named(name);
        assert_eq!(named.len(), 1, "{name}: {:?}", self.spans().iter().map(|span| &span.name).collect::<Vec<_>>());
        named.remove(0)
    }
}

fn any<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Any> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match any(attributes, key)? {
        Any::StringValue(text) => Some(text.clone()),
        other => panic!("{key}: {other:?}"),
    }
}

fn number(span: &Span, key: &str) -> Option<i64> {
    match any(&span.attributes, key)? {
        Any::IntValue(number) => Some(*number),
        other => panic!("{key}: {other:?}"),
    }
}

fn said(span: &Span, key: &str) -> Option<String> {
    text(&span.attributes, key)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == Ended::Error)
}

/// A file of profiles with a model that answers at once.
fn profiles() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profiles.json");
    let answers = json!([{"text": "a secret answer", "tokens_in": 12, "tokens_out": 3}]);
    fs::write(&path, json!({"default": {"kind": "scripted", "answers": answers}}).to_string()).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

async fn enqueue_as(server: &Server, traceparent: &str, body: &Value) -> Value {
    let http = errand_models::http::client(Duration::from_secs(60)).unwrap();
    let request = http.post(format!("{}/v1/tasks", server.url)).header("traceparent", traceparent);
    serde_json::from_str(&request.body(body.to_string()).send().await.unwrap().text().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_leads_to_the_enqueue_its_execution_is_linked_and_that_leads_to_the_models_call() {
    let (receiver, (_folder, profiles)) = (Receiver::start().await, profiles());
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*receiver.endpoint), ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k 1")];
    let server = Server::start_with(&["--profiles", &profiles, "--poll-interval-ms", "20"], &variables);
    let run = json!({"task_type": "run_agent", "user_id": "somebody", "payload": {"prompt": PROMPT}});
    let task = server.run(run).await;
    assert_eq!(task["status"], "completed", "{task:#}");
    assert_eq!(server.terminate().0, Some(0));

    let request = receiver.one("POST /v1/tasks");
    assert_eq!((request.kind(), number(&request, "http.response.status_code")), (SpanKind::Server, Some(201)));
    assert_eq!(said(&request, "http.request.method").as_deref(), Some("POST"));
    assert_eq!(said(&request, "http.route").as_deref(), Some("/v1/tasks"));
    assert!(request.parent_span_id.is_empty(), "nobody has called it");
    let kept = format!("00-{}-{}-01", hex(&request.trace_id), hex(&request.span_id));
    assert_eq!(task["traceparent"].as_str(), Some(&*kept), "the request's own");

    let [enqueue, cleanup] = &receiver.named("enqueue")[..] else { panic!("{:?}", receiver.spans()) };
    assert_eq!((enqueue.kind(), &enqueue.parent_span_id), (SpanKind::Producer, &request.span_id));
    assert_eq!((&enqueue.trace_id, number(enqueue, "messaging.batch.message_count")), (&request.trace_id, Some(1)));
    assert_eq!(said(enqueue, "errand.task.id").as_deref(), task["id"].as_str());

    let execution = receiver.one("execute run_agent");
    assert_eq!((execution.kind(), number(&execution, "errand.task.attempt")), (SpanKind::Consumer, Some(1)));
    assert_eq!(said(&execution, "errand.task.outcome").as_deref(), Some("completed"));
    assert_ne!(execution.trace_id, request.trace_id, "it may be days later");
    assert_eq!((&cleanup.trace_id, &cleanup.parent_span_id), (&execution.trace_id, &execution.span_id));
    let [link] = &execution.links[..] else { panic!("{:?}", execution.links) };
    assert_eq!((&link.trace_id, &link.span_id), (&request.trace_id, &request.span_id));

    let calls = receiver.spans().into_iter().filter(|span| span.name.starts_with("chat ")).collect::<Vec<_>>();
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((&call.trace_id, &call.parent_span_id), (&execution.trace_id, &execution.span_id));
    assert_eq!((call.kind(), said(call, "gen_ai.operation.name").as_deref()), (SpanKind::Client, Some("chat")));
    assert_eq!(said(call, "gen_ai.provider.name").as_deref(), Some("scripted"));
    let tokens = ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"].map(|key| number(call, key));
    assert_eq!(tokens, [Some(12), Some(3)]);
    let models = ["gen_ai.request.model", "gen_ai.response.model"].map(|key| said(call, key));
    assert!(models.iter().all(Option::is_some), "{models:?}");

    let all = format!("{:?}", receiver.spans());
    for secret in [PROMPT, "a secret answer", "somebody"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(receiver.heard.services.lock().unwrap().iter().all(|name| name == "errand"));
    assert!(receiver.heard.keys.lock().unwrap().iter().all(|key| key == "k 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_part_of_its_callers_trace_and_what_goes_wrong_is_said() {
    let receiver = Receiver::start().await;
    let endpoint = format!("{}/v1/traces", receiver.endpoint);
    let variables = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*endpoint), ("OTEL_SERVICE_NAME", "letters")];
    let server = Server::start_with(&["--poll-interval-ms", "20"], &variables);
    let task = enqueue_as(&server, CALLER, &scripted(json!({"acts": ["panic"]}))).await;
    server.until(|| async { (server.task(&task).await["failures"] == 1).then_some(()) }).await;
    let unsampled = CALLER.replace("-01", "-00");
    let quiet = enqueue_as(&server, &unsampled, &scripted(json!({}))).await;
    assert_eq!(quiet["traceparent"], unsampled, "as it was given: there is no span of ours");
    let (status, _) = server.post("/v1/callbacks/s3cret-token", json!({"status": "completed"})).await;
    assert_eq!(server.terminate().0, Some(0));

    let [request] = &receiver.named("POST /v1/tasks")[..] else { panic!("{:?}", receiver.spans()) };
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE_ID.into(), "00f067aa0ba902b7".into()));
    let kept = format!("00-{TRACE_ID}-{}-01", hex(&request.span_id));
    assert_eq!(task["traceparent"].as_str(), Some(&*kept));
    let executions = receiver.named("execute scripted");
    let execution = executions.iter().find(|span| said(span, "errand.task.id").as_deref() == task["id"].as_str());
    let execution = execution.unwrap();
    assert!(failed(execution) && !failed(request));
    assert_eq!(said(execution, "errand.task.outcome").as_deref(), Some("retry"));
    assert_eq!(said(execution, "error.type").as_deref(), Some("panic"));
    assert_eq!(hex(&execution.links[0].trace_id), TRACE_ID);
    let callback = receiver.one("POST /v1/callbacks/{token}");
    assert_eq!(number(&callback, "http.response.status_code"), Some(status.into()));
    assert!(!format!("{:?}", receiver.spans()).contains("s3cret"), "what stands in a path may be a secret");
    assert!(receiver.heard.services.lock().unwrap().iter().all(|name| name == "letters"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_where_nobody_is_named_or_it_is_switched_off() {
    let receiver = Receiver::start().await;
    let named = ("OTEL_EXPORTER_OTLP_ENDPOINT", &*receiver.endpoint);
    for variables in [
        &[][..],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[named, ("OTEL_SDK_DISABLED", "true")],
        &[named, ("OTEL_TRACES_EXPORTER", "none")],
        &[named, ("OTEL_TRACES_SAMPLER", "always_off")],
    ] {
        let server = Server::start_with(&["--poll-interval-ms", "20"], variables);
        let task = server.run(scripted(json!({}))).await;
        assert_eq!((&task["status"], task.get("traceparent")), (&json!("completed"), None), "{variables:?}");
        assert_eq!(server.terminate().0, Some(0));
    }
    assert!(receiver.spans().is_empty(), "{:?}", receiver.spans());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_or_hangs_delays_no_task_and_no_end() {
    // One that nobody answers at, and one that takes a connection and says nothing.
    let hangs = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let down = format!("http://127.0.0.1:{}", crate::process::free_port());
    let hanging = format!("http://{}", hangs.local_addr().unwrap());
    for (endpoint, told) in [(&down, true), (&hanging, false)] {
        // Each few spans are a batch, so that many are under way while tasks run; and the queue has room for few.
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "8"),
            ("OTEL_BSP_SCHEDULE_DELAY", "10"),
        ];
        let server = Server::start_with(&["--poll-interval-ms", "20"], &variables);
        let begun = Instant::now();
        for _ in 0..20 {
            assert_eq!(server.run(scripted(json!({}))).await["status"], "completed");
        }
        if told {
            server.until(|| async { server.has_said("the collector does not take spans").then_some(()) }).await;
        }
        let ending = Instant::now();
        let (code, said) = server.last_words();
        assert_eq!(code, Some(0), "{endpoint}: {said:?}");
        let (ran, ended) = (ending - begun, ending.elapsed());
        assert!(ended < END_WITHIN, "{endpoint}: it took {ended:?} to end, {ran:?} to run");
    }
}

#[test]
fn an_address_that_is_none_is_refused_at_the_start_by_the_variables_name() {
    let said = crate::process::refusal_with(&["--port", "0"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", "no address")]);
    assert!(said.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{said}");
}
