//! Writes what was counted to a function's log, in the embedded metric format.
//!
//! The library `metrics_cloudwatch_embedded` fits but for one thing: its own wrapper for Lambda takes the handler
//! apart from ours. A call after each event does the same.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use metrics::{Label, SharedString, Unit, counter, describe_counter, describe_histogram, histogram};
use metrics_cloudwatch_embedded::{Builder, Collector};

use errand::spi::meter::{ALL, CUSTOM, CountedRow, HANDLE_TIME, Meter, NAMESPACE, OLDEST_DUE, POLLS, STACK, TASK_TYPE};

static COLLECTOR: OnceLock<&Collector> = OnceLock::new();

/// Counts for the recorder of the process, or of the thread.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedMetrics;

impl Meter for EmbeddedMetrics {
    fn count(&self, metric: &'static str) {
        counter!(metric).increment(1);
    }

    fn row(&self, row: &CountedRow<'_>) {
        row.counts().for_each(|metric| self.count(metric));
        if let Some(took) = row.took {
            let of = if row.compiled_in { SharedString::from_owned(row.task_type.to_string()) } else { CUSTOM.into() };
            histogram!(HANDLE_TIME, vec![Label::new(TASK_TYPE, of)]).record(took.as_secs_f64() * 1000.0);
        }
    }

    fn polled(&self, oldest_due_s: u64) {
        self.count(POLLS);
        #[allow(clippy::cast_precision_loss)] // seconds of years
        histogram!(OLDEST_DUE).record(oldest_due_s as f64);
    }
}

/// Begins to count, for the metrics of `stack`.
pub(crate) fn start(stack: String) -> Arc<dyn Meter> {
    let builder = Builder::new().cloudwatch_namespace(NAMESPACE).with_dimension(STACK, stack);
    // It fails only if this process counts already.
    let Ok(collector) = builder.init() else { return Arc::new(EmbeddedMetrics) };
    for metric in ALL {
        match metric {
            HANDLE_TIME => describe_histogram!(metric, Unit::Milliseconds, ""),
            OLDEST_DUE => describe_histogram!(metric, Unit::Seconds, ""),
            _ => describe_counter!(metric, Unit::Count, ""),
        }
    }
    let _ = COLLECTOR.set(collector);
    Arc::new(EmbeddedMetrics)
}

/// Writes what was counted since the last time, if anything was: after every event, since a function that has
/// answered is frozen.
pub fn write() {
    if let Some(collector) = COLLECTOR.get() {
        // Standard output that is gone has nobody who could be told.
        let _ = collector.flush(io::stdout().lock());
    }
}
