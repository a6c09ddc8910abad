//! What a due task needs: pure.

use crate::{
    clock::Timestamp,
    lifecycle::{FailureKind, State, Task, unknown_type_ends},
};

/// What a due task needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    Nothing,
    Notify,
    /// See whether what it waits for is over.
    Look,
    Reap,
    Expire(FailureKind),
    DeadLetter,
}

/// What `task`, read just now, needs. The index that named it may lag, so `wake_at` is asked again.
pub(super) fn duty(task: &Task, is_known: bool, now: Timestamp) -> Duty {
    if task.wake_at.is_none_or(|at| at > now) {
        return Duty::Nothing;
    }
    match &task.state {
        State::Pending { .. } | State::Waiting { .. } if task.expires_at.is_some_and(|at| at <= now) => {
            Duty::Expire(FailureKind::Expired)
        }
        // Before that somebody is told of it as of any other: the deployment that knows its type may be there.
        State::Pending { run_at, .. } if unknown_type_ends(*run_at) <= now && !is_known => {
            Duty::Expire(FailureKind::UnknownType)
        }
        State::Pending { .. } => Duty::Notify,
        State::Waiting { .. } => Duty::Look,
        State::Running { lease_expires_at, .. } if *lease_expires_at <= now => Duty::Reap,
        State::Failed { .. } if task.dead_lettered_at.is_none() => Duty::DeadLetter,
        State::Running { .. }
        | State::Failed { .. }
        | State::Completed { .. }
        | State::Cancelled { .. }
        | State::Blocked { .. } => Duty::Nothing,
    }
}
