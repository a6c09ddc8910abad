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
        self, COMMIT_ITEMS, Commit, Expect, Filter, ListQuery, Listing, MAX_TRIES, RecordWrite, Related, RelationKind,
        StoreError,
    },
};

/// How many tasks are erased before it is looked for more.
const PAGE: usize = 100;

/// How many of them at the same time.
const AT_ONCE: usize = 8;

/// How many records go in one commit.
pub(super) const RECORDS: usize = COMMIT_ITEMS - 10;

/// Erases the newest tasks about `user`, at most 100; how many these were. None are left once there are none, but those that
/// were enqueued meanwhile. What stays of the cancels names `by`.
pub async fn erase_tasks(app: &App, tenant: &Name, user: &Id, by: &str) -> Result<usize, ChangeError> {
    let (tenant, listing) = (tenant.clone(), Listing::User(user.clone()));
    let query = ListQuery { tenant, listing, filter: Filter::default() };
    let page = app.store.list(&query, None, PAGE).await?.items;
    let erased = stream::iter(&page).map(|task| erase_task(app, task, by)).buffer_unordered(AT_ONCE);
    erased.try_collect::<()>().await?;
    Ok(page.len())
}

/// Erases a task with its payload, its steps and what its log says. One that has not ended is called off first: its worker
/// writes nothing more. Its groups know of its end before it goes, since nobody could tell them afterwards.
pub async fn erase_task(app: &App, task: &Task, by: &str) -> Result<(), ChangeError> {
    let mut task = task.clone();
    for _ in 0..MAX_TRIES {
        if !task.status().is_ended() {
            let cancel = Trigger::Cancel { reason: "erased".to_owned(), by: by.to_owned() };
            match change(app, &task, cancel, With::nothing()).await {
                Ok(cancelled) => task = cancelled,
                Err(ChangeError::Gone) => return Ok(()),
                Err(ChangeError::Rejected(_)) => {} // it has ended meanwhile
                Err(error) => return Err(error),
            }
        }
        let next = group::told(app, &task).await?;
        follow(app, next).await;
        erase_steps(app, &task).await?;
        match app.store.erase(&task).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        match store::task(&*app.store, &task.key).await? {
            Some(there) => task = there,
            None => return Ok(()),
        }
    }
    Err(StoreError::Busy.into())
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
