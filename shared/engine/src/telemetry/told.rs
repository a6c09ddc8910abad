//! The one line, and the counts, of every row of the action log: of each execution that ended, and what operators did.

use std::time::Duration;

use tracing::{info, warn};

use crate::{
    app::App,
    clock::Timestamp,
    lifecycle::{
        Dispatch, FailureKind, Status, Task, Trigger,
        log::{LogEntry, LogKind, LogOutcome},
    },
    meter::{CountedRow, LEASE_LOSSES},
    spans::{ended, outside},
};

/// What is told of a change: taken from its row before the store gets that, told once the commit stands. No payload,
/// output, key or text of a failure is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    kind: LogKind,
    execution: u32,
    outcome: LogOutcome,
    /// Of an execution.
    duration_ms: Option<u64>,
    failure: Option<FailureKind>,
    /// Whether its worker ended the execution.
    settled: bool,
}

impl Told {
    /// What is to be told of `row`, which came of `trigger`.
    pub(crate) fn of(row: &LogEntry, trigger: &Trigger) -> Self {
        Self {
            kind: row.kind,
            execution: row.execution,
            outcome: row.outcome,
            duration_ms: (row.kind == LogKind::Execution).then_some(row.latency_ms),
            failure: row.failure.as_ref().map(|failure| failure.kind),
            settled: matches!(trigger, Trigger::Settle { .. }),
        }
    }

    /// Tells it of `task` as it is now, at the level of who must act: nobody, unless it failed for good or a worker was
    /// lost.
    pub(crate) fn tell(self, app: &App, task: &Task) {
        self.count(app, task);
        let (key, outcome, duration_ms) = (&task.key, self.outcome.as_str(), self.duration_ms);
        match task.last_attempted_at {
            Some(began_at) if self.kind == LogKind::Execution && task.dispatch == Dispatch::Pulled => {
                outside(task, began_at, outcome, self.failure);
            }
            _ if self.settled => ended(outcome, self.failure),
            _ => {}
        }
        let failure = self.failure.map(tracing::field::display);
        let (request_id, xray_trace_id) = (task.request_id.as_deref(), app.xray_trace_id());
        if task.status() == Status::Failed || self.outcome == LogOutcome::Lost {
            warn!(
                task.id = %key.id, task.r#type = %task.task_type, task.execution = self.execution,
                task.failures = task.failures, tenant = %key.tenant, outcome, duration_ms, request_id, xray_trace_id,
                failure, "{}", self.sentence()
            );
        } else {
            info!(
                task.id = %key.id, task.r#type = %task.task_type, task.execution = self.execution,
                task.failures = task.failures, tenant = %key.tenant, outcome, duration_ms, request_id, xray_trace_id,
                failure, "{}", self.sentence()
            );
        }
    }

    fn sentence(self) -> &'static str {
        match (self.kind, self.outcome) {
            (LogKind::Expire, _) => "task failed for good: it waited too long",
            (LogKind::Reschedule, _) => "task was given another start",
            (LogKind::Redrive, _) => "task was set going again",
            (LogKind::Cancel, _) => "task was called off before it ran",
            (LogKind::Execution, LogOutcome::Completed) => "task completed",
            (LogKind::Execution, LogOutcome::Snoozed) => "task put itself off",
            (LogKind::Execution, LogOutcome::Waited) => "task waits for its group",
            (LogKind::Execution, LogOutcome::Retry) => "execution failed; the task will be tried again",
            (LogKind::Execution, LogOutcome::Failed) => "task failed for good",
            (LogKind::Execution, LogOutcome::Cancelled) => "task was called off",
            (LogKind::Execution, LogOutcome::Blocked) => "task waits for a person",
            (LogKind::Execution, LogOutcome::Lost) => "worker lost; the task will be tried again",
            (LogKind::Execution, LogOutcome::Pending) => "task waits",
        }
    }

    fn count(self, app: &App, task: &Task) {
        app.meter.row(&CountedRow {
            task_type: &task.task_type,
            compiled_in: app.types.knows(&task.task_type),
            is_execution: self.kind == LogKind::Execution,
            outcome: self.outcome,
            took: self.duration_ms.filter(|_| self.settled).map(Duration::from_millis),
            is_reaped: self.failure == Some(FailureKind::WorkerLost),
        });
    }
}

/// The worker of `task`, as it claimed it, lives and may write no more: the task was called off, or the worker given up
/// on, and whoever did that has told of the execution's end. Nobody must act.
pub(crate) fn lease_lost(app: &App, task: &Task, now: Timestamp) {
    app.meter.count(LEASE_LOSSES);
    ended("lease_lost", None);
    let duration_ms = task.last_attempted_at.map(|at| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX));
    let (request_id, xray_trace_id) = (task.request_id.as_deref(), app.xray_trace_id());
    info!(
        task.id = %task.key.id, task.r#type = %task.task_type, task.execution = task.executions,
        task.failures = task.failures, tenant = %task.key.tenant, outcome = "lease_lost", duration_ms, request_id,
        xray_trace_id, "a worker's lease was lost; nothing that it did was applied"
    );
}
