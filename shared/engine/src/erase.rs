//! What is removed for good: a task with all that belongs to it alone, and page by page all that is a user's.
//!
//! Nothing is noted of how far it came. What is removed is not found again; so whoever was broken off begins anew, and goes on
//! where that was.

mod records;
#[cfg(test)]
mod tests;

use futures::{StreamExt, TryStreamExt, stream};

pub use records::erase_records;

use crate::{
    app::App,
    change::{ChangeError, With, change, follow},
    group,
    handler::STEP,
    ids::{Id, Name},
    lifecycle::{Task, Trigger},
    store::{
        self, COMMIT_ITEMS, Commit, Expect, Filter, ListQuery, Listing, RecordWrite, Related, RelationKind, StoreError,
    },
};

/// How many tasks are erased before it is looked for more.
const PAGE: usize = 100;

/// How many of them at the same time.
const AT_ONCE: usize = 16;

/// How many records go in one commit, besides what goes with them.
pub const RECORDS: usize = COMMIT_ITEMS - 10;

/// The newest tasks about `user`, at most 100, as they are now; none once there are none.
pub async fn tasks_of(app: &App, tenant: &Name, user: &Id) -> Result<Vec<Task>, StoreError> {
    let (tenant, listing) = (tenant.clone(), Listing::User(user.clone()));
    let query = ListQuery { tenant, listing, filter: Filter::default() };
    let mut after = None;
    loop {
        let page = app.store.list(&query, after, PAGE).await?;
        // Where all of a page have gone meanwhile, there may be more behind it.
        if !page.items.is_empty() || page.next.is_none() {
            return Ok(page.items);
        }
        after = page.next;
    }
}

/// Calls those of `tasks` off that have not ended: their workers write nothing more. All that are still there, as they are
/// then; what stays of the cancels names `by`.
pub async fn call_off(app: &App, tasks: Vec<Task>, by: &str) -> Result<Vec<Task>, ChangeError> {
    let ended = stream::iter(tasks).map(|task| call_off_one(app, task, by)).buffer_unordered(AT_ONCE);
    ended.try_filter_map(async |ended| Ok(ended)).try_collect().await
}

async fn call_off_one(app: &App, task: Task, by: &str) -> Result<Option<Task>, ChangeError> {
    if task.status().is_ended() {
        return Ok(Some(task));
    }
    let cancel = Trigger::Cancel { reason: "erased".to_owned(), by: by.to_owned() };
    match change(app, &task, cancel, With::nothing()).await {
        Ok(cancelled) => Ok(Some(cancelled)),
        // It has ended meanwhile, or been removed.
        Err(ChangeError::Rejected(_) | ChangeError::Gone) => Ok(store::task(&*app.store, &task.key).await?),
        Err(error) => Err(error),
    }
}

/// Erases `tasks`, which have ended, with their payloads, their steps and what their log says; how many. One that was changed
/// meanwhile stays, and is found again.
pub async fn erase_ended(app: &App, tasks: Vec<Task>) -> Result<usize, StoreError> {
    let erased = stream::iter(tasks).map(|task| erase_one(app, task)).buffer_unordered(AT_ONCE);
    erased.try_fold(0, async |sum, erased| Ok(sum + usize::from(erased))).await
}

/// Its groups know of its end before it goes, since nobody could tell them afterwards.
async fn erase_one(app: &App, task: Task) -> Result<bool, StoreError> {
    let next = group::told(app, &task).await?;
    follow(app, next).await;
    erase_steps(app, &task).await?;
    match app.store.erase(&task).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes what a task has kept of its steps.
async fn erase_steps(app: &App, task: &Task) -> Result<(), StoreError> {
    let (tenant, of) = (task.key.tenant.clone(), Id::from(task.key.id));
    let related = Related { tenant, kind: Name::of(STEP), by: RelationKind::Parent, of, newest_first: false };
    loop {
        let page = app.store.records(&related, None, RECORDS).await?;
        let found = page.items.into_iter().map(|record| record.key);
        let records: Vec<_> = found.map(|key| RecordWrite::Delete { key, expect: Expect::Any }).collect();
        if records.is_empty() {
            return Ok(());
        }
        store::commit(&*app.store, Commit { records, ..Commit::default() }).await?;
    }
}
