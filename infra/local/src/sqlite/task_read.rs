//! How a task is read from its row of `tasks`.

use anyhow::Context;
use errand::{
    clock::Timestamp,
    ids::TaskKey,
    json::Json,
    lifecycle::{Attempt, Priority, State, Status, Task},
    store::StoreError,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::columns::{Columns, present};

/// The start of every query for whole tasks; what [`read`] reads. The table is `t` in what follows.
pub(super) const SELECT: &str = "SELECT \
    coalesce(t.payload, (SELECT p.payload FROM payloads p WHERE p.task_n = t.n)), t.* FROM tasks t ";

/// The task at `key`, if there is one; the outer error is the file's, the inner one the task's.
pub(super) fn one(db: &Connection, key: &TaskKey) -> rusqlite::Result<Option<Result<Task, StoreError>>> {
    let sql = format!("{SELECT} WHERE t.id = ?1 AND t.tenant = ?2");
    db.prepare_cached(&sql)?.query_row(params![key.id.as_bytes(), key.tenant.as_str()], |row| Ok(read(row))).optional()
}

/// The task in a row of [`SELECT`].
pub(super) fn read(row: &Row<'_>) -> Result<Task, StoreError> {
    columns(row).map_err(|source| {
        let id = row.get("id").map_or_else(|_| "task".to_owned(), |id| Uuid::from_bytes(id).to_string());
        StoreError::Corrupt { id, source }
    })
}

/// The order of these lines is the order of the table's columns.
fn columns(row: &Row<'_>) -> anyhow::Result<Task> {
    let mut c = Columns::of(row);
    let payload: String = c.get()?;
    let _n: i64 = c.get()?;
    let id = present(c.uuid())?;
    let tenant = present(c.name())?;
    let _queue_n: i64 = c.get()?;
    let version = present(c.uuid())?;
    let status: Status = present(c.word())?;
    let _worker = c.uuid()?;
    Ok(Task {
        key: TaskKey { tenant, id },
        version,
        executions: c.get()?,
        wake_at: c.at()?,
        ended_at: c.at()?,
        priority: priority(c.get()?)?,
        created_at: present(c.at())?,
        user_id: c.id()?,
        lane: present(c.name())?,
        task_type: present(c.name())?,
        updated_at: present(c.at())?,
        project: present(c.name())?,
        queue: present(c.name())?,
        agent_type: c.name()?,
        context_id: c.id()?,
        context_type: c.name()?,
        parent_id: c.uuid()?,
        payload_hash: c.get()?,
        idempotency_key: c.get()?,
        max_retries: c.get()?,
        timeout_s: c.get()?,
        scheduled_for: present(c.at())?,
        created_by: c.get()?,
        request_id: row.get("request_id")?, // added later, so the last column
        expires_at: c.at()?,
        last_attempted_at: c.at()?,
        dead_lettered_at: c.at()?,
        failures: c.get()?,
        losses: c.get()?,
        snoozes: c.get()?,
        notified: c.get()?,
        redrives: c.get()?,
        log_seq: present(c.count())?,
        revision: present(c.count())?,
        latest_attempt: latest_attempt(&mut c)?,
        session_path: c.get()?,
        redrive_note: c.get()?,
        last_errors: c.json()?.unwrap_or_default(),
        state: state(row, status).with_context(|| format!("status {}", status.as_str()))?,
        payload: Json::from_stored(payload).context("payload")?,
    })
}

fn priority(rank: u8) -> anyhow::Result<Priority> {
    Priority::ALL.into_iter().find(|priority| priority.rank() == rank).with_context(|| format!("priority {rank}"))
}

fn latest_attempt(c: &mut Columns<'_>) -> anyhow::Result<Option<Attempt>> {
    let (execution, outcome, ended_at) = (c.get::<Option<u32>>()?, c.word()?, c.at()?);
    Ok(execution.zip(outcome).zip(ended_at).map(|((execution, outcome), ended_at)| Attempt {
        execution,
        outcome,
        ended_at,
    }))
}

/// By name, since each state has but a few columns of its own.
fn state(row: &Row<'_>, status: Status) -> anyhow::Result<State> {
    let at = |column| row.get(column).map(Timestamp::from_millis);
    Ok(match status {
        Status::Pending => State::Pending { run_at: at("run_at")? },
        Status::Running => State::Running {
            lease_expires_at: at("lease_expires_at")?,
            worker: Uuid::from_bytes(row.get("worker")?),
            started_at: at("started_at")?,
        },
        Status::Completed => State::Completed { output: Json::from_stored(row.get("output")?)? },
        Status::Failed => State::Failed { failure: serde_json::from_str(&row.get::<_, String>("failure")?)? },
        Status::Cancelled => State::Cancelled { reason: row.get("reason")? },
        Status::Blocked => State::Blocked { reason: row.get("reason")? },
    })
}
