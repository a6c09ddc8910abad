//! The store in DynamoDB: tables `Tasks` (tasks and records) and `ActionLog`, as `infra/template.yaml` has them.
//!
//! A task costs one put, one query and put, one put, and the copy of its log row: 10 write units in 5 requests. What that
//! rests on is told in `dynamo/task_item.rs` (the item fits one unit), `dynamo/payload.rs` (large payloads are written
//! once), `dynamo/log.rs` (a row is no part of a transaction) and `dynamo/commit.rs` (a failed condition brings what is
//! stored, so that nothing is read to find out).

mod attributes;
mod commit;
mod counters;
mod delta;
mod erase;
mod errors;
mod expression;
mod filling;
mod fold;
pub mod image;
mod keys;
mod list;
#[cfg(test)]
mod load;
mod log;
mod log_item;
mod oldest;
mod payload;
mod read;
mod record_item;
mod riding;
mod stats;
mod task_doc;
mod task_item;
mod task_read;
mod write;

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use aws_sdk_dynamodb::{Client, operation::update_item::UpdateItemError, types::TableDescription};
use futures::{StreamExt, stream};

pub use self::attributes::Item;
use self::{attributes::millis, commit::corrupt, errors::read_failed};
use crate::Shards;
use errand::{
    Name, StoreError, Task, TaskKey, Timestamp,
    spi::{
        lifecycle::log::LogEntry,
        store::{
            Commit, Due, DueItem, Inserted, ListQuery, Page, PastDay, Position, QueuePlace, QueueStats, Record,
            RecordKey, Related, Retention, Stats, StatsScope, Store, Wanted,
        },
    },
};

/// How many requests one call has under way at a time.
const WIDTH: usize = 32;

/// Which tables, and how long they keep what has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The table of tasks and records.
    pub tasks_table: String,
    /// The table of the action log.
    pub log_table: String,
    /// How long ended tasks and action-log rows are kept.
    pub retention: Retention,
    /// Into how many parts the indexes are divided.
    pub shards: Shards,
}

impl Config {
    /// These tables with the usual [`Retention`] and [`Shards`].
    pub fn new(tasks_table: impl Into<String>, log_table: impl Into<String>) -> Self {
        let (tasks_table, log_table) = (tasks_table.into(), log_table.into());
        Self { tasks_table, log_table, retention: Retention::default(), shards: Shards::default() }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Client,
    config: Config,
}

impl DynamoStore {
    /// The store in these tables. Repeating of throttled and lost requests is the client's: keep its default or more.
    pub fn new(client: Client, config: Config) -> Self {
        Self { client, config }
    }

    async fn describe(&self, table: &str) -> Result<TableDescription, StoreError> {
        let answer = self.client.describe_table().table_name(table).send().await.map_err(read_failed)?;
        answer.table.ok_or_else(|| StoreError::Unavailable(anyhow::anyhow!("table {table} is not described")))
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn insert(&self, tasks: Vec<Task>) -> Vec<Result<Inserted, StoreError>> {
        concurrently(tasks.into_iter().map(|task| self.insert_one(task)).collect()).await
    }

    async fn tasks(&self, keys: &[TaskKey]) -> Vec<Result<Option<Task>, StoreError>> {
        self.read_each(keys).await
    }

    async fn commit(&self, commit: Arc<Commit>) -> Result<(), StoreError> {
        self.commit_one(Arc::unwrap_or_clone(commit)).await
    }

    fn shards(&self) -> u16 {
        self.config.shards.due
    }

    async fn due(&self, shard: u16, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.due_in(shard, until, limit).await
    }

    async fn ready(&self, wanted: &Wanted, now: Timestamp, limit: usize) -> Result<Vec<TaskKey>, StoreError> {
        self.ready_in(wanted, now, limit).await
    }

    async fn set_aside(&self, due: &Due, until: Timestamp) -> Result<(), StoreError> {
        let key: Item = match &due.item {
            DueItem::Task(key) => keys::task(key),
            DueItem::Record(key) => keys::record(key),
        };
        let update = self.client.update_item().table_name(&self.config.tasks_table).set_key(Some(key));
        let update = update
            .update_expression("SET w = :until")
            .condition_expression("w = :seen")
            .expression_attribute_values(":until", millis(until))
            .expression_attribute_values(":seen", millis(due.wake_at));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()), // somebody has moved it on
                _ => Err(read_failed(error)),
            },
        }
    }

    async fn list(
        &self,
        query: &ListQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<Task, Position>, StoreError> {
        self.list_page(query, after, limit).await
    }

    async fn log(&self, task: &Task, after: u64, limit: usize) -> Result<Page<LogEntry, u64>, StoreError> {
        self.log_page(task, after, limit).await
    }

    async fn erase(&self, task: &Task) -> Result<(), StoreError> {
        self.erase_one(task).await
    }

    async fn records_at(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        self.read_records(keys).await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        let record = self.item(keys::record(key)).await?.map(|item| record_item::read(&item)).transpose();
        record.map_err(|source| corrupt(format!("record {}/{}/{}", key.tenant, key.kind, key.id), source))
    }

    async fn records(
        &self,
        related: &Related,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Record, String>, StoreError> {
        self.records_page(related, after, limit).await
    }

    async fn stats(&self, scope: &StatsScope, now: Timestamp) -> Result<Stats, StoreError> {
        self.stats_of(scope, now).await
    }

    async fn queues(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<QueueStats, QueuePlace>, StoreError> {
        self.stats_by_queue(tenant, after, limit, now).await
    }

    async fn history(&self, tenant: &Name, now: Timestamp) -> Result<PastDay, StoreError> {
        self.history_of(tenant, now).await
    }

    async fn oldest_due(&self, scope: &StatsScope, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.oldest_due_in(scope, now).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let (tasks, log) = (&self.config.tasks_table, &self.config.log_table);
        let needs: [(&str, &[&str], &[&str]); 2] =
            [(tasks, &["pk", "sk"], &["due", "listing", "user", "parent", "owner"]), (log, &["pk", "seq"], &[])];
        for (table, keys, indexes) in needs {
            let found = self.describe(table).await?;
            let key: Vec<&str> = found.key_schema().iter().map(|part| part.attribute_name()).collect();
            if key != keys {
                return Err(StoreError::Unavailable(anyhow::anyhow!(
                    "table {table} has the key {key:?}, not {keys:?}"
                )));
            }
            let there: Vec<&str> =
                found.global_secondary_indexes().iter().filter_map(|index| index.index_name()).collect();
            if let Some(missing) = indexes.iter().find(|index| !there.contains(index)) {
                return Err(StoreError::Unavailable(anyhow::anyhow!("table {table} has no index {missing}")));
            }
        }
        Ok(())
    }
}

/// The answers of all, in order, with at most [`WIDTH`] under way at a time.
async fn concurrently<F: Future>(all: Vec<F>) -> Vec<F::Output> {
    stream::iter(all).buffered(WIDTH).collect().await
}
