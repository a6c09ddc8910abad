//! `Store` for [`SqliteStore`]: each call is handed to the thread that it is for.

use std::sync::Arc;

use async_trait::async_trait;
use errand::{
    Name, StoreError, Task, TaskKey, Timestamp,
    spi::{
        lifecycle::log::LogEntry,
        store::{
            Commit, Due, Failures, Inserted, ListQuery, Page, PastDay, Position, QueuePlace, QueueStats, Record,
            RecordKey, Related, Stats, StatsScope, Store, ToldEvent, Wanted,
        },
    },
};
use rusqlite::Connection;

use super::{
    SqliteStore, changes, erase, failures, list, minutes, queries, reader::failed, record_row, schema, stats, told,
    upkeep,
};

/// The same answer to each of `count` questions that were asked as one.
fn each<T>(count: usize, answers: Result<Vec<Result<T, StoreError>>, StoreError>) -> Vec<Result<T, StoreError>> {
    let failure = match answers {
        Ok(answers) => return answers,
        Err(failure) => failure,
    };
    let copies = (1..count).map(|_| match &failure {
        StoreError::Busy => Err(StoreError::Busy),
        other => Err(StoreError::Unavailable(anyhow::anyhow!("{other:#}"))),
    });
    let mut answers: Vec<_> = copies.collect();
    answers.extend((count > 0).then_some(Err(failure)));
    answers
}

#[async_trait]
impl Store for SqliteStore {
    async fn insert(&self, tasks: Vec<Task>) -> Vec<Result<Inserted, StoreError>> {
        let count = tasks.len();
        let work = move |tables: &mut changes::Tables<'_>| tasks.iter().map(|task| tables.insert(task)).collect();
        each(count, self.writer.write(count, work).await)
    }

    async fn tasks(&self, keys: &[TaskKey]) -> Vec<Result<Option<Task>, StoreError>> {
        let (count, keys) = (keys.len(), keys.to_vec());
        let answers = move |db: &Connection| Ok(keys.iter().map(|key| queries::task(db, key)).collect());
        each(count, self.items.read(answers).await)
    }

    async fn commit(&self, commit: Arc<Commit>) -> Result<(), StoreError> {
        commit.fits()?;
        self.writer.write(1, move |tables| tables.commit(&commit)).await?
    }

    fn shards(&self) -> u16 {
        1
    }

    async fn due(&self, _shard: u16, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.due.read(move |db| queries::due(db, until, limit)).await
    }

    async fn ready(&self, wanted: &Wanted, now: Timestamp, limit: usize) -> Result<Vec<TaskKey>, StoreError> {
        let wanted = wanted.clone();
        self.items.read(move |db| queries::ready(db, &wanted, now, limit)).await
    }

    async fn set_aside(&self, due: &Due, until: Timestamp) -> Result<(), StoreError> {
        let due = due.clone();
        self.writer.write(1, move |tables| upkeep::set_aside(tables, &due, until)).await
    }

    async fn list(
        &self,
        query: &ListQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page<Task, Position>, StoreError> {
        let query = query.clone();
        self.pages.read(move |db| list::list(db, &query, after, limit)).await
    }

    async fn log(&self, task: &Task, after: u64, limit: usize) -> Result<Page<LogEntry, u64>, StoreError> {
        let life = (task.key.clone(), task.created_at);
        self.pages.read(move |db| queries::log(db, &life, after, limit)).await
    }

    async fn erase(&self, task: &Task) -> Result<(), StoreError> {
        let task = task.clone();
        self.writer.write(1, move |tables| erase::erase(tables, &task)).await?
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        let file = self.file.clone();
        let scrubbed = tokio::task::spawn_blocking(move || erase::scrub(&file)).await;
        scrubbed.map_err(|ended| StoreError::Unavailable(ended.into()))?
    }

    async fn records_at(&self, keys: &[RecordKey]) -> Result<Vec<Option<Record>>, StoreError> {
        let keys = keys.to_vec();
        let records = move |db: &Connection| keys.iter().map(|key| record_row::get(db, key).map_err(failed)?).collect();
        self.items.read(records).await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        let key = key.clone();
        self.items.read(move |db| record_row::get(db, &key).map_err(failed)?).await
    }

    async fn records(
        &self,
        related: &Related,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Record, String>, StoreError> {
        let (related, after) = (related.clone(), after.map(str::to_owned));
        self.pages.read(move |db| queries::records(db, &related, after.as_deref(), limit)).await
    }

    async fn told(
        &self,
        tenant: &Name,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Option<Page<ToldEvent, String>>, StoreError> {
        let (tenant, after) = (tenant.clone(), after.map(str::to_owned));
        self.pages.read(move |db| told::page(db, &tenant, after.as_deref(), limit).map(Some)).await
    }

    async fn told_up_to(&self, tenant: &Name) -> Result<Option<String>, StoreError> {
        let tenant = tenant.clone();
        self.pages.read(move |db| told::end(db, &tenant)).await
    }

    async fn stats(&self, scope: &StatsScope, now: Timestamp) -> Result<Stats, StoreError> {
        let scope = scope.clone();
        self.pages.read(move |db| stats::stats(db, &scope, now)).await
    }

    async fn queues(
        &self,
        tenant: &Name,
        after: Option<&QueuePlace>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Page<QueueStats, QueuePlace>, StoreError> {
        let (tenant, after) = (tenant.clone(), after.cloned());
        self.pages.read(move |db| stats::queues(db, &tenant, after.as_ref(), limit, now)).await
    }

    async fn history(&self, tenant: &Name, now: Timestamp) -> Result<PastDay, StoreError> {
        let tenant = tenant.clone();
        self.pages.read(move |db| minutes::history(db, &tenant, now)).await
    }

    async fn oldest_due(&self, scope: &StatsScope, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let scope = scope.clone();
        self.pages.read(move |db| stats::oldest_due(db, &scope, now)).await
    }

    async fn failures(&self, tenant: &Name, project: &Name, queue: &Name) -> Result<Failures, StoreError> {
        let (tenant, project, queue) = (tenant.clone(), project.clone(), queue.clone());
        self.pages.read(move |db| failures::groups(db, (&tenant, &project, &queue))).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        // Through the writer: it is the one that must be alive for anything to go on.
        let found = self.writer.write(1, |tables| schema::version(tables.db)).await?;
        if found != schema::VERSION {
            let known = schema::VERSION;
            return Err(StoreError::Unavailable(anyhow::anyhow!("the file has schema {found}, not {known}")));
        }
        // On a full disk all this is answered still. The poller writes once a minute, if nobody else does.
        self.writer.last()
    }

    fn schema_version(&self) -> Option<u32> {
        Some(schema::VERSION)
    }
}
