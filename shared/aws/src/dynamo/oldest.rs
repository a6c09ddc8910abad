//! How long work waits: the oldest due tasks that a few requests show.

use std::iter::zip;

use crate::dynamo::{DynamoStore, concurrently};
use errand::{
    Name, Priority, StoreError, Task, TaskKey, Timestamp,
    spi::store::{Bucket, Due, DueItem, Filter, ListQuery, Listing, Position, StatsScope},
};

/// How many of a queue's oldest open tasks of each priority are looked at. Beyond deferred tasks that are older than
/// all that is due nothing is seen.
const OF_PRIORITY: usize = 25;

/// How many entries of each part of the due index are looked at: there are many parts. Then, how many of those whose first
/// is a task that cannot be read.
const OF_SHARD: [usize; 2] = [1, 25];

/// The tasks among what is due.
fn of_tasks(due: Vec<Due>) -> Vec<TaskKey> {
    let tasks = due.into_iter().filter_map(|due| match due.item {
        DueItem::Task(key) => Some(key),
        DueItem::Record(_) => None,
    });
    tasks.collect()
}

impl DynamoStore {
    /// Of a queue: among the oldest open tasks of each priority. Of everything: among the tasks that the poller turns
    /// to next, hence a sample of what is late.
    pub(super) async fn oldest_due_in(
        &self,
        scope: &StatsScope,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let tasks = match scope {
            StatsScope::Queue { tenant, project, queue } => self.oldest_open(tenant, project, queue).await?,
            StatsScope::All => self.next_due().await?,
        };
        Ok(tasks.iter().filter_map(Task::run_at).filter(|at| *at <= now).min())
    }

    async fn oldest_open(&self, tenant: &Name, project: &Name, queue: &Name) -> Result<Vec<Task>, StoreError> {
        let listing = Listing::Queue { project: project.clone(), queue: queue.clone(), bucket: Bucket::Open };
        let query = ListQuery { tenant: tenant.clone(), listing, filter: Filter::default() };
        let first = |priority| self.list_page(&query, Some(Position::before(priority)), OF_PRIORITY);
        let pages: Result<Vec<_>, _> = concurrently(Priority::ALL.map(first).into()).await.into_iter().collect();
        Ok(pages?.into_iter().flat_map(|page| page.items).collect())
    }

    async fn next_due(&self) -> Result<Vec<Task>, StoreError> {
        let any_time = Timestamp::from_millis(i64::MAX);
        let mut shards: Vec<u16> = (0..self.config.shards.due).collect();
        let mut tasks: Vec<Task> = Vec::new();
        for of_shard in OF_SHARD {
            let looks = shards.iter().map(|shard| self.due_in(*shard, any_time, of_shard)).collect();
            let due: Result<Vec<Vec<Due>>, _> = concurrently(looks).await.into_iter().collect();
            let found: Vec<(u16, Vec<TaskKey>)> = zip(shards, due?.into_iter().map(of_tasks)).collect();
            let keys: Vec<TaskKey> = found.iter().flat_map(|(_, keys)| keys.clone()).collect();
            tasks.extend(self.read_tasks(&keys).await?);
            let is_read = |key: &TaskKey| tasks.iter().any(|task| task.key == *key);
            let hidden = found.iter().filter(|(_, keys)| !keys.is_empty() && !keys.iter().any(is_read));
            shards = hidden.map(|(shard, _)| *shard).collect();
        }
        Ok(tasks)
    }
}
