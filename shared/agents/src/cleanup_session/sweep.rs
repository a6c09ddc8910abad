//! Lets go of a session's records, page by page under the task's fence.

use std::collections::VecDeque;

use crate::{
    Agent, Command, Recap, Run, RunEvent, Session, StoredTurn,
    cleanup_session::{Failure, TaskContext},
    journal::JournalError,
    of_journal, replace,
};
use errand::{
    Entity, Expect, Id, Name, Patch, StoreError, Stored, Timestamp,
    spi::{
        ids,
        store::{self, COMMIT_ITEMS, Commit, Part, Record, RecordWrite, Related, RelationKind, TaskWrite},
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

/// Writes the session as `ended`.
pub(super) async fn close(task: &TaskContext<'_>, session: &Stored<Session>, ended: &Session) -> Result<(), Failure> {
    let tenant = &task.task().key.tenant;
    commit(task, vec![replace(tenant, session, ended, task.now())]).await
}

/// Lets go of everything in the session that is not let go of yet.
pub(super) async fn sweep(task: &TaskContext<'_>, session: &Id, gone_at: Timestamp) -> Result<Swept, Failure> {
    let mut pages = MAX_PAGES;
    let mut swept = 0;
    let mut left: VecDeque<(Name, Id)> = [StoredTurn::kind(), Recap::kind()].map(|kind| (kind, session.clone())).into();
    for (run, of_task) in runs(task, session).await? {
        // Runs of before had jobs for those who did them.
        let kinds = [RunEvent::kind(), Command::kind(), Name::of("runner_job")];
        left.extend(kinds.map(|kind| (kind, run.clone())));
        // Of its task's agents only the one that nobody named: a named one lives on for other runs.
        left.extend(of_task.map(|task| (Agent::kind(), task)));
    }
    left.push_back((Run::kind(), session.clone()));
    while let Some((kind, of)) = left.pop_front() {
        let mut after = None;
        loop {
            let page = task.services().store.records(&related(task, kind.clone(), &of), after.as_deref(), PAGE).await?;
            let due = page.items.iter().filter(|record| record.expires_at.is_none_or(|at| at > gone_at));
            let due = due.filter(|record| kind != Agent::kind() || record.key.id == of);
            let writes: Vec<RecordWrite> = due.map(|record| gone(record, gone_at, task.now())).collect();
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

fn gone(record: &Record, gone_at: Timestamp, at: Timestamp) -> RecordWrite {
    let patch = Patch { expires_at: Some(gone_at), ..Patch::default() };
    RecordWrite::Patch {
        key: record.key.clone(),
        patch: Box::new(patch),
        expect: Expect::Any,
        version: ids::fresh(),
        at,
    }
}

/// The runs of a session, each with its task if it can be read.
async fn runs(task: &TaskContext<'_>, of: &Id) -> Result<Vec<(Id, Option<Id>)>, Failure> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = task.services().store.records(&related(task, Run::kind(), of), after.as_deref(), PAGE).await?;
        for record in page.items {
            let id = record.key.id.clone();
            found.push((id, Stored::<Run>::read(record).ok().map(|run| run.value.task_id.into())));
        }
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
    let fence = task.task().fence().ok_or(JournalError::LeaseLost).map_err(of_journal)?;
    let step = TaskWrite::Step { key: task.task().key.clone(), fence };
    match store::commit(&*task.services().store, Commit { task: Some(step), records, ..Commit::default() }).await {
        Ok(()) => Ok(()),
        Err(StoreError::Conflict { parts }) if parts.contains(&Part::Task) => Err(of_journal(JournalError::LeaseLost)),
        // Used meanwhile, or gone already: looked at again.
        Err(error) => Err(error.into()),
    }
}
