//! What the one-machine deployment does for its file: ends leases at start, and removes what is past its retention.

use errand::{
    Dispatch, Status, Timestamp,
    spi::{
        group::GROUP,
        lifecycle::LOOK_AHEAD,
        outbox::KEEP_DELIVERED,
        store::{Bucket, Due, DueItem, KEEP_HOURS},
    },
};
use rusqlite::{Connection, params};

use super::{changes::Tables, columns::int, kept, minutes, told};

/// How much one call of `prune` removed; call again until it is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Tasks.
    pub tasks: usize,
    /// Rows of the action log.
    pub log_rows: usize,
}

/// Moves an item's `wake_at` on, if it is still the one seen.
pub(super) fn set_aside(tables: &Tables<'_>, due: &Due, until: Timestamp) -> rusqlite::Result<()> {
    let (seen, until) = (due.wake_at.as_millis(), until.as_millis());
    match &due.item {
        DueItem::Task(key) => tables
            .db
            .prepare_cached("UPDATE tasks SET wake_at = ?1 WHERE id = ?2 AND tenant = ?3 AND wake_at = ?4")?
            .execute(params![until, key.id.as_bytes(), key.tenant.as_str(), seen])?,
        DueItem::Record(key) => tables
            .db
            .prepare_cached(
                "UPDATE records SET wake_at = ?1 WHERE tenant = ?2 AND kind = ?3 AND id = ?4 AND wake_at = ?5",
            )?
            .execute(params![until, key.tenant.as_str(), key.kind.as_str(), key.id.as_str(), seen])?,
    };
    Ok(())
}

/// Ends the lease of every task that is announced, and has every waiting task looked at, since no worker of this server
/// and no queue message has outlived the last process. Who does the others is outside. Answers with how many tasks that changed.
pub(super) fn recover(tables: &Tables<'_>, now: Timestamp) -> rusqlite::Result<usize> {
    let now = now.as_millis();
    // Along the index of open tasks: the ended ones may be a million.
    let running = tables.db.execute(
        "UPDATE tasks INDEXED BY tasks_open
         SET lease_expires_at = min(lease_expires_at, ?1), wake_at = min(coalesce(wake_at, ?1), ?1)
         WHERE ended_at IS NULL AND status = ?2 AND coalesce(dispatch, ?3) = ?3",
        params![now, Status::Running.as_str(), Dispatch::Announced.as_str()],
    )?;
    let pending = tables.db.execute(
        "UPDATE tasks INDEXED BY tasks_open SET wake_at = max(?1, run_at - ?3)
         WHERE ended_at IS NULL AND status = ?2 AND (wake_at IS NULL OR wake_at > max(?1, run_at - ?3))",
        params![now, Status::Pending.as_str(), int(LOOK_AHEAD.as_secs() * 1000)],
    )?;
    let waiting = tables.db.execute(
        "UPDATE tasks INDEXED BY tasks_open SET wake_at = ?1 WHERE ended_at IS NULL AND status = ?2 AND wake_at > ?1",
        params![now, Status::Waiting.as_str()],
    )?;
    // Who was to tell a group of an end may have been lost.
    let groups =
        tables.db.execute("UPDATE records SET wake_at = ?1 WHERE kind = ?2 AND wake_at > ?1", params![now, GROUP])?;
    Ok(running + pending + waiting + groups)
}

/// Removes at most `limit` tasks that ended before `ended_before` and owe nothing, and as many log rows older than
/// `logged_before`.
pub(super) fn prune(
    tables: &Tables<'_>,
    ended_before: Timestamp,
    logged_before: Timestamp,
    limit: usize,
) -> rusqlite::Result<Pruned> {
    let db = tables.db;
    let limit = int(limit as u64);
    let mut pruned = Pruned::default();
    for bucket in Bucket::ALL.into_iter().filter(|bucket| *bucket != Bucket::Open) {
        let left = limit - int(pruned.tasks as u64);
        let found: Vec<i64> = db
            .prepare_cached(
                "SELECT t.n FROM queues q CROSS JOIN tasks t INDEXED BY tasks_ended ON t.queue_n = q.n
                 WHERE t.status = ?1 AND t.ended_at IS NOT NULL AND t.ended_at < ?2 AND t.wake_at IS NULL
                 AND NOT EXISTS (SELECT 1 FROM kept k WHERE k.task_n = t.n) LIMIT ?3",
            )?
            .query_map(params![bucket.as_str(), ended_before.as_millis(), left], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        pruned.tasks += found.len();
        remove(db, &found)?;
    }
    // Rows are numbered as they were written, hence nearly by age: the oldest are looked at, no index is needed.
    pruned.log_rows = db
        .prepare_cached(
            "DELETE FROM action_log WHERE n IN
             (SELECT n FROM (SELECT n, ended_at FROM action_log ORDER BY n LIMIT ?1) WHERE ended_at < ?2)",
        )?
        .execute(params![limit, logged_before.as_millis()])?;
    Ok(pruned)
}

/// Removes tasks and what belongs to them, but for their log.
fn remove(db: &Connection, tasks: &[i64]) -> rusqlite::Result<()> {
    tasks.iter().try_for_each(|n| remove_one(db, *n))
}

/// The same, of the task of this number.
pub(super) fn remove_one(db: &Connection, n: i64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE action_log SET task_n = NULL WHERE task_n = ?1")?.execute([n])?;
    db.prepare_cached("DELETE FROM tasks WHERE n = ?1")?.execute([n])?;
    db.prepare_cached("DELETE FROM payloads WHERE task_n = ?1")?.execute([n])?;
    db.prepare_cached("DELETE FROM kept WHERE task_n = ?1")?.execute([n])?;
    Ok(())
}

/// Removes at most `limit` records whose `expires_at` has come, and as many tasks that a rule keeps no longer, counts of hours
/// and minutes that nobody asks for and events that are listed no longer.
pub(super) fn prune_expired(tables: &Tables<'_>, now: Timestamp, limit: usize) -> rusqlite::Result<usize> {
    let limit = int(limit as u64);
    let tasks = kept::past(tables.db, now, limit)?;
    remove(tables.db, &tasks)?;
    let records = tables
        .db
        .prepare_cached(
            "DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE expires_at <= ?1 LIMIT ?2)",
        )?
        .execute(params![now.as_millis(), limit])?;
    let hours = tables
        .db
        .prepare_cached(
            "DELETE FROM hours WHERE (hour, queue_n) IN (SELECT hour, queue_n FROM hours WHERE hour < ?1 LIMIT ?2)",
        )?
        .execute(params![(now - KEEP_HOURS).as_millis(), limit])?;
    let minutes = minutes::prune(tables.db, now, limit)?;
    Ok(tasks.len() + records + hours + minutes + told::prune(tables.db, now - KEEP_DELIVERED, limit)?)
}
