//! How many tasks ended in each minute of the last day: counted by the transactions that end them, once for each.

use std::{collections::BTreeMap, time::Duration};

use errand::{
    Name, Status, StoreError, Task, Timestamp,
    spi::store::{Ends, PAST_DAY, PastDay, begin_of},
};
use rusqlite::{Connection, params};

use super::{
    columns::{Columns, int, present},
    stats::rows,
};

const MINUTE: Duration = Duration::from_secs(60);

/// What the present transaction has ended, by minute and tenant.
#[derive(Debug, Default)]
pub(super) struct Minutes(BTreeMap<(i64, Name), Ends>);

const ADD: &str = "INSERT INTO minutes (minute, tenant, completed, failed, cancelled) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET completed = completed + ?3, failed = failed + ?4, cancelled = cancelled + ?5";

/// Its minutes are named, not compared with: between two of them stand those of all tenants.
const DAY: &str = "WITH RECURSIVE day (at) AS (SELECT ?1 UNION ALL SELECT at + ?3 FROM day WHERE at + ?3 <= ?2)
    SELECT minute, completed, failed, cancelled FROM day CROSS JOIN minutes ON minute = at AND tenant = ?4";

impl Minutes {
    /// Notes that a task has entered its status.
    pub(super) fn note(&mut self, task: &Task) {
        if !Ends::has(task.status()) {
            return;
        }
        let minute = begin_of(task.updated_at, MINUTE).as_millis();
        let ends = self.0.entry((minute, task.key.tenant.clone())).or_default();
        match task.status() {
            Status::Completed => ends.completed += 1,
            Status::Failed => ends.failed += 1,
            _ => ends.cancelled += 1,
        }
    }

    /// Writes what was noted.
    pub(super) fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for ((minute, tenant), Ends { completed, failed, cancelled }) in std::mem::take(&mut self.0) {
            let [completed, failed, cancelled] = [completed, failed, cancelled].map(int);
            db.prepare_cached(ADD)?.execute(params![minute, tenant.as_str(), completed, failed, cancelled])?;
        }
        Ok(())
    }
}

/// The ends of the tenant's tasks.
pub(super) fn history(db: &Connection, tenant: &Name, now: Timestamp) -> Result<PastDay, StoreError> {
    let mut history = PastDay::at(now, MINUTE);
    let (since, last, minute) = (history.since, begin_of(now, MINUTE), int(MINUTE.as_secs() * 1000));
    let day = params![since.as_millis(), last.as_millis(), minute, tenant.as_str()];
    for (minute, ends) in rows(db, DAY, day, |c| Ok((present(c.at())?, ends(c)?)))? {
        history.add(minute, ends);
    }
    Ok(history)
}

fn ends(c: &mut Columns<'_>) -> anyhow::Result<Ends> {
    Ok(Ends { completed: present(c.count())?, failed: present(c.count())?, cancelled: present(c.count())? })
}

/// Removes at most `limit` of those that no history of `now` has any more.
pub(super) fn prune(db: &Connection, now: Timestamp, limit: i64) -> rusqlite::Result<usize> {
    db.prepare_cached(
        "DELETE FROM minutes WHERE (minute, tenant) IN (SELECT minute, tenant FROM minutes WHERE minute < ?1 LIMIT ?2)",
    )?
    .execute(params![(now - PAST_DAY - MINUTE).as_millis(), limit])
}
