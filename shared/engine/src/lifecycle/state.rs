//! The states of a task. Each carries its own data, so that an impossible task cannot be written down.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{clock::Timestamp, json::Json, lifecycle::KeptFailure};

/// Where a task is in its life.
///
/// ```
/// use errand::{State, Task};
///
/// fn told(task: &Task) -> String {
///     match &task.state {
///         State::Completed { output } => format!("done: {}", output.as_str()),
///         State::Failed { failure } => failure.message.clone(),
///         State::Blocked { reason } | State::Cancelled { reason } => reason.clone(),
///         State::Pending { .. } | State::Running { .. } | State::Waiting { .. } => "not yet".to_owned(),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting. Left by a worker's claim, an operator's cancel, or expiry.
    Pending {
        /// Not before this.
        run_at: Timestamp,
    },
    /// Held by a worker. Left when the worker settles, when the poller reaps it, or by an operator's cancel.
    Running {
        /// When the poller may give up on the worker.
        lease_expires_at: Timestamp,
        /// Drawn at the claim; half of the fence.
        worker: Uuid,
        /// When the claim was made.
        started_at: Timestamp,
    },
    /// Waiting for others to come to their end. Left when they have, by an operator's cancel, or by expiry.
    Waiting {
        /// The group that it waits for.
        group: Uuid,
        /// Since when.
        since: Timestamp,
    },
    /// Done. Final.
    Completed {
        /// What the handler answered.
        output: Json,
    },
    /// Given up. Left only by an operator's redrive.
    Failed {
        /// The failure that ended it.
        failure: KeptFailure,
    },
    /// Called off. Left only by an operator's redrive.
    Cancelled {
        /// Why, as the canceller said it.
        reason: String,
    },
    /// Needs something from a person. Left only by an operator's redrive.
    Blocked {
        /// What it needs.
        reason: String,
    },
}

/// A state's name: what the API calls `status`.
///
/// ```
/// use errand::Status;
///
/// let ended: Vec<&str> = Status::ALL.iter().filter(|status| status.is_ended()).map(|status| status.as_str()).collect();
/// assert_eq!(ended, ["completed", "failed", "cancelled", "blocked"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waiting for its time or a worker.
    Pending,
    /// Held by a worker.
    Running,
    /// Waiting for others to come to their end.
    Waiting,
    /// It ended well, and has an output.
    Completed,
    /// It failed for good, and has a failure.
    Failed,
    /// Ended by somebody's decision.
    Cancelled,
    /// Ended until somebody answers.
    Blocked,
}

impl Status {
    /// Every status, in the order of a task's life.
    pub const ALL: [Status; 7] = [
        Status::Pending,
        Status::Running,
        Status::Waiting,
        Status::Completed,
        Status::Failed,
        Status::Cancelled,
        Status::Blocked,
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Waiting => "waiting",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Blocked => "blocked",
        }
    }

    /// Whether only an operator can bring a task out of it.
    pub fn is_ended(self) -> bool {
        match self {
            Status::Pending | Status::Running | Status::Waiting => false,
            Status::Completed | Status::Failed | Status::Cancelled | Status::Blocked => true,
        }
    }
}

impl State {
    /// The state's name.
    pub fn status(&self) -> Status {
        match self {
            State::Pending { .. } => Status::Pending,
            State::Running { .. } => Status::Running,
            State::Waiting { .. } => Status::Waiting,
            State::Completed { .. } => Status::Completed,
            State::Failed { .. } => Status::Failed,
            State::Cancelled { .. } => Status::Cancelled,
            State::Blocked { .. } => Status::Blocked,
        }
    }
}
