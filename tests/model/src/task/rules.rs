//! What a step makes of the task, or that it does not apply: as the engine's `apply` says it, and `waiting`.

use crate::{
    task::{Act, Actor, End, Status, Stored, TaskModel, Then},
    wrong::Wrong,
};

/// The task afterwards, and what follows the commit; `None`: refused.
pub(super) fn apply(model: &TaskModel, task: &Stored, actor: &Actor) -> Option<(Stored, Then)> {
    let before = *task;
    let pending = Stored { status: Status::Pending, wakes: true, ..before };
    match (before.status, actor.act) {
        (Status::Pending, Act::Claim) => {
            let status = Status::Running { lease_over: false };
            Some((Stored { status, executions: before.executions + 1, ..before }, Then::Nothing))
        }
        (Status::Running { .. }, Act::Settle(end)) => {
            // Its state alone does not say whose it is.
            let is_mine = actor.execution == before.executions || model.is(Wrong::NoFence);
            is_mine.then(|| settled(model, before, end))
        }
        (Status::Running { lease_over: true }, Act::Reap) => Some((pending, Then::Notify)),
        (Status::Waiting(on), Act::Ready(told)) => {
            // What another drive waited for is nothing to this one.
            (on == told || model.is(Wrong::ReadyUnaddressed)).then_some((pending, Then::Notify))
        }
        (Status::Pending | Status::Running { .. } | Status::Waiting(_), Act::Cancel) => {
            Some((Stored { status: Status::Cancelled, wakes: false, ..before }, Then::Nothing))
        }
        (Status::Failed | Status::Cancelled, Act::Redrive) => {
            let redrives = before.redrives + 1;
            Some((Stored { redrives, failures: 0, lettered: false, ..pending }, Then::Notify))
        }
        (Status::Failed, Act::NoteLetter(drive)) if !before.lettered && before.redrives == drive => {
            Some((Stored { lettered: true, wakes: false, ..before }, Then::Nothing))
        }
        _ => None,
    }
}

fn settled(model: &TaskModel, before: Stored, end: End) -> (Stored, Then) {
    let failures = before.failures + 1;
    match end {
        End::Complete => (Stored { status: Status::Completed, wakes: false, ..before }, Then::Nothing),
        End::Wait => {
            let wakes = !model.is(Wrong::WaitWithoutWake);
            let then = if model.is(Wrong::WaitWithoutRecheck) { Then::Nothing } else { Then::Recheck };
            (Stored { status: Status::Waiting(before.redrives), wakes, ..before }, then)
        }
        // Its message was sent before this.
        End::Fail if failures <= model.retries || model.is(Wrong::RetryUnchecked) => {
            let then = if model.is(Wrong::RetryUnseen) { Then::Nothing } else { Then::Again };
            (Stored { status: Status::Pending, wakes: true, failures, ..before }, then)
        }
        // It owes its dead letter.
        End::Fail => (Stored { status: Status::Failed, wakes: true, failures, ..before }, Then::Letter),
    }
}

impl Stored {
    /// Whether somebody is still to do something about it.
    pub fn is_live(&self) -> bool {
        matches!(self.status, Status::Pending | Status::Running { .. } | Status::Waiting(_))
    }
}

impl Act {
    /// Whether this writes the task, and so holds only for what was read.
    pub(super) fn writes_the_task(self) -> bool {
        match self {
            Act::Claim
            | Act::Settle(_)
            | Act::Reap
            | Act::Ready(_)
            | Act::Cancel
            | Act::Redrive
            | Act::NoteLetter(_) => true,
            Act::Handle { .. } | Act::After(_) | Act::WriteRow(_) => false,
        }
    }
}
