//! Log lines: what writes them, and how.

mod told;

use std::panic;

use tracing::{Level, Subscriber, error, subscriber::set_global_default};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    registry::LookupSpan,
};

pub use crate::spans::TRACE;
pub(crate) use told::{Told, lease_lost};

use crate::environment::variable;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, for machines.
    Json,
    /// Text on standard error, for a person at a terminal.
    Text,
}

/// Writes log lines from here on; `RUST_LOG` says which (default `info`).
pub fn init(format: Format) {
    init_with(format, "info");
}

/// The same, with those of the level `unasked` where `RUST_LOG` does not say: for programs whose output is something else.
pub fn init_with(format: Format, unasked: &str) {
    let filter = filter(unasked);
    // A second call, in tests, changes nothing.
    let _ = match format {
        Format::Json => set_global_default(json(filter, std::io::stdout)),
        Format::Text => set_global_default(Registry::default().with(filter).with(text_lines())),
    };
    tell_panics();
}

/// The same as [`init`] says, and hands the spans of [`TRACE`], and nothing else, to `spans`.
pub fn init_beside(format: Format, spans: impl Layer<Registry> + Send + Sync + 'static) {
    let spans = spans.with_filter(Targets::new().with_target(TRACE, Level::TRACE));
    let both = Registry::default().with(spans);
    let _ = match format {
        Format::Json => set_global_default(both.with(json_lines(std::io::stdout).with_filter(filter("info")))),
        Format::Text => set_global_default(both.with(text_lines().with_filter(filter("info")))),
    };
    tell_panics();
}

fn filter(unasked: &str) -> EnvFilter {
    let asked = variable("RUST_LOG").and_then(|directives| EnvFilter::try_new(directives).ok());
    asked.unwrap_or_else(|| EnvFilter::new(unasked))
}

/// Lines of JSON, the fields of an event beside its `message`.
pub fn json<W>(filter: EnvFilter, to: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Registry::default().with(filter).with(json_lines(to))
}

fn json_lines<S, W>(to: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    let lines = fmt::layer().with_target(false).with_writer(to).json();
    lines.flatten_event(true).with_current_span(true).with_span_list(false)
}

fn text_lines<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    fmt::layer().with_target(false).with_writer(std::io::stderr)
}

/// Says where a panic was, and not what it said: that may be anything, a payload too. If a handler panicked, it stands
/// in its task's failure.
fn tell_panics() {
    panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(at, "a panic");
    }));
}
