//! What can happen to a task, and why it may be refused.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    clock::Timestamp,
    json::Json,
    lifecycle::{FailureKind, KeptFailure, Status},
};

/// What a worker must show to write: the execution it was given and the id it drew for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// `executions` as its claim left it.
    pub executions: u32,
    /// The worker id of its claim.
    pub worker: Uuid,
}

/// What an execution used, for the action log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The model that was called, if one was.
    pub model: Option<String>,
    /// Tokens read by the model.
    pub tokens_in: Option<u64>,
    /// Tokens written by the model.
    pub tokens_out: Option<u64>,
    /// What the model calls cost, in billionths of a USD.
    pub cost_nano_usd: Option<u64>,
}

impl Report {
    /// Both together; the model is the one called last.
    pub fn plus(self, later: Report) -> Self {
        fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
            a.zip(b).map(|(a, b)| a.saturating_add(b)).or(a).or(b)
        }
        Self {
            model: later.model.or(self.model),
            tokens_in: sum(self.tokens_in, later.tokens_in),
            tokens_out: sum(self.tokens_out, later.tokens_out),
            cost_nano_usd: sum(self.cost_nano_usd, later.cost_nano_usd),
        }
    }
}

/// How a worker ends an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// Done, with this output.
    Complete(Json),
    /// Nothing went wrong; again at `run_at`.
    Snooze {
        /// When to run again.
        run_at: Timestamp,
        /// Whether its message is on its way: the one in hand, hidden until then, or another.
        hinted: bool,
    },
    /// Nothing went wrong; again once this group is over.
    Wait {
        /// Which.
        group: Uuid,
    },
    /// Failed; again at `run_at` if a retry is left, else failed for good.
    Retry {
        /// When to run again.
        run_at: Timestamp,
        /// What went wrong.
        failure: KeptFailure,
        /// Whether its message is on its way: the one in hand, hidden until then, or another.
        hinted: bool,
    },
    /// Failed for good.
    Fail {
        /// What went wrong.
        failure: KeptFailure,
    },
    /// Not to be done after all.
    Cancel {
        /// Why it is called off, for people.
        reason: String,
    },
    /// Needs something from a person.
    Block {
        /// What it needs.
        reason: String,
    },
}

/// Something that happens to a task, and that [`apply`](super::apply) answers with a [`Transition`](super::Transition).
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// A worker takes it.
    Claim {
        /// A fresh id of the worker for this claim.
        worker: Uuid,
        /// How long it holds the task without renewing; as its timeout says if `None`.
        lease: Option<Duration>,
    },
    /// Its worker goes on working.
    Renew {
        /// The worker's fence.
        fence: Fence,
        /// How long it holds the task from now on; as its timeout says if `None`.
        lease: Option<Duration>,
        /// How far it is, if it says so.
        progress: Option<Json>,
    },
    /// Its worker is through with this execution.
    Settle {
        /// The worker's fence.
        fence: Fence,
        /// How it ended.
        settlement: Settlement,
        /// What the log keeps of it.
        report: Report,
    },
    /// The poller gives up on its worker.
    Reap {
        /// After so many losses in a drive it fails.
        max_losses: u32,
        /// From -1 to 1: where in the jitter's range the next try lies.
        jitter: f64,
    },
    /// The poller has sent a message for it.
    Notify,
    /// The dead letter of its failure was sent.
    DeadLettered {
        /// `redrives` of the failure it speaks of: each drive fails at most once. (Two failures may have one time.)
        redrives: u32,
    },
    /// It waited too long.
    Expire {
        /// `expired`, or `unknown_type` for one that no deployed version knows.
        kind: FailureKind,
    },
    /// Somebody calls it off.
    Cancel {
        /// Why it is called off, for people.
        reason: String,
        /// Who asked for it, for the log.
        by: String,
    },
    /// Somebody moves its start.
    Reschedule {
        /// The new start.
        run_at: Timestamp,
        /// Who asked for it, for the log.
        by: String,
        /// Only if its time has come.
        if_due: bool,
    },
    /// What it waits for may be there: it runs now.
    Wake,
    /// The group that it waits for is over: it runs now. Another group's word changes nothing.
    Ready {
        /// Which group.
        group: Uuid,
    },
    /// The group that it waits for is over, but not as it would have to be: it is called off.
    Void {
        /// Which group.
        group: Uuid,
        /// How that has ended.
        reason: String,
    },
    /// The poller has seen that what it waits for is not over.
    Touch,
    /// Somebody sets an ended task going again.
    Redrive {
        /// A word to the handler.
        note: Option<String>,
        /// Who asked for it, for the log.
        by: String,
        /// Only if it is failed at this number of executions (a dead letter moved back, or one of many redriven).
        failed_at: Option<u32>,
        /// When it may run; at once if none, or past.
        run_at: Option<Timestamp>,
    },
}

/// Why a trigger does not apply. An ordinary answer, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Its time has not come.
    #[error("not due before {0}")]
    NotDue(Timestamp),
    /// A worker holds it.
    #[error("held by a worker until {0}")]
    Held(Timestamp),
    /// It is no longer this worker's.
    #[error("the lease was lost")]
    LeaseLost,
    /// It has ended.
    #[error("already {}", .0.as_str())]
    Ended(Status),
    /// It has not ended, or not in the way the trigger speaks of.
    #[error("still {}", .0.as_str())]
    NotEnded(Status),
    /// It waits for a group.
    #[error("waiting for others to end")]
    Waits,
    /// It does not wait for this group.
    #[error("not waiting for this group")]
    NotWaiting,
    /// Its `expires_at` has come, or would have come.
    #[error("not to be started after {0}")]
    Expired(Timestamp),
}
