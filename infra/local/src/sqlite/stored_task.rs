//! A task as a commit finds it.

use errand::Status;
use rusqlite::Row;
use uuid::Uuid;

use super::columns::word;

/// What a commit must know of a stored task.
pub(super) struct StoredTask {
    pub(super) n: i64,
    pub(super) queue_n: i64,
    pub(super) version: Uuid,
    pub(super) status: Status,
    pub(super) worker: Option<Uuid>,
    pub(super) executions: u32,
    pub(super) wake_at: Option<i64>,
    pub(super) ended_at: Option<i64>,
    pub(super) run_at: Option<i64>,
}

impl StoredTask {
    /// Finds it by id and tenant.
    pub(super) const FIND: &str = "SELECT n, queue_n, version, status, worker, executions, wake_at, ended_at, run_at
    FROM tasks WHERE id = ?1 AND tenant = ?2";

    /// Reads a row of [`StoredTask::FIND`].
    pub(super) fn read(row: &Row<'_>) -> anyhow::Result<Self> {
        Ok(Self {
            n: row.get(0)?,
            queue_n: row.get(1)?,
            version: Uuid::from_bytes(row.get(2)?),
            status: word(row.get_ref(3)?.as_str()?)?,
            worker: row.get::<_, Option<[u8; 16]>>(4)?.map(Uuid::from_bytes),
            executions: row.get(5)?,
            wake_at: row.get(6)?,
            ended_at: row.get(7)?,
            run_at: row.get(8)?,
        })
    }
}
