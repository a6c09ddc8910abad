//! What a request may be refused for, one check for each.

use crate::{
    accept::{EnqueueError, KEY_BYTES, KEY_FIELD},
    app::App,
    clock::Timestamp,
    ids::Name,
    json::read::FieldError,
    lifecycle::Asked,
    store::BODY_BYTES,
};

/// Refuses an idempotency key that is empty or longer than [`KEY_BYTES`].
pub fn check_key(key: &str) -> Result<(), FieldError> {
    if (1..=KEY_BYTES).contains(&key.len()) {
        return Ok(());
    }
    Err(FieldError::at(KEY_FIELD, format!("expected 1 to {KEY_BYTES} bytes")))
}

/// Refuses a payload of so many bytes if they are more than [`BODY_BYTES`].
pub fn check_size(bytes: usize) -> Result<(), EnqueueError> {
    if bytes > BODY_BYTES { Err(EnqueueError::TooLarge { bytes }) } else { Ok(()) }
}

/// Refuses a task that is no use by itself, as its type says: it is made by something else, which [`accept`](super::accept) does not do.
pub fn check_may_stand_alone(app: &App, task_type: &Name) -> Result<(), FieldError> {
    let instead = app.types.settings(task_type).and_then(|settings| settings.instead);
    instead.map_or(Ok(()), |instead| Err(FieldError::at("task_type", instead)))
}

/// Refuses a text of a payload that says nothing.
pub fn check_says_something(field: &str, text: &str) -> Result<(), FieldError> {
    let is_said = !text.trim().is_empty();
    if is_said {
        Ok(())
    } else {
        Err(FieldError::at(&format!("payload.{field}"), "expected a text that says something"))
    }
}

/// Refuses a task that is about nobody, of a type that is about somebody.
pub fn check_has_user(new: &Asked) -> Result<(), FieldError> {
    new.user_id
        .as_ref()
        .map(drop)
        .ok_or_else(|| FieldError::at("user_id", "whom is it about? A task of this type needs one"))
}

/// Refuses a task that would expire before it could start.
pub fn check_is_in_time(new: &Asked, now: Timestamp) -> Result<(), FieldError> {
    match new.expires_at {
        Some(at) if at <= new.scheduled_for.max(now) => {
            Err(FieldError::at("expires_at", "it would expire before it could start"))
        }
        _ => Ok(()),
    }
}
