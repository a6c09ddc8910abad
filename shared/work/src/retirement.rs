//! Retires task types: no more of their tasks are taken, and once all have ended the type is removed.
//!
//! What is left to do lies in a record beside the type's, which is due as tasks are: the poller brings it until all is done.
//! Each look goes some pages on through the tenant's open tasks and notes how far it came, so a process that ends anywhere
//! leaves the rest to the next poll.

mod walk;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use errand::{
    App, Doc, Entity, Expect, Id, Name, Patch, Registry, Relations, Services, StoreError, Stored, Task, Timestamp,
    spi::{
        change::{ChangeError, With},
        ids,
        operate::{Operation, operate},
        records::{key_of, replace},
        registry::LookAfter,
        store::{self, Commit, MAX_TRIES, Record, RecordKey, RecordWrite},
    },
};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    OpenWork, TypeRecord,
    types::{place, stored},
};
use walk::Walk;

/// How long a retired type is there at least: elsewhere its tasks are taken for another 30 seconds, and DynamoDB counts a
/// task, by which its queue is found, up to two minutes late.
const SETTLES: Duration = Duration::from_secs(300);

/// How many pages one look takes.
const PAGES: usize = 10;

/// When a type is looked at again whose tasks have not ended: after as long again as it has waited, within these.
const AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));

/// What is left to do for a type that is retired. Its id is the type's name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Retirement {
    /// Who wants its tasks cancelled, if somebody does.
    #[serde(default)]
    cancelled_by: Option<String>,
    /// How far the tenant's open tasks were looked through.
    #[serde(default)]
    walk: Walk,
    /// Whether any of its own was among them.
    #[serde(default)]
    has_met: bool,
}

impl Entity for Retirement {
    const KIND: &'static str = "retirement";

    fn relations(&self, _: &str) -> Relations {
        Relations::default()
    }
}

/// Retires the type `name` of `tenant`; the type as it is then. With `forced_by` all of its tasks that have not ended are
/// cancelled, as that principal's doing; without it they come to their ends, unless that was asked for before.
pub(crate) async fn retire(
    app: &App,
    tenant: &Name,
    name: &Name,
    forced_by: Option<String>,
) -> Result<Option<TypeRecord>, StoreError> {
    for _ in 0..MAX_TRIES {
        let Some(there) = stored(app, tenant, name).await? else { return Ok(None) };
        let (now, key) = (app.clock.now(), key_of::<Retirement>(tenant, &Id::from(name)));
        let before = match there.value.retired_at {
            Some(_) => app.store.record(&key).await?.map(Stored::<Retirement>::read).transpose()?,
            None => None,
        };
        let cancelled_by = forced_by.clone().or(before.and_then(|before| before.value.cancelled_by));
        let retirement = Retirement { cancelled_by, ..Retirement::default() };
        let retired_at = there.value.retired_at.unwrap_or(now);
        let look_at = if retirement.cancelled_by.is_some() { now } else { retired_at + SETTLES };
        let due = Record { wake_at: Some(look_at), ..Record::new(key, retirement.doc(), now) };
        let due = RecordWrite::Put { record: Box::new(due), expect: Expect::Any };
        let record = TypeRecord { retired_at: Some(retired_at), ..there.value.clone() };
        match written(app, vec![replace(tenant, &there, &record, now), due]).await {
            Err(StoreError::Conflict { .. }) => {}
            written => return written.map(|()| Some(record)),
        }
    }
    Err(StoreError::Busy)
}

/// The retirements of an installation, which are looked after until they are through.
pub(crate) struct Retirements;

#[async_trait]
impl LookAfter for Retirements {
    async fn look_after(&self, services: &Services, types: &Arc<Registry>, record: Record) -> Result<(), StoreError> {
        look_after(&App::new(services.clone(), types.clone()), record).await
    }
}

/// Goes on with the retirement that `due` is the record of. Whoever asks for something else meanwhile wins.
async fn look_after(app: &App, due: Record) -> Result<(), StoreError> {
    let (key, version) = (due.key.clone(), due.version);
    let retirement = Stored::<Retirement>::read(due)?.value;
    let name = Name::new(key.id.as_str()).map_err(|error| StoreError::Invalid(error.to_string()))?;
    let retired = stored(app, &key.tenant, &name).await?;
    let retired = retired.and_then(|there| there.value.retired_at.map(|at| (there.version, at)));
    let mut records = Vec::new();
    let next = match retired {
        Some((type_version, retired_at)) => {
            let (retirement, is_through) = look(app, &key.tenant, &name, retirement).await?;
            let next = next(retirement, is_through, retired_at, app.clock.now());
            if next.is_none() {
                records.push(removal(&place(&key.tenant, &name), type_version, app.clock.now()));
            }
            next
        }
        // It was put again, or is gone.
        None => None,
    };
    let now = app.clock.now();
    let patch = match next {
        Some((left, at)) => Patch { set: left.doc(), wake_at: Some(Some(at)), ..Patch::default() },
        None => Patch { wake_at: Some(None), expires_at: Some(now), ..Patch::default() },
    };
    records.push(patched(&key, version, patch, now));
    match written(app, records).await {
        // Somebody else has looked, or said what is to be.
        Err(StoreError::Conflict { .. }) => Ok(()),
        written => written,
    }
}

