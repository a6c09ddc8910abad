//! An action-log entry as a row of `action_log`: how it is written and read.

use errand::{StoreError, TaskKey, spi::lifecycle::log::LogEntry};
use rusqlite::{Row, Statement};
use uuid::Uuid;

use super::columns::{Columns, int, log_kind, present, text};

/// Adds a row; none if one of its number is there already, for what is logged never changes.
pub(super) const INSERT: &str = "INSERT INTO action_log (task_n, task_id, seq, tenant, kind, outcome, execution,
    action_type, agent_type, user_id, context_id, context_type, worker, by, started_at, ended_at, latency_ms,
    payload_hash, model, tokens_in, tokens_out, cost_usd, effects, reason, failure, output_excerpt)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
    ?25, ?26)
ON CONFLICT DO NOTHING";

/// The rows after number `?4` of a task that was made at `?3` and is there, oldest first; what [`read`] reads.
pub(super) const OF_TASK: &str = "SELECT l.* FROM tasks t JOIN action_log l ON l.task_n = t.n
    WHERE t.id = ?1 AND t.tenant = ?2 AND t.created_at = ?3 AND l.seq > ?4 ORDER BY l.seq LIMIT ?5";

/// Binds [`INSERT`].
pub(super) fn bind(row: &mut Statement<'_>, task_n: i64, entry: &LogEntry) -> rusqlite::Result<()> {
    row.raw_bind_parameter(1, task_n)?;
    row.raw_bind_parameter(2, entry.key.id.as_bytes())?;
    row.raw_bind_parameter(3, int(entry.seq))?;
    row.raw_bind_parameter(4, entry.key.tenant.as_str())?;
    row.raw_bind_parameter(5, log_kind(entry.kind))?;
    row.raw_bind_parameter(6, entry.outcome.as_str())?;
    row.raw_bind_parameter(7, entry.execution)?;
    row.raw_bind_parameter(8, entry.action_type.as_str())?;
    row.raw_bind_parameter(9, entry.agent_type.as_ref().map(|name| name.as_str()))?;
    row.raw_bind_parameter(10, entry.user_id.as_ref().map(|id| id.as_str()))?;
    row.raw_bind_parameter(11, entry.context_id.as_ref().map(|id| id.as_str()))?;
    row.raw_bind_parameter(12, entry.context_type.as_ref().map(|name| name.as_str()))?;
    row.raw_bind_parameter(13, entry.worker.as_ref().map(Uuid::as_bytes))?;
    row.raw_bind_parameter(14, &entry.by)?;
    row.raw_bind_parameter(15, entry.started_at.as_millis())?;
    row.raw_bind_parameter(16, entry.ended_at.as_millis())?;
    row.raw_bind_parameter(17, int(entry.latency_ms))?;
    row.raw_bind_parameter(18, &entry.payload_hash)?;
    row.raw_bind_parameter(19, &entry.model)?;
    row.raw_bind_parameter(20, entry.tokens_in.map(int))?;
    row.raw_bind_parameter(21, entry.tokens_out.map(int))?;
    row.raw_bind_parameter(22, entry.cost_usd)?;
    row.raw_bind_parameter(23, (!entry.effects.is_empty()).then(|| text(&entry.effects)))?;
    row.raw_bind_parameter(24, &entry.reason)?;
    row.raw_bind_parameter(25, entry.failure.as_ref().map(text))?;
    row.raw_bind_parameter(26, &entry.output_excerpt)
}

/// The entry in a row of [`OF_TASK`].
pub(super) fn read(row: &Row<'_>) -> Result<LogEntry, StoreError> {
    columns(row).map_err(|source| {
        let id = row.get("n").map_or_else(|_| "log row".to_owned(), |n: i64| format!("log row {n}"));
        StoreError::Corrupt { id, source }
    })
}

/// The order of these lines is the order of the table's columns.
fn columns(row: &Row<'_>) -> anyhow::Result<LogEntry> {
    let mut c = Columns::of(row);
    let (_n, _task_n): (i64, Option<i64>) = (c.get()?, c.get()?);
    let id = present(c.uuid())?;
    let seq = present(c.count())?;
    Ok(LogEntry {
        key: TaskKey { tenant: present(c.name())?, id },
        seq,
        kind: present(c.word())?,
        outcome: present(c.word())?,
        execution: c.get()?,
        action_type: present(c.name())?,
        agent_type: c.name()?,
        user_id: c.id()?,
        context_id: c.id()?,
        context_type: c.name()?,
        worker: c.uuid()?,
        by: c.get()?,
        started_at: present(c.at())?,
        ended_at: present(c.at())?,
        latency_ms: present(c.count())?,
        payload_hash: c.get()?,
        model: c.get()?,
        tokens_in: c.count()?,
        tokens_out: c.count()?,
        cost_usd: c.get()?,
        effects: c.json()?.unwrap_or_default(),
        reason: c.get()?,
        failure: c.json()?,
        output_excerpt: c.get()?,
    })
}
