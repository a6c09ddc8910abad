//! How a task begins.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{Name, TaskKey},
    json::Json,
    lifecycle::{Asked, Dispatch, Priority, State, Task, wake},
};

impl Asked {
    /// A task with every choice left at its default: due now, 3 retries, 30 s.
    pub fn of_type(key: TaskKey, task_type: Name, payload: Json, created_by: String, now: Timestamp) -> Self {
        Self {
            key,
            project: Name::default(),
            queue: Name::default(),
            lane: Name::default(),
            task_type,
            dispatch: Dispatch::default(),
            pool: None,
            agent_type: None,
            user_id: None,
            context_id: None,
            context_type: None,
            parent_id: None,
            member_of: Vec::new(),
            priority: Priority::default(),
            payload_hash: payload.hash(),
            payload,
            idempotency_key: None,
            max_retries: Task::RETRIES,
            timeout_s: Task::TIMEOUT_S,
            scheduled_for: now,
            expires_at: None,
            created_by,
            request_id: None,
            traceparent: None,
            session_path: None,
            schedule: None,
        }
    }

    /// The same, of a type whose tasks are dispatched like this. One that is pulled and has no end expires
    /// [`Task::PULLED_WITHIN`] after its start, or after `now` if that is later.
    pub fn dispatched(mut self, dispatch: Dispatch, now: Timestamp) -> Self {
        self.dispatch = dispatch;
        if dispatch == Dispatch::Pulled {
            self.expires_at.get_or_insert(self.scheduled_for.max(now) + Task::PULLED_WITHIN);
        }
        self
    }

    /// The same, given another payload.
    pub fn with_payload(self, payload: Json) -> Self {
        Self { payload_hash: payload.hash(), payload, ..self }
    }
}

impl Task {
    /// Retries of a task whose request names none.
    pub const RETRIES: u32 = 3;

    /// The most retries a request may ask for.
    pub const MAX_RETRIES: u32 = 100;

    /// Timeout in seconds of a task whose request names none.
    pub const TIMEOUT_S: u32 = 30;

    /// The task that what was asked for becomes when it is accepted at `now`. Its `wake_at` covers a crash before its
    /// message is sent, so inserting it is enough for it to run.
    pub fn accept(asked: impl Into<Arc<Asked>>, version: Uuid, now: Timestamp) -> Self {
        let asked = asked.into();
        let run_at = asked.scheduled_for;
        let notified = wake::has_message(run_at, now).into();
        let wake_at = wake::pending(run_at, notified, asked.expires_at, now);
        Self::new(asked, version, now, (State::Pending { run_at }, notified, wake_at))
    }

    /// The same, which begins once `group` is over.
    pub fn accept_after(group: Uuid, asked: impl Into<Arc<Asked>>, version: Uuid, now: Timestamp) -> Self {
        let asked = asked.into();
        let wake_at = wake::waiting(0, asked.expires_at, now);
        Self::new(asked, version, now, (State::Waiting { group, since: now }, 0, wake_at))
    }

    fn new(asked: Arc<Asked>, version: Uuid, now: Timestamp, waits: (State, u32, Timestamp)) -> Self {
        let (state, notified, wake_at) = waits;
        Self {
            wake_at: Some(wake_at),
            asked,
            created_at: now,
            updated_at: now,
            last_attempted_at: None,
            ended_at: None,
            dead_lettered_at: None,
            state,
            executions: 0,
            failures: 0,
            losses: 0,
            snoozes: 0,
            notified,
            redrives: 0,
            log_seq: 0,
            revision: 1,
            version,
            last_errors: Vec::new(),
            latest_attempt: None,
            redrive_note: None,
            progress: None,
        }
    }
}
