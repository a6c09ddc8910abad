//! The one function that changes a task.

use std::time::Duration;

use uuid::Uuid;

use super::{Event, Failure, FailureKind, Fence, Hint, Rejected, Report, Settlement, State, Status, Task, hint, wake};
use crate::{
    clock::Timestamp,
    json::cut,
    lifecycle::task::Attempt,
    log::{EXCERPT_BYTES, LogEntry, LogKind, Outcome},
    redact, retry,
};

/// How long after its time a task of a type that no deployed version knows is given up.
const UNKNOWN_TYPE_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// When a task of a type that no deployed version knows is given up, if it was to run at `run_at`.
pub fn unknown_type_ends(run_at: Timestamp) -> Timestamp {
    run_at + UNKNOWN_TYPE_PATIENCE
}

/// A task as an event leaves it, and the action-log row of that event if it has one. Committed together or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The task afterwards; `version` is still the old one until the commit draws a new one.
    pub task: Task,
    /// The row to add.
    pub log: Option<LogEntry>,
}

/// What `event` makes of `task` at `now`, or why it does not apply. Pure; every rule of a task's life is here.
pub fn apply(task: &Task, event: Event, now: Timestamp) -> Result<Transition, Rejected> {
    let change = Change { before: task, task: task.clone(), log: None, now };
    match (&task.state, event) {
        (State::Pending { run_at, .. }, Event::Claim { worker }) => change.claim(*run_at, worker),
        (State::Running { lease_expires_at, .. }, Event::Claim { .. }) => Err(Rejected::Held(*lease_expires_at)),

        (State::Running { started_at, worker, lease_expires_at }, Event::Renew { fence }) => {
            change.renew(*worker, *started_at, *lease_expires_at, fence)
        }
        (State::Running { started_at, .. }, Event::Settle { fence, settlement, report }) => {
            change.settle(*started_at, fence, settlement, report)
        }
        // Whatever the task has become since: the worker that asks no longer holds it.
        (
            State::Pending { .. }
            | State::Completed { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Blocked { .. },
            Event::Renew { .. } | Event::Settle { .. },
        ) => Err(Rejected::LeaseLost),

        (State::Running { lease_expires_at, started_at, .. }, Event::Reap { max_losses, jitter }) => {
            change.reap(*lease_expires_at, *started_at, max_losses, jitter)
        }
        (State::Pending { .. }, Event::Reap { .. }) => Err(Rejected::NotEnded(Status::Pending)),

        (State::Pending { run_at, .. }, Event::Notify) => change.notify(*run_at),
        (State::Running { lease_expires_at, .. }, Event::Notify) => Err(Rejected::Held(*lease_expires_at)),

        (State::Failed { .. }, Event::DeadLettered { redrives }) => change.dead_lettered(redrives),
        (
            State::Pending { .. }
            | State::Running { .. }
            | State::Completed { .. }
            | State::Cancelled { .. }
            | State::Blocked { .. },
            Event::DeadLettered { .. },
        ) => Err(other_than_failed(task.status())),

        (State::Pending { run_at, .. }, Event::Expire { kind }) => change.expire(*run_at, kind),
        (State::Running { lease_expires_at, .. }, Event::Expire { .. }) => Err(Rejected::Held(*lease_expires_at)),

        (State::Pending { .. }, Event::Cancel { reason, by }) => change.cancel(None, reason, by),
        (State::Running { started_at, .. }, Event::Cancel { reason, by }) => {
            change.cancel(Some(*started_at), reason, by)
        }

        (State::Pending { run_at: at, .. }, Event::Reschedule { if_due: true, .. }) if *at > now => {
            Err(Rejected::NotDue(*at))
        }
        (State::Pending { .. }, Event::Reschedule { run_at, by, .. }) => change.reschedule(run_at, by),
        (State::Running { lease_expires_at, .. }, Event::Reschedule { .. }) => Err(Rejected::Held(*lease_expires_at)),

        (
            State::Completed { .. } | State::Failed { .. } | State::Cancelled { .. } | State::Blocked { .. },
            Event::Claim { .. }
            | Event::Reap { .. }
            | Event::Notify
            | Event::Expire { .. }
            | Event::Cancel { .. }
            | Event::Reschedule { .. },
        ) => Err(Rejected::Ended(task.status())),

        (State::Failed { .. }, Event::Redrive { failed_at: Some(executions), .. }) if executions != task.executions => {
            Err(Rejected::Ended(task.status()))
        }
        (State::Failed { .. }, Event::Redrive { note, by, run_at, .. })
        | (State::Cancelled { .. } | State::Blocked { .. }, Event::Redrive { note, by, run_at, failed_at: None }) => {
            change.redrive(note, by, run_at)
        }
        (State::Cancelled { .. } | State::Blocked { .. } | State::Completed { .. }, Event::Redrive { .. }) => {
            Err(Rejected::Ended(task.status()))
        }
        (State::Pending { .. } | State::Running { .. }, Event::Redrive { .. }) => {
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
    fn claim(mut self, run_at: Timestamp, worker: Uuid) -> Applied {
        if let Some(at) = self.task.expires_at.filter(|at| *at <= self.now) {
            return Err(Rejected::Expired(at));
        }
        if run_at > self.now {
            return Err(Rejected::NotDue(run_at));
        }
        let lease_expires_at = self.now + super::lease(self.task.timeout_s);
        self.task.state = State::Running { lease_expires_at, worker, started_at: self.now };
        self.task.executions += 1;
        self.task.last_attempted_at = Some(self.now);
        self.task.wake_at = Some(wake::claimed(self.before, lease_expires_at, self.now));
        self.done()
    }

    fn renew(mut self, worker: Uuid, started_at: Timestamp, promised: Timestamp, fence: Fence) -> Applied {
        self.check(fence)?;
        // A clock set back must not shorten a lease that was promised.
        let lease_expires_at = promised.max(self.now + super::lease(self.task.timeout_s));
        self.task.state = State::Running { lease_expires_at, worker, started_at };
        self.task.wake_at = Some(lease_expires_at);
        self.done()
    }

    fn settle(mut self, started_at: Timestamp, fence: Fence, settlement: Settlement, report: Report) -> Applied {
        self.check(fence)?;
        let row = |outcome| LogEntry::next(self.before, LogKind::Execution, outcome, started_at, self.now);
        let row = match settlement {
            Settlement::Complete(output) => {
                let excerpt = cut(output.as_str(), EXCERPT_BYTES).to_owned();
                let row = LogEntry { output_excerpt: Some(excerpt), ..row(Outcome::Completed) };
                self.end(State::Completed { output });
                row
            }
            Settlement::Snooze { run_at, hinted } => {
                let row = row(Outcome::Snoozed);
                self.task.snoozes += 1;
                self.wait(run_at, hinted);
                row
            }
            Settlement::Retry { run_at, failure, hinted } if self.task.may_retry() => {
                let row = LogEntry { failure: Some(failure.clone()), ..row(Outcome::Retry) };
                self.task.failures += 1;
                self.remember(failure);
                self.wait(run_at, hinted);
                row
            }
            // No retry is left: never more than `max_retries + 1` failing executions per drive.
            Settlement::Retry { failure, .. } | Settlement::Fail { failure } => {
                let row = LogEntry { failure: Some(failure.clone()), ..row(Outcome::Failed) };
                self.task.failures += 1;
                self.fail(failure);
                row
            }
            Settlement::Cancel { reason } => {
                let reason = redacted(&reason);
                let row = LogEntry { reason: Some(reason.clone()), ..row(Outcome::Cancelled) };
                self.end(State::Cancelled { reason });
                row
            }
            Settlement::Block { reason } => {
                let reason = redacted(&reason);
                let row = LogEntry { reason: Some(reason.clone()), ..row(Outcome::Blocked) };
                self.end(State::Blocked { reason });
                row
            }
        };
        self.logged(row.with_report(report))
    }

    fn reap(mut self, lease_end: Timestamp, started_at: Timestamp, max_losses: u32, jitter: f64) -> Applied {
        if lease_end > self.now {
            return Err(Rejected::Held(lease_end));
        }
        let row = |outcome| LogEntry::next(self.before, LogKind::Execution, outcome, started_at, self.now);
        self.task.losses += 1;
        let losses = self.task.losses;
        let message = format!("the worker was lost: its lease ended at {lease_end}");
        let failure = Failure::new(FailureKind::WorkerLost, &message, self.now, self.task.executions);
        let row = if losses >= max_losses {
            let row = row(Outcome::Failed);
            self.fail(failure.clone());
            row
        } else {
            let row = row(Outcome::Lost);
            self.remember(failure.clone());
            let run_at = self.now + retry::after_loss(losses, jitter);
            let hinted = matches!(hint(run_at, self.now), Hint::Message(_));
            self.wait(run_at, hinted);
            row
        };
        self.logged(LogEntry { failure: Some(failure), ..row })
    }

    fn notify(mut self, run_at: Timestamp) -> Applied {
        // Another poller, or the commit that made it wait, has moved on what the index still showed.
        if let Some(at) = self.task.wake_at.filter(|at| *at > self.now) {
            return Err(Rejected::NotDue(at));
        }
        self.task.notified += 1;
        self.task.state = State::Pending { run_at, hinted: true };
        self.task.wake_at = Some(wake::pending(run_at, self.task.notified, self.task.expires_at, self.now));
        self.done()
    }

    fn dead_lettered(mut self, redrives: u32) -> Applied {
        if self.task.redrives != redrives || self.task.dead_lettered_at.is_some() {
            return Err(Rejected::Ended(Status::Failed));
        }
        self.task.dead_lettered_at = Some(self.now);
        self.task.wake_at = None;
        self.done()
    }

    fn expire(mut self, run_at: Timestamp, kind: FailureKind) -> Applied {
        let expired = self.task.expires_at.filter(|at| *at <= self.now);
        let unknown = (kind == FailureKind::UnknownType).then(|| unknown_type_ends(run_at));
        let message = match (expired, unknown) {
            (Some(at), _) => format!("expired at {at}, before it could start"),
            (None, Some(patience_ends)) if patience_ends <= self.now => {
                format!("no handler is known for task type {}", self.task.task_type)
            }
            (None, patience_ends) => {
                return Err(Rejected::NotDue(patience_ends.or(self.task.expires_at).unwrap_or(run_at)));
            }
        };
        let kind = if expired.is_some() { FailureKind::Expired } else { kind };
        let failure = Failure::new(kind, &message, self.now, self.task.executions);
        let row = LogEntry::next(self.before, LogKind::Expire, Outcome::Failed, self.now, self.now);
        self.fail(failure.clone());
        self.logged(LogEntry { failure: Some(failure), ..row })
    }

    fn cancel(mut self, execution_started_at: Option<Timestamp>, reason: String, by: String) -> Applied {
        let (kind, started_at) = match execution_started_at {
            Some(at) => (LogKind::Execution, at),
            None => (LogKind::Cancel, self.now),
        };
        let reason = redacted(&reason);
        let row = LogEntry::next(self.before, kind, Outcome::Cancelled, started_at, self.now);
        self.end(State::Cancelled { reason: reason.clone() });
        self.logged(LogEntry { by: Some(by), reason: Some(reason), ..row })
    }

    fn reschedule(mut self, run_at: Timestamp, by: String) -> Applied {
        if let Some(at) = self.task.expires_at.filter(|at| *at <= run_at) {
            return Err(Rejected::Expired(at));
        }
        let row = LogEntry::next(self.before, LogKind::Reschedule, Outcome::Pending, self.now, self.now);
        let hinted = matches!(hint(run_at, self.now), Hint::Message(_));
        self.wait(run_at, hinted);
        self.logged(LogEntry { by: Some(by), reason: Some(format!("to start at {run_at}")), ..row })
    }

    fn redrive(mut self, note: Option<String>, by: String, run_at: Option<Timestamp>) -> Applied {
        let row = LogEntry::next(self.before, LogKind::Redrive, Outcome::Pending, self.now, self.now);
        let note = note.map(|text| redacted(&text));
        self.task.failures = 0;
        self.task.losses = 0;
        self.task.snoozes = 0;
        self.task.redrives += 1;
        self.task.expires_at = None;
        self.task.ended_at = None;
        self.task.dead_lettered_at = None;
        self.task.redrive_note = note.clone();
        let run_at = run_at.unwrap_or(self.now).max(self.now);
        self.wait(run_at, matches!(hint(run_at, self.now), Hint::Message(_)));
        self.logged(LogEntry { by: Some(by), reason: note, ..row })
    }

    fn check(&self, fence: Fence) -> Result<(), Rejected> {
        if self.before.fence() == Some(fence) { Ok(()) } else { Err(Rejected::LeaseLost) }
    }

    fn wait(&mut self, run_at: Timestamp, hinted: bool) {
        self.task.notified = hinted.into();
        self.task.state = State::Pending { run_at, hinted };
        self.task.wake_at = Some(wake::pending(run_at, self.task.notified, self.task.expires_at, self.now));
    }

    fn end(&mut self, state: State) {
        self.task.state = state;
        self.task.ended_at = Some(self.now);
        self.task.wake_at = None;
    }

    /// A failed task owes its dead letter from now on.
    fn fail(&mut self, failure: Failure) {
        self.remember(failure.clone());
        self.end(State::Failed { failure });
        self.task.wake_at = Some(self.now);
    }

    fn remember(&mut self, failure: Failure) {
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
