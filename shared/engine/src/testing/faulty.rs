//! A store and queues that fail on command.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{
    clock::Timestamp,
    ids::{Name, TaskKey},
    lifecycle::{Task, log::LogEntry},
    queue::{OutMessage, Queue, QueueError, QueueName},
    store::{
        Commit, Due, Inserted, ListQuery, Page, PastDay, Position, QueuePlace, QueueStats, Record, RecordKey, Related,
        Stats, StatsScope, Store, StoreError, ToldEvent, Wanted,
    },
    testing::faults::{Fault, Faults},
};

/// See the module.
pub(super) struct FaultyStore {
    pub(super) inner: Arc<dyn Store>,
    pub(super) faults: Arc<Faults>,
}

/// See the module.
pub(super) struct FaultyQueue {
    pub(super) inner: Arc<dyn Queue>,
    pub(super) faults: Arc<Faults>,
}

/// What a store says that has this fault.
pub fn store_error(fault: Fault) -> StoreError {
    match fault {
        Fault::Busy => StoreError::Busy,
        _ => StoreError::Unavailable(std::io::Error::other("injected").into()),
    }
}

fn queue_error() -> QueueError {
    QueueError::Unavailable(std::io::Error::other("injected").into())
}

#[async_trait]
impl Store for FaultyStore {
    async fn insert(&self, tasks: Vec<Task>) -> Vec<Result<Inserted, StoreError>> {
        let count = tasks.len();
        let refuse = |fault| (0..count).map(|_| Err(store_error(fault))).collect();
        self.faults.call("store.insert", self.inner.insert(tasks), refuse).await
    }

    async fn tasks(&self, keys: &[TaskKey]) -> Vec<Result<Option<Task>, StoreError>> {
        let count = keys.len();
        let refuse = |fault| (0..count).map(|_| Err(store_error(fault))).collect();
        self.faults.read("store.tasks", count, self.inner.tasks(keys), refuse).await
    }

    async fn commit(&self, commit: Arc<Commit>) -> Result<(), StoreError> {
        self.faults.call("store.commit", self.inner.commit(commit), |fault| Err(store_error(fault))).await
    }

    fn shards(&self) -> u16 {
        self.inner.shards()
    }

    async fn due(&self, shard: u16, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.faults.call("store.due", self.inner.due(shard, until, limit), |fault| Err(store_error(fault))).await
    }

    async fn ready(&self, wanted: &Wanted, now: Timestamp, limit: usize) -> Result<Vec<TaskKey>, StoreError> {
        self.faults.call("store.ready", self.inner.ready(wanted, now, limit), |fault| Err(store_error(fault))).await
    }

    async fn set_aside(&self, due: &Due, until: Timestamp) -> Result<(), StoreError> {
        self.faults.call("store.set_aside", self.inner.set_aside(due, until), |fault| Err(store_error(fault))).await
    }

    async fn list(
        &self,
        query: &ListQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<Task, Position>, StoreError> {
        self.faults.read("store.list", 1, self.inner.list(query, after, limit), |fault| Err(store_error(fault))).await
    }

    async fn log(&self, task: &Task, after: u64, limit: usize) -> Result<Page<LogEntry, u64>, StoreError> {
        self.faults.read("store.log", 1, self.inner.log(task, after, limit), |fault| Err(store_error(fault))).await
    }

    async fn erase(&self, task: &Task) -> Result<(), StoreError> {
        self.faults.call("store.erase", self.inner.erase(task), |fault| Err(store_error(fault))).await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.faults.call("store.scrub", self.inner.scrub(), |fault| Err(store_error(fault))).await
    }

    async fn records_at(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        if keys.iter().any(|key| self.faults.hidden == Some(key.kind.as_str())) {
            return Err(store_error(Fault::Unavailable));
        }
        self.faults
            .read("store.records_at", keys.len(), self.inner.records_at(keys), |fault| Err(store_error(fault)))
            .await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        if self.faults.hidden == Some(key.kind.as_str()) {
            return Err(store_error(Fault::Unavailable));
        }
        self.faults.read("store.record", 1, self.inner.record(key), |fault| Err(store_error(fault))).await
    }

    async fn records(
        &self,
        related: &Related,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Record, String>, StoreError> {
        self.faults
            .read("store.records", 1, self.inner.records(related, after, limit), |fault| Err(store_error(fault)))
            .await
    }

    async fn told(
        &self,
        tenant: &Name,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Page<ToldEvent, String>>, StoreError> {
        let told = self.inner.told(tenant, after, limit);
        self.faults.read("store.told", 1, told, |fault| Err(store_error(fault))).await
    }

    async fn told_up_to(&self, tenant: &Name) -> Result<Option<String>, StoreError> {
        let end = self.inner.told_up_to(tenant);
        self.faults.read("store.told_up_to", 1, end, |fault| Err(store_error(fault))).await
    }

    async fn stats(&self, scope: &StatsScope, now: Timestamp) -> Result<Stats, StoreError> {
        self.faults.call("store.stats", self.inner.stats(scope, now), |fault| Err(store_error(fault))).await
    }

    async fn queues(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<QueueStats, QueuePlace>, StoreError> {
        self.faults
            .call("store.queues", self.inner.queues(tenant, after, limit, now), |fault| Err(store_error(fault)))
            .await
    }

    async fn history(&self, tenant: &Name, now: Timestamp) -> Result<PastDay, StoreError> {
        self.faults.call("store.history", self.inner.history(tenant, now), |fault| Err(store_error(fault))).await
    }

    async fn oldest_due(&self, scope: &StatsScope, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.faults.call("store.oldest_due", self.inner.oldest_due(scope, now), |fault| Err(store_error(fault))).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.faults.call("store.check", self.inner.check(), |fault| Err(store_error(fault))).await
    }
}

#[async_trait]
impl Queue for FaultyQueue {
    async fn send(&self, to: QueueName, messages: Vec<OutMessage>) -> Vec<Result<(), QueueError>> {
        let count = messages.len();
        let refuse = |_| (0..count).map(|_| Err(queue_error())).collect();
        self.faults.call("queue.send", self.inner.send(to, messages), refuse).await
    }

    async fn hide(&self, on: QueueName, receipt: &str, wait: Duration) -> Result<(), QueueError> {
        self.faults.call("queue.hide", self.inner.hide(on, receipt, wait), |_| Err(queue_error())).await
    }

    fn by_arn(&self, arn: &str) -> Option<QueueName> {
        self.inner.by_arn(arn)
    }

    async fn check(&self) -> Result<(), QueueError> {
        self.faults.call("queue.check", self.inner.check(), |_| Err(queue_error())).await
    }
}
