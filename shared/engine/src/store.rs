//! Where tasks, their log and domain records live: one trait, and what its calls carry.
//!
//! A store makes changes atomic and holds no rules: it is handed finished transitions. One conformance suite
//! runs on every implementation; [`MemoryStore`] is the reference.

mod commit;
mod error;
mod failures;
mod history;
mod listing;
mod memory;
mod page;
mod patience;
mod ready;
mod record;
mod record_write;
mod retention;
mod stats;

use std::sync::Arc;

use async_trait::async_trait;
use tracing::Instrument;

pub use commit::{Commit, Part, TaskWrite};
pub use error::{StoreError, shown};
pub use failures::{FailureGroup, Failures, LOOKED_AT, MOST_FAILURE_GROUPS};
pub use history::{Ends, PAST_DAY, PastDay, begin_of};
pub use listing::{Bucket, Filter, ListQuery, Listing, Position};
pub(crate) use memory::Everything;
pub use memory::MemoryStore;
pub use page::{Page, RECORD_PAGE_BYTES, TASK_PAGE_BYTES};
pub use patience::{MAX_TRIES, patiently};
pub use ready::Wanted;
pub use record::{Doc, Record, RecordKey, Related, Relation, RelationKind, doc_bytes};
pub use record_write::{Expect, Guard, Patch, RecordWrite};
pub use retention::{Retention, RetentionRules};
pub use stats::{CountStep, Counts, HOUR, KEEP_HOURS, QueuePlace, QueueStats, Stats, StatsScope, hour_of};

use crate::{
    clock::Timestamp,
    ids::{Id, Name, TaskKey},
    lifecycle::{Task, log::LogEntry},
    spans::enqueue,
};

/// The most bytes an item's payload or output may have.
pub const BODY_BYTES: usize = 256 * 1024;

/// The most bytes a record's document may have: DynamoDB's 400 KiB for an item, less room for keys.
pub const RECORD_BYTES: usize = 384 * 1024;

/// What one commit may carry: DynamoDB's limit for a transaction, so that every store refuses the same.
pub const COMMIT_ITEMS: usize = 100;

/// The most bytes one commit may carry, for the same reason.
pub const COMMIT_BYTES: usize = 4 * 1024 * 1024;

/// What came of inserting a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Inserted {
    /// It was not there and is now.
    New,
    /// A task with this id was there already, and is untouched.
    Existing(Box<Task>),
}

/// Something whose `wake_at` has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Due {
    /// What it is.
    pub item: DueItem,
    /// The time the index shows; it may lag behind the item.
    pub wake_at: Timestamp,
}

/// What can be due.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DueItem {
    /// The task at this key.
    Task(TaskKey),
    /// A record, such as an unpublished event.
    Record(RecordKey),
}

/// An event in a list that a store keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldEvent {
    /// Where it stands: what comes later stands behind it.
    pub place: String,
    /// The event's id.
    pub id: Id,
    /// Its fields.
    pub doc: Doc,
}

/// See the module. Every read names the tenant and answers "none" for another's; all reads of single items
/// are strongly consistent, lists, `due` and `ready` may lag.
#[async_trait]
pub trait Store: Send + Sync {
    /// Adds tasks; each answer stands for itself, in order. Recovery may assume: `New` is durable.
    async fn insert(&self, tasks: Vec<Task>) -> Vec<Result<Inserted, StoreError>>;

    /// The tasks at these keys, in order.
    async fn tasks(&self, keys: &[TaskKey]) -> Vec<Result<Option<Task>, StoreError>>;

    /// Makes the commit, all or nothing. One whose answer was lost and that is made again answers `Ok` if the first try
    /// had landed and is still the newest.
    async fn commit(&self, commit: Arc<Commit>) -> Result<(), StoreError>;

    /// How many parts the due index has; `due` is asked for each from 0.
    fn shards(&self) -> u16;

