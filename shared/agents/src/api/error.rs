//! What a caller is told when a run, or what belongs to it, is not as the request expects.

use errand_http::ApiError;

use crate::{NotAdmitted, Refused, budget::OverBudget, journal::JournalError};

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::LeaseConflict(_) => ApiError::lease_conflict(refused.to_string()),
            Refused::OtherPayload => ApiError::key_used(refused.to_string()),
            Refused::Ended(_) | Refused::NotWhile(_) | Refused::Busy(_) | Refused::NotItsTurn(_) | Refused::Expired => {
                ApiError::conflict(refused.to_string())
            }
        }
    }
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::None(what) => ApiError::not_found(format!("no such {what}")),
            JournalError::Refused(refused) | JournalError::Waits { refused, .. } => refused.into(),
            JournalError::NotAdmitted(NotAdmitted::Project | NotAdmitted::Agent) => {
                ApiError::tenant_policy_denied(error.to_string())
            }
            JournalError::NotAdmitted(NotAdmitted::Profile) => ApiError::invalid("profile", error.to_string()),
            JournalError::TooMany(_) => ApiError::invalid("events", error.to_string()),
            JournalError::TooManyCommands(_) => ApiError::conflict(error.to_string()),
            JournalError::LeaseLost => ApiError::lease_conflict(error.to_string()),
            JournalError::Store(error) => error.into(),
        }
    }
}

impl From<OverBudget> for ApiError {
    /// 429: it may be asked again when the hour, day or month is over. 409: not before somebody has helped.
    fn from(error: OverBudget) -> Self {
        match error {
            OverBudget::Exceeded(_) => ApiError::new(429, "budget_exceeded", error.to_string()),
            OverBudget::Unavailable(_) => ApiError::new(409, "budget_unavailable", error.to_string()),
        }
    }
}
