//! What was counted, and how long work waits, as it is read.

use rusqlite::{Connection, OptionalExtension, Row, params};
use shared::{
    clock::Timestamp,
    ids::Name,
    lifecycle::Status,
    store::{Counts, QueueStats, Scope, Stats, StoreError},
};

use super::{
    columns::{Columns, present},
    reader::failed,
};

/// What was counted of `scope`.
pub(super) fn stats(db: &Connection, scope: &Scope, now: Timestamp) -> Result<Stats, StoreError> {
    match scope {
        Scope::All => all(db, now),
        Scope::Queue { tenant, project, queue } => match queue_n(db, tenant, project, queue)? {
            Some(n) => of_queue(db, n, now),
            None => Ok(Stats::at(now)),
        },
    }
}

/// What was counted of each queue of `tenant`.
pub(super) fn queues(db: &Connection, tenant: &Name, now: Timestamp) -> Result<Vec<QueueStats>, StoreError> {
    let sql = "SELECT n, project, queue FROM queues WHERE tenant = ?1 ORDER BY project, queue";
    let names = |c: &mut Columns<'_>| Ok((c.get::<i64>()?, present(c.name())?, present(c.name())?));
    let found = rows(db, sql, [tenant.as_str()], names)?;
    let stats = found.into_iter().map(|(n, project, queue)| {
        let stats = of_queue(db, n, now)?;
        Ok(QueueStats { project, queue, stats })
    });
    stats.collect()
}

/// The earliest `run_at` of what is pending and due, rounded up to a second.
pub(super) fn oldest_due(db: &Connection, scope: &Scope, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let first = "SELECT due_from FROM waiting WHERE queue_n = q.n AND due_from <= ?1 ORDER BY due_from LIMIT 1";
    let ask = |sql: &str, of: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<Option<i64>> {
        db.prepare_cached(sql)?.query_row(of, |row| row.get(0))
    };
    let now = now.as_millis();
    let found = match scope {
        Scope::All => ask(&format!("SELECT min(({first})) FROM queues q"), &[&now]),
        Scope::Queue { tenant, project, queue } => ask(
            &format!("SELECT min(({first})) FROM queues q WHERE tenant = ?2 AND project = ?3 AND queue = ?4"),
            &[&now, &tenant.as_str(), &project.as_str(), &queue.as_str()],
        ),
    };
    Ok(found.map_err(failed)?.map(Timestamp::from_millis))
}

fn queue_n(db: &Connection, tenant: &Name, project: &Name, queue: &Name) -> Result<Option<i64>, StoreError> {
    let find = || {
        db.prepare_cached("SELECT n FROM queues WHERE tenant = ?1 AND project = ?2 AND queue = ?3")?
            .query_row([tenant.as_str(), project.as_str(), queue.as_str()], |row| row.get(0))
            .optional()
    };
    find().map_err(failed)
}

fn of_queue(db: &Connection, n: i64, now: Timestamp) -> Result<Stats, StoreError> {
    let sql =
        "SELECT lane, task_type, changes, last_processed_at, pending, running, completed, failed, cancelled, blocked
        FROM counters WHERE queue_n = ?1";
    let place = |c: &mut Columns<'_>| {
        let names = (present(c.name())?, present(c.name())?);
        Ok((names, present(c.count())?, c.at()?, counts(c)?))
    };
    let mut stats = Stats::at(now);
    for ((lane, task_type), changes, last_processed_at, counts) in rows(db, sql, [n], place)? {
        stats.add_place(&lane, &task_type, &counts);
        stats.changes += changes;
        stats.last_processed_at = stats.last_processed_at.max(last_processed_at);
    }
    let sql = "SELECT hour, pending, running, completed, failed, cancelled, blocked FROM hours
        WHERE hour >= ?2 AND queue_n = ?1";
    add_hours(db, sql, params![n, stats.since.as_millis()], &mut stats)?;
    Ok(stats)
}

fn all(db: &Connection, now: Timestamp) -> Result<Stats, StoreError> {
    let sql = "SELECT sum(changes), max(last_processed_at), sum(pending), sum(running), sum(completed), sum(failed),
        sum(cancelled), sum(blocked) FROM counters";
    let mut stats = Stats::at(now);
    for (changes, last_processed_at, counts) in rows(db, sql, [], |c| Ok((c.count()?, c.at()?, counts(c)?)))? {
        (stats.changes, stats.last_processed_at, stats.now) = (changes.unwrap_or(0), last_processed_at, counts);
    }
    let sql = "SELECT hour, sum(pending), sum(running), sum(completed), sum(failed), sum(cancelled), sum(blocked)
        FROM hours WHERE hour >= ?1 GROUP BY hour";
    add_hours(db, sql, params![stats.since.as_millis()], &mut stats)?;
    Ok(stats)
}

fn add_hours(db: &Connection, sql: &str, of: impl rusqlite::Params, stats: &mut Stats) -> Result<(), StoreError> {
    for (hour, entered) in rows(db, sql, of, |c| Ok((present(c.at())?, counts(c)?)))? {
        stats.add_hour(hour, &entered);
    }
    Ok(())
}

/// The next columns, in the order of [`Status::ALL`]; a sum over nothing is null.
fn counts(c: &mut Columns<'_>) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    for status in Status::ALL {
        *counts.of_mut(status) = c.count()?.unwrap_or(0);
    }
    Ok(counts)
}

fn rows<T>(
    db: &Connection,
    sql: &str,
    of: impl rusqlite::Params,
    read: impl Fn(&mut Columns<'_>) -> anyhow::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut query = db.prepare_cached(sql).map_err(failed)?;
    let found = query.query_map(of, |row: &Row<'_>| Ok(read(&mut Columns::of(row)))).map_err(failed)?;
    let corrupt = |source| StoreError::Corrupt { id: "the counters".to_owned(), source };
    found.map(|row| row.map_err(failed)?.map_err(corrupt)).collect()
}
