//! What was counted, and how long work waits, as it is read: the same few rows however many queues there are.

use errand::{
    Name, Status, StoreError, Timestamp,
    spi::store::{Counts, HOUR, Page, QueuePlace, QueueStats, Stats, StatsScope},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    columns::{Columns, int, present},
    counts::ALL_QUEUES,
    reader::failed,
};

/// What was counted of `scope`.
pub(super) fn stats(db: &Connection, scope: &StatsScope, now: Timestamp) -> Result<Stats, StoreError> {
    match scope {
        StatsScope::All => all(db, now),
        StatsScope::Queue { tenant, project, queue } => match queue_n(db, tenant, project, queue)? {
            Some(n) => of_queue(db, n, now),
            None => Ok(Stats::at(now)),
        },
    }
}

/// What was counted of the queues of `tenant` after `after`. Only those of the page are looked at.
pub(super) fn queues(
    db: &Connection,
    tenant: &Name,
    after: Option<&QueuePlace>,
    limit: usize,
    now: Timestamp,
) -> Result<Page<QueueStats, QueuePlace>, StoreError> {
    let sql = "SELECT n, project, queue FROM queues WHERE tenant = ?1 AND (project, queue) > (?2, ?3)
        ORDER BY project, queue LIMIT ?4";
    let (project, queue) = match after {
        None => ("", ""),
        Some((project, queue)) => (project.as_str(), queue.as_ref().map_or("", Name::as_str)),
    };
    let range = params![tenant.as_str(), project, queue, int(limit as u64) + 1];
    let place = |c: &mut Columns<'_>| Ok((c.get::<i64>()?, present(c.name())?, present(c.name())?));
    let found = rows(db, sql, range, place)?
        .into_iter()
        .map(|(n, project, queue)| ((project.clone(), Some(queue.clone())), (n, project, queue)));
    let Page { items, next } = Page::first(found, limit);
    let stats = items.into_iter().map(|(n, project, queue)| {
        let stats = of_queue(db, n, now)?;
        Ok(QueueStats { project, queue, stats })
    });
    Ok(Page { items: stats.collect::<Result<_, StoreError>>()?, next })
}

