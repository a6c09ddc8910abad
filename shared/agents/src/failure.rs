//! What it means for a run's task that the journal did not write.

use crate::{NotAdmitted, journal::JournalError};
use errand::{Failure, FailureKind, StoreError};

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
        | JournalError::TooManyCommands(_)
        | JournalError::TooManyJobs => return Failure::of(FailureKind::Handler, error).for_good(),
        JournalError::Store(_) => FailureKind::Handler,
        JournalError::None(_) => FailureKind::InfraFailed,
    };
    Failure::of(kind, error)
}
