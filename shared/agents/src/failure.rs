//! What it means for a run's task that the journal did not write.

use std::time::Duration;

use crate::{NotAdmitted, Refused, journal::JournalError};
use errand::{Failure, FailureKind, Outcome, StoreError, Task, spi::lifecycle::LONGEST_HIDING};

/// How long a run first waits for another one in its session, whose end wakes it sooner, or for its agent's other life. The
/// wait doubles so often: up to 16 minutes.
const BUSY_WAIT_S: u64 = 30;
const BUSY_DOUBLINGS: u32 = 5;

// From there on the message is not hidden: each look has a new one, and none grows old or is received too often.
const _: () = assert!(BUSY_WAIT_S << BUSY_DOUBLINGS > LONGEST_HIDING.as_secs());

/// So many waits (eleven days of them), and executions that had too little time left.
pub(crate) const MAX_SNOOZES: u32 = 1000;

/// How the execution of `task` ends whose run could not be taken up.
pub(crate) fn not_begun(task: &Task, error: JournalError) -> Result<Outcome, Failure> {
    // As long again as it has waited.
    let wait = Duration::from_secs(BUSY_WAIT_S << task.snoozes.min(BUSY_DOUBLINGS));
    match error {
        JournalError::Waits { effects, .. } => Ok(Outcome::Wait { wait, effects }),
        // Its agent lives another life.
        JournalError::Refused(Refused::NotWhile(_)) => Ok(Outcome::Snooze(wait)),
        error => Err(of_journal(error)),
    }
}

/// The failure of the task whose run the journal did not write.
pub(crate) fn of_journal(error: JournalError) -> Failure {
    let kind = match &error {
        JournalError::NotAdmitted(NotAdmitted::Project | NotAdmitted::Agent) => FailureKind::TenantPolicyDenied,
        JournalError::NotAdmitted(NotAdmitted::Profile) => FailureKind::SchemaInvalid,
        JournalError::LeaseLost => FailureKind::LeaseConflict,
        JournalError::Store(StoreError::TooLarge(_)) | JournalError::TooMany(_) => FailureKind::TooLarge,
        JournalError::Store(StoreError::Invalid(_))
        | JournalError::Refused(_)
        | JournalError::Waits { .. }
        | JournalError::TooManyCommands(_) => return Failure::of(FailureKind::Handler, error).for_good(),
        JournalError::Store(_) => FailureKind::Handler,
        JournalError::None(_) => FailureKind::InfraFailed,
    };
    Failure::of(kind, error)
}
