//! What happens to a task between executions: by the poller, and by an operator (who may end one, too).

use crate::{
    clock::Timestamp,
    lifecycle::{
        FailureKind, KeptFailure, Rejected, State, Status, Task,
        apply::{Applied, Change, redacted, unknown_type_ends},
        log::{LogEntry, LogKind, LogOutcome},
        wake,
    },
};

impl Change<'_> {
    pub(super) fn notify(mut self, run_at: Timestamp) -> Applied {
        // Another poller, or the commit that made it wait, has moved on what the index still showed.
        if let Some(at) = self.task.wake_at.filter(|at| *at > self.now) {
            return Err(Rejected::NotDue(at));
        }
        self.task.notified += 1;
        self.task.wake_at = Some(wake::pending(run_at, self.task.notified, self.task.expires_at, self.now));
        self.done()
    }

    pub(super) fn dead_lettered(mut self, redrives: u32) -> Applied {
        if self.task.redrives != redrives || self.task.dead_lettered_at.is_some() {
            return Err(Rejected::Ended(Status::Failed));
        }
        self.task.dead_lettered_at = Some(self.now);
        self.task.wake_at = None;
        self.done()
    }

    pub(super) fn expire(mut self, run_at: Timestamp, kind: FailureKind) -> Applied {
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
        let failure = KeptFailure::new(kind, &message, self.now, self.task.executions);
        let row = LogEntry::next(self.before, LogKind::Expire, LogOutcome::Failed, self.now, self.now);
        self.fail(failure.clone());
        self.logged(LogEntry { failure: Some(failure), ..row })
    }

    pub(super) fn cancel(mut self, execution_started_at: Option<Timestamp>, reason: String, by: String) -> Applied {
        let (kind, started_at) = match execution_started_at {
            Some(at) => (LogKind::Execution, at),
            None => (LogKind::Cancel, self.now),
        };
        let reason = redacted(&reason);
        let row = LogEntry::next(self.before, kind, LogOutcome::Cancelled, started_at, self.now);
        self.end(State::Cancelled { reason: reason.clone() });
        self.logged(LogEntry { by: Some(by), reason: Some(reason), ..row })
    }

    pub(super) fn reschedule(mut self, run_at: Timestamp, by: String) -> Applied {
        if let Some(at) = self.task.expires_at.filter(|at| *at <= run_at) {
            return Err(Rejected::Expired(at));
        }
        let row = LogEntry::next(self.before, LogKind::Reschedule, LogOutcome::Pending, self.now, self.now);
        self.wait(run_at, wake::has_message(run_at, self.now));
        self.logged(LogEntry { by: Some(by), reason: Some(format!("to start at {run_at}")), ..row })
    }

    pub(super) fn wake(mut self, run_at: Timestamp) -> Applied {
        let run_at = run_at.min(self.now);
        self.wait(run_at, wake::has_message(run_at, self.now));
        self.done()
    }

    /// It may expire before its first start alone: whoever asked for that has it begun. One that is pulled has its time anew.
    pub(super) fn ready(mut self) -> Applied {
        let run_at = self.now.max(self.task.scheduled_for);
        if self.task.is_pulled() && self.task.expires_at.is_none() {
            self.task = self.task.asking(|asked| asked.expires_at = Some(run_at + Task::PULLED_WITHIN));
        }
        self.wait(run_at, wake::has_message(run_at, self.now));
        self.done()
    }

    pub(super) fn touch(mut self) -> Applied {
        // Another poller has looked, or the index lags.
        if let Some(at) = self.task.wake_at.filter(|at| *at > self.now) {
            return Err(Rejected::NotDue(at));
        }
        self.task.notified += 1;
        self.task.wake_at = Some(wake::waiting(self.task.notified, self.task.expires_at, self.now));
        self.done()
    }

    pub(super) fn redrive(mut self, note: Option<String>, by: String, run_at: Option<Timestamp>) -> Applied {
        let row = LogEntry::next(self.before, LogKind::Redrive, LogOutcome::Pending, self.now, self.now);
        let note = note.map(|text| redacted(&text));
        self.task.failures = 0;
        self.task.losses = 0;
        self.task.snoozes = 0;
        self.task.redrives += 1;
        self.task.ended_at = None;
        self.task.dead_lettered_at = None;
        self.task.redrive_note = note.clone();
        let run_at = run_at.unwrap_or(self.now).max(self.now);
        let expires_at = self.task.is_pulled().then(|| run_at + Task::PULLED_WITHIN);
        self.task = self.task.asking(|asked| asked.expires_at = expires_at);
        self.wait(run_at, wake::has_message(run_at, self.now));
        self.logged(LogEntry { by: Some(by), reason: note, ..row })
    }
}
