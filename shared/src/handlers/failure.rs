//! How a handler says that it failed.

use std::time::Duration;

use crate::{
    agent::{NotAdmitted, journal::JournalError},
    chat::{ChatError, UnknownProfile, Usage},
    clock::Timestamp,
    lifecycle::FailureKind,
    store::StoreError,
};

/// An execution that did not succeed. `?` on any error makes a *transient* one: tried again while retries are
/// left. Saying otherwise is done aloud, by [`Failure::permanent`] and [`Failure::retry_after`].
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

    pub(crate) fn of_kind(kind: FailureKind, message: impl Into<String>, retry: Retry) -> Self {
        Self { kind, retry, ..Self::transient(message) }
    }

    /// Of a kind that says itself whether another try makes sense.
    pub(crate) fn of_kind_sorted(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::of_kind(kind, message, Retry::of(kind, None))
    }

    /// What it means for a run's task that the journal did not write.
    pub(crate) fn of_journal(error: JournalError) -> Self {
        let kind = match &error {
            JournalError::NotAdmitted(NotAdmitted::Project | NotAdmitted::Agent) => FailureKind::TenantPolicyDenied,
            JournalError::NotAdmitted(NotAdmitted::Profile) => FailureKind::SchemaInvalid,
            JournalError::LeaseLost => FailureKind::LeaseConflict,
            JournalError::Store(StoreError::TooLarge(_)) | JournalError::TooMany(_) => FailureKind::TooLarge,
            JournalError::Store(StoreError::Invalid(_))
            | JournalError::Refused(_)
            | JournalError::TooManyCommands(_)
            | JournalError::TooManyJobs => {
                return Self { kind: FailureKind::Handler, error: error.into(), retry: Retry::Never };
            }
            JournalError::Store(_) => FailureKind::Handler,
            JournalError::None(_) => FailureKind::InfraFailed,
        };
        Self { kind, error: error.into(), retry: Retry::of(kind, None) }
    }

    /// What a model backend's error means for the task; sorted here and nowhere else.
    pub(crate) fn of_chat(error: ChatError, now: Timestamp) -> Self {
        let (kind, wait) = match &error {
            ChatError::Auth(_) => (FailureKind::ProviderAuth, None),
            ChatError::RateLimit { retry_after, .. } => (FailureKind::RateLimit, retry_after.map(|at| at.wait(now))),
            ChatError::Timeout(_) => (FailureKind::Timeout, None),
            ChatError::Transport(_) => (FailureKind::ProviderTransport, None),
            ChatError::InvalidAnswer(_) | ChatError::Empty { .. } => (FailureKind::InvalidAnswer, None),
            ChatError::Refused(_) => (FailureKind::Backend, None),
        };
        Self { kind, error: error.into(), retry: Retry::of(kind, wait) }
    }

    /// What the model has used all the same, if it is that it answered and said nothing.
    pub(crate) fn of_nothing_said(&self) -> Option<Option<Usage>> {
        match self.error.downcast_ref() {
            Some(ChatError::Empty { usage, .. }) => Some(*usage),
            _ => None,
        }
    }

    /// Nobody but the installation's configuration can help.
    pub(crate) fn of_profile(error: UnknownProfile) -> Self {
        let kind = FailureKind::Backend;
        Self { kind, error: error.into(), retry: Retry::of(kind, None) }
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
