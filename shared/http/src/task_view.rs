//! Tasks and records as the API answers them.

use serde::Serialize;
use uuid::Uuid;

use errand::{
    Doc, Id, Name, OfSchedule, Priority, Registry, State, Status, Task, Timestamp, TraceParent,
    spi::{
        json::Json,
        lifecycle::{Attempt, KeptFailure, Member},
        store::Record,
    },
};

/// A task. Fields that do not apply are absent.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct TaskView<'t> {
    /// Which one: under an idempotency key always the same.
    pub id: Uuid,
    /// Whose it is.
    pub tenant: &'t Name,
    /// The tenant's project.
    pub project: &'t Name,
    /// The named list it stands in.
    pub queue: &'t Name,
    /// A part of that list.
    pub lane: &'t Name,
    /// Which handler runs it.
    pub task_type: &'t Name,
    /// Where it is in its life.
    pub status: Status,
    /// How soon it is run among others that are due; with a `timeout_s` over 60 its place in lists alone.
    pub priority: Priority,
    /// What sort of agent asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<&'t Name>,
    /// Which user it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'t Id>,
    /// What else it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_id: Option<&'t Id>,
    /// What sort of thing `context_id` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_type: Option<&'t Name>,
    /// The task that it follows from: the one that enqueued it, or that its request named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Uuid>,
    /// What the handler is given; absent in the answer to a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<&'t Json>,
    /// What it answered, if it is completed: whole, at most 256 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<&'t Json>,
    /// Why it failed, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<&'t KeptFailure>,
    /// Why it is cancelled, or what it waits for, if it is blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'t str>,
    /// The caller's name for the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<&'t str>,
    /// How many failures are followed by another try.
    pub max_retries: u32,
    /// How many seconds one execution may take.
    pub timeout_s: u32,
    /// The earliest start that was asked for.
    pub scheduled_for: Timestamp,
    /// When it may start next, if it is pending: later than `scheduled_for` after a failure or a snooze.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<Timestamp>,
    /// The groups that it is a member of.
    #[serde(skip_serializing_if = "<[Member]>::is_empty")]
    pub member_of: &'t [Member],
    /// The group that it waits for, if it is waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<Uuid>,
    /// Since when it waits for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
    /// Until when its worker holds it, if it is running; renewed while that works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_expires_at: Option<Timestamp>,
    /// Not started after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The authenticated principal that asked for it, or for the task that it follows from.
    pub created_by: &'t str,
    /// The request that it came of, as log lines and the API's access log name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'t str>,
    /// The trace that it was asked for in, as the W3C's header of this name has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its newest execution began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_at: Option<Timestamp>,
    /// When it ended, if it has. It is kept for 30 days more, unless the installation says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When its dead letter was sent, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_lettered_at: Option<Timestamp>,
    /// How often it was claimed, ever.
    pub executions: u32,
    /// Executions that failed, since it was last set going.
    pub failures: u32,
    /// Executions whose worker was lost, since it was last set going.
    pub losses: u32,
    /// Executions that put it off, since it was last set going.
    pub snoozes: u32,
    /// How often an operator set it going again.
    pub redrives: u32,
    /// Rises by one with every change; what read marks compare.
    pub revision: u64,
    /// Its newest failures, oldest first, at most five.
    #[serde(skip_serializing_if = "<[KeptFailure]>::is_empty")]
    pub last_errors: &'t [KeptFailure],
    /// How its newest ended execution went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_attempt: Option<&'t Attempt>,
    /// What the operator said who last set it going again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_note: Option<&'t str>,
    /// How far the work is, as a worker last said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<&'t Json>,
    /// The agent run that does it in its present drive, once that has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<Id>,
    /// The schedule that made it, and which of its firings it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<&'t OfSchedule>,
    /// Where its agent run can be followed, once that has begun: the path of its session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_path: Option<&'t str>,
    /// On the answer to an enqueue: whether the task was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deduplicated: Option<bool>,
}

impl<'t> TaskView<'t> {
    /// The view of `task`, which is of one of `types`.
    pub fn of(task: &'t Task, types: &Registry) -> Self {
        let (mut output, mut failure, mut reason, mut lease_expires_at) = (None, None, None, None);
        let mut waiting_since = None;
        match &task.state {
            State::Pending { .. } => {}
            State::Running { lease_expires_at: at, .. } => lease_expires_at = Some(*at),
            State::Waiting { since, .. } => waiting_since = Some(*since),
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
            member_of: &task.member_of,
            waits_for: task.waits_for(),
            waiting_since,
            lease_expires_at,
            expires_at: task.expires_at,
            created_at: task.created_at,
            created_by: &task.created_by,
            request_id: task.request_id.as_deref(),
            traceparent: task.traceparent,
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
            progress: task.progress.as_ref(),
            run_id: types.run_id(task),
            schedule: task.schedule.as_ref(),
            session_path: task.session_path.as_deref(),
            deduplicated: None,
        }
    }
}

/// A record: its fields, and beside them its id, version and times.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RecordView {
    /// The id of what it is about.
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

impl RecordView {
    /// The view of `record`, which is of one of `types`' kinds, with its secrets to a verifier.
    pub fn of(record: Record, types: &Registry, to_verifier: bool) -> Self {
        let Record { key, version, mut doc, created_at, updated_at, .. } = record;
        if !to_verifier {
            types.kind_of(&key.kind).iter().flat_map(|kind| kind.secrets()).for_each(|field| drop(doc.remove(*field)));
        }
        let kind = (!doc.contains_key("kind")).then_some(key.kind);
        Self { id: key.id, kind, version, created_at, updated_at, doc }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use errand::spi::store::RecordKey;

    #[test]
    fn a_records_own_kind_is_the_only_one_shown() {
        let key = RecordKey { tenant: Name::default(), kind: Name::of("verification"), id: Id::of("v") };
        let doc = json!({"kind": "email"}).as_object().unwrap().clone();
        let view = RecordView::of(Record::new(key, doc, Timestamp::default()), &Registry::new(), false);
        let text = serde_json::to_string(&view).unwrap();
        assert!(text.contains(r#""kind":"email""#) && text.matches(r#""kind""#).count() == 1, "{text}");
    }
}
