//! The store in memory: the reference the others are measured against. Nothing survives the process.

mod counted;
mod everything;
mod tables;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{
    clock::Timestamp,
    ids::{Name, TaskKey},
    lifecycle::{Task, log::LogEntry},
    store::{
        Commit, Due, DueItem, Inserted, ListQuery, Page, PastDay, Position, QueuePlace, QueueStats, RECORD_PAGE_BYTES,
        Record, RecordKey, Related, Stats, StatsScope, Store, StoreError, TASK_PAGE_BYTES, Wanted, doc_bytes,
    },
};
pub(crate) use everything::Everything;
use tables::Tables;

/// See the module.
#[derive(Debug)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
    shards: u16,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::sharded(1)
    }
}

impl MemoryStore {
    /// Empty; what is due is in so many shards.
    pub fn sharded(shards: u16) -> Self {
        Self { tables: Mutex::default(), shards }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A panic while the lock was held cannot leave a table half-written: every write is one map operation
        // after all checks, and the counts follow it.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a task, as retention does elsewhere. What it left behind stays.
    pub fn remove(&self, key: &TaskKey) {
        self.tables().tasks.remove(key);
    }
}

/// Which shard something is in, before the remainder by how many there are.
fn shard_of(item: &DueItem) -> u16 {
    let id = match item {
        DueItem::Task(key) => key.id.as_bytes().as_slice(),
        DueItem::Record(key) => key.id.as_str().as_bytes(),
    };
    id.iter().copied().map(u16::from).sum()
}

#[async_trait]
impl Store for MemoryStore {
    async fn insert(&self, tasks: Vec<Task>) -> Vec<Result<Inserted, StoreError>> {
        let mut tables = self.tables();
        tasks.into_iter().map(|task| Ok(tables.insert(task))).collect()
    }

    async fn tasks(&self, keys: &[TaskKey]) -> Vec<Result<Option<Task>, StoreError>> {
        let tables = self.tables();
        keys.iter().map(|key| Ok(tables.task(key).cloned())).collect()
    }

    async fn commit(&self, commit: Arc<Commit>) -> Result<(), StoreError> {
        self.tables().commit(Arc::unwrap_or_clone(commit))
    }

    fn shards(&self) -> u16 {
        self.shards
    }

    async fn due(&self, shard: u16, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        let here = |due: &Due| due.wake_at <= until && shard_of(&due.item) % self.shards == shard;
        let mut due: Vec<Due> = self.tables().due().filter(here).collect();
        due.sort_by_key(|due| due.wake_at);
        due.truncate(limit);
        Ok(due)
    }

    async fn ready(&self, wanted: &Wanted, now: Timestamp, limit: usize) -> Result<Vec<TaskKey>, StoreError> {
        let tables = self.tables();
        let places = tables.tasks.values().filter(|task| wanted.has(task));
        let places = places.filter_map(|task| Wanted::place(task).map(|place| (place, &task.key)));
        let mut due: Vec<_> = places.filter(|((_, run_at), _)| *run_at <= now).collect();
        due.sort_unstable();
        Ok(due.into_iter().take(limit).map(|(_, key)| key.clone()).collect())
    }

    async fn set_aside(&self, due: &Due, until: Timestamp) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let wake_at = match &due.item {
            DueItem::Task(key) => tables.tasks.get_mut(key).map(|task| &mut task.wake_at),
            DueItem::Record(key) => tables.records.get_mut(key).map(|record| &mut record.wake_at),
        };
        if let Some(wake_at) = wake_at.filter(|at| **at == Some(due.wake_at)) {
            *wake_at = Some(until);
        }
        Ok(())
    }

    async fn list(
        &self,
        query: &ListQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<Task, Position>, StoreError> {
        let tables = self.tables();
        let of_tenant = tables.tasks.values().filter(|task| task.key.tenant == query.tenant);
        let mut found: Vec<(Position, &Task)> =
            of_tenant.filter_map(|task| Some((query.listing.position(task)?, task))).collect();
        found.sort_by_key(|(position, _)| *position);
        if query.listing.newest_first() {
            found.reverse();
        }
        let beyond =
            |at: Position| after.is_none_or(|after| if query.listing.newest_first() { at < after } else { at > after });
        let shown = found.into_iter().filter(|(at, task)| beyond(*at) && query.filter.shows(task));
        let shown = shown.map(|(at, task)| (at, task.clone()));
        Ok(Page::within(shown, limit, TASK_PAGE_BYTES, Task::body_bytes))
    }

    async fn log(&self, task: &Task, after: u64, limit: usize) -> Result<Page<LogEntry, u64>, StoreError> {
        let (tables, life) = (self.tables(), |seq| (task.key.clone(), task.created_at, seq));
        let rows = tables.log.range(life(after.saturating_add(1))..=life(u64::MAX));
        Ok(Page::first(rows.map(|((.., seq), row)| (*seq, row.clone())), limit))
    }

    async fn erase(&self, task: &Task) -> Result<(), StoreError> {
        self.tables().erase(task)
    }

    async fn records_at(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        let tables = self.tables();
        Ok(keys.iter().map(|key| tables.records.get(key).cloned()).collect())
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        Ok(self.tables().records.get(key).cloned())
    }

    async fn records(
        &self,
        related: &Related,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Record, String>, StoreError> {
        let tables = self.tables();
        let of_kind = tables.records.values().filter(|r| r.key.tenant == related.tenant && r.key.kind == related.kind);
        let mut found: Vec<(String, &Record)> = of_kind
            .filter(|r| r.relation(related.by).is_some_and(|relation| relation.of == related.of))
            .filter_map(|r| Some((r.place(related.by)?, r)))
            .collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        if related.newest_first {
            found.reverse();
        }
        let beyond = |at: &str| after.is_none_or(|after| if related.newest_first { at < after } else { at > after });
        let rest = found.into_iter().filter(|(at, _)| beyond(at));
        let rest = rest.map(|(at, r)| (at, r.clone()));
        Ok(Page::within(rest, limit, RECORD_PAGE_BYTES, |record| doc_bytes(&record.doc)))
    }

    async fn stats(&self, scope: &StatsScope, now: Timestamp) -> Result<Stats, StoreError> {
        Ok(self.tables().counted.stats(scope, now))
    }

    async fn queues(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<QueueStats, QueuePlace>, StoreError> {
        Ok(self.tables().counted.queues(tenant, after, limit, now))
    }

    async fn history(&self, tenant: &Name, now: Timestamp) -> Result<PastDay, StoreError> {
        Ok(self.tables().counted.history(tenant, now))
    }

    async fn oldest_due(&self, scope: &StatsScope, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let tables = self.tables();
        let in_scope = tables.tasks.values().filter(|task| scope.has(task));
        Ok(in_scope.filter_map(Task::run_at).filter(|at| *at <= now).min())
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
