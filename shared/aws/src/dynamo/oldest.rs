//! How long work waits: the oldest due tasks that a few requests show.

use crate::dynamo::{DynamoStore, concurrently};
use errand::{
    Name, Priority, StoreError, Task, Timestamp,
    spi::store::{Bucket, DueItem, Filter, ListQuery, Listing, Position, StatsScope},
};

/// How many of a queue's oldest open tasks of each priority are looked at. Beyond deferred tasks that are older than
/// all that is due nothing is seen.
const OF_PRIORITY: usize = 25;

/// How many entries of each part of the due index are looked at: there are many parts. More where nothing was found
/// among the first that is a task and can be read.
const OF_SHARD: [usize; 2] = [1, 25];

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
        for of_shard in OF_SHARD {
            let shards = (0..self.config.shards.due).map(|shard| self.due_in(shard, any_time, of_shard)).collect();
            let due: Result<Vec<Vec<_>>, _> = concurrently(shards).await.into_iter().collect();
            let due = due?.concat();
            let nothing_is_due = due.is_empty();
            let tasks = due.into_iter().filter_map(|due| match due.item {
                DueItem::Task(key) => Some(key),
                DueItem::Record(_) => None,
            });
            let tasks = self.read_tasks(&tasks.collect::<Vec<_>>()).await?;
            if nothing_is_due || !tasks.is_empty() {
                return Ok(tasks);
            }
        }
        Ok(Vec::new())
    }
}
