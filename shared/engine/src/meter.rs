//! Counts and times for CloudWatch. On AWS each function writes them to its log in the embedded metric format, from
//! which CloudWatch makes metrics; on one machine nobody listens, and nothing is counted.
//!
//! Every metric that has values costs 0.30 $ a month, each task type of [`HANDLE_TIME`] and each of these names once.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use metrics::{Label, SharedString, counter, histogram};

use crate::ids::Name;

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

/// A poll has come to its end, or got something done; of what it looked at the oldest had been due for so long.
pub fn polled(oldest_due_s: u64) {
    if LISTENED.load(Ordering::Relaxed) {
        count(POLLS);
        #[allow(clippy::cast_precision_loss)] // seconds of years
        histogram!(OLDEST_DUE).record(oldest_due_s as f64);
    }
}
