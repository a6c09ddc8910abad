//! What DynamoDB's errors mean to a caller of the store.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use errand::StoreError;

/// Whether `error` says that the same request may succeed a moment later.
pub(super) fn is_busy<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    matches!(
        error.code(),
        Some(
            "TransactionConflictException"
                | "TransactionInProgressException"
                | "ProvisionedThroughputExceededException"
                | "ThrottlingException"
                | "RequestLimitExceeded"
        )
    )
}

/// The error of a read.
pub(super) fn read_failed<E>(error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if is_busy(&error) { StoreError::Busy } else { unavailable(error) }
}

/// The error of a write that was not [`is_busy`].
pub(super) fn write_failed<E>(error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error.code() {
        Some("ValidationException") => not_taken(error.message().unwrap_or_default()),
        _ => unavailable(error),
    }
}

/// A validation error is about what was to be stored, and will come again. Of size is what is told as "Item size has
/// exceeded the maximum allowed size", or "Item size to update".
pub(super) fn not_taken(message: &str) -> StoreError {
    if message.contains("Item size") {
        StoreError::TooLarge(message.to_owned())
    } else {
        StoreError::Invalid(message.to_owned())
    }
}

/// No answer, or one that says nothing of the request.
pub(super) fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(error.into())
}
