//! Writes what was counted to a function's log, in the embedded metric format.
//!
//! The library `metrics_cloudwatch_embedded` fits but for one thing: its own wrapper for Lambda takes the handler
//! apart from ours. A call after each event does the same.

use std::{io, sync::OnceLock};

use metrics::{Unit, describe_counter, describe_histogram};
use metrics_cloudwatch_embedded::{Builder, Collector};

use errand::spi::meter::{self, ALL, HANDLE_TIME, NAMESPACE, OLDEST_DUE, STACK};

static COLLECTOR: OnceLock<&Collector> = OnceLock::new();

/// Counts from here on, for the metrics of `stack`.
pub fn start(stack: String) {
    let builder = Builder::new().cloudwatch_namespace(NAMESPACE).with_dimension(STACK, stack);
    // It fails only if this process counts already.
    let Ok(collector) = builder.init() else { return };
    for metric in ALL {
        match metric {
            HANDLE_TIME => describe_histogram!(metric, Unit::Milliseconds, ""),
            OLDEST_DUE => describe_histogram!(metric, Unit::Seconds, ""),
            _ => describe_counter!(metric, Unit::Count, ""),
        }
    }
    let _ = COLLECTOR.set(collector);
    meter::listen();
}

/// Writes what was counted since the last time, if anything was: after every event, since a function that has
/// answered is frozen.
pub fn write() {
    if let Some(collector) = COLLECTOR.get() {
        // Standard output that is gone has nobody who could be told.
        let _ = collector.flush(io::stdout().lock());
    }
}
