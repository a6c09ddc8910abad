//! Lets go of a session's records, page by page under the task's fence.

use std::collections::VecDeque;

use super::{Failure, TaskContext};
use crate::{
    agent::{Command, Run, RunEvent, RunnerJob, Session, StoredTurn, journal::JournalError, replace},
    clock::Timestamp,
    domain::{Entity, Stored},
    ids::{self, Id, Name},
    store::{
        self, COMMIT_ITEMS, Commit, Expect, Part, Patch, RecordWrite, Related, RelationKind, StoreError, TaskWrite,
    },
};

/// What came of a sweep.
pub(super) enum Swept {
    /// All is let go of: so many records.
    All(usize),
    /// The rest in the next execution.
    Some,
}

/// How many commits one execution makes.
const MAX_PAGES: usize = 50;

/// How many records one commit lets go of: with the task it fits.
const PAGE: usize = COMMIT_ITEMS - 10;

/// Writes the session as `ended`, to be removed at `gone_at`.
pub(super) async fn close(
    task: &TaskContext<'_>,
    session: &Stored<Session>,
    ended: &Session,
    gone_at: Timestamp,
) -> Result<(), Failure> {
    let tenant = &task.task().key.tenant;
    commit(task, vec![replace(tenant, session, ended, task.now()).expiring(gone_at)]).await
}

/// Lets go of everything in the session that is not let go of yet.
pub(super) async fn sweep(task: &TaskContext<'_>, session: &Id, gone_at: Timestamp) -> Result<Swept, Failure> {
    let mut pages = MAX_PAGES;
    let mut swept = 0;
    let mut left: VecDeque<(Name, Id)> = [(StoredTurn::kind(), session.clone())].into();
    for run in all(task, Run::kind(), session).await? {
        left.extend([RunEvent::kind(), Command::kind(), RunnerJob::kind()].map(|kind| (kind, run.clone())));
    }
    left.push_back((Run::kind(), session.clone()));
    while let Some((kind, of)) = left.pop_front() {
        let mut after = None;
        loop {
            let page = task.app().store.records(&related(task, kind.clone(), &of), after.as_deref(), PAGE).await?;
            let due = page.items.iter().filter(|record| record.expires_at.is_none_or(|at| at > gone_at));
            let patch = Patch { expires_at: Some(gone_at), ..Patch::default() };
            let writes: Vec<RecordWrite> = due
                .map(|record| RecordWrite::Patch {
                    key: record.key.clone(),
                    patch: patch.clone(),
                    expect: Expect::Any,
                    version: ids::fresh(),
                    at: task.now(),
                })
                .collect();
            if !writes.is_empty() {
                if pages == 0 {
                    return Ok(Swept::Some);
                }
                pages -= 1;
                swept += writes.len();
                commit(task, writes).await?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(Swept::All(swept))
}

async fn all(task: &TaskContext<'_>, kind: Name, of: &Id) -> Result<Vec<Id>, Failure> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = task.app().store.records(&related(task, kind.clone(), of), after.as_deref(), PAGE).await?;
        found.extend(page.items.into_iter().map(|record| record.key.id));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

fn related(task: &TaskContext<'_>, kind: Name, of: &Id) -> Related {
    let tenant = task.task().key.tenant.clone();
    Related { tenant, kind, by: RelationKind::Parent, of: of.clone(), newest_first: false }
}

async fn commit(task: &TaskContext<'_>, records: Vec<RecordWrite>) -> Result<(), Failure> {
    let fence = task.task().fence().ok_or(JournalError::LeaseLost).map_err(Failure::of_journal)?;
    let step = TaskWrite::Step { key: task.task().key.clone(), fence };
    match store::commit(&*task.app().store, Commit { task: Some(step), records, ..Commit::default() }).await {
        Ok(()) => Ok(()),
        Err(StoreError::Conflict { parts }) if parts.contains(&Part::Task) => {
            Err(Failure::of_journal(JournalError::LeaseLost))
        }
        // Used meanwhile, or gone already: looked at again.
        Err(error) => Err(error.into()),
    }
}
