//! The look at a schedule: fires what is due, and sees to the next. The poller's and a message's are the same.

use std::{collections::HashSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use errand::{
    App, EnqueueError, Expect, Operation, Patch, Registry, Services, Status, StoreError, Stored, Task, TaskKey,
    Timestamp,
    spi::{
        change::{ChangeError, With},
        ids,
        lifecycle::{Hint, hint},
        notify::notify_due,
        operate::operate,
        redact,
        registry::LookAfter,
        store::{self, Commit, MAX_TRIES, Part, Record, RecordKey, RecordWrite},
    },
};
use uuid::Uuid;

use crate::{
    backfill,
    kept::{self, Beside, commit, payload, plan},
    life::{ScheduleAct, apply, at_once},
    made::{self, ToMake},
    plan::{Firing, Plan},
    schedule::Schedule,
    wake::wake_at,
};

/// A firing that comes within this is waited for: clocks differ.
const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// The schedules of an installation.
pub(crate) struct Schedules;

#[async_trait]
impl LookAfter for Schedules {
    async fn look_after(&self, services: &Services, types: &Arc<Registry>, record: Record) -> Result<(), StoreError> {
        look(&App::new(services.clone(), types.clone()), record, Why::Due).await
    }

    /// Goes on with the backfill that waits for this; looks at once where a firing waits for that, or a failure is to pause it. On the usual path nothing is written.
    async fn ended(&self, services: &Services, types: &Arc<Registry>, task: &Task) -> Result<(), StoreError> {
        let Some(of) = &task.schedule else { return Ok(()) };
        let app = App::new(services.clone(), types.clone());
        if let Some(backfill) = &of.backfill {
            return backfill::ended(&app, task, backfill).await;
        }
        let Some(record) = app.store.record(&kept::place(&task.key.tenant, &of.id)).await? else { return Ok(()) };
        let schedule = Stored::<Schedule>::read(record.clone())?.value;
        let pauses = schedule.policy.pause_on_failure && task.status() == Status::Failed;
        match pauses || !schedule.buffered.is_empty() {
            true => look(&app, record, Why::Ended).await,
            false => Ok(()),
        }
    }
}

/// Why a schedule is looked at.
#[derive(Clone, Copy, PartialEq)]
enum Why {
    /// Its time may have come.
    Due,
    /// A task of it has ended.
    Ended,
}

/// Looks at the schedule that `record` is. Whoever changes it meanwhile wins, and it is looked at again.
async fn look(app: &App, record: Record, why: Why) -> Result<(), StoreError> {
    let (key, mut record, mut there) = (record.key.clone(), Some(record), HashSet::new());
    for _ in 0..MAX_TRIES {
        let Some(read) = record else { return Ok(()) };
        match Look::at(app, read, why, &mut there).await {
            Err(StoreError::Conflict { .. }) => record = app.store.record(&key).await?,
            looked => return looked,
        }
    }
    Err(StoreError::Busy)
}

/// A schedule that is looked at.
struct Look<'a> {
    app: &'a App,
    key: RecordKey,
    schedule: Stored<Schedule>,
}

impl<'a> Look<'a> {
    /// `there`: tasks that were found to be there already, so that they are not made again.
    async fn at(app: &'a App, record: Record, why: Why, there: &mut HashSet<Uuid>) -> Result<(), StoreError> {
        let (key, wake_at) = (record.key.clone(), record.wake_at);
        let look = Self { app, key, schedule: Stored::read(record)? };
        let schedule = &look.schedule.value;
        if schedule.paused.is_some() || schedule.removed_at.is_some() {
            return Ok(());
        }
        let plan = match plan(&look.key, schedule) {
            Ok(plan) => plan,
            Err(reason) => return look.block(reason).await,
        };
        let next = plan.next(schedule.judged);
        let is_near = |next: &Firing| next.effective.since(app.clock.now()) < CLOCK_SKEW;
        if let Some(next) = next.filter(|next| why == Why::Due && schedule.blocked.is_none() && is_near(next)) {
            app.clock.sleep_until(next.effective).await;
        }
        let now = app.clock.now();
        let is_due =
            next.is_some_and(|next| next.effective <= now) || !schedule.buffered.is_empty() || why == Why::Ended;
        let is_the_pollers = wake_at.is_some_and(|at| at <= now);
        match (&schedule.blocked, is_due) {
            (Some(_), _) if is_the_pollers => look.fire(&plan, there, now).await,
            (None, true) => look.fire(&plan, there, now).await,
            // Before its time: the poller has to see to the message of the next firing.
            (None, false) if is_the_pollers => look.ahead(&plan, now).await,
            // A message that came early, or of a schedule that is tried again later: nothing follows from it.
            _ => Ok(()),
        }
    }

