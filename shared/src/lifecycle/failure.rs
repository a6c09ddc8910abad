//! Why an execution did not succeed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, json::cut, redact};

/// The longest error text kept, in bytes.
pub const ERROR_BYTES: usize = 4 * 1024;

/// What sort of thing went wrong. Stored as text: never rename one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
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
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// One failed execution, as the task and the action log keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Failure {
    /// The sort of failure.
    pub kind: FailureKind,
    /// A sentence for a person; redacted, at most [`ERROR_BYTES`].
    pub message: String,
    /// When it was noticed.
    pub at: Timestamp,
    /// Which execution failed; 0 if none had begun.
    pub execution: u32,
}

impl Failure {
    /// Redacts and cuts `message`; there is no other way to make one.
    pub fn new(kind: FailureKind, message: &str, at: Timestamp, execution: u32) -> Self {
        Self { kind, message: cut(&redact::text(message), ERROR_BYTES).to_owned(), at, execution }
    }
}
