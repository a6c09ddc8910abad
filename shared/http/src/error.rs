//! What a caller is told when something is wrong.

use serde::Serialize;

use errand::{
    EnqueueError, FieldError, InputError, NameError, StoreError,
    spi::{accept::KEY_FIELD, change::ChangeError, lifecycle::Rejected, redact::chain},
};

/// An error as the API answers it: a status, a code for programs, a sentence for people, the field if one is to blame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error, schemars::JsonSchema)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status.
    #[serde(skip)]
    pub status: u16,
    /// What programs tell it by.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where in the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// After how many seconds the same request may succeed, if that is known: the header `Retry-After`.
    #[serde(skip)]
    pub retry_after_s: Option<u64>,
}

/// When to come back to a store that has too much to do.
const BUSY_S: u64 = 1;

/// When to come back if something is down: it is restarted, or fails over, within seconds.
const UNAVAILABLE_S: u64 = 5;

impl ApiError {
    /// An error of this status and code.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), field: None, retry_after_s: None }
    }

    /// The same at `field`; an empty one is the whole request, which needs no saying.
    fn at(self, field: &str) -> Self {
        Self { field: Some(field.to_owned()).filter(|field| !field.is_empty()), ..self }
    }

    /// The same; it makes sense to ask again after so many seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// Whether the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(self.status, 429 | 500..)
    }

    /// 400: the request is wrong at `field`.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::new(400, "invalid", message).at(field)
    }

    /// 400: the cursor at `field` was not answered by the list that it is shown to.
    pub fn bad_cursor(field: &str) -> Self {
        Self::invalid(field, "this cursor is not one of this list")
    }

    /// 403: the caller may not.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "forbidden", message)
    }

    /// 404: there is no such thing, or it is another tenant's.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(404, "not_found", what)
    }

    /// 404: there is no such task, or it is another tenant's.
    pub fn no_such_task() -> Self {
        Self::not_found("no such task")
    }

    /// 409: it is not as the request expects.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "conflict", message)
    }

    /// 409: the idempotency key was used for something else.
    pub fn key_used(message: impl Into<String>) -> Self {
        Self::conflict(message).at(KEY_FIELD)
    }

    /// 409: another worker holds what the caller writes to.
    pub fn lease_conflict(message: impl Into<String>) -> Self {
        Self::new(409, "lease_conflict", message)
    }

    /// 403: it belongs to another project.
    pub fn tenant_policy_denied(message: impl Into<String>) -> Self {
        Self::new(403, "tenant_policy_denied", message)
    }

    /// 413: more than Errand takes.
    pub fn too_large(field: &str, message: impl Into<String>) -> Self {
        Self::new(413, "too_large", message).at(field)
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::invalid(&error.field, error.message)
    }
}

impl From<InputError> for ApiError {
    fn from(error: InputError) -> Self {
        match error {
            InputError::UnknownType { .. } | InputError::Off { .. } => Self::invalid("task_type", error.to_string()),
            InputError::Payload(error) => error.into(),
        }
    }
}

impl From<EnqueueError> for ApiError {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::Input(error) => error.into(),
            EnqueueError::Invalid(error) => error.into(),
            EnqueueError::TooLarge { .. } => Self::too_large("payload", error.to_string()),
            EnqueueError::KeyUsed { .. } => Self::key_used(error.to_string()),
            EnqueueError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::conflict("it was changed meanwhile; read it again"),
            StoreError::Busy => {
                Self::new(429, "busy", "too many requests at once; try again in a moment").retry_after(BUSY_S)
            }
            StoreError::TooLarge(what) => Self::new(413, "too_large", what),
            StoreError::Invalid(what) => Self::new(400, "invalid", what),
            StoreError::Corrupt { .. } | StoreError::Unavailable(_) => {
                tracing::error!(error = %chain(&error), "a request failed at the store");
                Self::new(503, "unavailable", "the store does not answer as it should; try again later")
                    .retry_after(UNAVAILABLE_S)
            }
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Rejected(Rejected::NotDue(at)) => Self::new(409, "not_due", format!("not due before {at}")),
            ChangeError::Rejected(Rejected::LeaseLost) => Self::lease_conflict("the lease was lost"),
            ChangeError::Rejected(rejected) => Self::conflict(format!("the task is {rejected}")),
            ChangeError::Gone => Self::no_such_task(),
            ChangeError::Effect(effect) => Self::conflict(format!("what `{effect}` builds on has changed")),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl ApiError {
    /// 400: `field` is not a name or id.
    pub fn name(field: &str, error: NameError) -> Self {
        Self::invalid(field, error.to_string())
    }
}
