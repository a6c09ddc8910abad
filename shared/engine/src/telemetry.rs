//! Log lines: what writes them, and how.

mod spans;
mod told;

use std::panic;

use tracing::{Level, Subscriber, error};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

pub use spans::TRACE;
pub(crate) use spans::{enqueue, execution};
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
        Format::Json => tracing::subscriber::set_global_default(json(filter, std::io::stdout)).is_ok(),
        Format::Text => {
            let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
            lines.with_writer(std::io::stderr).try_init().is_ok()
        }
    };
    tell_panics();
}

/// The same as [`init`] says, and hands the spans of [`TRACE`], and nothing else, to `spans`.
pub fn init_beside(format: Format, spans: impl Layer<Registry> + Send + Sync + 'static) {
    let spans = spans.with_filter(Targets::new().with_target(TRACE, Level::TRACE));
    let both = Registry::default().with(spans);
    let lines = fmt::layer().with_target(false);
    let _ = match format {
        Format::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
            tracing::subscriber::set_global_default(both.with(lines.with_filter(filter("info"))))
        }
        Format::Text => {
            let lines = lines.with_writer(std::io::stderr).with_filter(filter("info"));
            tracing::subscriber::set_global_default(both.with(lines))
        }
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
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).json();
    lines.flatten_event(true).with_current_span(true).with_span_list(false).with_writer(to).finish()
}

/// Says where a panic was, and not what it said: that may be anything, a payload too. If a handler panicked, it stands
/// in its task's failure.
fn tell_panics() {
    panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(at, "a panic");
    }));
}
