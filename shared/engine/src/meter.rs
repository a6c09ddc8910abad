//! What is counted, and who counts it: on AWS the log of each function, of which CloudWatch makes metrics, on one machine the
//! page that Prometheus reads. Both know the same names.
//!
//! On CloudWatch every metric that has values costs 0.30 $ a month, each task type of [`HANDLE_TIME`] and each of these
//! names once. So there each is one sum, and the types that are not compiled in are one.

use std::time::Duration;

use crate::{ids::Name, lifecycle::log::LogOutcome};

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

/// What all types together are called that have no name of their own in a metric of CloudWatch.
pub const CUSTOM: &str = "custom";

/// Who counts. It is called in the midst of the work, and must take no longer than a few atomic additions.
pub trait Meter: Send + Sync {
    /// One more of `metric`, of which there is nothing else to say.
    fn count(&self, metric: &'static str);

    /// A row of the action log was committed.
    fn row(&self, row: &CountedRow<'_>);

    /// A poll has come to its end, or got something done; of what it looked at the oldest had been due for so long.
    fn polled(&self, oldest_due_s: u64);
}

/// What a row of the action log counts as.
#[derive(Clone, Copy, Debug)]
pub struct CountedRow<'a> {
    /// The task's type.
    pub task_type: &'a Name,
    /// Whether that is compiled in: of others there may be any number.
    pub compiled_in: bool,
    /// Whether it tells of an execution, and not of what an operator did.
    pub is_execution: bool,
    /// How it came out.
    pub outcome: LogOutcome,
    /// How long the execution took that its worker ended.
    pub took: Option<Duration>,
    /// Whether its worker was lost.
    pub is_reaped: bool,
}

impl CountedRow<'_> {
    /// The metrics that there is one more of.
    pub fn counts(&self) -> impl Iterator<Item = &'static str> {
        let outcome = match self.outcome {
            LogOutcome::Retry => Some(RETRIES),
            LogOutcome::Failed => Some(FAILURES),
            LogOutcome::Completed
            | LogOutcome::Snoozed
            | LogOutcome::Waited
            | LogOutcome::Cancelled
            | LogOutcome::Blocked
            | LogOutcome::Lost
            | LogOutcome::Pending => None,
        };
        [self.is_execution.then_some(EXECUTIONS), self.is_reaped.then_some(REAPS), outcome].into_iter().flatten()
    }
}

/// Nobody counts.
#[derive(Clone, Copy, Debug)]
pub struct Uncounted;

impl Meter for Uncounted {
    fn count(&self, _: &'static str) {}

    fn row(&self, _: &CountedRow<'_>) {}

    fn polled(&self, _: u64) {}
}
