//! The DynamoDB store with a relay and a folder that keep up: what a write did to its tasks is counted before the write
//! is answered.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use async_trait::async_trait;
use errand::{
    Name, StoreError, Task, TaskKey, Timestamp,
    spi::{
        lifecycle::log::LogEntry,
        store::{
            Commit, Due, Inserted, ListQuery, Page, PastDay, Position, QueuePlace, QueueStats, Record, RecordKey,
            Related, Stats, StatsScope, Store, TaskWrite, Wanted,
        },
    },
};
use errand_aws::relay::{BusEvents, fold};
use integration_tests::relay::{batch, stream_record};

use super::{Item, Setup};

/// See the module.
pub(crate) struct Relayed {
    setup: Setup,
    records: AtomicU64,
}

impl Relayed {
    pub(crate) fn new(setup: Setup) -> Self {
        Self { setup, records: AtomicU64::new(0) }
    }

    async fn images(&self, keys: &[TaskKey]) -> Vec<Option<Item>> {
        let mut images = Vec::new();
        for key in keys {
            let is_task = |item: &Item| item["sk"].as_s().is_ok_and(|sk| sk == "t");
            images.push(self.setup.items(key).await.into_iter().find(is_task));
        }
        images
    }

    async fn relay(&self, before: Vec<Option<Item>>, after: Vec<Option<Item>>) {
        let changed = before.iter().zip(&after).filter(|(old, new)| old != new);
        let record = |(old, new): (&Option<Item>, &Option<Item>)| {
            let number = self.records.fetch_add(1, SeqCst);
            stream_record(&number.to_string(), old.as_ref(), new.as_ref())
        };
        let records: Vec<_> = changed.map(record).collect();
        let app = super::counters::app();
        relay::handle(&app, &self.setup.store, BusEvents::default(), batch("s", None, &records, true)).await.unwrap();
        fold(&self.setup.store, &*app.clock, None).await.unwrap();
    }
}

fn touched(commit: &Commit) -> Vec<TaskKey> {
    let change = match &commit.task {
        Some(TaskWrite::Change { transition, .. }) => Some(transition.task.key.clone()),
        Some(TaskWrite::Step { .. }) | None => None,
    };
    change.into_iter().chain(commit.tasks.iter().map(|task| task.key.clone())).collect()
}

#[async_trait]
impl Store for Relayed {
    async fn insert(&self, tasks: Vec<Task>) -> Vec<Result<Inserted, StoreError>> {
        let keys: Vec<TaskKey> = tasks.iter().map(|task| task.key.clone()).collect();
        let before = self.images(&keys).await;
        let inserted = self.setup.store.insert(tasks).await;
        self.relay(before, self.images(&keys).await).await;
        inserted
    }

    async fn commit(&self, commit: Arc<Commit>) -> Result<(), StoreError> {
        let keys: Vec<TaskKey> = touched(&commit);
        let before = self.images(&keys).await;
        let made = self.setup.store.commit(commit).await;
        self.relay(before, self.images(&keys).await).await;
        made
    }

    async fn tasks(&self, keys: &[TaskKey]) -> Vec<Result<Option<Task>, StoreError>> {
        self.setup.store.tasks(keys).await
    }

    fn shards(&self) -> u16 {
        self.setup.store.shards()
    }

    async fn due(&self, shard: u16, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.setup.store.due(shard, until, limit).await
    }

    async fn ready(&self, wanted: &Wanted, now: Timestamp, limit: usize) -> Result<Vec<TaskKey>, StoreError> {
        self.setup.store.ready(wanted, now, limit).await
    }

    async fn set_aside(&self, due: &Due, until: Timestamp) -> Result<(), StoreError> {
        self.setup.store.set_aside(due, until).await
    }

    async fn list(
        &self,
        query: &ListQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<Task, Position>, StoreError> {
        self.setup.store.list(query, after, limit).await
    }

    async fn log(&self, task: &Task, after: u64, limit: usize) -> Result<Page<LogEntry, u64>, StoreError> {
        self.setup.store.log(task, after, limit).await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        self.setup.store.record(key).await
    }

    async fn erase(&self, task: &Task) -> Result<(), StoreError> {
        let keys = [task.key.clone()];
        let before = self.images(&keys).await;
        let erased = self.setup.store.erase(task).await;
        self.relay(before, self.images(&keys).await).await;
        erased
    }

    async fn records_at(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.setup.store.records_at(keys).await
    }

    async fn records(
        &self,
        related: &Related,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Record, String>, StoreError> {
        self.setup.store.records(related, after, limit).await
    }

    async fn stats(&self, scope: &StatsScope, now: Timestamp) -> Result<Stats, StoreError> {
        self.setup.store.stats(scope, now).await
    }

    async fn queues(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<QueueStats, QueuePlace>, StoreError> {
        self.setup.store.queues(tenant, after, limit, now).await
    }

    async fn history(&self, tenant: &Name, now: Timestamp) -> Result<PastDay, StoreError> {
        self.setup.store.history(tenant, now).await
    }

    async fn oldest_due(&self, scope: &StatsScope, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.setup.store.oldest_due(scope, now).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.setup.store.check().await
    }
}
