//! What is erased: a task with its payload, what its log says, and the bytes that these had in the file.

use std::path::Path;

use errand::{StoreError, Task, spi::store::Part};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::{changes::Tables, schema::BUSY_TIMEOUT, upkeep};

/// Removes a task that has ended and is of the version seen, and takes from its log what that says.
pub(super) fn erase(tables: &Tables<'_>, task: &Task) -> rusqlite::Result<Result<(), StoreError>> {
    let db = tables.db;
    let key = params![task.key.id.as_bytes(), task.key.tenant.as_str()];
    let there: Option<(i64, [u8; 16], bool)> = db
        .prepare_cached("SELECT n, version, ended_at IS NOT NULL FROM tasks WHERE id = ?1 AND tenant = ?2")?
        .query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((n, version, has_ended)) = there else { return Ok(Ok(())) };
    if version != *task.version.as_bytes() || !has_ended {
        return Ok(Err(StoreError::Conflict { parts: vec![Part::Task] }));
    }
    db.prepare_cached(
        "UPDATE action_log SET user_id = NULL, context_id = NULL, context_type = NULL, by = NULL,
         failure = NULL, reason = NULL, payload_hash = '', output_excerpt = NULL, effects = NULL WHERE task_n = ?1",
    )?
    .execute([n])?;
    upkeep::remove_one(db, n)?;
    Ok(Ok(()))
}

/// Has the file itself hold all that is in its write-ahead log, and empties that: what is erased in the file is in the log
/// as it was. By a connection of its own, since the writer's is never without a transaction for long; who writes waits meanwhile.
pub(super) fn scrub(file: &Path) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::Unavailable(anyhow::Error::new(error));
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags).map_err(failed)?;
    db.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    let held: bool = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(failed)?;
    // A backup that is being made, say, reads what is in the log.
    if held { Err(StoreError::Busy) } else { Ok(()) }
}
