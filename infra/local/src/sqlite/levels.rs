//! How many tasks stand in the busiest queues, as it is read for metrics: the same few rows however many queues there are.

use std::{collections::HashSet, fs, time::Duration};

use errand::{Name, StoreError, Timestamp, spi::store::Stats};
use rusqlite::{Connection, OptionalExtension, params};

use super::{counts::ALL_QUEUES, reader::failed};

/// How many queues are told apart.
const MOST: usize = 100;

/// So many seconds of queues in which something is due are looked at to find one that is not among the busiest.
const LOOKED_AT: i64 = 1000;

const HOUR: Duration = Duration::from_secs(3600);

/// The queues that are told apart, each of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busiest {
    numbers: Vec<i64>,
    /// Whether these are all there are.
    pub(crate) all: bool,
}

/// What stands in a queue now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLevel {
    /// Tasks that wait for their time, or for a worker.
    pub(crate) pending: i64,
    /// Tasks that a worker holds.
    pub(crate) running: i64,
    /// Tasks that wait for others.
    pub(crate) waiting: i64,
    /// Tasks that wait for a person.
    pub(crate) blocked: i64,
    /// From when on the one has been due that has been due longest, if one is: its `run_at`, rounded up to a second.
    pub(crate) due_from: Option<Timestamp>,
}

/// What stands in all queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueLevels {
    /// Project, name and level of those that are told apart.
    pub(crate) named: Vec<(Name, Name, QueueLevel)>,
    /// What all others have together, if there are others.
    pub(crate) other: Option<QueueLevel>,
    /// How long the write-ahead log's file is.
    pub(crate) wal_bytes: u64,
}

impl QueueLevel {
    /// What both have together.
    pub(crate) fn add(&mut self, other: &Self) {
        self.pending += other.pending;
        self.running += other.running;
        self.waiting += other.waiting;
        self.blocked += other.blocked;
        self.due_from = self.due_from.into_iter().chain(other.due_from).min();
    }

    fn without(self, some: &Self) -> Self {
        Self {
            pending: self.pending - some.pending,
            running: self.running - some.running,
            waiting: self.waiting - some.waiting,
            blocked: self.blocked - some.blocked,
            due_from: None,
        }
    }
}

/// The queues in which most has happened in this hour and the one before; where there are few, all.
pub(super) fn busiest(db: &Connection, now: Timestamp) -> Result<Busiest, StoreError> {
    let ask = |sql: &str, of: &[i64]| -> rusqlite::Result<Vec<i64>> {
        db.prepare_cached(sql)?.query_map(rusqlite::params_from_iter(of), |row| row.get(0))?.collect()
    };
    let most = i64::try_from(MOST).unwrap_or(i64::MAX);
    let first = ask("SELECT n FROM queues ORDER BY n LIMIT ?1", &[most + 1]).map_err(failed)?;
    if first.len() <= MOST {
        return Ok(Busiest { numbers: first, all: true });
    }
    let since = Stats::at(now).since;
    let sql = "SELECT queue_n FROM hours WHERE hour IN (?1, ?2) AND queue_n > 0 GROUP BY queue_n
        ORDER BY sum(pending + running + completed + failed) DESC, queue_n LIMIT ?3";
    let mut numbers = ask(sql, &[since.as_millis(), (since + HOUR).as_millis(), most]).map_err(failed)?;
    let busy: HashSet<i64> = numbers.iter().copied().collect();
    numbers.extend(first.into_iter().filter(|n| !busy.contains(n)));
    numbers.truncate(MOST);
    Ok(Busiest { numbers, all: false })
}

