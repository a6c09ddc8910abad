//! What a worker asks for, and what it is given.

use std::{collections::HashSet, time::Duration};

use errand::{
    Doc, Id, Name, OfSchedule, State, Task, Timestamp, TraceParent,
    spi::{json::Json, store::Wanted},
};
use errand_http::ApiError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{LeaseToken, worker::WorkerState};

/// The most types that a claim names.
pub(crate) const TYPES: usize = 10;

/// The most tasks that a claim takes.
pub(crate) const MAX: u32 = 50;

/// The longest that a claim waits, in seconds: proxies on the way have their limits.
pub(crate) const MAX_WAIT_S: u32 = 20;

/// The shortest and longest lease, in seconds: the longest is what one claim in hand can be given up after.
pub(crate) const LEASE_S: (u32, u32) = (10, 85);

/// What a worker asks for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ClaimTasks {
    /// What the worker calls itself: one for each process.
    pub worker_id: Id,
    /// The types whose tasks it takes.
    #[schemars(length(min = 1, max = TYPES))]
    pub task_types: Vec<Name>,
    /// The pool that it takes them from; that of the tasks that have none if absent.
    #[serde(default)]
    pub pool: Option<Name>,
    /// How many it has room for; 1 if absent.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = MAX))]
    pub max: u32,
    /// How many seconds it waits if there is none; 0 if absent. Only the one-machine server waits.
    #[serde(default)]
    #[schemars(range(max = MAX_WAIT_S))]
    pub wait_s: u32,
    /// For how many seconds it holds each without a heartbeat; 60 if absent.
    #[serde(default = "lease")]
    #[schemars(range(min = LEASE_S.0, max = LEASE_S.1))]
    pub lease_s: u32,
    /// How many claims before this one found nothing: for how long it is told to wait.
    #[serde(default)]
    pub idle: u32,
}

fn one() -> u32 {
    1
}

/// How long a task is held if nobody says.
pub(crate) fn lease() -> u32 {
    60
}

/// What a worker is given.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Claims {
    /// The tasks, the most urgent first.
    pub items: Vec<ClaimedTask>,
    /// How many these are.
    pub count: usize,
    /// In how many seconds it makes sense to ask again, if there is room for more.
    pub poll_after_s: u32,
    /// Whether the worker goes on, or takes no more.
    pub state: WorkerState,
}

/// A task that the worker holds now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ClaimedTask {
    /// Which task.
    pub task_id: Uuid,
    /// Of which type.
    pub task_type: Name,
    /// The project that it belongs to.
    pub project: Name,
    /// What is to be done.
    pub payload: Json,
    /// Which execution of it this is, from 1.
    pub attempt: u32,
    /// To be shown with every heartbeat and at the end.
    pub lease_token: LeaseToken,
    /// Renewed by a heartbeat before this, or another worker is given the task.
    pub lease_expires_at: Timestamp,
    /// When its time is over, however often it is renewed.
    pub deadline: Timestamp,
    /// The same for every execution of the task: for services that remove repetitions by a key.
    pub idempotency_key: String,
    /// The trace that it was asked for in, as the W3C's header of this name has it: for services that are called for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
    /// The user that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Id>,
    /// What else it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_id: Option<Id>,
    /// The schedule that made it, and which of its firings it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<OfSchedule>,
    /// How far a worker had come that has it no longer, as it last said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Json>,
    /// What an operator said who set it going again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_note: Option<String>,
    /// What else its type tells: of a run, its `run_id` and `session_id`, and the `resource_bundle` that it works with.
    #[serde(skip_serializing_if = "Doc::is_empty")]
    pub details: Doc,
}

impl ClaimedTask {
    /// The task as its worker sees it, who is told `details` besides; `None` if nobody holds it.
    pub(super) fn of(task: &Task, details: Doc) -> Option<Self> {
        let State::Running { lease_expires_at, started_at, .. } = task.state else { return None };
        Some(Self {
            task_id: task.key.id,
            task_type: task.task_type.clone(),
            project: task.project.clone(),
            payload: task.payload.clone(),
            attempt: task.executions,
            lease_token: LeaseToken(task.fence()?),
            lease_expires_at,
            deadline: started_at + Duration::from_secs(task.timeout_s.into()),
            idempotency_key: task.life(),
            traceparent: task.traceparent,
            user_id: task.user_id.clone(),
            context_id: task.context_id.clone(),
            schedule: task.schedule.clone(),
            progress: task.progress.clone(),
            redrive_note: task.redrive_note.clone(),
            details,
        })
    }
}

impl ClaimTasks {
    /// Refuses what is out of its range.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let within = |field: &str, value: u32, (least, most): (u32, u32)| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(ApiError::invalid(field, format!("expected a number from {least} to {most}, found {value}")))
        };
        let distinct: HashSet<&Name> = self.task_types.iter().collect();
        if !(1..=TYPES).contains(&self.task_types.len()) || distinct.len() < self.task_types.len() {
            return Err(ApiError::invalid("task_types", format!("expected 1 to {TYPES} types, none twice")));
        }
        within("max", self.max, (1, MAX))?;
        within("wait_s", self.wait_s, (0, MAX_WAIT_S))?;
        within("lease_s", self.lease_s, LEASE_S)
    }

    /// Which of `tenant`'s tasks these are.
    pub(super) fn wanted(&self, tenant: &Name) -> Wanted {
        Wanted { tenant: tenant.clone(), types: self.task_types.clone(), pool: self.pool.clone() }
    }

    pub(super) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_s.into())
    }
}
