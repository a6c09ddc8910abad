//! A domain record as a row of `records`: how it is written and read.

use errand::{
    Id, Relation, StoreError,
    spi::store::{Record, RecordKey},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::columns::{Columns, present, text};

/// One that is there keeps its row, and its places in the indexes that it does not leave.
const PUT: &str = "INSERT INTO records (tenant, kind, id, version, wake_at, expires_at, created_at, updated_at, parent,
    parent_sort, owner, owner_sort, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
    ON CONFLICT (tenant, kind, id) DO UPDATE SET version = ?4, wake_at = ?5, expires_at = ?6, created_at = ?7,
    updated_at = ?8, parent = ?9, parent_sort = ?10, owner = ?11, owner_sort = ?12, doc = ?13";

const SELECT: &str = "SELECT * FROM records WHERE tenant = ?1 AND kind = ?2 AND id = ?3";

const VERSION: &str = "SELECT version FROM records WHERE tenant = ?1 AND kind = ?2 AND id = ?3";

/// Puts the record, over the one that may be there.
pub(super) fn put(db: &Connection, record: &Record) -> rusqlite::Result<()> {
    let (parent, owner) = (record.parent.as_ref(), record.owner.as_ref());
    db.prepare_cached(PUT)?.execute(params![
        record.key.tenant.as_str(),
        record.key.kind.as_str(),
        record.key.id.as_str(),
        record.version.as_bytes(),
        record.wake_at.map(|at| at.as_millis()),
        record.expires_at.map(|at| at.as_millis()),
        record.created_at.as_millis(),
        record.updated_at.as_millis(),
        parent.map(|relation| relation.of.as_str()),
        parent.map(|relation| &relation.sort),
        owner.map(|relation| relation.of.as_str()),
        owner.map(|relation| &relation.sort),
        text(&record.doc),
    ])?;
    Ok(())
}

/// Removes the record at `key`, if there is one.
pub(super) fn delete(db: &Connection, key: &RecordKey) -> rusqlite::Result<()> {
    let row = params![key.tenant.as_str(), key.kind.as_str(), key.id.as_str()];
    db.prepare_cached("DELETE FROM records WHERE tenant = ?1 AND kind = ?2 AND id = ?3")?.execute(row)?;
    Ok(())
}

/// The record at `key`, if there is one; the outer error is the file's, the inner one the record's.
pub(super) fn get(db: &Connection, key: &RecordKey) -> rusqlite::Result<Result<Option<Record>, StoreError>> {
    let row = params![key.tenant.as_str(), key.kind.as_str(), key.id.as_str()];
    let found = db.prepare_cached(SELECT)?.query_row(row, |row| Ok(read(row))).optional()?;
    Ok(found.transpose())
}

/// The version of the record at `key`, likewise.
pub(super) fn version(db: &Connection, key: &RecordKey) -> rusqlite::Result<Result<Option<Uuid>, StoreError>> {
    let row = params![key.tenant.as_str(), key.kind.as_str(), key.id.as_str()];
    let version = |row: &Row<'_>| Ok(present(Columns::of(row).uuid()));
    let found = db.prepare_cached(VERSION)?.query_row(row, version).optional()?.transpose();
    Ok(found.map_err(|source| StoreError::Corrupt { id: key.id.to_string(), source }))
}

/// The record in a row of all columns.
pub(super) fn read(row: &Row<'_>) -> Result<Record, StoreError> {
    columns(row).map_err(|source| {
        let id = row.get("id").unwrap_or_else(|_| "record".to_owned());
        StoreError::Corrupt { id, source }
    })
}

/// The order of these lines is the order of the table's columns.
fn columns(row: &Row<'_>) -> anyhow::Result<Record> {
    let mut c = Columns::of(row);
    Ok(Record {
        key: RecordKey { tenant: present(c.name())?, kind: present(c.name())?, id: present(c.id())? },
        version: present(c.uuid())?,
        wake_at: c.at()?,
        expires_at: c.at()?,
        created_at: present(c.at())?,
        updated_at: present(c.at())?,
        parent: relation(c.id()?, c.get()?),
        owner: relation(c.id()?, c.get()?),
        doc: present(c.json())?,
    })
}

fn relation(of: Option<Id>, sort: Option<String>) -> Option<Relation> {
    of.zip(sort).map(|(of, sort)| Relation { of, sort })
}
