//! How a task is read from its row of `tasks`.

use anyhow::Context;
use errand::{
    Asked, Priority, State, Status, StoreError, Task, TaskKey,
    spi::{json::Json, lifecycle::Attempt},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::columns::{Columns, present};

/// The start of every query for whole tasks; what [`read`] reads. The table is `t` in what follows.
pub(super) const SELECT: &str = "SELECT t.id, t.tenant, t.project, t.queue, t.lane, t.task_type, t.agent_type,
    t.user_id, t.context_id, t.context_type, t.parent_id, t.priority,
    coalesce(t.payload, (SELECT p.payload FROM payloads p WHERE p.task_n = t.n)), t.payload_hash, t.idempotency_key,
    t.max_retries, t.timeout_s, t.scheduled_for, t.expires_at, t.created_by, t.request_id, t.session_path,
    t.dispatch, t.pool, t.schedule, t.member_of, t.traceparent, t.created_at, t.updated_at, t.last_attempted_at, t.ended_at, t.dead_lettered_at, t.executions, t.failures,
    t.losses, t.snoozes, t.notified, t.redrives, t.log_seq, t.revision, t.version, t.wake_at, t.last_errors,
    t.latest_execution, t.latest_outcome, t.latest_ended_at, t.redrive_note, t.progress, t.status, t.run_at, t.lease_expires_at,
    t.worker, t.started_at, t.output, t.failure, t.reason FROM tasks t ";

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

/// The order of these lines, and of those of [`asked`] and [`state`], is the order of [`SELECT`].
fn columns(row: &Row<'_>) -> anyhow::Result<Task> {
    let mut c = Columns::of(row);
    Ok(Task {
        asked: asked(&mut c)?.into(),
        created_at: present(c.at())?,
        updated_at: present(c.at())?,
        last_attempted_at: c.at()?,
        ended_at: c.at()?,
        dead_lettered_at: c.at()?,
        executions: c.get()?,
        failures: c.get()?,
        losses: c.get()?,
        snoozes: c.get()?,
        notified: c.get()?,
        redrives: c.get()?,
        log_seq: present(c.count())?,
        revision: present(c.count())?,
        version: present(c.uuid())?,
        wake_at: c.at()?,
        last_errors: c.json()?.unwrap_or_default(),
        latest_attempt: latest_attempt(&mut c)?,
        redrive_note: c.get()?,
        progress: c.get::<Option<String>>()?.map(Json::from_stored).transpose().context("progress")?,
        state: state(&mut c)?,
    })
}

fn asked(c: &mut Columns<'_>) -> anyhow::Result<Asked> {
    let id = present(c.uuid())?;
    Ok(Asked {
        key: TaskKey { tenant: present(c.name())?, id },
        project: present(c.name())?,
        queue: present(c.name())?,
        lane: present(c.name())?,
        task_type: present(c.name())?,
        agent_type: c.name()?,
        user_id: c.id()?,
        context_id: c.id()?,
        context_type: c.name()?,
        parent_id: c.uuid()?,
        priority: priority(c.get()?)?,
        payload: Json::from_stored(c.get()?).context("payload")?,
        payload_hash: c.get()?,
        idempotency_key: c.get()?,
        max_retries: c.get()?,
        timeout_s: c.get()?,
        scheduled_for: present(c.at())?,
        expires_at: c.at()?,
        created_by: c.get()?,
        request_id: c.get()?,
        session_path: c.get()?,
        dispatch: c.word()?.unwrap_or_default(),
        pool: c.name()?,
        schedule: c.json()?,
        member_of: c.json()?.unwrap_or_default(),
        traceparent: c.word()?,
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

fn state(c: &mut Columns<'_>) -> anyhow::Result<State> {
    let status: Status = present(c.word())?;
    let (run_at, lease_expires_at, worker, started_at) = (c.at(), c.at(), c.uuid(), c.at());
    let (output, failure, reason) = (c.get::<Option<String>>(), c.json(), c.get());
    let state = || -> anyhow::Result<State> {
        Ok(match status {
            Status::Pending => State::Pending { run_at: present(run_at)? },
            Status::Running => State::Running {
                lease_expires_at: present(lease_expires_at)?,
                worker: present(worker)?,
                started_at: present(started_at)?,
            },
            Status::Waiting => {
                let group: String = present(reason)?;
                State::Waiting { group: group.parse()?, since: present(started_at)? }
            }
            Status::Completed => State::Completed { output: Json::from_stored(present(output)?)? },
            Status::Failed => State::Failed { failure: present(failure)? },
            Status::Cancelled => State::Cancelled { reason: present(reason)? },
            Status::Blocked => State::Blocked { reason: present(reason)? },
        })
    };
    state().with_context(|| format!("status {}", status.as_str()))
}
