//! Traces over OTLP/HTTP, where the variables of OpenTelemetry's standard name a collector: what they say is read by its SDK.
//! Where they name none, nothing of this is there.

mod collector;
mod layer;
mod request;

use std::{sync::OnceLock, time::Duration};

use anyhow::Context as _;
use errand::{
    TraceParent,
    spi::{
        environment::Environment,
        telemetry::{self, Format},
    },
};
use opentelemetry::{
    Key,
    trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState, TracerProvider},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};
use tokio::runtime::Handle;

use collector::Collector;
use layer::Spans;
pub(crate) use request::traced;

/// How long a process that ends waits for its last spans to be taken.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// What spans are said to come of, unless the environment says otherwise.
const SERVICE: &str = "errand";

/// The variables that name the collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Those whose values, `name=value,…`, may be credentials.
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];

/// What makes the spans of this process, if it makes any.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// What hands spans to the collector.
pub(crate) struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Writes log lines from here on, and sends spans if `environment` names a collector. On `runtime` they are sent.
    pub(crate) fn begin(environment: &Environment, format: Format, runtime: &Handle) -> anyhow::Result<Self> {
        let off = environment.get("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"))
            || environment.get("OTEL_TRACES_EXPORTER").is_some_and(|name| name == "none");
        if off || ENDPOINTS.iter().all(|name| environment.get(name).is_none()) {
            telemetry::init(format);
            return Ok(Self(None));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(Collector::new(runtime.clone())?)
            .build()
            .context("traces cannot be sent as the variables OTEL_EXPORTER_OTLP_… say")?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        let tracer = TRACER.get_or_init(|| provider.tracer(SERVICE));
        telemetry::init_beside(format, Spans(tracer.clone()));
        Ok(Self(Some(provider)))
    }

    /// Hands over what is left, for [`FLUSH_WITHIN`] at most.
    pub(crate) fn end(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown_with_timeout(FLUSH_WITHIN)) {
            tracing::warn!(%error, "the last spans were not handed to the collector");
        }
    }
}

/// What makes the spans of this process, if it makes any.
pub(crate) fn tracer() -> Option<SdkTracer> {
    TRACER.get().cloned()
}

/// What the variables have of secrets.
pub(crate) fn secrets(environment: &Environment) -> Vec<String> {
    let lists: Vec<String> = HEADERS.iter().filter_map(|name| environment.get(name)).collect();
    let values = lists.iter().flat_map(|list| list.split(',')).filter_map(|header| header.split_once('='));
    values.map(|(_, value)| value.trim().to_owned()).collect()
}

/// What the environment says of the process; its service is [`SERVICE`] if that says nothing.
fn resource() -> Resource {
    let said = Resource::builder().build();
    let name = said.get(&Key::from_static_str("service.name"));
    if name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        return said;
    }
    Resource::builder().with_service_name(SERVICE).build()
}

/// A step of somebody else's.
fn context_of(trace: TraceParent) -> SpanContext {
    let (trace_id, span_id) = (TraceId::from(trace.trace_id()), SpanId::from(trace.parent_id()));
    SpanContext::new(trace_id, span_id, TraceFlags::new(trace.flags()), true, TraceState::default())
}

/// A step of ours, as others are told of it; `None` of one that is not recorded.
fn told(context: &SpanContext) -> Option<TraceParent> {
    let trace_id = u128::from_be_bytes(context.trace_id().to_bytes());
    let span_id = u64::from_be_bytes(context.span_id().to_bytes());
    TraceParent::of(trace_id, span_id, context.trace_flags().to_u8()).filter(|trace| trace.is_sampled())
}
