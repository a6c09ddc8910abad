//! How many tasks each queue has: changes are added up in memory and written once for each transaction.

use std::collections::{BTreeMap, HashMap};

use errand::{Name, Status, Task, spi::store::CountStep};
use rusqlite::{Connection, params};

use super::minutes::Minutes;

/// The most queues whose numbers are remembered; beyond that they are looked up again.
const REMEMBERED_QUEUES: usize = 10_000;

/// The queue whose counts are those of all queues together; the others are numbered from 1.
pub(super) const ALL_QUEUES: i64 = 0;

/// The numbers of queues, and what the present transaction has changed of their counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    numbers: HashMap<(Name, Name, Name), i64>,
    /// By queue, hour, lane and type. Ordered, as the others here: of the few that a transaction has, to find one by comparing
    /// takes less than to hash it.
    changed: BTreeMap<(i64, i64, Name, Name), Change>,
    minutes: Minutes,
    /// How many more pending tasks of a queue are due from this second on.
    waiting: BTreeMap<(i64, i64), i64>,
}

/// In the order of [`Status::ALL`].
type ByStatus = [i64; Status::ALL.len()];

#[derive(Debug, Default)]
struct Change {
    by: ByStatus,
    entered: ByStatus,
    changes: i64,
    last_processed_at: Option<i64>,
}

const ADD_COUNTS: &str = "INSERT INTO counters (queue_n, lane, task_type, pending, running, waiting, completed, failed,
        cancelled, blocked, changes, last_processed_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
    ON CONFLICT DO UPDATE SET pending = pending + ?4, running = running + ?5, waiting = waiting + ?6,
        completed = completed + ?7, failed = failed + ?8, cancelled = cancelled + ?9, blocked = blocked + ?10,
        changes = changes + ?11,
        last_processed_at = max(coalesce(last_processed_at, ?12), coalesce(?12, last_processed_at))";

const ADD_HOUR: &str = "INSERT INTO hours (hour, queue_n, pending, running, waiting, completed, failed, cancelled,
        blocked)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT DO UPDATE SET pending = pending + ?3, running = running + ?4, waiting = waiting + ?5,
        completed = completed + ?6, failed = failed + ?7, cancelled = cancelled + ?8, blocked = blocked + ?9";

const ADD_WAIT: &str = "INSERT INTO waiting (queue_n, due_from, tasks) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET tasks = tasks + ?3";

/// Ends the wait of the last `?3` tasks of a second.
const END_WAIT: &str = "DELETE FROM waiting WHERE queue_n = ?1 AND due_from = ?2 AND tasks = ?3";

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

    /// Notes that a task of a queue, whose status and `run_at` were as `before` says, has become `task`.
    pub(super) fn note(&mut self, queue_n: i64, before: Option<(Status, Option<i64>)>, task: &Task) {
        let (status, run_at) = before.map_or((None, None), |(status, run_at)| (Some(status), run_at));
        self.waits(queue_n, run_at, task.run_at().map(|at| at.as_millis()));
        let Some(step) = CountStep::of(status, task) else { return };
        let place = (queue_n, step.hour.as_millis(), task.lane.clone(), task.task_type.clone());
        let change = self.changed.entry(place).or_default();
        add(&mut change.by, step.entered, 1);
        add(&mut change.entered, step.entered, 1);
        if let Some(left) = step.left {
            add(&mut change.by, left, -1);
        }
        change.changes += 1;
        change.last_processed_at = change.last_processed_at.max(step.processed_at.map(|at| at.as_millis()));
        self.minutes.note(task);
    }

    fn waits(&mut self, queue_n: i64, before: Option<i64>, after: Option<i64>) {
        let (before, after) = (before.map(due_from), after.map(due_from));
        if before == after {
            return;
        }
        if let Some(due_from) = before {
            *self.waiting.entry((queue_n, due_from)).or_default() -= 1;
        }
        if let Some(due_from) = after {
            *self.waiting.entry((queue_n, due_from)).or_default() += 1;
        }
    }

    /// Writes what was noted; the last act of a transaction.
    pub(super) fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut hours: BTreeMap<(i64, i64), ByStatus> = BTreeMap::new();
        let mut all = Change::default();
        for ((queue_n, hour, lane, task_type), change) in std::mem::take(&mut self.changed) {
            add_all(hours.entry((hour, queue_n)).or_default(), &change.entered);
            add_all(hours.entry((hour, ALL_QUEUES)).or_default(), &change.entered);
            all.add(&change);
            change.write(db, queue_n, (lane.as_str(), task_type.as_str()))?;
        }
        if all.changes > 0 {
            all.write(db, ALL_QUEUES, ("", ""))?;
        }
        for ((hour, queue_n), [pending, running, waiting, completed, failed, cancelled, blocked]) in hours {
            let row = [hour, queue_n, pending, running, waiting, completed, failed, cancelled, blocked];
            db.prepare_cached(ADD_HOUR)?.execute(row)?;
        }
        for ((queue_n, due_from), by) in std::mem::take(&mut self.waiting).into_iter().filter(|(_, by)| *by != 0) {
            let all = by < 0 && db.prepare_cached(END_WAIT)?.execute([queue_n, due_from, -by])? > 0;
            if !all {
                db.prepare_cached(ADD_WAIT)?.execute([queue_n, due_from, by])?;
            }
        }
        self.minutes.write(db)
    }

    /// Forgets what a transaction noted that was rolled back: the numbers it gave out are not in the file either.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Change {
    fn add(&mut self, other: &Change) {
        add_all(&mut self.by, &other.by);
        self.changes += other.changes;
        self.last_processed_at = self.last_processed_at.max(other.last_processed_at);
    }

    fn write(&self, db: &Connection, queue_n: i64, (lane, task_type): (&str, &str)) -> rusqlite::Result<()> {
        let [pending, running, waiting, completed, failed, cancelled, blocked] = self.by;
        db.prepare_cached(ADD_COUNTS)?.execute(params![
            queue_n,
            lane,
            task_type,
            pending,
            running,
            waiting,
            completed,
            failed,
            cancelled,
            blocked,
            self.changes,
            self.last_processed_at
        ])?;
        Ok(())
    }
}

/// The first whole second by which what has this `run_at` is due.
fn due_from(run_at_ms: i64) -> i64 {
    run_at_ms.saturating_add(999).div_euclid(1000) * 1000
}

fn add_all(to: &mut ByStatus, counts: &ByStatus) {
    to.iter_mut().zip(counts).for_each(|(count, by)| *count += by);
}

fn add(to: &mut ByStatus, status: Status, by: i64) {
    for (count, of) in to.iter_mut().zip(Status::ALL) {
        *count += if of == status { by } else { 0 };
    }
}
