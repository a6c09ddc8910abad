//! The store as it is watched: everything that it takes is noted, and must hold.

use std::sync::Arc;

use async_trait::async_trait;
use errand::{
    Name, StoreError, Task, TaskKey, Timestamp,
    spi::{
        lifecycle::log::LogEntry,
        store::{
            Commit, Due, Inserted, ListQuery, MemoryStore, Page, PastDay, Position, QueuePlace, QueueStats, Record,
            RecordKey, Related, Stats, StatsScope, Store, TaskWrite, Wanted, task,
        },
    },
};

use crate::seen::Seen;

/// See the module.
pub struct Observed {
    pub inner: Arc<MemoryStore>,
    pub seen: Seen,
}

impl Observed {
    fn read(&self, what: &str) {
        self.seen.note(format_args!("    {what}"));
    }

    /// The task that `commit` changes, as it is.
    async fn changes(&self, commit: &Commit) -> Result<Option<Task>, StoreError> {
        match &commit.task {
            Some(TaskWrite::Change { transition, .. }) => task(&*self.inner, &transition.task.key).await,
            _ => Ok(None),
        }
    }

    /// Whether an earlier try of this very commit was taken already.
    async fn was_taken(&self, commit: &Commit, before: Option<&Task>) -> Result<bool, StoreError> {
        match (&commit.task, before, commit.records.first()) {
            (Some(TaskWrite::Change { transition, .. }), Some(before), _) => {
                Ok(before.version == transition.task.version)
            }
            (_, _, Some(write)) => {
                Ok(self.inner.record(write.key()).await?.is_some_and(|record| Some(record.version) == write.version()))
            }
            _ => Ok(false),
        }
    }
}

#[async_trait]
impl Store for Observed {
    async fn insert(&self, tasks: Vec<Task>) -> Vec<Result<Inserted, StoreError>> {
        self.read("insert");
        let keys: Vec<TaskKey> = tasks.iter().map(|task| task.key.clone()).collect();
        let there: Vec<bool> =
            self.inner.tasks(&keys).await.into_iter().map(|task| matches!(task, Ok(Some(_)))).collect();
        let inserted = self.inner.insert(tasks.clone()).await;
        let mut inside = self.seen.inside();
        for ((task, was_there), inserted) in tasks.iter().zip(there).zip(&inserted) {
            if let (Ok(Inserted::New), false) = (inserted, was_there) {
                inside.made(task);
            }
        }
        inserted
    }

    async fn tasks(&self, keys: &[TaskKey]) -> Vec<Result<Option<Task>, StoreError>> {
        self.read("tasks");
        self.inner.tasks(keys).await
    }

    async fn commit(&self, commit: Arc<Commit>) -> Result<(), StoreError> {
        let before = self.changes(&commit).await?;
        let was_taken = self.was_taken(&commit, before.as_ref()).await?;
        let taken = self.inner.commit(commit.clone()).await;
        let mut inside = self.seen.inside();
        let (records, tasks) = (commit.records.len(), commit.tasks.len());
        inside.trace.note(format_args!("    commit {:?} {records} records {tasks} tasks", taken.as_ref().err()));
        if taken.is_err() || was_taken {
            return taken;
        }
        if let (Some(TaskWrite::Change { transition, .. }), Some(before)) = (&commit.task, &before) {
            inside.changed(before, &transition.task, transition.log.as_ref());
        }
        commit.tasks.iter().for_each(|task| inside.made(task));
        inside.committed(&commit);
        taken
    }

    fn shards(&self) -> u16 {
        self.inner.shards()
    }

    async fn due(&self, shard: u16, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.read("due");
        self.inner.due(shard, until, limit).await
    }

    async fn ready(&self, wanted: &Wanted, now: Timestamp, limit: usize) -> Result<Vec<TaskKey>, StoreError> {
        self.read("ready");
        self.inner.ready(wanted, now, limit).await
    }

    async fn set_aside(&self, due: &Due, until: Timestamp) -> Result<(), StoreError> {
        self.read("set aside");
        self.inner.set_aside(due, until).await
    }

    async fn list(
        &self,
        query: &ListQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<Task, Position>, StoreError> {
        self.read("list");
        self.inner.list(query, after, limit).await
    }

    async fn log(&self, task: &Task, after: u64, limit: usize) -> Result<Page<LogEntry, u64>, StoreError> {
        self.read("log");
        self.inner.log(task, after, limit).await
    }

    async fn erase(&self, task: &Task) -> Result<(), StoreError> {
        self.inner.erase(task).await
    }

    async fn records_at(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.read("records at");
        self.inner.records_at(keys).await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        self.read("record");
        self.inner.record(key).await
    }

    async fn records(
        &self,
        related: &Related,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Record, String>, StoreError> {
        self.read("records");
        self.inner.records(related, after, limit).await
    }

    async fn stats(&self, scope: &StatsScope, now: Timestamp) -> Result<Stats, StoreError> {
        self.inner.stats(scope, now).await
    }

    async fn queues(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<QueueStats, QueuePlace>, StoreError> {
        self.inner.queues(tenant, after, limit, now).await
    }

    async fn history(&self, tenant: &Name, now: Timestamp) -> Result<PastDay, StoreError> {
        self.inner.history(tenant, now).await
    }

    async fn oldest_due(&self, scope: &StatsScope, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.inner.oldest_due(scope, now).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}
