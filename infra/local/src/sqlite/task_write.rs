//! How a task is written to its row of `tasks`.

use std::borrow::Cow;

use errand::{Dispatch, State, Task, spi::json::Json};
use rusqlite::Statement;
use uuid::Uuid;

use super::columns::{int, text};

/// A payload longer than this stands in a table of its own, so that a change of the task does not copy it.
pub(super) const INLINE_BYTES: usize = 1024;

/// Adds a task; no row if its id is there.
pub(super) const INSERT: &str = "INSERT INTO tasks (
    id, tenant, queue_n, priority, created_at, user_id, lane, task_type, project, queue, agent_type, context_id,
    context_type, parent_id, payload_hash, idempotency_key, max_retries, timeout_s, scheduled_for, created_by,
    request_id, payload, dispatch, pool, schedule, member_of, traceparent, version, status, worker, executions, updated_at, expires_at, last_attempted_at,
    dead_lettered_at, run_at, hinted, lease_expires_at, started_at, failures, losses, snoozes, notified, redrives,
    log_seq, revision, latest_execution, latest_outcome, latest_ended_at, session_path, redrive_note, reason, failure,
    last_errors, output, progress, wake_at, ended_at
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
    ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46,
    ?47, ?48, ?49, ?50, ?51, ?52, ?53, ?54, ?55, ?56, ?57, ?58)
ON CONFLICT (id, tenant) DO NOTHING";

/// How many parameters of [`INSERT`] come before those that a change writes too.
const FIXED: usize = 27;

/// Writes what can change of a task but its place in an index: most claims need no more.
pub(super) fn update() -> String {
    format!("{UPDATE} WHERE n = ?30")
}

/// Writes all that can change. SQLite takes an index entry out and puts it in again for a column that is merely named.
pub(super) fn update_indexed() -> String {
    format!("{UPDATE}, wake_at = ?30, ended_at = ?31 WHERE n = ?32")
}

const UPDATE: &str = "UPDATE tasks SET version = ?1, status = ?2, worker = ?3, executions = ?4, updated_at = ?5,
    expires_at = ?6, last_attempted_at = ?7, dead_lettered_at = ?8, run_at = ?9, hinted = ?10, lease_expires_at = ?11,
    started_at = ?12, failures = ?13, losses = ?14, snoozes = ?15, notified = ?16, redrives = ?17, log_seq = ?18,
    revision = ?19, latest_execution = ?20, latest_outcome = ?21, latest_ended_at = ?22, session_path = ?23,
    redrive_note = ?24, reason = ?25, failure = ?26, last_errors = ?27, output = ?28, progress = ?29";

/// Binds [`INSERT`].
pub(super) fn bind_new(row: &mut Statement<'_>, task: &Task, queue_n: i64) -> rusqlite::Result<()> {
    let payload = task.payload.as_str();
    row.raw_bind_parameter(1, task.key.id.as_bytes())?;
    row.raw_bind_parameter(2, task.key.tenant.as_str())?;
    row.raw_bind_parameter(3, queue_n)?;
    row.raw_bind_parameter(4, task.priority.rank())?;
    row.raw_bind_parameter(5, task.created_at.as_millis())?;
    row.raw_bind_parameter(6, task.user_id.as_ref().map(|id| id.as_str()))?;
    row.raw_bind_parameter(7, task.lane.as_str())?;
    row.raw_bind_parameter(8, task.task_type.as_str())?;
    row.raw_bind_parameter(9, task.project.as_str())?;
    row.raw_bind_parameter(10, task.queue.as_str())?;
    row.raw_bind_parameter(11, task.agent_type.as_ref().map(|name| name.as_str()))?;
    row.raw_bind_parameter(12, task.context_id.as_ref().map(|id| id.as_str()))?;
    row.raw_bind_parameter(13, task.context_type.as_ref().map(|name| name.as_str()))?;
    row.raw_bind_parameter(14, task.parent_id.as_ref().map(Uuid::as_bytes))?;
    row.raw_bind_parameter(15, &task.payload_hash)?;
    row.raw_bind_parameter(16, &task.idempotency_key)?;
    row.raw_bind_parameter(17, task.max_retries)?;
    row.raw_bind_parameter(18, task.timeout_s)?;
    row.raw_bind_parameter(19, task.scheduled_for.as_millis())?;
    row.raw_bind_parameter(20, &task.created_by)?;
    row.raw_bind_parameter(21, &task.request_id)?;
    row.raw_bind_parameter(22, (payload.len() <= INLINE_BYTES).then_some(payload))?;
    let dispatch = (task.dispatch != Dispatch::default()).then_some(task.dispatch);
    row.raw_bind_parameter(23, dispatch.map(Dispatch::as_str))?;
    row.raw_bind_parameter(24, task.pool.as_ref().map(|pool| pool.as_str()))?;
    row.raw_bind_parameter(25, task.schedule.as_ref().map(text))?;
    row.raw_bind_parameter(26, (!task.member_of.is_empty()).then(|| text(&task.member_of)))?;
    row.raw_bind_parameter(27, task.traceparent.map(|trace| trace.to_string()))?;
    bind_change(row, FIXED, task)?;
    bind_places(row, FIXED + CHANGED, task)
}

