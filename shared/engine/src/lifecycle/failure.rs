//! Why an execution did not succeed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, ids::Name, json::cut, lifecycle::Fingerprint, redact};

/// The longest error text kept, in bytes.
pub const ERROR_BYTES: usize = 4 * 1024;

/// What sort of thing went wrong. Stored as text: never rename one.
///
/// ```
/// use errand::FailureKind;
///
/// assert_eq!(serde_json::to_value(FailureKind::RateLimit)?, "rate_limit");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The handler said so.
    Handler,
    /// The handler ran longer than the task's `timeout_s`.
    Timeout,
    /// The handler panicked.
    Panic,
    /// The worker died or was cut off `max_losses` times.
    WorkerLost,
    /// The stored payload does not fit its type.
    InvalidPayload,
    /// No handler is known for the stored type, and none came within a day.
    UnknownType,
    /// The task's `expires_at` passed before it could start.
    Expired,
    /// An effect's precondition kept failing.
    EffectConflict,
    /// Output or effects were larger than a commit can hold.
    TooLarge,
    /// A service that the handler calls does not take the call.
    Backend,
    /// A model backend refuses our credentials.
    ProviderAuth,
    /// A model backend asks to wait.
    RateLimit,
    /// A model backend was not reached, broke off, or failed.
    ProviderTransport,
    /// A model backend's answer cannot be used.
    InvalidAnswer,
    /// The work of an agent was called off.
    Cancelled,
    /// An agent, or its goal, has spent what it may.
    BudgetExceeded,
    /// What an agent has spent, or what its next turn costs, cannot be told.
    BudgetUnavailable,
    /// Another worker holds the lease.
    LeaseConflict,
    /// What is asked for belongs to another tenant or project.
    TenantPolicyDenied,
    /// What an agent or runner sent is not of the form that was asked for.
    SchemaInvalid,
    /// What an agent's work stands on failed: a runner, a workspace.
    InfraFailed,
}

impl FailureKind {
    /// Whether another try, of the same input and without a person's doing, would fail the same way. The others are
    /// tried again by the type's policy.
    pub fn is_permanent(self) -> bool {
        match self {
            FailureKind::InvalidPayload
            | FailureKind::UnknownType
            | FailureKind::Expired
            | FailureKind::TooLarge
            | FailureKind::Backend
            | FailureKind::ProviderAuth
            | FailureKind::Cancelled
            // A budget frees itself in an hour, a day or a month: no retry waits that long.
            | FailureKind::BudgetExceeded
            | FailureKind::BudgetUnavailable
            // The other worker goes on; this one has nothing left to try.
            | FailureKind::LeaseConflict
            | FailureKind::TenantPolicyDenied
            | FailureKind::SchemaInvalid => true,
            FailureKind::Handler
            | FailureKind::Timeout
            | FailureKind::Panic
            | FailureKind::WorkerLost
            | FailureKind::EffectConflict
            | FailureKind::RateLimit
            | FailureKind::ProviderTransport
            | FailureKind::InvalidAnswer
            | FailureKind::InfraFailed => false,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One failed execution, as the task and the action log keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Failure")]
pub struct KeptFailure {
    /// The sort of failure.
    pub kind: FailureKind,
    /// A sentence for a person; redacted, at most 4 KiB.
    pub message: String,
    /// When it was noticed.
    pub at: Timestamp,
    /// Which execution failed; 0 if none had begun.
    pub execution: u32,
}

impl KeptFailure {
    /// Redacts and cuts `message`; there is no other way to make one.
    pub fn new(kind: FailureKind, message: &str, at: Timestamp, execution: u32) -> Self {
        Self { kind, message: cut(&redact::text(message), ERROR_BYTES).to_owned(), at, execution }
    }

    /// Which others are the same, as what has ended a task of `task_type`.
    pub fn group(&self, task_type: &Name) -> Fingerprint {
        Fingerprint::of(task_type, self.kind, &self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waiting_may_mend_is_tried_again() {
        let permanent = |kinds: &str| -> Vec<bool> {
            let kind = |name| serde_json::from_value::<FailureKind>(serde_json::json!(name)).unwrap();
            kinds.split_whitespace().map(|name| kind(name).is_permanent()).collect()
        };
        let never = "provider_auth backend cancelled budget_exceeded budget_unavailable lease_conflict \
            tenant_policy_denied schema_invalid invalid_payload unknown_type expired too_large";
        let again = "rate_limit timeout provider_transport invalid_answer infra_failed handler panic worker_lost \
            effect_conflict";
        assert_eq!(permanent(never), [true; 12]);
        assert_eq!(permanent(again), [false; 9]);
    }
}
