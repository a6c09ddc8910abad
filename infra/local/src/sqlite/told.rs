//! The list of what is told of each tenant: the ends of its tasks, and what was published, a row for each, written by the
//! commit that makes it. A row of what was published names its record, so that the event stands in one place.

use std::collections::HashMap;

use anyhow::Context;
use errand::{
    Doc, Id, Name, Published, Status, StoreError, Task, TaskKey, Timestamp,
    spi::{
        event::{self, StatusChange},
        store::{Page, Record, ToldEvent},
    },
};
use rusqlite::{Connection, OptionalExtension, Row, Statement, params};

use super::{
    columns::{Columns, int, present},
    reader::failed,
};

/// The most tenants whose last places are remembered; beyond that they are looked up again.
const REMEMBERED_TENANTS: usize = 10_000;

/// What separates a place's number, of fifteen digits, from the event's id.
const BETWEEN: char = '#';

const LAST: &str = "SELECT last FROM told_places WHERE tenant = ?1";

/// The list as the writer has it.
pub(super) struct ToldList<'c> {
    db: &'c Connection,
    end: Statement<'c>,
    /// The last place of a tenant, and whether the present transaction has given it.
    last: HashMap<Name, (i64, bool)>,
}

impl<'c> ToldList<'c> {
    /// Prepares the statement that is needed all the time.
    pub(super) fn prepare(db: &'c Connection) -> rusqlite::Result<Self> {
        let end = "INSERT INTO told (tenant, place, at, version, task_id, task_type, old_status, new_status)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        Ok(Self { db, end: db.prepare(end)?, last: HashMap::new() })
    }

    /// Appends that `task`, whose status was `old`, has ended, if it has.
    pub(super) fn end(&mut self, task: &Task, old: Status) -> rusqlite::Result<()> {
        let new = task.status();
        if new == old || event::of_end(new).is_none() {
            return Ok(());
        }
        let place = self.place(&task.key.tenant)?;
        self.end.execute(params![
            task.key.tenant.as_str(),
            place,
            task.updated_at.as_millis(),
            task.version.as_bytes(),
            task.key.id.as_bytes(),
            task.task_type.as_str(),
            old.as_str(),
            new.as_str(),
        ])?;
        Ok(())
    }

    /// Appends a record that is put, if it is an event that is published.
    pub(super) fn published(&mut self, record: &Record) -> rusqlite::Result<()> {
        if record.key.kind != event::kind() {
            return Ok(());
        }
        let place = self.place(&record.key.tenant)?;
        let (tenant, id) = (record.key.tenant.as_str(), record.key.id.as_str());
        self.db
            .prepare_cached("INSERT INTO told (tenant, place, at, event_id) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![tenant, place, record.created_at.as_millis(), id])?;
        Ok(())
    }

    /// The next place of a tenant's list.
    fn place(&mut self, tenant: &Name) -> rusqlite::Result<i64> {
        let last = match self.last.get(tenant) {
            Some((last, _)) => *last,
            None => {
                self.db.prepare_cached(LAST)?.query_row([tenant.as_str()], |row| row.get(0)).optional()?.unwrap_or(0)
            }
        };
        self.last.insert(tenant.clone(), (last + 1, true));
        Ok(last + 1)
    }

    /// Writes the last places that were given: once for each transaction.
    pub(super) fn write(&mut self) -> rusqlite::Result<()> {
        let sql = "INSERT INTO told_places (tenant, last) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET last = ?2";
        for (tenant, (last, given)) in self.last.iter_mut().filter(|(_, (_, given))| *given) {
            self.db.prepare_cached(sql)?.execute(params![tenant.as_str(), *last])?;
            *given = false;
        }
        if self.last.len() > REMEMBERED_TENANTS {
            self.last.clear();
        }
        Ok(())
    }

    /// Forgets the places that a transaction gave which was rolled back.
    pub(super) fn forget(&mut self) {
        self.last.clear();
    }
}

/// What was told of `tenant` after `after`, oldest first.
pub(super) fn page(
    db: &Connection,
    tenant: &Name,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<ToldEvent, String>, StoreError> {
    let sql = "SELECT t.place, t.event_id, r.doc, t.task_id, t.task_type, t.version, t.at, t.old_status, t.new_status
        FROM told t LEFT JOIN records r ON r.tenant = t.tenant AND r.kind = 'event' AND r.id = t.event_id
        WHERE t.tenant = ?1 AND t.place > ?2 ORDER BY t.place LIMIT ?3";
    let after = after.and_then(|place| place.split(BETWEEN).next()?.parse().ok()).unwrap_or(0_i64);
    let mut query = db.prepare_cached(sql).map_err(failed)?;
    let rows = params![tenant.as_str(), after, int(limit as u64)];
    let (mut items, mut next) = (Vec::new(), None);
    for row in query.query_map(rows, |row| Ok(read(row, tenant))).map_err(failed)? {
        let corrupt = |source| StoreError::Corrupt { id: format!("what was told of {tenant}"), source };
        let (place, id, doc) = row.map_err(failed)?.map_err(corrupt)?;
        let place = format!("{place:015}{BETWEEN}{id}");
        next = Some(place.clone());
        items.extend(doc.map(|doc| ToldEvent { place, id, doc }));
    }
    Ok(Page { items, next })
}

/// Where the list of `tenant` ends.
pub(super) fn end(db: &Connection, tenant: &Name) -> Result<Option<String>, StoreError> {
    let mut last = db.prepare_cached(LAST).map_err(failed)?;
    let last: Option<i64> = last.query_row([tenant.as_str()], |row| row.get(0)).optional().map_err(failed)?;
    Ok(last.map(|last| format!("{last:015}{BETWEEN}")))
}

/// The place, the event's id and its fields: none if its record was removed.
fn read(row: &Row<'_>, tenant: &Name) -> anyhow::Result<(i64, Id, Option<Doc>)> {
    let mut c = Columns::of(row);
    let place = c.get()?;
    if let (Some(id), doc) = (c.id()?, c.json()?) {
        return Ok((place, id, doc));
    }
    let end = StatusChange {
        key: TaskKey { id: present(c.uuid())?, tenant: tenant.clone() },
        task_type: present(c.name())?,
        version: present(c.uuid())?,
        at: present(c.at())?,
        old: c.word()?,
        new: present(c.word())?,
    };
    let event_type = event::of_end(end.new).context("a status that is no end")?;
    let Published { id, doc, .. } = end.event(event_type);
    Ok((place, id, Some(doc)))
}

/// Removes at most `limit` rows of what was told before `before`; answers how many.
pub(super) fn prune(db: &Connection, before: Timestamp, limit: i64) -> rusqlite::Result<usize> {
    let tenants: Vec<String> = db
        .prepare_cached("SELECT tenant FROM told_places")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // Places are given nearly by age: of each tenant the first are looked at, no index is needed.
    let old = "DELETE FROM told WHERE tenant = ?1 AND place IN
        (SELECT place FROM (SELECT place, at FROM told WHERE tenant = ?1 ORDER BY place LIMIT ?2) WHERE at < ?3)";
    let mut removed = 0;
    for tenant in tenants {
        let left = limit - int(removed as u64);
        removed += db.prepare_cached(old)?.execute(params![tenant, left, before.as_millis()])?;
    }
    Ok(removed)
}
