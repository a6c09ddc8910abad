//! What a store answers when it does not do what it was asked.

use super::Part;
use crate::redact::chain;

/// Why a store did not do what it was asked: one variant for each reaction of the caller.
///
/// ```
/// use errand::StoreError;
///
/// /// Whether the same may work in a moment.
/// fn is_passing(error: &StoreError) -> bool {
///     matches!(error, StoreError::Busy | StoreError::Unavailable(_))
/// }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something is no longer as the commit expected; nothing of it was written. Read again and decide again.
    #[error("changed meanwhile: {parts:?}")]
    Conflict {
        /// Every part whose precondition failed.
        parts: Vec<Part>,
    },
    /// Too much at once, or in another's way; the same call may succeed a moment later.
    #[error("the store is busy")]
    Busy,
    /// More than a commit or item can hold. Never succeeds.
    #[error("too large: {0}")]
    TooLarge(String),
    /// Not of a form that can be stored. Never succeeds.
    #[error("cannot be stored: {0}")]
    Invalid(String),
    /// What is stored cannot be read by this version.
    #[error("stored {id} cannot be read")]
    Corrupt {
        /// The id of the item that cannot be read.
        id: String,
        /// What is wrong with it.
        #[source]
        source: anyhow::Error,
    },
    /// The store did not answer, or with an error that says nothing of the request.
    #[error("the store is unavailable")]
    Unavailable(#[source] anyhow::Error),
}

/// The item, for a list. One that cannot be read is logged and left out (`None`): otherwise nobody would see those behind
/// it.
pub fn shown<T>(read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(problem @ StoreError::Corrupt { .. }) => {
            tracing::error!(error = %chain(&problem), "a stored item cannot be read; it is left out");
            Ok(None)
        }
        read => read.map(Some),
    }
}
