//! The tasks that a schedule makes.

use errand::{
    App, Asked, EnqueueError, Id, OfSchedule, PreviousFiring, Task, TaskKey, Timestamp,
    spi::{
        accept::{self, TaskLimits},
        ids,
        json::Json,
        store::RecordKey,
    },
};
use futures::future::join_all;
use uuid::Uuid;

use crate::schedule::{Schedule, task_id};

/// One task that is to be made.
pub(crate) struct ToMake {
    pub id: Uuid,
    pub of: OfSchedule,
}

impl ToMake {
    /// That of a firing of the schedule at `key`.
    pub(crate) fn of_firing(key: &RecordKey, schedule: &Schedule, nominal: Timestamp) -> Self {
        Self { id: task_id(key, schedule.made_at, nominal), of: OfSchedule::of(key.id.clone(), nominal) }
    }

    /// The same, after this one.
    pub(crate) fn after(mut self, previous: Option<PreviousFiring>) -> Self {
        self.of.previous = previous;
        self
    }

    /// The same, asked for afterwards; `backfill` goes on with its end.
    pub(crate) fn backfilled(mut self, backfill: Option<Id>) -> Self {
        (self.of.backfilled, self.of.backfill) = (true, backfill);
        self
    }
}

/// The tasks of `schedule`, which is kept at `key`, as they are accepted at `now`; or why there are none.
pub(crate) async fn tasks(
    app: &App,
    (key, schedule): (&RecordKey, &Schedule),
    payload: &Json,
    wanted: Vec<ToMake>,
    now: Timestamp,
) -> Result<Vec<Task>, EnqueueError> {
    let of = &schedule.task;
    accept::check_may_stand_alone(app, &of.task_type)?;
    let limits = TaskLimits { max_retries: of.max_retries, timeout_s: of.timeout_s };
    let checked = wanted.into_iter().map(async |ToMake { id, of: firing }| {
        let task = TaskKey { tenant: key.tenant.clone(), id };
        let new = Asked {
            project: of.project.clone(),
            queue: of.queue.clone(),
            lane: of.lane.clone(),
            agent_type: of.agent_type.clone(),
            user_id: of.user_id.clone(),
            context_id: of.context_id.clone(),
            context_type: of.context_type.clone(),
            priority: of.priority,
            expires_at: of.ends_after(if firing.backfilled { now } else { firing.nominal }),
            schedule: Some(firing),
            ..Asked::of_type(task, of.task_type.clone(), payload.clone(), schedule.put_by.clone(), now)
        };
        accept::check(app, new, limits).await.map(|asked| Task::accept(asked, ids::fresh(), now))
    });
    join_all(checked).await.into_iter().collect()
}
