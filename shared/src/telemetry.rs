//! Log lines: what writes them, and how.

use tracing_subscriber::EnvFilter;

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
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // A second call, in tests, changes nothing.
    let _ = match format {
        Format::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        Format::Text => lines.with_writer(std::io::stderr).try_init(),
    };
}
