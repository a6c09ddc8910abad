//! Counts and times for CloudWatch. On AWS each function writes them to its log in the embedded metric format, from
//! which CloudWatch makes metrics; on one machine nobody listens, and nothing is counted.
//!
//! Every metric that has values costs 0.30 $ a month, each task type of [`HANDLE_TIME`] and each of these names once.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use metrics::{Label, SharedString, counter, histogram};

use crate::{ids::Name, poller::PollReport};

/// The metrics' namespace.
pub const NAMESPACE: &str = "Errand";

/// The dimension of every metric: the stack's name, so that two stacks do not mix.
pub const STACK: &str = "stack";

/// A dimension of [`HANDLE_TIME`] alone.
pub const TASK_TYPE: &str = "task_type";

/// Executions that ended, however they ended.
pub const EXECUTIONS: &str = "Executions";
/// Executions that failed and are followed by another try.
pub const RETRIES: &str = "Retries";
/// Tasks that failed for good.
pub const FAILURES: &str = "Failures";
/// Messages whose task another worker held: doubled hints.
pub const CLAIM_CONFLICTS: &str = "ClaimConflicts";
/// Workers that were given up on and yet lived: what they did was for nothing.
pub const LEASE_LOSSES: &str = "LeaseLosses";
/// Executions that the poller ended because their worker was lost.
pub const REAPS: &str = "Reaps";
/// Dead letters sent.
pub const DEAD_LETTERS: &str = "DeadLetters";
/// Messages on a work queue that are none of ours.
pub const UNREADABLE: &str = "Unreadable";
/// Polls that came to their end, or got something done.
pub const POLLS: &str = "Polls";
/// How long the task had been due that had been due longest of those that a poll looked at, in seconds; 0 if none was.
pub const OLDEST_DUE: &str = "OldestDue";
/// From claim to settlement, in milliseconds.
pub const HANDLE_TIME: &str = "HandleTime";

/// Every metric there is.
pub const ALL: [&str; 11] = [
    EXECUTIONS,
    RETRIES,
    FAILURES,
    CLAIM_CONFLICTS,
    LEASE_LOSSES,
    REAPS,
    DEAD_LETTERS,
    UNREADABLE,
    POLLS,
    OLDEST_DUE,
    HANDLE_TIME,
];

/// Whether anybody listens. A count that nobody listens to would cost 0.3 µs for each task: this, nothing.
static LISTENED: AtomicBool = AtomicBool::new(false);

/// Counts from here on, for the recorder of the process or the thread.
pub fn listen() {
    LISTENED.store(true, Ordering::Relaxed);
}

/// One more of `metric`.
pub fn count(metric: &'static str) {
    if LISTENED.load(Ordering::Relaxed) {
        counter!(metric).increment(1);
    }
}

/// An execution of a task of this type was settled after `took`.
pub(crate) fn handled(task_type: &Name, took: Duration) {
    if LISTENED.load(Ordering::Relaxed) {
        let label = Label::new(TASK_TYPE, SharedString::from_owned(task_type.to_string()));
        histogram!(HANDLE_TIME, vec![label]).record(took.as_secs_f64() * 1000.0);
    }
}

/// A poll has ended so.
pub fn polled(report: &PollReport) {
    if LISTENED.load(Ordering::Relaxed) && (report.complete || report.acted() > 0) {
        count(POLLS);
        #[allow(clippy::cast_precision_loss)] // seconds of years
        histogram!(OLDEST_DUE).record(report.oldest_due_s as f64);
    }
}

#[cfg(feature = "aws")]
mod embedded {
    //! The library `metrics_cloudwatch_embedded` fits but for one thing: its own wrapper for Lambda takes the handler
    //! apart from ours. A call after each event does the same.

    use std::{io, sync::OnceLock};

    use metrics::{Unit, describe_counter, describe_histogram};
    use metrics_cloudwatch_embedded::{Builder, Collector};

    use super::{ALL, HANDLE_TIME, NAMESPACE, OLDEST_DUE, STACK};

    static COLLECTOR: OnceLock<&Collector> = OnceLock::new();

    /// Counts from here on, for the metrics of `stack`.
    pub(crate) fn start(stack: String) {
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
        super::listen();
    }

    /// Writes what was counted since the last time, if anything was: after every event, since a function that has
    /// answered is frozen.
    pub fn write() {
        if let Some(collector) = COLLECTOR.get() {
            // Standard output that is gone has nobody who could be told.
            let _ = collector.flush(io::stdout().lock());
        }
    }
}

#[cfg(feature = "aws")]
pub(crate) use embedded::start;
#[cfg(feature = "aws")]
pub use embedded::write;
