//! Backfills: firings that are asked for afterwards, of a time that has passed.
//!
//! Each is a record of its own, which is looked after beside its schedule: a long one keeps that from nothing.

use std::{collections::HashSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use errand::{
    App, EnqueueError, Entity, Expect, Id, Patch, Priority, Registry, Relations, Services, StoreError, Stored, Task,
    TaskKey, Timestamp, parent,
    spi::{
        ids,
        notify::{notify, notify_due},
        records::key_of,
        registry::LookAfter,
        store::{self, Commit, MAX_TRIES, Part, Record, RecordKey, RecordWrite},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    kept,
    life::at_once,
    made::{self, ToMake},
    plan::Plan,
    schedule::Schedule,
};

/// How long one that has ended is kept.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// When it is looked whether the task before has ended, should nobody have told.
const AGAIN: Duration = Duration::from_secs(60);

/// When one is looked at again whose schedule cannot fire.
const BLOCKED: Duration = Duration::from_secs(3600);

/// How the tasks of a backfill go beside each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum BackfillOverlap {
    /// All of them, 40 at a time.
    #[default]
    Allow,
    /// One after the other.
    Buffer,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Backfill {
    /// The schedule.
    pub schedule: Id,
    /// Which of those of this name: when it was made.
    pub made_at: Timestamp,
    /// The firings from this time on, that included.
    pub from: Timestamp,
    /// Up to this, that included.
    pub to: Timestamp,
    /// How their tasks go beside each other.
    pub overlap: BackfillOverlap,
    /// Who has asked for it.
    pub by: String,
    /// Firings up to this one are dealt with.
    pub judged: Timestamp,
    /// How many tasks it has made.
    pub made: u64,
    /// How many firings had their task already.
    pub there: u64,
    /// The task that the next one waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Uuid>,
    /// When it was through, or had no schedule any more. It is kept for 30 days from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Entity for Backfill {
    const KIND: &'static str = "backfill";

    fn relations(&self, place: &str) -> Relations {
        parent(&self.schedule, place)
    }
}

/// The backfills of an installation.
pub(crate) struct Backfills;

#[async_trait]
impl LookAfter for Backfills {
    async fn look_after(&self, services: &Services, types: &Arc<Registry>, record: Record) -> Result<(), StoreError> {
        go_on(&App::new(services.clone(), types.clone()), record).await
    }
}

/// Goes on with `backfill`, which waits for the end of `task`. What is lost of this, its next look makes good.
pub(crate) async fn ended(app: &App, task: &Task, backfill: &Id) -> Result<(), StoreError> {
    let key = key_of::<Backfill>(&task.key.tenant, backfill);
    let Some(record) = app.store.record(&key).await? else { return Ok(()) };
    match Stored::<Backfill>::read(record.clone())?.value.live {
        Some(live) if live == task.key.id => go_on(app, record).await,
        _ => Ok(()),
    }
}

/// Looks at the backfill that `record` is. Whoever changes it meanwhile wins, and it is looked at again.
async fn go_on(app: &App, record: Record) -> Result<(), StoreError> {
    let (key, mut record, mut there) = (record.key.clone(), Some(record), HashSet::new());
    for _ in 0..MAX_TRIES {
        let Some(read) = record else { return Ok(()) };
        match look(app, &key, Stored::read(read)?, &mut there).await {
            Err(StoreError::Conflict { .. }) => record = app.store.record(&key).await?,
            looked => return looked,
        }
    }
    Err(StoreError::Busy)
}

/// Makes the next tasks of a backfill. `there`: those that were found to be there already.
async fn look(
    app: &App,
    key: &RecordKey,
    backfill: Stored<Backfill>,
    there: &mut HashSet<Uuid>,
) -> Result<(), StoreError> {
    let (of, now) = (&backfill.value, app.clock.now());
    if of.ended_at.is_some() {
        return Ok(());
    }
    let place = kept::place(&key.tenant, &of.schedule);
    let Some(schedule) = kept::stored(app, &place).await?.filter(|there| there.value.made_at == of.made_at) else {
        let ended = Backfill { ended_at: Some(now), ..of.clone() };
        return write(app, key, &backfill, ended, (Vec::new(), Priority::default())).await;
    };
    let Ok(plan) = kept::plan(&place, &schedule.value) else { return wait(app, key, &backfill, BLOCKED).await };
    if lives(app, key, of.live).await? {
        return wait(app, key, &backfill, AGAIN).await;
    }
    let payload = kept::payload(app, &place).await?;
    let nominals = next(&plan, of, at_once(&payload));
    let next = (of.overlap == BackfillOverlap::Buffer).then(|| key.id.clone());
    let firing = |nominal: &Timestamp| ToMake::of_firing(&place, &schedule.value, *nominal).backfilled(next.clone());
    let wanted = nominals.iter().map(firing).collect();
    let tasks = match made::tasks(app, (&place, &schedule.value), &payload, wanted, now).await {
        Ok(tasks) => tasks,
        Err(EnqueueError::Store(problem)) => return Err(problem),
        Err(_) => return wait(app, key, &backfill, BLOCKED).await,
    };
    let (old, fresh): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(|task| there.contains(&task.key.id));
    let judged = nominals.last().copied().unwrap_or(of.judged);
    let [made, own] = [&fresh, &old].map(|tasks| tasks.last().map(|task| task.key.id));
    let live = match of.overlap {
        BackfillOverlap::Allow => None,
        // The schedule's own task of that firing may be under way, too.
        BackfillOverlap::Buffer if made.is_none() && lives(app, key, own).await? => own,
        BackfillOverlap::Buffer => made,
    };
    let is_through = plan.next(judged).is_none_or(|next| next.nominal > of.to);
    let after = Backfill {
        judged,
        made: of.made + fresh.len() as u64,
        there: of.there + old.len() as u64,
        live,
        ended_at: is_through.then_some(now),
        ..of.clone()
    };
    let ids: Vec<Uuid> = fresh.iter().map(|task| task.key.id).collect();
    let written = write(app, key, &backfill, after, (fresh, schedule.value.task.priority)).await;
    if let Err(StoreError::Conflict { parts }) = &written {
        there.extend(parts.iter().filter_map(|part| match part {
            Part::NewTask(place) => ids.get(*place).copied(),
            _ => None,
        }));
    }
    written
}

/// The next firings, as many as make tasks at once.
fn next(plan: &Plan, of: &Backfill, most: usize) -> Vec<Timestamp> {
    let most = if of.overlap == BackfillOverlap::Buffer { 1 } else { most };
    let mut after = of.judged;
    let firings = std::iter::from_fn(|| {
        after = plan.next(after).filter(|next| next.nominal <= of.to)?.nominal;
        Some(after)
    });
    firings.take(most).collect()
}

async fn lives(app: &App, key: &RecordKey, task: Option<Uuid>) -> Result<bool, StoreError> {
    let Some(id) = task else { return Ok(false) };
    let task = store::task(&*app.store, &TaskKey { tenant: key.tenant.clone(), id }).await?;
    Ok(task.is_some_and(|task| !task.status().is_ended()))
}

async fn wait(app: &App, key: &RecordKey, backfill: &Stored<Backfill>, wait: Duration) -> Result<(), StoreError> {
    let now = app.clock.now();
    let patch = Box::new(Patch { wake_at: Some(Some(now + wait)), ..Patch::default() });
    let (key, expect) = (key.clone(), Expect::Version(backfill.version));
    let records = vec![RecordWrite::Patch { key, patch, expect, version: ids::fresh(), at: now }];
    store::commit(&*app.store, Commit { records, ..Commit::default() }).await
}

/// Writes how far it has come, with the tasks that it makes; a message brings the next look at once.
async fn write(
    app: &App,
    key: &RecordKey,
    before: &Stored<Backfill>,
    after: Backfill,
    (tasks, priority): (Vec<Task>, Priority),
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let wait = if after.live.is_some() { AGAIN } else { Duration::ZERO };
    let relations = after.relations(&before.created_at.to_string());
    let record = Record {
        parent: relations.parent,
        wake_at: after.ended_at.is_none().then_some(now + wait),
        expires_at: after.ended_at.map(|at| at + KEPT),
        created_at: before.created_at,
        ..Record::new(key.clone(), after.doc(), now)
    };
    let wake_at = record.wake_at;
    let put = RecordWrite::Put { record: Box::new(record), expect: Expect::Version(before.version) };
    let commit = Commit { records: vec![put], tasks: tasks.clone(), ..Commit::default() };
    store::commit(&*app.store, commit).await?;
    notify(app, &tasks).await;
    if let Some(at) = wake_at {
        notify_due(app, key, at, priority).await;
    }
    Ok(())
}

/// One that begins at `now`, of this schedule.
pub(crate) fn begun(
    schedule: &Stored<Schedule>,
    (from, to): (Timestamp, Timestamp),
    overlap: BackfillOverlap,
    by: String,
) -> Backfill {
    Backfill {
        schedule: schedule.id.clone(),
        made_at: schedule.value.made_at,
        from,
        to,
        overlap,
        by,
        judged: from - Duration::from_millis(1),
        made: 0,
        there: 0,
        live: None,
        ended_at: None,
    }
}
