//! Tasks and records as the API answers them.

use serde::Serialize;
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{Id, Name},
    json::Json,
    lifecycle::{Attempt, Failure, Priority, State, Status, Task},
    store::{Doc, Record},
};

/// A task. Fields that do not apply are absent; times are RFC 3339.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[allow(missing_docs)] // the fields mean what `Task`'s and `State`'s do
pub struct TaskView<'t> {
    pub id: Uuid,
    pub tenant: &'t Name,
    pub project: &'t Name,
    pub queue: &'t Name,
    pub lane: &'t Name,
    pub task_type: &'t Name,
    pub status: Status,
    pub priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<&'t Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'t Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_id: Option<&'t Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_type: Option<&'t Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<&'t Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<&'t Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<&'t Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<&'t str>,
    pub max_retries: u32,
    pub timeout_s: u32,
    pub scheduled_for: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub created_by: &'t str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'t str>,
    pub updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_lettered_at: Option<Timestamp>,
    pub executions: u32,
    pub failures: u32,
    pub losses: u32,
    pub snoozes: u32,
    pub redrives: u32,
    pub revision: u64,
    #[serde(skip_serializing_if = "<[Failure]>::is_empty")]
    pub last_errors: &'t [Failure],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_attempt: Option<&'t Attempt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_note: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_path: Option<&'t str>,
    /// On the answer to an enqueue: whether the task was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deduplicated: Option<bool>,
}

impl<'t> From<&'t Task> for TaskView<'t> {
    fn from(task: &'t Task) -> Self {
        let (mut output, mut failure, mut reason, mut lease_expires_at) = (None, None, None, None);
        match &task.state {
            State::Pending { .. } => {}
            State::Running { lease_expires_at: at, .. } => lease_expires_at = Some(*at),
            State::Completed { output: it } => output = Some(it),
            State::Failed { failure: it } => failure = Some(it),
            State::Cancelled { reason: it } | State::Blocked { reason: it } => reason = Some(it.as_str()),
        }
        Self {
            id: task.key.id,
            tenant: &task.key.tenant,
            project: &task.project,
            queue: &task.queue,
            lane: &task.lane,
            task_type: &task.task_type,
            status: task.status(),
            priority: task.priority,
            agent_type: task.agent_type.as_ref(),
            user_id: task.user_id.as_ref(),
            context_id: task.context_id.as_ref(),
            context_type: task.context_type.as_ref(),
            parent_id: task.parent_id,
            payload: Some(&task.payload),
            output,
            failure,
            reason,
            idempotency_key: task.idempotency_key.as_deref(),
            max_retries: task.max_retries,
            timeout_s: task.timeout_s,
            scheduled_for: task.scheduled_for,
            run_at: task.run_at(),
            lease_expires_at,
            expires_at: task.expires_at,
            created_at: task.created_at,
            created_by: &task.created_by,
            request_id: task.request_id.as_deref(),
            updated_at: task.updated_at,
            last_attempted_at: task.last_attempted_at,
            ended_at: task.ended_at,
            dead_lettered_at: task.dead_lettered_at,
            executions: task.executions,
            failures: task.failures,
            losses: task.losses,
            snoozes: task.snoozes,
            redrives: task.redrives,
            revision: task.revision,
            last_errors: &task.last_errors,
            latest_attempt: task.latest_attempt.as_ref(),
            redrive_note: task.redrive_note.as_deref(),
            session_path: task.session_path.as_deref(),
            deduplicated: None,
        }
    }
}

/// A record: its fields, and beside them its id, version and times.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RecordView {
    /// Which one.
    pub id: Id,
    /// What sort of thing it is; absent where the record has a field of that name (a verification's).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Name>,
    /// What `If-Match` compares.
    pub version: Uuid,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// Its own fields.
    #[serde(flatten)]
    pub doc: Doc,
}

impl From<Record> for RecordView {
    fn from(record: Record) -> Self {
        let Record { key, version, doc, created_at, updated_at, .. } = record;
        let kind = (!doc.contains_key("kind")).then_some(key.kind);
        Self { id: key.id, kind, version, created_at, updated_at, doc }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::RecordKey;

    #[test]
    fn a_records_own_kind_is_the_only_one_shown() {
        let key = RecordKey { tenant: Name::default(), kind: Name::of("verification"), id: Id::of("v") };
        let doc = json!({"kind": "email"}).as_object().unwrap().clone();
        let view = RecordView::from(Record::new(key, doc, Timestamp::default()));
        let text = serde_json::to_string(&view).unwrap();
        assert!(text.contains(r#""kind":"email""#) && text.matches(r#""kind""#).count() == 1, "{text}");
    }
}
