//! What is read: tasks, lists of them, what is due, the log, records.

use errand::{
    Id, Name, Priority, StoreError, Task, TaskKey, Timestamp,
    spi::{
        lifecycle::log::LogEntry,
        store::{Due, DueItem, Page, RECORD_PAGE_BYTES, Record, RecordKey, Related, RelationKind, Wanted},
    },
};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{columns::int, log_row, reader::failed, record_row, task_read};

/// One task.
pub(super) fn task(db: &Connection, key: &TaskKey) -> Result<Option<Task>, StoreError> {
    task_read::one(db, key).map_err(failed)?.transpose()
}

/// Tasks and records with `wake_at <= until`, oldest first.
pub(super) fn due(db: &Connection, until: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
    let tasks = "SELECT wake_at, tenant, id FROM tasks WHERE wake_at <= ?1 ORDER BY wake_at LIMIT ?2";
    let records = "SELECT wake_at, tenant, id, kind FROM records WHERE wake_at <= ?1 ORDER BY wake_at LIMIT ?2";
    let range = (until.as_millis(), rows(limit));
    let mut due = Vec::new();
    for (sql, item) in [(tasks, task_item as fn(&Row<'_>) -> anyhow::Result<DueItem>), (records, record_item)] {
        let mut query = db.prepare_cached(sql).map_err(failed)?;
        let found = query.query_map(range, |row| Ok((row.get(0)?, item(row)))).map_err(failed)?;
        for row in found {
            let (wake_at, item) = row.map_err(failed)?;
            match item {
                Ok(item) => due.push(Due { item, wake_at: Timestamp::from_millis(wake_at) }),
                // One such row must not hide the others.
                Err(problem) => tracing::error!(error = %problem, "the key of something due cannot be read"),
            }
        }
    }
    due.sort_by_key(|due| due.wake_at);
    due.truncate(limit);
    Ok(due)
}

/// The tasks that workers outside may take at `now`, the most urgent first.
pub(super) fn ready(
    db: &Connection,
    wanted: &Wanted,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<TaskKey>, StoreError> {
    // One type at a time: of several at once the index would not say which was due first.
    let sql = "SELECT run_at, id FROM tasks INDEXED BY tasks_ready
        WHERE dispatch = 'pulled' AND status = 'pending' AND tenant = ?1 AND task_type = ?2 AND pool IS ?3
        AND priority = ?4 AND run_at <= ?5 ORDER BY run_at LIMIT ?6";
    let mut query = db.prepare_cached(sql).map_err(failed)?;
    let mut ready = Vec::new();
    for priority in Priority::ALL {
        let mut found: Vec<(i64, TaskKey)> = Vec::new();
        for task_type in &wanted.types {
            let pool = wanted.pool.as_ref().map(Name::as_str);
            let (tenant, left) = (wanted.tenant.as_str(), rows(limit - ready.len()));
            let range = params![tenant, task_type.as_str(), pool, priority.rank(), now.as_millis(), left];
            let id = |row: &Row<'_>| Ok((row.get(0)?, Uuid::from_bytes(row.get(1)?)));
            for place in query.query_map(range, id).map_err(failed)? {
                let (run_at, id) = place.map_err(failed)?;
                found.push((run_at, TaskKey { tenant: wanted.tenant.clone(), id }));
            }
        }
        found.sort_unstable();
        ready.extend(found.into_iter().map(|(_, key)| key).take(limit - ready.len()));
        if ready.len() >= limit {
            break;
        }
    }
    Ok(ready)
}

fn task_item(row: &Row<'_>) -> anyhow::Result<DueItem> {
    let tenant = Name::new(row.get_ref(1)?.as_str()?)?;
    Ok(DueItem::Task(TaskKey { tenant, id: Uuid::from_bytes(row.get(2)?) }))
}

fn record_item(row: &Row<'_>) -> anyhow::Result<DueItem> {
    let tenant = Name::new(row.get_ref(1)?.as_str()?)?;
    let (id, kind) = (Id::new(row.get_ref(2)?.as_str()?)?, Name::new(row.get_ref(3)?.as_str()?)?);
    Ok(DueItem::Record(RecordKey { tenant, kind, id }))
}

/// The log rows after `after` of the task `key` that was made at `born`.
pub(super) fn log(
    db: &Connection,
    (key, born): &(TaskKey, Timestamp),
    after: u64,
    limit: usize,
) -> Result<Page<LogEntry, u64>, StoreError> {
    let mut query = db.prepare_cached(log_row::OF_TASK).map_err(failed)?;
    let range = params![key.id.as_bytes(), key.tenant.as_str(), born.as_millis(), int(after), rows(limit) + 1];
    let found = query.query_map(range, |row| Ok(log_row::read(row))).map_err(failed)?;
    page(found, limit, |entry| entry.seq)
}

/// The records that a relation leads to.
pub(super) fn records(
    db: &Connection,
    related: &Related,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<Record, String>, StoreError> {
    let column = match related.by {
        RelationKind::Parent => "parent",
        RelationKind::Owner => "owner",
    };
    let (beyond, order) = if related.newest_first { ("<", "DESC") } else { (">", "ASC") };
    let place = format!("{column}_sort || '#' || id");
    // A null `?4` is no cursor; comparing with it directly, not under an OR, is what lets the index be used.
    let cursor = if after.is_some() { format!("AND {place} {beyond} ?4") } else { "AND ?4 IS NULL".to_owned() };
    let sql = format!(
        "SELECT * FROM records WHERE tenant = ?1 AND kind = ?2 AND {column} = ?3 {cursor}
         ORDER BY {place} {order} LIMIT ?5"
    );
    let mut query = db.prepare_cached(&sql).map_err(failed)?;
    let range = params![related.tenant.as_str(), related.kind.as_str(), related.of.as_str(), after, rows(limit) + 1];
    let mut rows = query.query(range).map_err(failed)?;
    let (mut items, mut bytes) = (Vec::<Record>::new(), 0);
    while let Some(row) = rows.next().map_err(failed)? {
        if items.len() == limit || bytes >= RECORD_PAGE_BYTES {
            let next = items.last().and_then(|last| last.place(related.by));
            return Ok(Page { items, next });
        }
        bytes += row.get_ref("doc").and_then(|doc| Ok(doc.as_str()?.len())).map_err(failed)?;
        items.push(record_row::read(row)?);
    }
    Ok(Page { items, next: None })
}

/// The first `limit` rows of `found`, and the place of the last one if another follows.
fn page<T, C>(
    found: impl Iterator<Item = rusqlite::Result<Result<T, StoreError>>>,
    limit: usize,
    place: impl Fn(&T) -> C,
) -> Result<Page<T, C>, StoreError> {
    let mut found = found.fuse();
    let mut items = Vec::new();
    for row in found.by_ref().take(limit) {
        items.push(row.map_err(failed)??);
    }
    let more = found.next().transpose().map_err(failed)?.is_some();
    let next = items.last().filter(|_| more).map(place);
    Ok(Page { items, next })
}

fn rows(limit: usize) -> i64 {
    int(limit as u64).min(i64::from(u32::MAX))
}