/// The earliest `run_at` of what is pending and due, rounded up to a second.
pub(super) fn oldest_due(db: &Connection, scope: &StatsScope, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let ask = |sql: &str, of: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<Option<i64>> {
        db.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()
    };
    let now = now.as_millis();
    let found = match scope {
        StatsScope::All => ask("SELECT due_from FROM waiting WHERE due_from <= ?1 ORDER BY due_from LIMIT 1", &[&now]),
        StatsScope::Queue { tenant, project, queue } => ask(
            "SELECT due_from FROM waiting WHERE due_from <= ?1 AND queue_n =
             (SELECT n FROM queues WHERE tenant = ?2 AND project = ?3 AND queue = ?4) ORDER BY due_from LIMIT 1",
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
        "SELECT lane, task_type, changes, last_processed_at, pending, running, waiting, completed, failed, cancelled, blocked
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
    add_hours(db, n, &mut stats)?;
    Ok(stats)
}

fn all(db: &Connection, now: Timestamp) -> Result<Stats, StoreError> {
    let sql = "SELECT changes, last_processed_at, pending, running, waiting, completed, failed, cancelled, blocked
        FROM counters WHERE queue_n = ?1";
    let mut stats = Stats::at(now);
    let total = |c: &mut Columns<'_>| Ok((present(c.count())?, c.at()?, counts(c)?));
    for (changes, last_processed_at, counts) in rows(db, sql, [ALL_QUEUES], total)? {
        (stats.changes, stats.last_processed_at, stats.now) = (changes, last_processed_at, counts);
    }
    add_hours(db, ALL_QUEUES, &mut stats)?;
    Ok(stats)
}

/// What entered in this hour and the one before. They are named, not compared with: the table is ordered by hour, for the
/// sake of who removes the old ones, and between two hours stand those of all queues.
fn add_hours(db: &Connection, n: i64, stats: &mut Stats) -> Result<(), StoreError> {
    let sql = "SELECT hour, pending, running, waiting, completed, failed, cancelled, blocked FROM hours
        WHERE hour IN (?1, ?2) AND queue_n = ?3";
    let hours = params![stats.since.as_millis(), (stats.since + HOUR).as_millis(), n];
    for (hour, entered) in rows(db, sql, hours, |c| Ok((present(c.at())?, counts(c)?)))? {
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

/// What each row that `sql` finds in the tables of counts holds.
pub(super) fn rows<T>(
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

#[cfg(test)]
pub(super) mod tests {
    use std::{
        path::Path,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        time::Instant,
    };

    use super::*;
    use crate::sqlite::{SqliteSettings, schema};

    const HOURS: i64 = 48;

    pub(in crate::sqlite) fn now() -> Timestamp {
        Timestamp::from_millis((HOURS * 3600 - 1) * 1000)
    }

    /// A file with as many queues of one tenant, all of which were in use in each of the last hours.
    pub(in crate::sqlite) fn used(queues: i64) -> Connection {
        let db = schema::open_writer(Path::new(":memory:"), &SqliteSettings::default()).unwrap();
        let seed = format!(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {queues})
            INSERT INTO queues (n, tenant, project, queue) SELECT n, 't', 'p', printf('q%06d', n) FROM n;
            INSERT INTO counters SELECT n, 'default', 'scripted', 1, 0, 1, 0, 0, 0, 2, 5, 0 FROM queues;
            INSERT INTO counters VALUES (0, '', '', {queues}, 0, {queues}, 0, 0, 0, 2 * {queues}, 5, 0);
            WITH RECURSIVE h (h) AS (SELECT 0 UNION ALL SELECT h + 1 FROM h WHERE h < {HOURS} - 1)
            INSERT INTO hours SELECT h * 3600000, n, 1, 0, 1, 0, 0, 0, 0 FROM h, (SELECT n FROM queues UNION SELECT 0);
            INSERT INTO waiting SELECT n, 1000 * (n % 5), 1 FROM queues;"
        );
        db.execute_batch(&seed).unwrap();
        db
    }

    /// How many of SQLite's steps `read` takes, in tens, and what it answers.
    pub(in crate::sqlite) fn steps<T>(db: &mut Connection, read: impl FnOnce(&Connection) -> T) -> (u64, T) {
        let counted = Arc::new(AtomicU64::new(0));
        let count = counted.clone();
        let count = move || {
            count.fetch_add(1, Ordering::Relaxed);
            false
        };
        db.progress_handler(10, Some(count)).unwrap();
        let begin = Instant::now();
        let answer = read(db);
        eprintln!("{} tens of steps, {:?}", counted.load(Ordering::Relaxed), begin.elapsed());
        db.progress_handler(0, None::<fn() -> bool>).unwrap();
        (counted.load(Ordering::Relaxed), answer)
    }

    #[test]
    fn what_is_read_of_a_page_is_the_same_however_many_queues_there_are() {
        let tenant = Name::of("t");
        let place = |n: i64| (Name::of("p"), Name::new(&format!("q{n:06}")).ok());
        let (mut few, mut many) = (used(1_000), used(100_000));
        for (after, limit) in [(None, 100), (None, 1), (Some(place(500)), 100)] {
            let page = |db: &Connection| queues(db, &tenant, after.as_ref(), limit, now()).unwrap();
            let ((of_few, first), (of_many, same)) = (steps(&mut few, page), steps(&mut many, page));
            assert_eq!((first.items.len(), &first), (limit, &same));
            assert!(first.items.iter().all(|queue| queue.stats.last_hours.completed == 2), "{first:?}");
            assert!(of_many <= 2 * of_few, "{of_few} tens of steps became {of_many}");
        }
        let last = queues(&many, &tenant, Some(&place(99_999)), 9, now()).unwrap();
        assert_eq!((last.items.len(), last.next), (1, None));
    }

    #[test]
    fn what_is_read_of_all_queues_is_the_same_however_many_there_are() {
        let (mut few, mut many) = (used(1_000), used(100_000));
        let health = |db: &Connection| {
            let oldest = oldest_due(db, &StatsScope::All, now()).unwrap();
            (stats(db, &StatsScope::All, now()).unwrap(), oldest)
        };
        let ((of_few, _), (of_many, (stats, oldest))) = (steps(&mut few, health), steps(&mut many, health));
        assert_eq!((stats.now.completed, stats.changes, stats.last_hours.completed), (100_000, 200_000, 2));
        assert_eq!((stats.lanes.len(), oldest), (0, Some(Timestamp::from_millis(0))));
        assert!(of_many <= 2 * of_few, "{of_few} tens of steps became {of_many}");
    }
}
