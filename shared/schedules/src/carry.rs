//! The schedules that task types carry: each program that looks after schedules has them be as its types say when it starts.

use std::collections::BTreeSet;

use errand::{
    App, CarriedSchedule, EnqueueError, Entity, FieldError, Id, Name, StoreError, Stored,
    spi::{
        json::Json,
        store::{MAX_TRIES, Related, RelationKind},
    },
};
use tracing::{info, warn};

use crate::{
    asked::ScheduleAsked,
    kept::{self, Beside, commit},
    life::{ScheduleAct, apply},
    schedule::{Schedule, ScheduledTask, carried},
};

/// Who puts them.
const BY: &str = "_errand";

/// How many are read at a time.
const PAGE: usize = 100;

/// Why the schedules that types carry are not all as these say.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// It cannot fire.
    #[error("the schedule that the task type {0} carries is wrong at {field}", field = .1.field)]
    Plan(Name, #[source] FieldError),
    /// A task of it would not be taken.
    #[error("the schedule that the task type {0} carries would make tasks that are not taken")]
    Task(Name, #[source] EnqueueError),
    /// The store did not do it. It is done by the next try, or the next start.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Has the schedules of the tenant `default` that types carry be as these say: those that are new are made, those that changed
/// are put, and removed are those that no type carries any more. What is as it should be costs a read, and is not written.
/// Of a type whose tasks are not taken here, what is there stays. One that somebody else has made under the name of a type
/// stays, too; then that type's is not made.
///
/// # Errors
/// The first that is wrong, or what the store says.
pub async fn carry(app: &App) -> Result<(), CarryError> {
    let types = app.types.schedules();
    for (name, schedule) in &types {
        if let Some(schedule) = schedule {
            put(app, name, schedule).await?;
        }
    }
    let named: BTreeSet<&str> = types.iter().map(|(name, _)| name.as_str()).collect();
    for id in listed(app).await?.into_iter().filter(|id| !named.contains(id.as_str())) {
        remove(app, &id).await?;
    }
    Ok(())
}

async fn put(app: &App, name: &Name, carried: &CarriedSchedule<Json>) -> Result<(), CarryError> {
    let key = kept::place(&Name::default(), &Id::from(name));
    let asked = asked(app, name, carried);
    asked.plan(&key).map_err(|error| CarryError::Plan(name.clone(), error.within("spec")))?;
    asked.fresh.policy.check().map_err(|error| CarryError::Plan(name.clone(), error.within("policy")))?;
    asked.try_out(app, &key).await.map_err(|why| match why {
        EnqueueError::Store(problem) => problem.into(),
        why => CarryError::Task(name.clone(), why),
    })?;
    for _ in 0..MAX_TRIES {
        let kept = kept::kept(app, &key).await?;
        if kept.as_ref().is_some_and(|there| there.value.removed_at.is_none() && !there.value.carried) {
            warn!(schedule = %key.id, "a schedule was made under the name of a task type: the one that the type carries is not");
            return Ok(());
        }
        match asked.put_over(app, &key, kept.as_ref()).await {
            Err(StoreError::Conflict { .. }) => {}
            put => {
                if Some(put?.version) != kept.map(|kept| kept.version) {
                    info!(schedule = %key.id, "the schedule that a task type carries was put");
                }
                return Ok(());
            }
        }
    }
    Err(StoreError::Busy.into())
}

fn asked(app: &App, name: &Name, carried: &CarriedSchedule<Json>) -> ScheduleAsked {
    let CarriedSchedule { spec, payload, policy, queue, priority, ttl_s } = carried.clone();
    let task = ScheduledTask { queue, priority, ttl_s, ..ScheduledTask::of_type(name.clone()) };
    let fresh = Schedule::new((spec, task, policy), BY.to_owned(), app.clock.now());
    ScheduleAsked { fresh: Schedule { carried: true, ..fresh }, payload }
}

/// The names of those that are there.
async fn listed(app: &App) -> Result<Vec<Id>, StoreError> {
    let (tenant, kind, by, of) = (Name::default(), Schedule::kind(), RelationKind::Owner, carried());
    let related = Related { tenant, kind, by, of, newest_first: false };
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = app.store.records(&related, after.as_deref(), PAGE).await?;
        ids.extend(page.items.into_iter().map(|record| record.key.id));
        after = page.next;
        if after.is_none() {
            return Ok(ids);
        }
    }
}

async fn remove(app: &App, id: &Id) -> Result<(), StoreError> {
    let key = kept::place(&Name::default(), id);
    for _ in 0..MAX_TRIES {
        let there: Option<Stored<Schedule>> = kept::stored(app, &key).await?.filter(|there| there.value.carried);
        let Some(there) = there else { return Ok(()) };
        let now = app.clock.now();
        let step = apply(&there.value, &key, ScheduleAct::Remove, now);
        match commit(app, (&key, Some(&there)), step, Beside::default(), now).await {
            Err(StoreError::Conflict { .. }) => {}
            removed => {
                info!(schedule = %id, "a schedule was removed that no task type carries any more");
                return removed.map(drop);
            }
        }
    }
    Err(StoreError::Busy)
}
