//! The attribute `doc` of a task's item: short names, defaults left out, times in milliseconds since 1970.
//!
//! An unknown field is an error: a task written by a newer version would lose it at this version's next write.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use errand::{
    Dispatch, Id, Name, OfSchedule, Priority, State, Task, Timestamp, TraceParent,
    spi::{
        accept::MAX_PULLED_TIMEOUT_S,
        lifecycle::{KeptFailure, log::LogOutcome},
    },
};

/// An instant as a number.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Millis(pub(super) Timestamp);

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_i64(self.0.as_millis())
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        i64::deserialize(d).map(|ms| Self(Timestamp::from_millis(ms)))
    }
}

/// See the module. Each field means what [`Task`]'s or [`State`]'s does.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskDoc {
    /// The payload's text, if it is in this item.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none", default)]
    pub(super) payload: Option<String>,
    /// The payload's hash, if it is an item of its own.
    #[serde(rename = "ph", skip_serializing_if = "Option::is_none", default)]
    pub(super) payload_hash: Option<String>,
    #[serde(rename = "t")]
    pub(super) task_type: Name,
    /// Unless it is [`dispatch_of`] its type.
    #[serde(rename = "di", skip_serializing_if = "Option::is_none", default)]
    pub(super) dispatch: Option<Dispatch>,
    #[serde(rename = "po", skip_serializing_if = "Option::is_none", default)]
    pub(super) pool: Option<Name>,
    #[serde(rename = "ln", skip_serializing_if = "is_default", default)]
    pub(super) lane: Name,
    #[serde(rename = "ag", skip_serializing_if = "Option::is_none", default)]
    pub(super) agent_type: Option<Name>,
    #[serde(rename = "ci", skip_serializing_if = "Option::is_none", default)]
    pub(super) context_id: Option<Id>,
    #[serde(rename = "ct", skip_serializing_if = "Option::is_none", default)]
    pub(super) context_type: Option<Name>,
    #[serde(rename = "pt", skip_serializing_if = "Option::is_none", default)]
    pub(super) parent_id: Option<Uuid>,
    #[serde(rename = "mo", skip_serializing_if = "Vec::is_empty", default)]
    pub(super) member_of: Vec<(Uuid, u32)>,
    #[serde(rename = "pr", skip_serializing_if = "is_default", default)]
    pub(super) priority: Priority,
    #[serde(rename = "ik", skip_serializing_if = "Option::is_none", default)]
    pub(super) idempotency_key: Option<String>,
    #[serde(rename = "mr", skip_serializing_if = "Option::is_none", default)]
    pub(super) max_retries: Option<u32>,
    #[serde(rename = "ts", skip_serializing_if = "Option::is_none", default)]
    pub(super) timeout_s: Option<u32>,
    #[serde(rename = "ca")]
    pub(super) created_at: Millis,
    #[serde(rename = "cb", skip_serializing_if = "is_default", default)]
    pub(super) created_by: String,
    #[serde(rename = "ri", skip_serializing_if = "Option::is_none", default)]
    pub(super) request_id: Option<String>,
    #[serde(rename = "tp", skip_serializing_if = "Option::is_none", default)]
    pub(super) traceparent: Option<TraceParent>,
    #[serde(rename = "sf", skip_serializing_if = "Option::is_none", default)]
    pub(super) scheduled_for: Option<Millis>,
    #[serde(rename = "ex", skip_serializing_if = "Option::is_none", default)]
    pub(super) expires_at: Option<Millis>,
    #[serde(rename = "ua", skip_serializing_if = "Option::is_none", default)]
    pub(super) updated_at: Option<Millis>,
    #[serde(rename = "at", skip_serializing_if = "Option::is_none", default)]
    pub(super) last_attempted_at: Option<Millis>,
    #[serde(rename = "dl", skip_serializing_if = "Option::is_none", default)]
    pub(super) dead_lettered_at: Option<Millis>,
    #[serde(rename = "f", skip_serializing_if = "is_default", default)]
    pub(super) failures: u32,
    #[serde(rename = "lo", skip_serializing_if = "is_default", default)]
    pub(super) losses: u32,
    #[serde(rename = "sn", skip_serializing_if = "is_default", default)]
    pub(super) snoozes: u32,
    #[serde(rename = "n", skip_serializing_if = "is_default", default)]
    pub(super) notified: u32,
    #[serde(rename = "rd", skip_serializing_if = "is_default", default)]
    pub(super) redrives: u32,
    #[serde(rename = "ls", skip_serializing_if = "is_default", default)]
    pub(super) log_seq: u64,
    #[serde(rename = "rv")]
    pub(super) revision: u64,
    #[serde(rename = "er", skip_serializing_if = "Vec::is_empty", default)]
    pub(super) last_errors: Vec<KeptFailure>,
    #[serde(rename = "la", skip_serializing_if = "Option::is_none", default)]
    pub(super) latest_attempt: Option<(u32, LogOutcome, Millis)>,
    #[serde(rename = "rn", skip_serializing_if = "Option::is_none", default)]
    pub(super) redrive_note: Option<String>,
    /// Its text.
    #[serde(rename = "pg", skip_serializing_if = "Option::is_none", default)]
    pub(super) progress: Option<String>,
    #[serde(rename = "sp", skip_serializing_if = "Option::is_none", default)]
    pub(super) session_path: Option<String>,
    #[serde(rename = "sc", skip_serializing_if = "Option::is_none", default)]
    pub(super) schedule: Option<OfSchedule>,
    /// Pending: `run_at`. Running: `lease_expires_at`.
    #[serde(rename = "ra", skip_serializing_if = "Option::is_none", default)]
    pub(super) until: Option<Millis>,
    /// Pending, as an older version has it: whether `notified` is more than 0.
    #[serde(rename = "hi", skip_serializing, default)]
    _hinted: bool,
    /// Running; waiting: since when.
    #[serde(rename = "st", skip_serializing_if = "Option::is_none", default)]
    pub(super) started_at: Option<Millis>,
    /// Completed: its text.
    #[serde(rename = "o", skip_serializing_if = "Option::is_none", default)]
    pub(super) output: Option<String>,
    /// Failed, if it is not the newest of `last_errors`.
    #[serde(rename = "fa", skip_serializing_if = "Option::is_none", default)]
    pub(super) failure: Option<KeptFailure>,
    /// Cancelled or blocked. Waiting: the group.
    #[serde(rename = "re", skip_serializing_if = "Option::is_none", default)]
    pub(super) reason: Option<String>,
}

