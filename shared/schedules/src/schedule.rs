//! A schedule as it is kept: when it fires, what it makes, how it goes on, and how far it has come.

use errand::{
    Entity, Id, Name, PreviousFiring, Priority, Relation, Relations, SchedulePolicy, ScheduleSpec, Timestamp,
    spi::{ids, store::RecordKey},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What all schedules of a tenant belong to.
pub(crate) fn all() -> Id {
    Id::of("all")
}

/// What those of a tenant belong to besides that task types carry.
pub(crate) fn carried() -> Id {
    Id::of("carried")
}

/// A schedule. What its tasks are given lies apart, as [`ScheduledPayload`]: this is written at each firing, and stays small.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// When it fires.
    pub spec: ScheduleSpec,
    /// What it makes then.
    pub task: ScheduledTask,
    /// How it goes on where it cannot simply fire.
    #[serde(default, skip_serializing_if = "is_default")]
    pub policy: SchedulePolicy,
    /// When it was made. One that is made again under the same name has another: so have its tasks other ids.
    pub made_at: Timestamp,
    /// Who has put it: its tasks are theirs.
    pub put_by: String,
    /// Whether its task type carries it: then it is as that says, and only paused by others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub carried: bool,
    /// Drawn anew whenever it is put, and not when it fires.
    pub revision: Uuid,
    /// Firings up to this one are dealt with.
    pub judged: Timestamp,
    /// While it does not fire, because somebody wants it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// While it cannot fire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
    /// Those of its tasks that had not ended when it last looked, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub live: Vec<Uuid>,
    /// Firings that wait for these to end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buffered: Vec<Timestamp>,
    /// The newest firing that made a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// How many tasks it has made.
    #[serde(default)]
    pub fired: u64,
    /// How many firings were left out because the task before had not ended.
    #[serde(default)]
    pub skipped: u64,
    /// How many came too late.
    #[serde(default)]
    pub missed: u64,
    /// When it was removed; it is kept a moment longer than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
}

impl Schedule {
    /// The newest firing that made a task.
    pub(crate) fn previous(&self, key: &RecordKey) -> Option<PreviousFiring> {
        self.last.map(|nominal| self.firing(key, nominal))
    }

    /// The firing that is named by this, as the next one has it.
    pub(crate) fn firing(&self, key: &RecordKey, nominal: Timestamp) -> PreviousFiring {
        PreviousFiring { nominal, task_id: task_id(key, self.made_at, nominal) }
    }

    /// A new one, which `by` has put.
    pub(crate) fn new(of: (ScheduleSpec, ScheduledTask, SchedulePolicy), by: String, now: Timestamp) -> Self {
        let (spec, task, policy) = of;
        Self {
            spec,
            task,
            policy,
            made_at: now,
            put_by: by,
            carried: false,
            revision: ids::fresh(),
            judged: now,
            paused: None,
            blocked: None,
            live: Vec::new(),
            buffered: Vec::new(),
            last: None,
            fired: 0,
            skipped: 0,
            missed: 0,
            removed_at: None,
        }
    }
}

impl Entity for Schedule {
    const KIND: &'static str = "schedule";

    fn relations(&self, place: &str) -> Relations {
        let at = |of| Some(Relation { of, sort: place.to_owned() });
        match self.removed_at {
            None => Relations { parent: at(all()), owner: at(carried()).filter(|_| self.carried) },
            Some(_) => Relations::default(),
        }
    }
}

/// What a schedule's tasks are given. Its id is the schedule's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScheduledPayload {
    /// As compact JSON.
    pub text: String,
}

impl Entity for ScheduledPayload {
    const KIND: &'static str = "schedule_payload";

    fn relations(&self, _: &str) -> Relations {
        Relations::default()
    }
}

/// The tasks that a schedule makes, but for their payload. What is not said is as it is for any task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduledTask {
    /// Which handler runs them: one of `GET /v1/task-types`.
    pub task_type: Name,
    /// The project of the tenant that they belong to; `default` if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub project: Name,
    /// The named list that they stand in; `default` if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub queue: Name,
    /// A part of that list; `default` if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lane: Name,
    /// What sort of agent asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<Name>,
    /// Which user they are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Id>,
    /// What else they are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_id: Option<Id>,
    /// What sort of thing `context_id` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_type: Option<Name>,
    /// How soon they are run among others that are due; `medium` if absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: Priority,
    /// How many failures are followed by another try, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_retries: Option<u32>,
    /// How many seconds one execution may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout_s: Option<u32>,
    /// They are not started later than so many seconds after the time that was named; a firing that comes later is missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub ttl_s: Option<u64>,
}

impl ScheduledTask {
    /// Of this type; all else is as it is for any task.
    pub(crate) fn of_type(task_type: Name) -> Self {
        let (project, queue, lane, priority) = Default::default();
        let (agent_type, user_id, context_id, context_type) = Default::default();
        let (max_retries, timeout_s, ttl_s) = Default::default();
        Self {
            task_type,
            project,
            queue,
            lane,
            agent_type,
            user_id,
            context_id,
            context_type,
            priority,
            max_retries,
            timeout_s,
            ttl_s,
        }
    }
}

/// That a schedule does not fire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// Who wants it so.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// That a schedule cannot fire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Blocked {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
}

/// The id of the task of the firing that is named by this, of the schedule at `key` that was made at `made_at`.
pub(crate) fn task_id(key: &RecordKey, made_at: Timestamp, nominal: Timestamp) -> Uuid {
    of_schedule(key, made_at, &nominal.as_millis().to_string())
}

/// The id of a task that somebody asks such a schedule for under a key.
pub(crate) fn triggered_id(key: &RecordKey, made_at: Timestamp, idempotency_key: &str) -> Uuid {
    of_schedule(key, made_at, &format!("by hand {idempotency_key}"))
}

fn of_schedule(key: &RecordKey, made_at: Timestamp, which: &str) -> Uuid {
    let made_at = made_at.as_millis().to_string();
    ids::derived(&["schedule task", key.tenant.as_str(), key.id.as_str(), &made_at, which])
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
