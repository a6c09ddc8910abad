//! An event: as a handler makes it, as a record that waits to be delivered, and as listeners see it.

mod types;

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    ids::{self, Id, Name, TaskKey},
    lifecycle::Status,
    store::{Doc, Expect, Record, RecordKey, RecordWrite},
};

pub use types::{EventTypes, NoEventTypes};

/// The first words of the types of events that Errand itself tells.
const FAMILIES: [&str; 8] = ["agent", "intro", "message", "run", "schedule", "solution", "task", "user"];

/// Something that happened, for whoever listens. Delivered at least once, always with the same `id`. A handler makes one by
/// [`TaskContext::event`](crate::TaskContext::event), and publishes it with what it decides:
///
/// ```
/// # use errand::{Effect, Failure, Id, Outcome, TaskContext};
/// # fn decide(task: &TaskContext<'_>, order: &Id) -> Outcome {
/// let shipped = task.event("order.shipped", order, serde_json::json!({"parcels": 2}));
/// Outcome::Complete { output: "shipped".into(), effects: vec![Effect::publish(shipped)] }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What a listener removes repetitions by.
    pub id: Uuid,
    /// What happened, such as `user.inquiry.solution_needed`.
    pub event_type: String,
    /// When it happened.
    pub time: Timestamp,
    /// The id of what it happened to.
    pub subject: String,
    /// What else there is to say.
    pub data: Value,
    /// The request that the publishing task came of.
    pub request_id: Option<String>,
}

/// An event as listeners see it.
///
/// ```
/// use errand::Published;
///
/// /// What a listener may do with it: its fields are those of the JSON that is posted.
/// fn headline(event: &Published) -> String {
///     format!("{} of {}", event.doc["type"], event.tenant)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Published {
    /// What a listener removes repetitions by.
    pub id: Id,
    /// Whose it is.
    pub tenant: Name,
    /// The rest: `type`, `time`, `subject`, `data`, and `request_id` if the task came of a request that has one; of a
    /// task's change `old_status`, `new_status`, `task_type` instead of `data`.
    #[serde(flatten)]
    pub doc: Doc,
}

impl Published {
    /// When it happened.
    pub(crate) fn told_at(&self) -> Option<Timestamp> {
        serde_json::from_value(self.doc.get("time")?.clone()).ok()
    }

    /// Whether it tells of a change of a task.
    pub(crate) fn is_of_a_task(&self) -> bool {
        is_of_a_task(&self.doc)
    }
}

impl From<Record> for Published {
    fn from(record: Record) -> Self {
        Self { id: record.key.id, tenant: record.key.tenant, doc: record.doc }
    }
}

/// That a task is in another status than before, as it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusChange {
    /// Whose task and which.
    pub key: TaskKey,
    /// Its type.
    pub task_type: Name,
    /// The task's version after it: no other change has it.
    pub version: Uuid,
    /// When it was made.
    pub at: Timestamp,
    /// The status before; `None` if the task is new.
    pub old: Option<Status>,
    /// The status after.
    pub new: Status,
}

impl StatusChange {
    /// The event that tells of it, of this type. Always the same, id included, however often it is asked for.
    pub fn event(self, event_type: &str) -> Published {
        let Self { key, task_type, version, at, old, new } = self;
        let id = ids::derived(&["task event", key.tenant.as_str(), &version.to_string()]);
        let doc = [
            ("type", json!(event_type)),
            ("time", json!(at)),
            ("subject", json!(key.id)),
            ("old_status", json!(old)),
            ("new_status", json!(new)),
            ("task_type", json!(task_type)),
        ];
        let doc = doc.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
        Published { id: Id::from(id), tenant: key.tenant, doc }
    }
}

/// The type of the event that tells of a task's end in this status; `None` of one in which it lives.
pub fn of_end(status: Status) -> Option<&'static str> {
    match status {
        Status::Pending | Status::Running | Status::Waiting => None,
        Status::Completed => Some("task.completed"),
        Status::Failed => Some("task.failed"),
        Status::Cancelled => Some("task.cancelled"),
        Status::Blocked => Some("task.blocked"),
    }
}

/// The one of our families of events that a type belongs to, if it does.
pub fn family(event_type: &str) -> Option<&'static str> {
    let first = event_type.split('.').next().unwrap_or_default().trim();
    FAMILIES.into_iter().find(|family| family.eq_ignore_ascii_case(first))
}

/// The record kind of events.
pub fn kind() -> Name {
    Name::of("event")
}

/// Whether an event with these fields tells of a change of a task, and not what a handler published.
pub(crate) fn is_of_a_task(doc: &Doc) -> bool {
    doc.contains_key("new_status")
}

/// The fields of an event's record.
pub fn doc(event: Event) -> Doc {
    let Event { event_type, time, subject, data, request_id, .. } = event;
    let Value::Object(mut doc) = json!({"type": event_type, "time": time, "subject": subject, "data": data}) else {
        return Doc::new();
    };
    doc.extend(request_id.map(|id| ("request_id".to_owned(), id.into())));
    doc
}

/// The write that has an event delivered.
pub fn put(event: Event, tenant: &Name, now: Timestamp) -> RecordWrite {
    let key = RecordKey { tenant: tenant.clone(), kind: kind(), id: Id::from(event.id) };
    due(key, doc(event), now)
}

/// The write of an event that somebody has to deliver: from now on it is due.
pub fn due(key: RecordKey, doc: Doc, now: Timestamp) -> RecordWrite {
    let record = Record { wake_at: Some(now), ..Record::new(key, doc, now) };
    RecordWrite::Put { record: Box::new(record), expect: Expect::Absent }
}
