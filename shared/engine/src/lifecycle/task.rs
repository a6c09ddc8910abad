//! The task: everything Errand knows about one unit of work.

use std::{ops::Deref, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    json::Json,
    lifecycle::{Asked, Dispatch, KeptFailure, State, Status, log::LogOutcome},
};

/// How the newest ended execution went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Attempt {
    /// Its number, from 1.
    pub execution: u32,
    /// How it ended.
    pub outcome: LogOutcome,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// One task: what was asked for, which is read as if it stood here (`task.payload`), and what became of it. Changed by
/// [`super::apply`] and nothing else. Cheap to clone.
///
/// ```
/// use errand::{Status, Task};
///
/// fn line(task: &Task) -> String {
///     let tried = format!("{} of {} tries", task.failures, task.max_retries + 1);
///     format!("{} {}: {} after {tried}", task.task_type, task.key.id, task.status().as_str())
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What was asked for.
    pub asked: Arc<Asked>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its newest execution began.
    pub last_attempted_at: Option<Timestamp>,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// When its dead letter was sent, if it failed.
    pub dead_lettered_at: Option<Timestamp>,
    /// Where it is in its life.
    pub state: State,
    /// How often it was claimed, over all drives. Never falls.
    pub executions: u32,
    /// Failing executions in this drive.
    pub failures: u32,
    /// Lost executions in this drive.
    pub losses: u32,
    /// Snoozes in this drive.
    pub snoozes: u32,
    /// Queue messages sent for the present `run_at`.
    pub notified: u32,
    /// How often an operator set it going again.
    pub redrives: u32,
    /// The number of its newest action-log row; 0 if it has none.
    pub log_seq: u64,
    /// Rises by one with every change.
    pub revision: u64,
    /// A fresh id for every write: what a compare-and-swap compares.
    pub version: Uuid,
    /// When the poller must look at it; `None` once nothing is owed.
    pub wake_at: Option<Timestamp>,
    /// The newest failures, oldest first, at most five.
    pub last_errors: Vec<KeptFailure>,
    /// How the newest ended execution went.
    pub latest_attempt: Option<Attempt>,
    /// What the operator said with the newest redrive.
    pub redrive_note: Option<String>,
    /// How far the work is, as a worker last said; whoever has the task next can go on from there.
    pub progress: Option<Json>,
}

impl Deref for Task {
    type Target = Asked;

    fn deref(&self) -> &Asked {
        &self.asked
    }
}

impl Task {
    /// How many failures a task remembers.
    pub const LAST_ERRORS: usize = 5;

    /// How long a task that is pulled waits for a worker if nobody says otherwise; set going again, as long again. Nobody
    /// is told of it, so if no worker comes somebody must hear of that.
    pub const PULLED_WITHIN: Duration = Duration::from_secs(7 * 24 * 3600);

    /// How many bytes its payload, progress and output have.
    pub fn body_bytes(&self) -> usize {
        let output = if let State::Completed { output } = &self.state { output.as_str().len() } else { 0 };
        self.payload.as_str().len() + self.progress.as_ref().map_or(0, |progress| progress.as_str().len()) + output
    }

    /// Whether workers outside ask for it, and nobody is sent a message about it.
    pub fn is_pulled(&self) -> bool {
        self.dispatch == Dispatch::Pulled
    }

    /// The same task, of which something else was asked; copies of it stay as they are.
    pub fn asking(mut self, change: impl FnOnce(&mut Asked)) -> Self {
        change(Arc::make_mut(&mut self.asked));
        self
    }

    /// The state's name.
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// Names this life of the task. An idempotency key names a task for ever: once retention has removed the task, the
    /// key makes another one of the same id, and much of what the first left behind is still there. So everything that
    /// is derived from a task is derived from this. The id of a task without a key is never given again: that is it.
    pub fn life(&self) -> String {
        match self.idempotency_key {
            Some(_) => format!("{}.{}", self.key.id, self.created_at.as_millis()),
            None => self.key.id.to_string(),
        }
    }

    /// Whether something that bears its id and was last heard of `at` is an earlier task's of the same key.
    pub fn is_younger(&self, at: Timestamp) -> bool {
        self.idempotency_key.is_some() && at < self.created_at
    }

    /// Whether a failure now would be followed by another try.
    pub fn may_retry(&self) -> bool {
        self.failures < self.max_retries
    }

    /// What it answered, if it is completed.
    pub fn output(&self) -> Option<Value> {
        match &self.state {
            State::Completed { output } => output.parse().ok(),
            _ => None,
        }
    }

    /// When it may run, if it is waiting.
    pub fn run_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Pending { run_at, .. } => Some(run_at),
            _ => None,
        }
    }

    /// The group that it waits for, if it waits for one.
    pub fn waits_for(&self) -> Option<Uuid> {
        match self.state {
            State::Waiting { group, .. } => Some(group),
            _ => None,
        }
    }

    /// The fence of the worker that holds it, if one does.
    pub fn fence(&self) -> Option<super::Fence> {
        match self.state {
            State::Running { worker, .. } => Some(super::Fence { executions: self.executions, worker }),
            _ => None,
        }
    }
}