/// How many parameters [`bind_change`] binds.
pub(super) const CHANGED: usize = 29;

/// Binds what every change writes, to the parameters after `before`.
pub(super) fn bind_change(row: &mut Statement<'_>, before: usize, task: &Task) -> rusqlite::Result<()> {
    let state = StateColumns::of(&task.state);
    let latest = task.latest_attempt.as_ref();
    row.raw_bind_parameter(before + 1, task.version.as_bytes())?;
    row.raw_bind_parameter(before + 2, task.status().as_str())?;
    row.raw_bind_parameter(before + 3, state.worker.map(Uuid::as_bytes))?;
    row.raw_bind_parameter(before + 4, task.executions)?;
    row.raw_bind_parameter(before + 5, task.updated_at.as_millis())?;
    row.raw_bind_parameter(before + 6, task.expires_at.map(|at| at.as_millis()))?;
    row.raw_bind_parameter(before + 7, task.last_attempted_at.map(|at| at.as_millis()))?;
    row.raw_bind_parameter(before + 8, task.dead_lettered_at.map(|at| at.as_millis()))?;
    row.raw_bind_parameter(before + 9, state.run_at)?;
    // For people with a SQLite tool, and an older version.
    row.raw_bind_parameter(before + 10, state.run_at.map(|_| task.notified > 0))?;
    row.raw_bind_parameter(before + 11, state.lease_expires_at)?;
    row.raw_bind_parameter(before + 12, state.started_at)?;
    row.raw_bind_parameter(before + 13, task.failures)?;
    row.raw_bind_parameter(before + 14, task.losses)?;
    row.raw_bind_parameter(before + 15, task.snoozes)?;
    row.raw_bind_parameter(before + 16, task.notified)?;
    row.raw_bind_parameter(before + 17, task.redrives)?;
    row.raw_bind_parameter(before + 18, int(task.log_seq))?;
    row.raw_bind_parameter(before + 19, int(task.revision))?;
    row.raw_bind_parameter(before + 20, latest.map(|attempt| attempt.execution))?;
    row.raw_bind_parameter(before + 21, latest.map(|attempt| attempt.outcome.as_str()))?;
    row.raw_bind_parameter(before + 22, latest.map(|attempt| attempt.ended_at.as_millis()))?;
    row.raw_bind_parameter(before + 23, &task.session_path)?;
    row.raw_bind_parameter(before + 24, &task.redrive_note)?;
    row.raw_bind_parameter(before + 25, state.reason)?;
    row.raw_bind_parameter(before + 26, state.failure)?;
    row.raw_bind_parameter(before + 27, (!task.last_errors.is_empty()).then(|| text(&task.last_errors)))?;
    row.raw_bind_parameter(before + 28, state.output)?;
    row.raw_bind_parameter(before + 29, task.progress.as_ref().map(Json::as_str))
}

/// Binds what decides where a task stands in the indexes, to the parameters after `before`.
pub(super) fn bind_places(row: &mut Statement<'_>, before: usize, task: &Task) -> rusqlite::Result<()> {
    row.raw_bind_parameter(before + 1, task.wake_at.map(|at| at.as_millis()))?;
    row.raw_bind_parameter(before + 2, task.ended_at.map(|at| at.as_millis()))
}

/// A state laid out in columns; those of other states are null.
#[derive(Default)]
struct StateColumns<'t> {
    worker: Option<&'t Uuid>,
    run_at: Option<i64>,
    lease_expires_at: Option<i64>,
    started_at: Option<i64>,
    reason: Option<Cow<'t, str>>,
    failure: Option<String>,
    output: Option<&'t str>,
}

impl<'t> StateColumns<'t> {
    fn of(state: &'t State) -> Self {
        let none = Self::default();
        match state {
            State::Pending { run_at } => Self { run_at: Some(run_at.as_millis()), ..none },
            State::Running { lease_expires_at, worker, started_at } => Self {
                lease_expires_at: Some(lease_expires_at.as_millis()),
                worker: Some(worker),
                started_at: Some(started_at.as_millis()),
                ..none
            },
            State::Completed { output } => Self { output: Some(output.as_str()), ..none },
            State::Failed { failure } => Self { failure: Some(text(failure)), ..none },
            State::Waiting { group, since } => {
                Self { reason: Some(group.to_string().into()), started_at: Some(since.as_millis()), ..none }
            }
            State::Cancelled { reason } | State::Blocked { reason } => Self { reason: Some(reason.into()), ..none },
        }
    }
}
