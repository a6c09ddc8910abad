//! What the runs of a task have left: events, commands, turns, and the sessions and agents that were theirs alone.

use std::collections::BTreeMap;

use crate::{
    Agent, Command, Recap, Run, RunEvent, Session, StoredTurn, budget::Spending, erase_user::commit, journal, key_of,
};
use errand::{
    App, Entity, Expect, Id, Name, StoreError, Task,
    spi::{
        erase::RECORDS,
        store::{Record, RecordKey, RecordWrite, Related, RelationKind},
    },
};

/// Where it is counted what a user has spent.
pub(super) fn spending(tenant: &Name, user: &Id) -> RecordKey {
    RecordKey { tenant: tenant.clone(), kind: Name::of("spending_of_user"), id: user.clone() }
}

/// Removes it; how many records of each kind. A session in which others have runs, or an agent that somebody has named, stays.
pub(super) async fn erase(app: &App, task: &Task) -> Result<BTreeMap<Name, usize>, StoreError> {
    let (tenant, mut removed) = (&task.key.tenant, BTreeMap::new());
    let own = Id::from(task.key.id);
    below(app, tenant, (Agent::kind(), &own), &mut removed, |agent| agent.key.id == own).await?;
    let spent = RecordWrite::Delete { key: Spending::key(tenant, &own), expect: Expect::Any };
    commit(app, vec![spent]).await?;
    for run in journal::runs(app, task, 0..task.redrives + 1).await? {
        for kind in [RunEvent::kind(), Command::kind(), Name::of("runner_job")] {
            below(app, tenant, (kind, &run.id), &mut removed, |_| true).await?;
        }
        // Last, and with the session: by the run they are all found.
        let mut keys = vec![key_of::<Run>(tenant, &run.id)];
        if let Some(session) = &run.value.session_id {
            let is_last = !has_others(app, tenant, session, &run.id).await?;
            let goes = |record: &Record| is_last || record.doc.get("run_id").is_some_and(|id| *id == run.id.as_str());
            for kind in [StoredTurn::kind(), Recap::kind()] {
                below(app, tenant, (kind, session), &mut removed, goes).await?;
            }
            keys.extend(is_last.then(|| key_of::<Session>(tenant, session)));
        }
        remove(app, keys, &mut removed).await?;
    }
    Ok(removed)
}

/// Whether `session` has other runs than this one. A page may be empty where all of it have gone.
async fn has_others(app: &App, tenant: &Name, session: &Id, run: &Id) -> Result<bool, StoreError> {
    let (related, mut after) = (related(tenant, Run::kind(), session), None);
    loop {
        let page = app.store.records(&related, after.as_deref(), RECORDS).await?;
        if page.items.iter().any(|other| other.key.id != *run) {
            return Ok(true);
        }
        after = page.next;
        if after.is_none() {
            return Ok(false);
        }
    }
}

fn related(tenant: &Name, kind: Name, of: &Id) -> Related {
    Related { tenant: tenant.clone(), kind, by: RelationKind::Parent, of: of.clone(), newest_first: false }
}

/// Removes those below `of` that are to go.
async fn below(
    app: &App,
    tenant: &Name,
    (kind, of): (Name, &Id),
    removed: &mut BTreeMap<Name, usize>,
    goes: impl Fn(&Record) -> bool + Send + Sync,
) -> Result<(), StoreError> {
    let related = related(tenant, kind, of);
    let mut after = None;
    loop {
        let page = app.store.records(&related, after.as_deref(), RECORDS).await?;
        let keys: Vec<RecordKey> = page.items.iter().filter(|record| goes(record)).map(|it| it.key.clone()).collect();
        remove(app, keys, removed).await?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn remove(app: &App, keys: Vec<RecordKey>, removed: &mut BTreeMap<Name, usize>) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    for key in &keys {
        *removed.entry(key.kind.clone()).or_default() += 1;
    }
    let delete = |key| RecordWrite::Delete { key, expect: Expect::Any };
    commit(app, keys.into_iter().map(delete).collect()).await
}
