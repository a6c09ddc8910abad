//! The one function that changes a task.

mod between;
mod execution;

use std::time::Duration;

use crate::{
    clock::Timestamp,
    json::cut,
    lifecycle::{
        Attempt, Fence, KeptFailure, Rejected, State, Status, Task, Trigger,
        log::{LogEntry, LogKind},
        wake,
    },
    redact,
};

/// How long after its time a task of a type that no deployed version knows is given up.
const UNKNOWN_TYPE_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// When a task of a type that no deployed version knows is given up, if it was to run at `run_at`.
pub fn unknown_type_ends(run_at: Timestamp) -> Timestamp {
    run_at + UNKNOWN_TYPE_PATIENCE
}

/// A task as a trigger leaves it, and the action-log row of that trigger if it has one. Committed together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The task afterwards; `version` is still the old one until the commit draws a new one.
    pub task: Task,
    /// The row to add.
    pub log: Option<LogEntry>,
}

/// What `trigger` makes of `task` at `now`, or why it does not apply. Pure; every rule of a task's life is here.
#[allow(clippy::too_many_lines)] // a table: one arm for each state and trigger
pub fn apply(task: &Task, trigger: Trigger, now: Timestamp) -> Result<Transition, Rejected> {
    let change = Change { before: task, task: task.clone(), log: None, now };
    match (&task.state, trigger) {
        (State::Pending { run_at, .. }, Trigger::Claim { worker, lease }) => change.claim(*run_at, worker, lease),
        (State::Running { lease_expires_at, .. }, Trigger::Claim { .. }) => Err(Rejected::Held(*lease_expires_at)),

        (State::Running { started_at, worker, lease_expires_at }, Trigger::Renew { fence, lease, progress }) => {
            change.renew(*worker, *started_at, *lease_expires_at, (fence, lease, progress))
        }
        (State::Running { started_at, .. }, Trigger::Settle { fence, settlement, report }) => {
            change.settle(*started_at, fence, settlement, report)
        }
        // Whatever the task has become since: the worker that asks no longer holds it.
        (
            State::Pending { .. }
            | State::Waiting { .. }
            | State::Completed { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Blocked { .. },
            Trigger::Renew { .. } | Trigger::Settle { .. },
        ) => Err(Rejected::LeaseLost),

        (State::Running { lease_expires_at, started_at, .. }, Trigger::Reap { max_losses, jitter }) => {
            change.reap(*lease_expires_at, *started_at, max_losses, jitter)
        }
        (State::Pending { .. } | State::Waiting { .. }, Trigger::Reap { .. }) => Err(Rejected::NotEnded(task.status())),

        (State::Waiting { group, .. }, Trigger::Ready { group: over }) if *group == over => change.ready(),
        (State::Waiting { group, .. }, Trigger::Void { group: over, reason }) if *group == over => {
            change.cancel(None, reason, "group".to_owned())
        }
        (State::Waiting { .. }, Trigger::Touch) => change.touch(),
        (
            State::Waiting { .. },
            Trigger::Claim { .. }
            | Trigger::Notify
            | Trigger::Wake
            | Trigger::Ready { .. }
            | Trigger::Void { .. }
            | Trigger::Reschedule { .. },
        ) => Err(Rejected::Waits),
        (
            State::Pending { .. } | State::Running { .. },
            Trigger::Ready { .. } | Trigger::Void { .. } | Trigger::Touch,
        ) => Err(Rejected::NotWaiting),

        (State::Pending { run_at, .. }, Trigger::Notify) => change.notify(*run_at),
        (State::Running { lease_expires_at, .. }, Trigger::Notify) => Err(Rejected::Held(*lease_expires_at)),

        (State::Pending { run_at }, Trigger::Wake) => change.wake(*run_at),
        (State::Running { lease_expires_at, .. }, Trigger::Wake) => Err(Rejected::Held(*lease_expires_at)),

        (State::Failed { .. }, Trigger::DeadLettered { redrives }) => change.dead_lettered(redrives),
        (
            State::Pending { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Completed { .. }
            | State::Cancelled { .. }
            | State::Blocked { .. },
            Trigger::DeadLettered { .. },
        ) => Err(other_than_failed(task.status())),

        (State::Pending { run_at: at } | State::Waiting { since: at, .. }, Trigger::Expire { kind }) => {
            change.expire(*at, kind)
        }
        (State::Running { lease_expires_at, .. }, Trigger::Expire { .. }) => Err(Rejected::Held(*lease_expires_at)),

        (State::Pending { .. } | State::Waiting { .. }, Trigger::Cancel { reason, by }) => {
            change.cancel(None, reason, by)
        }
        (State::Running { started_at, .. }, Trigger::Cancel { reason, by }) => {
            change.cancel(Some(*started_at), reason, by)
        }

        (State::Pending { run_at: at, .. }, Trigger::Reschedule { if_due: true, .. }) if *at > now => {
            Err(Rejected::NotDue(*at))
        }
        (State::Pending { .. }, Trigger::Reschedule { run_at, by, .. }) => change.reschedule(run_at, by),
        (State::Running { lease_expires_at, .. }, Trigger::Reschedule { .. }) => Err(Rejected::Held(*lease_expires_at)),

        (
            State::Completed { .. } | State::Failed { .. } | State::Cancelled { .. } | State::Blocked { .. },
            Trigger::Claim { .. }
            | Trigger::Reap { .. }
            | Trigger::Notify
            | Trigger::Expire { .. }
            | Trigger::Cancel { .. }
            | Trigger::Reschedule { .. }
            | Trigger::Wake
            | Trigger::Ready { .. }
            | Trigger::Void { .. }
            | Trigger::Touch,
        ) => Err(Rejected::Ended(task.status())),

        (State::Failed { .. }, Trigger::Redrive { failed_at: Some(executions), .. })
            if executions != task.executions =>
        {
            Err(Rejected::Ended(task.status()))
        }
        (State::Failed { .. }, Trigger::Redrive { note, by, run_at, .. })
        | (State::Cancelled { .. } | State::Blocked { .. }, Trigger::Redrive { note, by, run_at, failed_at: None }) => {
            change.redrive(note, by, run_at)
        }
        (State::Cancelled { .. } | State::Blocked { .. } | State::Completed { .. }, Trigger::Redrive { .. }) => {
            Err(Rejected::Ended(task.status()))
        }
        (State::Pending { .. } | State::Running { .. } | State::Waiting { .. }, Trigger::Redrive { .. }) => {
            Err(Rejected::NotEnded(task.status()))
        }
    }
}

fn other_than_failed(status: Status) -> Rejected {
    if status.is_ended() { Rejected::Ended(status) } else { Rejected::NotEnded(status) }
}

/// The task before and, growing, after; one method for each thing that can happen.
struct Change<'a> {
    before: &'a Task,
    task: Task,
    log: Option<LogEntry>,
    now: Timestamp,
}

type Applied = Result<Transition, Rejected>;

impl Change<'_> {
    fn check(&self, fence: Fence) -> Result<(), Rejected> {
        if self.before.fence() == Some(fence) { Ok(()) } else { Err(Rejected::LeaseLost) }
    }

    /// Waits until `run_at`; `hinted`: a message is on its way.
    fn wait(&mut self, run_at: Timestamp, hinted: bool) {
        self.task.notified = hinted.into();
        self.task.state = State::Pending { run_at };
        self.task.wake_at = Some(wake::pending(run_at, self.task.notified, self.task.expires_at, self.now));
    }

    fn end(&mut self, state: State) {
        self.task.state = state;
        self.task.ended_at = Some(self.now);
        self.task.wake_at = None;
    }

    /// A failed task owes its dead letter from now on.
    fn fail(&mut self, failure: KeptFailure) {
        self.remember(failure.clone());
        self.end(State::Failed { failure });
        self.task.wake_at = Some(self.now);
    }

    fn remember(&mut self, failure: KeptFailure) {
        let errors = &mut self.task.last_errors;
        errors.push(failure);
        let surplus = errors.len().saturating_sub(Task::LAST_ERRORS);
        errors.drain(..surplus);
    }

    fn logged(mut self, row: LogEntry) -> Applied {
        self.task.log_seq = row.seq;
        if row.kind == LogKind::Execution {
            self.task.latest_attempt =
                Some(Attempt { execution: row.execution, outcome: row.outcome, ended_at: row.ended_at });
        }
        self.log = Some(row);
        self.done()
    }

    fn done(mut self) -> Applied {
        self.task.revision += 1;
        self.task.updated_at = self.now;
        Ok(Transition { task: self.task, log: self.log })
    }
}

fn redacted(text: &str) -> String {
    cut(&redact::text(text), super::ERROR_BYTES).to_owned()
}
