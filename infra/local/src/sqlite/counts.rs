//! How many tasks each queue has: changes are added up in memory and written once for each transaction.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use shared::{
    ids::Name,
    lifecycle::Task,
    store::{Bucket, Scope, Stats},
};

/// The most queues whose numbers are remembered; beyond that they are looked up again.
const REMEMBERED_QUEUES: usize = 10_000;

/// The numbers of queues, and what the present transaction has changed of their counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    numbers: HashMap<(Name, Name, Name), i64>,
    changes: HashMap<i64, [i64; Bucket::ALL.len()]>,
}

impl Counts {
    /// The number of the queue that `task` stands in; a queue nobody has used yet gets one.
    pub(super) fn queue_of(&mut self, db: &Connection, task: &Task) -> rusqlite::Result<i64> {
        let queue = (task.key.tenant.clone(), task.project.clone(), task.queue.clone());
        if let Some(n) = self.numbers.get(&queue) {
            return Ok(*n);
        }
        let names = params![queue.0.as_str(), queue.1.as_str(), queue.2.as_str()];
        db.prepare_cached("INSERT INTO queues (tenant, project, queue) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute(names)?;
        let n = db
            .prepare_cached("SELECT n FROM queues WHERE tenant = ?1 AND project = ?2 AND queue = ?3")?
            .query_row(names, |row| row.get(0))?;
        if self.numbers.len() >= REMEMBERED_QUEUES {
            self.numbers.clear();
        }
        self.numbers.insert(queue, n);
        Ok(n)
    }

    /// Notes that `by` tasks more stand in `bucket`.
    pub(super) fn add(&mut self, queue_n: i64, bucket: Bucket, by: i64) {
        let changes = self.changes.entry(queue_n).or_default();
        for (change, of) in changes.iter_mut().zip(Bucket::ALL) {
            *change += if of == bucket { by } else { 0 };
        }
    }

    /// Writes what was noted; the last act of a transaction.
    pub(super) fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let changed = self.changes.drain().filter(|(_, by)| *by != [0; Bucket::ALL.len()]);
        for (n, [open, completed, failed, cancelled, blocked]) in changed {
            db.prepare_cached(
                "UPDATE queues SET open = open + ?2, completed = completed + ?3, failed = failed + ?4,
                 cancelled = cancelled + ?5, blocked = blocked + ?6 WHERE n = ?1",
            )?
            .execute([n, open, completed, failed, cancelled, blocked])?;
        }
        Ok(())
    }

    /// Forgets what a transaction noted that was rolled back: the numbers it gave out are not in the file either.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The counts of `scope`.
pub(super) fn stats(db: &Connection, scope: &Scope) -> rusqlite::Result<Stats> {
    match scope {
        Scope::All => db
            .prepare_cached("SELECT sum(open), sum(completed), sum(failed), sum(cancelled), sum(blocked) FROM queues")?
            .query_row([], read),
        Scope::Queue { tenant, project, queue } => {
            let names = params![tenant.as_str(), project.as_str(), queue.as_str()];
            let found = db
                .prepare_cached(
                    "SELECT open, completed, failed, cancelled, blocked FROM queues
                     WHERE tenant = ?1 AND project = ?2 AND queue = ?3",
                )?
                .query_row(names, read)
                .optional()?;
            Ok(found.unwrap_or_default())
        }
    }
}

/// Counts in the order of [`Bucket::ALL`]; a sum over nothing is null.
fn read(row: &Row<'_>) -> rusqlite::Result<Stats> {
    let mut stats = Stats::default();
    for (column, bucket) in Bucket::ALL.into_iter().enumerate() {
        let count: Option<i64> = row.get(column)?;
        *stats.count_mut(bucket) = u64::try_from(count.unwrap_or(0)).unwrap_or(0);
    }
    Ok(stats)
}
