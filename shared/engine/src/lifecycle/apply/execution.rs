//! An execution: begun, kept, and ended by its worker or for it.

use std::time::Duration;

use uuid::Uuid;

use crate::{
    clock::Timestamp,
    json::{Json, cut},
    lifecycle::{
        FailureKind, Fence, KeptFailure, Rejected, Report, Settlement, State,
        apply::{Applied, Change, redacted},
        log::{EXCERPT_BYTES, LogEntry, LogKind, LogOutcome},
        retry, wake,
    },
    redact,
};

impl Change<'_> {
    pub(super) fn claim(mut self, run_at: Timestamp, worker: Uuid, lease: Option<Duration>) -> Applied {
        if let Some(at) = self.task.expires_at.filter(|at| *at <= self.now) {
            return Err(Rejected::Expired(at));
        }
        if run_at > self.now {
            return Err(Rejected::NotDue(run_at));
        }
        let lease_expires_at = self.lease_end(self.now, lease);
        self.task.state = State::Running { lease_expires_at, worker, started_at: self.now };
        self.task.executions += 1;
        self.task.last_attempted_at = Some(self.now);
        self.task.wake_at = Some(wake::claimed(self.before, lease_expires_at, self.now));
        self.done()
    }

    pub(super) fn renew(
        mut self,
        worker: Uuid,
        started_at: Timestamp,
        promised: Timestamp,
        (fence, lease, progress): (Fence, Option<Duration>, Option<Json>),
    ) -> Applied {
        self.check(fence)?;
        // A clock set back must not shorten a lease that was promised.
        let lease_expires_at = promised.max(self.lease_end(started_at, lease));
        self.task.state = State::Running { lease_expires_at, worker, started_at };
        self.task.wake_at = Some(lease_expires_at);
        self.task.progress = progress.or(self.task.progress);
        self.done()
    }

    /// When a lease given now ends. Nobody stops a worker outside: its lease ends with the task's time.
    fn lease_end(&self, started_at: Timestamp, lease: Option<Duration>) -> Timestamp {
        let timeout = Duration::from_secs(self.task.timeout_s.into());
        match lease {
            None => self.now + wake::lease(self.task.timeout_s),
            Some(lease) if self.task.is_pulled() => (self.now + lease).min(started_at + timeout),
            Some(lease) => self.now + lease,
        }
    }

    pub(super) fn settle(
        mut self,
        started_at: Timestamp,
        fence: Fence,
        settlement: Settlement,
        report: Report,
    ) -> Applied {
        self.check(fence)?;
        let row = |outcome| LogEntry::next(self.before, LogKind::Execution, outcome, started_at, self.now);
        let row = match settlement {
            Settlement::Complete(output) => {
                let row = LogEntry { output_excerpt: Some(excerpt(&output)), ..row(LogOutcome::Completed) };
                self.end(State::Completed { output });
                row
            }
            Settlement::Snooze { run_at, hinted } => {
                let row = row(LogOutcome::Snoozed);
                self.task.snoozes += 1;
                self.wait(run_at, hinted);
                row
            }
            Settlement::Wait { group } => {
                let row = row(LogOutcome::Waited);
                self.task.state = State::Waiting { group, since: self.now };
                self.task.notified = 0;
                self.task = self.task.asking(|asked| asked.expires_at = None);
                self.task.wake_at = Some(wake::waiting(0, None, self.now));
                row
            }
            Settlement::Retry { run_at, failure, hinted } if self.task.may_retry() => {
                let row = LogEntry { failure: Some(failure.clone()), ..row(LogOutcome::Retry) };
                self.task.failures += 1;
                self.remember(failure);
                self.wait(run_at, hinted);
                row
            }
            // No retry is left: never more than `max_retries + 1` failing executions per drive.
            Settlement::Retry { failure, .. } | Settlement::Fail { failure } => {
                let row = LogEntry { failure: Some(failure.clone()), ..row(LogOutcome::Failed) };
                self.task.failures += 1;
                self.fail(failure);
                row
            }
            Settlement::Cancel { reason } => {
                let reason = redacted(&reason);
                let row = LogEntry { reason: Some(reason.clone()), ..row(LogOutcome::Cancelled) };
                self.end(State::Cancelled { reason });
                row
            }
            Settlement::Block { reason } => {
                let reason = redacted(&reason);
                let row = LogEntry { reason: Some(reason.clone()), ..row(LogOutcome::Blocked) };
                self.end(State::Blocked { reason });
                row
            }
        };
        self.logged(row.with_report(report))
    }

    pub(super) fn reap(mut self, lease_end: Timestamp, started_at: Timestamp, max_losses: u32, jitter: f64) -> Applied {
        if lease_end > self.now {
            return Err(Rejected::Held(lease_end));
        }
        let row = |outcome| LogEntry::next(self.before, LogKind::Execution, outcome, started_at, self.now);
        self.task.losses += 1;
        let losses = self.task.losses;
        let message = format!("the worker was lost: its lease ended at {lease_end}");
        let failure = KeptFailure::new(FailureKind::WorkerLost, &message, self.now, self.task.executions);
        let row = if losses >= max_losses {
            let row = row(LogOutcome::Failed);
            self.fail(failure.clone());
            row
        } else {
            let row = row(LogOutcome::Lost);
            self.remember(failure.clone());
            let run_at = self.now + retry::after_loss(losses, jitter);
            self.wait(run_at, wake::has_message(run_at, self.now));
            row
        };
        self.logged(LogEntry { failure: Some(failure), ..row })
    }
}

/// The start of an output, without secrets: the output itself is whole for who it belongs to, the log for everybody who
/// looks after tasks. Redacted first: half a secret looks like none.
fn excerpt(output: &Json) -> String {
    let mut shown = serde_json::from_str(output.as_str()).unwrap_or_default();
    redact::value(&mut shown);
    cut(&shown.to_string(), EXCERPT_BYTES).to_owned()
}