/// What stands in these queues, and in all others together.
pub(super) fn levels(db: &Connection, busiest: &Busiest, now: Timestamp) -> Result<QueueLevels, StoreError> {
    let read = || {
        let mut named = Vec::with_capacity(busiest.numbers.len());
        let mut shown = QueueLevel::default();
        for n in &busiest.numbers {
            let found = db.prepare_cached("SELECT project, queue FROM queues WHERE n = ?1")?;
            let names = { found }.query_row([n], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let Some((project, queue)) = names else { continue };
            let level = level(db, *n, now)?;
            shown.add(&level);
            named.push((project, queue, level));
        }
        let other = if busiest.all { None } else { Some(other(db, busiest, &shown, now)?) };
        Ok((named, other))
    };
    let (named, other): (Vec<(String, String, QueueLevel)>, _) = read().map_err(failed)?;
    let name = |text: &str| {
        let corrupt = |why| StoreError::Corrupt { id: "the queues".to_owned(), source: anyhow::Error::new(why) };
        Name::new(text).map_err(corrupt)
    };
    let named = named.into_iter().map(|(project, queue, level)| Ok((name(&project)?, name(&queue)?, level)));
    let wal = db.path().and_then(|file| fs::metadata(format!("{file}-wal")).ok());
    Ok(QueueLevels {
        named: named.collect::<Result<_, StoreError>>()?,
        other,
        wal_bytes: wal.map_or(0, |file| file.len()),
    })
}

fn level(db: &Connection, n: i64, now: Timestamp) -> rusqlite::Result<QueueLevel> {
    let sql = "SELECT due_from FROM waiting WHERE queue_n = ?1 AND due_from <= ?2 ORDER BY due_from LIMIT 1";
    let due = db.prepare_cached(sql)?.query_row([n, now.as_millis()], |row| row.get(0)).optional()?;
    Ok(QueueLevel { due_from: due.map(Timestamp::from_millis), ..counted(db, n)? })
}

fn counted(db: &Connection, n: i64) -> rusqlite::Result<QueueLevel> {
    let sql = "SELECT coalesce(sum(pending), 0), coalesce(sum(running), 0), coalesce(sum(waiting), 0),
        coalesce(sum(blocked), 0) FROM counters WHERE queue_n = ?1";
    db.prepare_cached(sql)?.query_row([n], |row| {
        let (pending, running) = (row.get(0)?, row.get(1)?);
        Ok(QueueLevel { pending, running, waiting: row.get(2)?, blocked: row.get(3)?, due_from: None })
    })
}

/// What all queues have but these, which have `shown` together.
fn other(db: &Connection, busiest: &Busiest, shown: &QueueLevel, now: Timestamp) -> rusqlite::Result<QueueLevel> {
    let busy: HashSet<i64> = busiest.numbers.iter().copied().collect();
    let sql = "SELECT queue_n, due_from FROM waiting WHERE due_from <= ?1 ORDER BY due_from LIMIT ?2";
    let mut oldest = db.prepare_cached(sql)?;
    let mut rows = oldest.query(params![now.as_millis(), LOOKED_AT])?;
    let mut due = None;
    while let (None, Some(row)) = (due, rows.next()?) {
        let (n, at): (i64, i64) = (row.get(0)?, row.get(1)?);
        due = (!busy.contains(&n)).then_some(at);
    }
    let level = counted(db, ALL_QUEUES)?.without(shown);
    Ok(QueueLevel { due_from: due.map(Timestamp::from_millis), ..level })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::stats::tests::{now, steps, used};

    #[test]
    fn what_is_read_is_the_same_however_many_queues_there_are() {
        let (mut few, mut many) = (used(1_000), used(100_000));
        let busiest = busiest(&many, now()).unwrap();
        assert_eq!((busiest.numbers.len(), busiest.all), (MOST, false));
        let read = |db: &Connection| levels(db, &busiest, now()).unwrap();
        let ((of_few, first), (of_many, all)) = (steps(&mut few, read), steps(&mut many, read));
        assert_eq!((first.named.len(), &first.named), (MOST, &all.named));
        assert_eq!((first.other.unwrap().pending, all.other.unwrap().pending), (900, 99_900));
        assert!(of_many <= 2 * of_few, "{of_few} tens of steps became {of_many}");
    }

    #[test]
    fn the_busiest_are_those_in_which_most_has_happened_lately() {
        let db = used(1_000);
        let hour = Stats::at(now()).since.as_millis();
        let sql = "UPDATE hours SET completed = completed + 7 WHERE hour = ?1 AND queue_n BETWEEN 500 AND 509";
        db.execute(sql, [hour]).unwrap();
        let busiest = busiest(&db, now()).unwrap();
        assert_eq!(busiest.numbers[..10], (500..510).collect::<Vec<_>>());
        assert_eq!(busiest.numbers.len(), MOST);
    }

    #[test]
    fn where_nothing_happens_the_first_ones_are_told_apart_and_what_is_due_elsewhere_is_seen() {
        let db = used(1_000);
        db.execute_batch("DELETE FROM hours; DELETE FROM waiting WHERE queue_n <> 700;").unwrap();
        let busiest = busiest(&db, now()).unwrap();
        assert_eq!(busiest.numbers, (1..=100).collect::<Vec<_>>());
        let levels = levels(&db, &busiest, now()).unwrap();
        assert_eq!(levels.other.unwrap().due_from, Some(Timestamp::from_millis(0)));
        assert!(levels.named.iter().all(|(_, _, level)| level.due_from.is_none()));
    }
}
