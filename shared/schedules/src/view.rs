//! Schedules as they are asked for and shown.

use errand::{
    FieldError, Id, OfSchedule, SchedulePolicy, ScheduleSpec, Status, Stored, Task, Timestamp, spi::json::Json,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    backfill::{Backfill, BackfillOverlap},
    plan::Plan,
    schedule::{Blocked, Pause, Schedule, ScheduledTask},
};

/// How many of its next firings, and of its newest, are shown of a schedule.
pub(crate) const SHOWN: usize = 10;

/// What a schedule is to be.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(crate) struct ScheduleRequest {
    /// When it fires.
    pub spec: ScheduleSpec,
    /// What it makes then.
    pub task: ScheduledTask,
    /// What the handler of these tasks is given, as its type's schema says; at most 256 KiB. An empty object if absent.
    #[serde(default = "empty")]
    pub payload: Value,
    /// How it goes on where it cannot simply fire.
    #[serde(default)]
    pub policy: SchedulePolicy,
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A schedule.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct ScheduleView {
    /// Its name.
    pub id: Id,
    /// What `If-Match` compares: another whenever it is put as something else.
    pub version: Uuid,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who has put it as it is: its tasks are theirs.
    pub created_by: String,
    /// Whether its task type carries it: then it is as that says, and others only pause, trigger and backfill it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub carried: bool,
    /// When it fires.
    pub spec: ScheduleSpec,
    /// What it makes then.
    pub task: ScheduledTask,
    /// What its tasks are given; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Json>,
    /// How it goes on where it cannot simply fire.
    pub policy: SchedulePolicy,
    /// That it does not fire, because somebody wants it so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// That it cannot fire. It is tried again each hour, and once it is put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
    /// The next firings, as it is now.
    pub next: Vec<NextFiring>,
    /// The newest firing that made a task, by the time that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// Firings that wait for the task before them to end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buffered: Vec<Timestamp>,
    /// How many tasks it has made.
    pub fired: u64,
    /// How many firings were left out because the task before had not ended.
    pub skipped: u64,
    /// How many came too late.
    pub missed: u64,
    /// What became of its newest firings, the newest first; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recent: Option<Vec<RecentFiring>>,
}

/// A firing that is to come.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct NextFiring {
    /// The time that is named.
    pub nominal: Timestamp,
    /// When it fires: later, where firings are spread.
    pub effective: Timestamp,
}

/// A firing that has been.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct RecentFiring {
    /// The time that was named.
    pub nominal: Timestamp,
    /// Whether it was asked for afterwards.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub backfilled: bool,
    /// Its task.
    pub task_id: Uuid,
    /// Where that is in its life.
    pub status: Status,
}

impl ScheduleView {
    /// The view of a schedule that fires by `plan`, as of `now`.
    pub(crate) fn of(stored: Stored<Schedule>, plan: Option<&Plan>, now: Timestamp) -> Self {
        let Stored { id, created_at, value, .. } = stored;
        let after = if value.paused.is_some() { value.judged.max(now) } else { value.judged };
        Self {
            id,
            version: value.revision,
            created_at,
            created_by: value.put_by,
            carried: value.carried,
            spec: value.spec,
            task: value.task,
            payload: None,
            policy: value.policy,
            paused: value.paused,
            blocked: value.blocked,
            next: plan.map_or_else(Vec::new, |plan| next(plan, after)),
            last: value.last,
            buffered: value.buffered,
            fired: value.fired,
            skipped: value.skipped,
            missed: value.missed,
            recent: None,
        }
    }
}

fn next(plan: &Plan, mut after: Timestamp) -> Vec<NextFiring> {
    let firings = std::iter::from_fn(|| {
        let next = plan.next(after)?;
        after = next.nominal;
        Some(NextFiring { nominal: next.nominal, effective: next.effective })
    });
    firings.take(SHOWN).collect()
}

impl RecentFiring {
    /// That which made `task`.
    pub(crate) fn of(task: &Task) -> Option<Self> {
        let OfSchedule { nominal, backfilled, .. } = task.schedule.clone()?;
        Some(Self { nominal, backfilled, task_id: task.key.id, status: task.status() })
    }
}

impl ScheduleRequest {
    /// Refuses what is out of its range.
    pub(crate) fn check(&self) -> Result<(), FieldError> {
        self.policy.check().map_err(|error| error.within("policy"))?;
        match self.task.ttl_s {
            Some(0) => Err(FieldError::at("task.ttl_s", "expected at least a second")),
            _ => Ok(()),
        }
    }
}

/// Which firings are asked for afterwards.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct BackfillRequest {
    /// Those from this time on, that included.
    pub from: Timestamp,
    /// Up to this, that included; it has passed.
    pub to: Timestamp,
    /// How their tasks go beside each other; `allow` if absent.
    #[serde(default)]
    pub overlap: BackfillOverlap,
}

/// A backfill, and how far it is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BackfillView {
    /// Its id.
    pub id: Id,
    /// What was asked for, and how far it is.
    #[serde(flatten)]
    pub backfill: Backfill,
}

/// Why a schedule is paused.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct PauseRequest {
    /// Why, for others; at most 1 KiB.
    #[serde(default)]
    pub note: Option<String>,
}

/// That a schedule is to fire again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct ResumeRequest {}