impl TaskDoc {
    /// What of `task` no other attribute says.
    pub(super) fn of(task: &Task, payload_apart: bool) -> Self {
        let mut doc = Self {
            payload: (!payload_apart).then(|| task.payload.as_str().to_owned()),
            payload_hash: payload_apart.then(|| task.payload_hash.clone()),
            task_type: task.task_type.clone(),
            dispatch: (task.dispatch != dispatch_of(&task.task_type)).then_some(task.dispatch),
            pool: task.pool.clone(),
            lane: task.lane.clone(),
            agent_type: task.agent_type.clone(),
            context_id: task.context_id.clone(),
            context_type: task.context_type.clone(),
            parent_id: task.parent_id,
            member_of: task.member_of.iter().map(|member| (member.group, member.index)).collect(),
            priority: task.priority,
            idempotency_key: task.idempotency_key.clone(),
            max_retries: (task.max_retries != Task::RETRIES).then_some(task.max_retries),
            timeout_s: (task.timeout_s != Task::TIMEOUT_S).then_some(task.timeout_s),
            created_at: Millis(task.created_at),
            created_by: task.created_by.clone(),
            request_id: task.request_id.clone(),
            traceparent: task.traceparent,
            scheduled_for: (task.scheduled_for != task.created_at).then_some(Millis(task.scheduled_for)),
            expires_at: task.expires_at.map(Millis),
            updated_at: (task.updated_at != task.created_at).then_some(Millis(task.updated_at)),
            last_attempted_at: task.last_attempted_at.map(Millis),
            dead_lettered_at: task.dead_lettered_at.map(Millis),
            failures: task.failures,
            losses: task.losses,
            snoozes: task.snoozes,
            notified: task.notified,
            redrives: task.redrives,
            log_seq: task.log_seq,
            revision: task.revision,
            last_errors: task.last_errors.clone(),
            latest_attempt: task.latest_attempt.as_ref().map(|a| (a.execution, a.outcome, Millis(a.ended_at))),
            redrive_note: task.redrive_note.clone(),
            progress: task.progress.as_ref().map(|progress| progress.as_str().to_owned()),
            session_path: task.session_path.clone(),
            schedule: task.schedule.clone(),
            until: None,
            _hinted: false,
            started_at: None,
            output: None,
            failure: None,
            reason: None,
        };
        doc.put_state(task);
        doc
    }

    fn put_state(&mut self, task: &Task) {
        match &task.state {
            State::Pending { run_at } => self.until = Some(Millis(*run_at)),
            State::Running { lease_expires_at, started_at, .. } => {
                self.until = Some(Millis(*lease_expires_at));
                self.started_at = Some(Millis(*started_at));
            }
            State::Waiting { group, since } => {
                self.reason = Some(group.to_string());
                self.started_at = Some(Millis(*since));
            }
            State::Completed { output } => self.output = Some(output.as_str().to_owned()),
            State::Failed { failure } => {
                self.failure = (task.last_errors.last() != Some(failure)).then(|| failure.clone());
            }
            State::Cancelled { reason } | State::Blocked { reason } => self.reason = Some(reason.clone()),
        }
    }
}

/// How a task is dispatched whose item does not say it. Items of before this could be said are of one type of pulled tasks;
/// its new ones are written as they were, so that a version of before, beside which this one may run, reads them.
pub(super) fn dispatch_of(task_type: &Name) -> Dispatch {
    if task_type.as_str() == "run_outside" { Dispatch::Pulled } else { Dispatch::default() }
}

/// `task`, read with its payload, as it goes on. Before runs that are done outside were claimed as other tasks are, they had
/// no pool, and their timeout was how long a lease lasted: their profile is their pool, and their time is all there is. The
/// poller's next look at one, within an hour, puts it into the index `ready`.
pub(super) fn going_on(task: Task) -> Task {
    if !task.is_pulled() || task.pool.is_some() || dispatch_of(&task.task_type) != Dispatch::Pulled {
        return task;
    }
    let payload: Value = task.payload.parse().unwrap_or_default();
    let profile = payload.get("profile").and_then(Value::as_str).and_then(|profile| Name::new(profile).ok());
    task.asking(|asked| {
        asked.pool = Some(profile.unwrap_or_default());
        asked.timeout_s = MAX_PULLED_TIMEOUT_S;
    })
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