    /// What in `shard` has `wake_at <= until`, oldest first.
    async fn due(&self, shard: u16, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError>;

    /// The tasks that workers outside may take at `now`, as `wanted` says: the most urgent first, among these the one that
    /// was due first. No more than `limit`.
    async fn ready(&self, wanted: &Wanted, now: Timestamp, limit: usize) -> Result<Vec<TaskKey>, StoreError>;

    /// Moves an unreadable item's `wake_at` on, if it is still the one seen, so that it never fills a page.
    async fn set_aside(&self, due: &Due, until: Timestamp) -> Result<(), StoreError>;

    /// A page of tasks. With filters a page may be short, or empty, while its cursor goes on; likewise where some cannot
    /// be read: see [`shown`]; and where they are large: see [`TASK_PAGE_BYTES`].
    async fn list(
        &self,
        query: &ListQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<Task, Position>, StoreError>;

    /// The log rows of this [life](Task::life) of a task after `after`, oldest first; where it was removed meanwhile, maybe
    /// none.
    async fn log(&self, task: &Task, after: u64, limit: usize) -> Result<Page<LogEntry, u64>, StoreError>;

    /// Removes a task that has ended, with its payload, if it is still of this version; else it conflicts as a commit does.
    /// The rows of its log are kept, but [blank](LogEntry::blank); those of its lives before, where the store still finds them
    /// by it. What is gone may be erased again.
    async fn erase(&self, task: &Task) -> Result<(), StoreError>;

    /// Sees to it that nothing of what was erased is in the store's files any more, as far as it keeps files.
    async fn scrub(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The records at these keys, in order.
    async fn records_at(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError>;

    /// The record at `key`, if it is there.
    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError>;

    /// The records that a relation leads to, in the order of their [`Record::place`], after the place `after`. A page of
    /// large ones is short: see [`RECORD_PAGE_BYTES`].
    async fn records(
        &self,
        related: &Related,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Record, String>, StoreError>;

    /// What was told of `tenant` after the place `after`, oldest first, each with its place: the ends of its tasks and what
    /// was published, in the order of the commits. `None` of a store that keeps no such list: there events are listed by
    /// the poller, and ends are told by the relay. A page may be short; `next` is the place of the last that was looked at.
    async fn told(
        &self,
        _tenant: &Name,
        _after: Option<&str>,
        _limit: usize,
    ) -> Result<Option<Page<ToldEvent, String>>, StoreError> {
        Ok(None)
    }

    /// Where the list that [`Store::told`] reads ends now, if the store keeps one and it has begun.
    async fn told_up_to(&self, _tenant: &Name) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    /// What was counted of `scope`, as of `now`. It may lag behind: in DynamoDB by two minutes.
    async fn stats(&self, scope: &StatsScope, now: Timestamp) -> Result<Stats, StoreError>;

    /// What was counted of each queue that ever had a task of `tenant`, by project and queue, after the place `after`.
    /// It may lag likewise.
    async fn queues(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<QueueStats, QueuePlace>, StoreError>;

    /// How many of the tenant's tasks ended in each minute or hour of the day before `now`. It may lag likewise.
    async fn history(&self, tenant: &Name, now: Timestamp) -> Result<PastDay, StoreError>;

    /// The earliest `run_at` of the pending tasks of `scope` that are due at `now`, if any is: how long work waits
    /// for a worker. It may be later where some cannot be read, and where telling exactly would cost too much: SQLite
    /// tells it to the second, rounded up; DynamoDB looks at the oldest open tasks of each priority.
    async fn oldest_due(&self, scope: &StatsScope, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;

    /// What of a queue has failed, by what it failed of. A store that does not keep count looks at the newest tasks.
    async fn failures(&self, tenant: &Name, project: &Name, queue: &Name) -> Result<Failures, StoreError> {
        failures::listed(self, (tenant, project, queue)).await
    }

    /// Whether the store answers and is of the shape this version needs.
    async fn check(&self) -> Result<(), StoreError>;

    /// The number of the newest change of its shape, where that is changed step by step: [`Store::check`] refuses any
    /// other.
    fn schema_version(&self) -> Option<u32> {
        None
    }
}

/// [`Store::tasks`] for one.
pub async fn task(store: &dyn Store, key: &TaskKey) -> Result<Option<Task>, StoreError> {
    // One key in, one answer out; a store that answers with none has broken its contract.
    store.tasks(std::slice::from_ref(key)).await.pop().unwrap_or(Err(StoreError::Busy))
}

/// [`Store::commit`] of one; traces tell of the tasks that it makes.
pub async fn commit(store: &dyn Store, commit: impl Into<Arc<Commit>>) -> Result<(), StoreError> {
    let commit = commit.into();
    let span = enqueue(commit.tasks.iter());
    store.commit(commit).instrument(span).await
}

/// [`Store::insert`] for one.
pub async fn insert(store: &dyn Store, task: Task) -> Result<Inserted, StoreError> {
    store.insert(vec![task]).await.pop().unwrap_or(Err(StoreError::Busy))
}
