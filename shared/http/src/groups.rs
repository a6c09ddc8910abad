//! Groups as requests ask for them and the API answers them.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use crate::{ApiError, Request, TaskRequest, TaskView, listing::entries};
use errand::{
    App, Asked, Group, GroupPolicy, GroupStatus, GroupWaiter, Name, Registry, Task, Timestamp,
    spi::{
        accept::{check_is_in_time, check_may_stand_alone},
        group::{MAX_MEMBERS, NotMade},
        json::read::read_strict,
    },
};

/// Tasks that belong together, and what is to be done once all have ended.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct GroupRequest {
    /// The members, up to 10,000: each as `POST /v1/tasks` takes it, without a key. Either these, or `task` and `items`.
    #[serde(default, deserialize_with = "some_members")]
    #[schemars(with = "Vec<TaskRequest>", length(max = 10_000))]
    pub tasks: Option<Vec<Box<RawValue>>>,
    /// What all members have in common: as `POST /v1/tasks` takes it, but for `payload`.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Map<String, Value>>")]
    pub task: Option<Box<RawValue>>,
    /// The payload of each of them, up to 10,000.
    #[serde(default, deserialize_with = "members")]
    #[schemars(with = "Vec<Value>", length(max = 10_000))]
    pub items: Vec<Box<RawValue>>,
    /// What members that do not end well mean for the group; `wait_all` if absent.
    #[serde(default)]
    pub policy: GroupPolicy,
    /// A task that begins once all have ended, however.
    #[serde(default)]
    #[schemars(with = "Option<TaskRequest>")]
    pub then: Option<Box<RawValue>>,
    /// A task that begins once the group is completed, and is cancelled if it does not come to that.
    #[serde(default)]
    #[schemars(with = "Option<TaskRequest>")]
    pub on_success: Option<Box<RawValue>>,
    /// A task that begins once the group has failed, and is cancelled if it does not come to that.
    #[serde(default)]
    #[schemars(with = "Option<TaskRequest>")]
    pub on_failure: Option<Box<RawValue>>,
}

fn some_members<'de, D: Deserializer<'de>>(list: D) -> Result<Option<Vec<Box<RawValue>>>, D::Error> {
    members(list).map(Some)
}

fn members<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<Box<RawValue>>, D::Error> {
    entries(list, 0..=MAX_MEMBERS)
}

/// More members of a group.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AddRequest {
    /// Up to 40, each as `POST /v1/tasks` takes it, without a key.
    #[schemars(length(min = 1, max = 40))]
    pub tasks: Vec<TaskRequest>,
}

/// A group.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GroupView {
    /// Which one: under an idempotency key always the same.
    pub id: Uuid,
    /// What the handler that made it calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// How it stands.
    pub status: GroupStatus,
    /// What members that do not end well mean for it.
    pub policy: GroupPolicy,
    /// How many members it has.
    pub total: u32,
    /// How many of them have ended: in a list, of a group with more than 100 that is not over, at least.
    pub ended: u32,
    /// How many of these were not completed.
    pub failed: u32,
    /// Whether nothing more comes of it: all members have ended.
    pub over: bool,
    /// The tasks that wait for its end.
    pub waiters: Vec<GroupWaiter>,
    /// When it was begun.
    pub created_at: Timestamp,
}

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        let Group { id, name, status, policy, total, ended, failed, over, waiters, created_at, .. } = group;
        Self { id, name, status, policy, total, ended, failed, over, waiters, created_at }
    }
}

/// A member.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MemberView<'t> {
    /// Its number in the group, from 0: the order in which members were asked for.
    pub index: u32,
    /// The task; null once it was removed for its age.
    pub task: Option<TaskView<'t>>,
}

impl<'t> MemberView<'t> {
    /// The member of this number.
    pub fn of(index: u32, task: Option<&'t Task>, types: &Registry) -> Self {
        Self { index, task: task.map(|task| TaskView::of(task, types)) }
    }
}

impl GroupRequest {
    /// The members, each with where in the request it stands.
    pub(crate) fn take_members(&mut self) -> Result<Vec<(String, TaskRequest)>, ApiError> {
        let (tasks, items) = (self.tasks.take(), std::mem::take(&mut self.items));
        let Some(task) = self.task.take() else {
            if !items.is_empty() {
                return Err(ApiError::invalid("task", "what are the tasks of `items`?"));
            }
            let tasks =
                tasks.ok_or_else(|| ApiError::invalid("tasks", "who are the members? There may be none: []"))?;
            let each = tasks.iter().enumerate().map(|(nth, task)| entry(format!("tasks[{nth}]"), task));
            return each.collect();
        };
        if tasks.is_some() {
            return Err(ApiError::invalid("tasks", "name tasks, or task and items, not both"));
        }
        items.iter().enumerate().map(|(nth, payload)| with_payload(&task, (nth, payload))).collect()
    }
}

/// An entry of the request, read for itself.
pub(crate) fn entry(field: String, sent: &RawValue) -> Result<(String, TaskRequest), ApiError> {
    let read = read_strict(sent.get()).map_err(|error| error.within(&field))?;
    Ok((field, read))
}

/// What members have in common, with the payload of one of them: read as if it had been sent so.
fn with_payload(task: &RawValue, (nth, payload): (usize, &RawValue)) -> Result<(String, TaskRequest), ApiError> {
    let open = task.get().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let fields = open.ok_or_else(|| ApiError::invalid("task", "expected an object"))?;
    let between = if fields.trim().is_empty() { "" } else { "," };
    let sent = format!(r#"{{{fields}{between}"payload":{}}}"#, payload.get());
    let read: TaskRequest = read_strict(&sent).map_err(|error| match error.field.strip_prefix("payload") {
        Some(_) => error.within(&format!("items[{nth}]")),
        None => error.within("task"),
    })?;
    Ok((format!("items[{nth}]"), read))
}

/// A task of the caller's that stands in a group: its key is the group's affair. A new one is refused if it comes too
/// late; what was taken in time is answered however late it is asked for again.
pub(crate) async fn asked_in(
    app: &App,
    request: &Request,
    (field, task): (String, TaskRequest),
    (now, is_new): (Timestamp, bool),
) -> Result<Asked, ApiError> {
    let within = |error: ApiError| match &error.field {
        Some(inner) => ApiError { field: Some(format!("{field}.{inner}")), ..error },
        None => ApiError { field: Some(field.clone()), ..error },
    };
    if task.idempotency_key.is_some() {
        return Err(within(ApiError::invalid("idempotency_key", "a member has none; the group may have one")));
    }
    check_may_stand_alone(app, &task.task_type).map_err(|error| within(error.into()))?;
    let asked = task.accept(&request.caller, app, now).await.map_err(within)?;
    match check_is_in_time(&asked, now) {
        Err(late) if is_new => Err(within(late.into())),
        _ => Ok(asked),
    }
}

impl From<NotMade> for ApiError {
    fn from(error: NotMade) -> Self {
        match error {
            NotMade::Store(error) => error.into(),
            NotMade::Differs(_) => Self::key_used("this Idempotency-Key was used for another group"),
            NotMade::TooMany(_) | NotMade::TooManyAtOnce(_) => Self::invalid("tasks", error.to_string()),
            NotMade::Gone => Self::not_found("no such group"),
            NotMade::NotOpen | NotMade::LeaseLost => Self::conflict(error.to_string()),
        }
    }
}
