//! How a task begins.

use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{Id, Name, TaskKey},
    json::Json,
    lifecycle::{Priority, State, Task, wake},
};

/// What is known of a task before it is accepted; the fields mean what [`Task`]'s do.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // documented at `Task`
pub struct NewTask {
    pub key: TaskKey,
    pub project: Name,
    pub queue: Name,
    pub lane: Name,
    pub task_type: Name,
    pub agent_type: Option<Name>,
    pub user_id: Option<Id>,
    pub context_id: Option<Id>,
    pub context_type: Option<Name>,
    pub parent_id: Option<Uuid>,
    pub priority: Priority,
    pub payload: Json,
    pub idempotency_key: Option<String>,
    pub max_retries: u32,
    pub timeout_s: u32,
    pub scheduled_for: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub created_by: String,
    pub request_id: Option<String>,
    pub session_path: Option<String>,
}

impl NewTask {
    /// A task with every choice left at its default: due now, 3 retries, 30 s.
    pub fn of_type(key: TaskKey, task_type: Name, payload: Json, created_by: String, now: Timestamp) -> Self {
        Self {
            key,
            project: Name::default(),
            queue: Name::default(),
            lane: Name::default(),
            task_type,
            agent_type: None,
            user_id: None,
            context_id: None,
            context_type: None,
            parent_id: None,
            priority: Priority::default(),
            payload,
            idempotency_key: None,
            max_retries: Task::RETRIES,
            timeout_s: Task::TIMEOUT_S,
            scheduled_for: now,
            expires_at: None,
            created_by,
            request_id: None,
            session_path: None,
        }
    }
}

impl Task {
    /// Retries of a task whose request names none.
    pub const RETRIES: u32 = 3;

    /// The most retries a request may ask for.
    pub const MAX_RETRIES: u32 = 100;

    /// Timeout in seconds of a task whose request names none.
    pub const TIMEOUT_S: u32 = 30;

    /// The task that `new` becomes when it is accepted at `now`. Its `wake_at` covers a crash before its message
    /// is sent, so inserting it is enough for it to run.
    pub fn accept(new: NewTask, version: Uuid, now: Timestamp) -> Self {
        let run_at = new.scheduled_for;
        let notified = wake::has_message(run_at, now).into();
        Self {
            payload_hash: new.payload.hash(),
            created_at: now,
            updated_at: now,
            last_attempted_at: None,
            ended_at: None,
            dead_lettered_at: None,
            state: State::Pending { run_at },
            executions: 0,
            failures: 0,
            losses: 0,
            snoozes: 0,
            notified,
            redrives: 0,
            log_seq: 0,
            revision: 1,
            version,
            wake_at: Some(wake::pending(run_at, notified, new.expires_at, now)),
            last_errors: Vec::new(),
            latest_attempt: None,
            redrive_note: None,
            session_path: new.session_path,
            key: new.key,
            project: new.project,
            queue: new.queue,
            lane: new.lane,
            task_type: new.task_type,
            agent_type: new.agent_type,
            user_id: new.user_id,
            context_id: new.context_id,
            context_type: new.context_type,
            parent_id: new.parent_id,
            priority: new.priority,
            payload: new.payload,
            idempotency_key: new.idempotency_key,
            max_retries: new.max_retries,
            timeout_s: new.timeout_s,
            scheduled_for: new.scheduled_for,
            expires_at: new.expires_at,
            created_by: new.created_by,
            request_id: new.request_id,
        }
    }
}
