//! What the runs of a task have left: events, commands, turns, and the sessions and agents that were theirs alone.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    Agent, Command, Recap, Run, RunEvent, Session, StoredTurn, budget::Spending, erase_user::commit, journal, key_of,
};
use errand::{
    App, Doc, Entity, Expect, Id, Name, Patch, StoreError, Task,
    spi::{
        erase::RECORDS,
        ids,
        store::{Record, RecordKey, RecordWrite, Related, RelationKind},
    },
};

/// Where it is counted what a user has spent.
pub(super) fn spending(tenant: &Name, user: &Id) -> RecordKey {
    RecordKey { tenant: tenant.clone(), kind: Name::of("spending_of_user"), id: user.clone() }
}

/// Removes it; how many records of each kind. A session in which others have runs stays, without what is this task's; so
/// does an agent that somebody has named.
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
            let goes = |record: &Record| is_last || is_of(&record.doc, &run.id);
            below(app, tenant, (StoredTurn::kind(), session), &mut removed, goes).await?;
            if is_last {
                below(app, tenant, (Recap::kind(), session), &mut removed, |_| true).await?;
            } else {
                blank_recaps(app, tenant, session, &run.id, &mut removed).await?;
            }
            keys.extend(is_last.then(|| key_of::<Session>(tenant, session)));
        }
        remove(app, keys, &mut removed).await?;
    }
    Ok(removed)
}

/// Whether this is of `run`.
fn is_of(doc: &Doc, run: &Id) -> bool {
    doc.get("run_id").is_some_and(|id| *id == run.as_str())
}

/// Takes from what was put in short of `session` all that was said in `run`. With the newest recap the others go on, so that
/// it keeps their words; nobody reads an older one.
async fn blank_recaps(
    app: &App,
    tenant: &Name,
    session: &Id,
    run: &Id,
    removed: &mut BTreeMap<Name, usize>,
) -> Result<(), StoreError> {
    let (related, mut after) = (related(tenant, Recap::kind(), session), None);
    loop {
        let page = app.store.records(&related, after.as_deref(), RECORDS).await?;
        // Read after its recaps, the session names the newest of them, or one that is newer.
        let there = app.store.record(&key_of::<Session>(tenant, session)).await?;
        let newest = there.as_ref().and_then(|there| there.doc.get("recap_id")).and_then(Value::as_str);
        let mut older = Vec::new();
        for recap in page.items {
            match blank(&recap.doc, run) {
                None => {}
                Some(set) if newest == Some(recap.key.id.as_str()) => {
                    let patch = Box::new(Patch { set, ..Patch::default() });
                    let (key, version, at) = (recap.key, ids::fresh(), app.clock.now());
                    let write = RecordWrite::Patch { key, patch, expect: Expect::Any, version, at };
                    commit(app, vec![write]).await?;
                }
                Some(_) => older.push(recap.key),
            }
        }
        remove(app, older, removed).await?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// What is set in a recap that `run` has written, or that has words of it: these are left out, and the short, in which nobody
/// can tell apart whose answers it was made of.
fn blank(recap: &Doc, run: &Id) -> Option<Doc> {
    let said = recap.get("said").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let others = said.iter().filter(|said| !said.as_object().is_some_and(|said| is_of(said, run)));
    let others: Vec<Value> = others.cloned().collect();
    let has_any = others.len() < said.len() || is_of(recap, run);
    has_any.then(|| [("said".to_owned(), others.into()), ("short".to_owned(), Value::Null)].into_iter().collect())
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