/// Looks some pages on; whether that was all.
async fn look(
    app: &App,
    tenant: &Name,
    name: &Name,
    mut retirement: Retirement,
) -> Result<(Retirement, bool), StoreError> {
    for _ in 0..PAGES {
        let Some((walk, tasks)) = retirement.walk.page(app, tenant, name).await? else { return Ok((retirement, true)) };
        retirement.has_met |= !tasks.is_empty();
        match &retirement.cancelled_by {
            Some(by) => cancel(app, &tasks, by).await?,
            None if retirement.has_met => break,
            None => {}
        }
        retirement.walk = walk;
    }
    Ok((retirement, false))
}

/// What is left to do after a look at `now`, and when; `None`: the type is removed. Pure.
fn next(left: Retirement, is_through: bool, retired_at: Timestamp, now: Timestamp) -> Option<(Retirement, Timestamp)> {
    let waits_for_ends = left.has_met && left.cancelled_by.is_none();
    if !is_through && !waits_for_ends {
        return Some((left, now)); // the next poll goes on where this one stopped
    }
    if !left.has_met && now >= retired_at + SETTLES {
        return None;
    }
    let anew = Retirement { cancelled_by: left.cancelled_by, ..Retirement::default() };
    let again = now + now.since(retired_at).clamp(AGAIN.0, AGAIN.1);
    Some((anew, again.max(retired_at + SETTLES)))
}

/// Cancels what has not ended meanwhile.
async fn cancel(app: &App, tasks: &[Task], by: &str) -> Result<(), StoreError> {
    let reason = || Some("its type is retired".to_owned());
    let cancelled = tasks.iter().map(async |task| {
        match operate(app, task, Operation::Cancel { reason: reason() }, by.to_owned(), With::nothing()).await {
            Ok(_) | Err(ChangeError::Rejected(_) | ChangeError::Gone) => Ok(()),
            Err(ChangeError::Store(error)) => Err(error),
            Err(ChangeError::Effect(_)) => Err(StoreError::Busy),
        }
    });
    join_all(cancelled).await.into_iter().collect()
}

/// The write by which a type is no more; its secrets are forgotten with that.
fn removal(key: &RecordKey, version: uuid::Uuid, now: Timestamp) -> RecordWrite {
    let set = Doc::from_iter([("removed_at".to_owned(), json!(now)), ("sealed".to_owned(), json!(null))]);
    let patch = Patch { set, parent: Some(None), expires_at: Some(now), ..Patch::default() };
    patched(key, version, patch, now)
}

fn patched(key: &RecordKey, version: uuid::Uuid, patch: Patch, at: Timestamp) -> RecordWrite {
    let expect = Expect::Version(version);
    RecordWrite::Patch { key: key.clone(), patch: Box::new(patch), expect, version: ids::fresh(), at }
}

async fn written(app: &App, records: Vec<RecordWrite>) -> Result<(), StoreError> {
    store::commit(&*app.store, Commit { records, ..Commit::default() }).await?;
    if let Some(open) = OpenWork::of(app) {
        open.forget();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Timestamp {
        Timestamp::default() + Duration::from_secs(s)
    }

    #[test]
    fn a_type_goes_once_all_was_looked_through_and_nothing_met_after_it_has_settled() {
        let walk: Walk = serde_json::from_value(json!({"queue": ["default", "mail"]})).unwrap();
        let left =
            |has_met, by: Option<&str>| Retirement { cancelled_by: by.map(str::to_owned), walk: walk.clone(), has_met };
        let after = |left, is_through, now| next(left, is_through, at(0), at(now)).map(|(left, at)| (left.walk, at));
        let (on, anew) = (|s| Some((walk.clone(), at(s))), |s| Some((Walk::default(), at(s))));
        assert_eq!(after(left(false, None), true, 300), None);
        assert_eq!(after(left(false, None), true, 299), anew(598));
        assert_eq!(after(left(false, None), true, 0), anew(300));
        assert_eq!(after(left(false, None), false, 300), on(300));
        assert_eq!(after(left(true, Some("me")), false, 300), on(300), "it cancels them page by page");
        assert_eq!(after(left(true, Some("me")), true, 1_000), anew(2_000), "and looks whether there are more");
        assert_eq!(after(left(true, None), false, 1_000), anew(2_000), "one is enough to wait for");
        assert_eq!(after(left(true, None), true, 90_000), anew(93_600));
    }
}
