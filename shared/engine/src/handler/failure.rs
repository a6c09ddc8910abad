//! How a handler says that it failed.

use std::time::Duration;

use crate::lifecycle::FailureKind;

/// An execution that did not succeed. `?` on any error makes a *transient* one: tried again while retries are
/// left. Saying otherwise is done aloud, by [`Failure::permanent`] and [`Failure::retry_after`].
///
/// ```
/// use std::time::Duration;
///
/// use errand::Failure;
///
/// fn port(text: &str) -> Result<u16, Failure> {
///     Ok(text.parse()?)
/// }
///
/// assert!(port("none").unwrap_err().may_be_tried_again());
/// assert!(Failure::retry_after("the service asks to wait", Duration::from_secs(90)).may_be_tried_again());
/// assert!(!Failure::permanent("there is no such user").may_be_tried_again());
/// ```
#[derive(Debug)]
pub struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) error: anyhow::Error,
    pub(crate) retry: Retry,
}

/// Whether, and when, another try makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// By the type's policy.
    Backoff,
    /// After this, at most [`crate::lifecycle::retry::MAX_WAIT`].
    After(Duration),
    /// Never: the same input would fail the same way.
    Never,
}

impl Retry {
    /// What follows a failure of this kind, which asked to come back after `wait`.
    pub(crate) fn of(kind: FailureKind, wait: Option<Duration>) -> Self {
        if kind.is_permanent() { Retry::Never } else { wait.map_or(Retry::Backoff, Retry::After) }
    }
}

impl Failure {
    /// Tried again by the type's policy.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Handler, error: anyhow::Error::msg(message.into()), retry: Retry::Backoff }
    }

    /// Never tried again.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { retry: Retry::Never, ..Self::transient(message) }
    }

    /// Tried again after `wait`, for who knows better than the policy (a `Retry-After` header).
    pub fn retry_after(message: impl Into<String>, wait: Duration) -> Self {
        Self { retry: Retry::After(wait), ..Self::transient(message) }
    }

    /// Of a kind that says itself whether another try makes sense.
    pub fn of(kind: FailureKind, error: impl Into<anyhow::Error>) -> Self {
        Self { kind, error: error.into(), retry: Retry::of(kind, None) }
    }

    /// The same in words.
    pub fn said(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::of(kind, anyhow::Error::msg(message.into()))
    }

    /// The same, tried again after `wait` if it is tried again.
    pub fn after(self, wait: Duration) -> Self {
        Self { retry: Retry::of(self.kind, Some(wait)), ..self }
    }

    /// The same, never tried again.
    pub fn for_good(self) -> Self {
        Self { retry: Retry::Never, ..self }
    }

    pub(crate) fn of_kind(kind: FailureKind, message: impl Into<String>, retry: Retry) -> Self {
        Self { kind, retry, ..Self::transient(message) }
    }

    /// The kind that the log and the API name.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Whether another try makes sense.
    pub fn may_be_tried_again(&self) -> bool {
        self.retry != Retry::Never
    }

    /// What went wrong, if it is an `E`.
    pub fn cause<E: std::error::Error + Send + Sync + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }

    /// The error and its causes in one line.
    pub fn message(&self) -> String {
        format!("{:#}", self.error)
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { kind: FailureKind::Handler, error: error.into(), retry: Retry::Backoff }
    }
}