    /// Sends the message of the next firing, if that is near, and has the poller come again before it, if not.
    async fn ahead(&self, plan: &Plan, now: Timestamp) -> Result<(), StoreError> {
        let schedule = &self.schedule.value;
        match plan.next(schedule.judged).map(|next| (next.effective, hint(next.effective, now))) {
            Some((at, Hint::Message(_))) => {
                notify_due(self.app, &self.key, at, schedule.task.priority).await;
                Ok(())
            }
            _ => {
                let wake_at = Some(wake_at(schedule, Some(plan), now, self.app.rules.look_ahead));
                let (key, expect) = (self.key.clone(), Expect::Version(self.schedule.version));
                let patch = Box::new(Patch { wake_at, ..Patch::default() });
                let records = vec![RecordWrite::Patch { key, patch, expect, version: ids::fresh(), at: now }];
                store::commit(&*self.app.store, Commit { records, ..Commit::default() }).await
            }
        }
    }

    async fn block(&self, reason: String) -> Result<(), StoreError> {
        let (schedule, now) = (&self.schedule.value, self.app.clock.now());
        let step = apply(schedule, &self.key, ScheduleAct::Block(reason), now);
        commit(self.app, (&self.key, Some(&self.schedule)), step, Beside::default(), now).await.map(drop)
    }

    async fn fire(&self, plan: &Plan, there: &mut HashSet<Uuid>, now: Timestamp) -> Result<(), StoreError> {
        let schedule = &self.schedule.value;
        let (payload, live) = (payload(self.app, &self.key).await?, self.live().await?);
        let most = at_once(&payload);
        let statuses = live.iter().map(|(id, task)| (*id, task.as_ref().map(Task::status))).collect();
        let step =
            apply(schedule, &self.key, ScheduleAct::Look { plan: plan.clone().into(), live: statuses, most }, now);
        let mut previous = schedule.previous(&self.key);
        let wanted = step.fires.iter().map(|nominal| {
            let firing = Some(schedule.firing(&self.key, *nominal));
            ToMake::of_firing(&self.key, schedule, *nominal).after(std::mem::replace(&mut previous, firing))
        });
        let wanted = wanted.collect();
        let made = made::tasks(self.app, (&self.key, schedule), &payload, wanted, now).await;
        let mut tasks = match made {
            Ok(tasks) => tasks,
            Err(EnqueueError::Store(problem)) => return Err(problem),
            Err(why) => return self.block(redact::text(&why.to_string()).into_owned()).await,
        };
        tasks.retain(|task| !there.contains(&task.key.id));
        self.cancel(&live, &step.cancels).await?;
        let ids: Vec<Uuid> = tasks.iter().map(|task| task.key.id).collect();
        let beside = Beside { tasks, ..Beside::default() };
        let committed = commit(self.app, (&self.key, Some(&self.schedule)), step, beside, now).await;
        if let Err(StoreError::Conflict { parts }) = &committed {
            // Made before the schedule was restored from a backup: it has fired.
            there.extend(parts.iter().filter_map(|part| match part {
                Part::NewTask(place) => ids.get(*place).copied(),
                _ => None,
            }));
        }
        committed.map(drop)
    }

    /// What became of those of its tasks that had not ended.
    async fn live(&self) -> Result<Vec<(Uuid, Option<Task>)>, StoreError> {
        let live = &self.schedule.value.live;
        let key = |id: &Uuid| TaskKey { tenant: self.key.tenant.clone(), id: *id };
        let read = self.app.store.tasks(&live.iter().map(key).collect::<Vec<_>>()).await;
        live.iter().zip(read).map(|(id, task)| Ok((*id, task?))).collect()
    }

    /// Cancels those that give way to the next, before that is there.
    async fn cancel(&self, live: &[(Uuid, Option<Task>)], cancels: &[Uuid]) -> Result<(), StoreError> {
        let (by, reason) = (format!("schedule {}", self.key.id), "the next firing of its schedule has come");
        for task in live.iter().filter(|(id, _)| cancels.contains(id)).filter_map(|(_, task)| task.as_ref()) {
            let cancel = Operation::Cancel { reason: Some(reason.to_owned()) };
            match operate(self.app, task, cancel, by.clone(), With::nothing()).await {
                Ok(_) | Err(ChangeError::Rejected(_) | ChangeError::Gone) => {}
                Err(ChangeError::Store(problem)) => return Err(problem),
                Err(ChangeError::Effect(_)) => return Err(StoreError::Busy),
            }
        }
        Ok(())
    }
}
