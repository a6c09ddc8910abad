//! The idempotency key: a caller's name for a request.

use crate::{ApiError, KEY_FIELD};

/// The longest idempotency key, in bytes.
pub const KEY_BYTES: usize = 256;

/// Refuses an idempotency key that is empty or longer than [`KEY_BYTES`].
pub fn check_key(key: &str) -> Result<(), ApiError> {
    if (1..=KEY_BYTES).contains(&key.len()) {
        return Ok(());
    }
    Err(ApiError::invalid(KEY_FIELD, format!("expected 1 to {KEY_BYTES} bytes")))
}
