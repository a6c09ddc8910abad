//! From the engine's spans to those of OpenTelemetry.

use std::{
    fmt::Debug,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use errand::TraceParent;
use opentelemetry::{
    Context, KeyValue, Value,
    trace::{Link, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer},
};
use opentelemetry_sdk::trace::SdkTracer;
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer, registry::LookupSpan};

use super::context_of;

/// Begins a span with each that it is told of, and ends it with that.
pub(super) struct Spans(pub(super) SdkTracer);

/// A span that was begun.
struct Begun(Context);

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, spans: layer::Context<'_, S>) {
        let Some(span) = spans.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let within = || span.parent()?.extensions().get::<Begun>().map(|Begun(context)| context.clone());
        let asked = fields.parent.map(|trace| Context::new().with_remote_span_context(context_of(trace)));
        let parent = within().or(asked).unwrap_or_default();
        let name = fields.name.unwrap_or_else(|| attributes.metadata().name().to_owned());
        let builder = self.0.span_builder(name).with_kind(fields.kind).with_attributes(fields.attributes);
        let links = fields.link.map(|trace| Link::with_context(context_of(trace)));
        let builder = SpanBuilder { start_time: fields.began_at, ..builder };
        let begun = builder.with_links(links.into_iter().collect()).start_with_context(&self.0, &parent);
        span.extensions_mut().insert(Begun(parent.with_span(begun)));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, spans: layer::Context<'_, S>) {
        let Some(span) = spans.span(id) else { return };
        let extensions = span.extensions();
        let Some(Begun(context)) = extensions.get::<Begun>() else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        context.span().set_attributes(fields.attributes);
        if fields.failed {
            context.span().set_status(Status::error(""));
        }
    }

    fn on_close(&self, id: Id, spans: layer::Context<'_, S>) {
        let begun = spans.span(&id).and_then(|span| span.extensions_mut().remove::<Begun>());
        if let Some(Begun(context)) = begun {
            context.span().end();
        }
    }
}

/// What a span says of itself.
struct Fields {
    name: Option<String>,
    kind: SpanKind,
    /// Whose part it is, if there is no span around it.
    parent: Option<TraceParent>,
    /// What it comes of.
    link: Option<TraceParent>,
    /// When it began, if not just now.
    began_at: Option<SystemTime>,
    failed: bool,
    attributes: Vec<KeyValue>,
}

impl Default for Fields {
    fn default() -> Self {
        let (name, parent, link, began_at) = (None, None, None, None);
        Self { name, kind: SpanKind::Internal, parent, link, began_at, failed: false, attributes: Vec::new() }
    }
}

impl Fields {
    fn text(&mut self, field: &Field, text: String) {
        match field.name() {
            "otel.name" => self.name = Some(text),
            "otel.kind" => {
                self.kind = match &*text {
                    "producer" => SpanKind::Producer,
                    "consumer" => SpanKind::Consumer,
                    "client" => SpanKind::Client,
                    _ => SpanKind::Internal,
                }
            }
            "otel.parent" => self.parent = text.parse().ok(),
            "otel.link" => self.link = text.parse().ok(),
            "otel.status_code" => self.failed = text == "ERROR",
            _ => self.put(field, text),
        }
    }

    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match field.name() {
            "otel.began_ms" => self.began_at = Some(UNIX_EPOCH + Duration::from_millis(value.unsigned_abs())),
            _ => self.put(field, value),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}
