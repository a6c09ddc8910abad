//! The span of a request, as OpenTelemetry's conventions for HTTP have it.

use axum::{
    extract::{MatchedPath, Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use errand_http::{TRACE_HEADER, gateway};
use opentelemetry::{
    Context, KeyValue,
    trace::{Span, SpanKind, Status, TraceContextExt, Tracer},
};
use opentelemetry_sdk::trace::SdkTracer;

use super::{context_of, told};
use crate::method::known_method;

/// Records a request, as part of its caller's trace if it names one. What it leads to is part of this span: it is what tasks
/// are given. Of the path only the route's own text is in it: what stands in its place may be a secret.
pub(crate) async fn traced(State(tracer): State<SdkTracer>, mut request: Request, next: Next) -> Response {
    let caller = gateway::traceparent(request.headers());
    let parent = caller.map(|trace| Context::new().with_remote_span_context(context_of(trace))).unwrap_or_default();
    let method = known_method(request.method());
    let mut attributes =
        vec![KeyValue::new("http.request.method", method.unwrap_or("_OTHER")), KeyValue::new("url.scheme", "http")];
    let mut name = method.unwrap_or("HTTP").to_owned();
    if let Some(path) = request.extensions().get::<MatchedPath>() {
        name = format!("{name} {}", path.as_str());
        attributes.push(KeyValue::new("http.route", path.as_str().to_owned()));
    }
    let builder = tracer.span_builder(name).with_kind(SpanKind::Server).with_attributes(attributes);
    let mut span = builder.start_with_context(&tracer, &parent);
    let own = told(span.span_context()).and_then(|trace| HeaderValue::try_from(trace.to_string()).ok());
    if let Some(own) = own {
        request.headers_mut().insert(TRACE_HEADER, own);
    }
    let response = next.run(request).await;
    let status = response.status();
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if status.is_server_error() {
        span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
        span.set_status(Status::error(""));
    }
    span.end();
    response
}
