//! Trouble that was noted of a session.

use errand::clock::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Reason;

/// Trouble that an assessment found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// A hash of what it is about: the same trouble found again is the same incident.
    pub id: String,
    /// What sort of trouble.
    pub reason: Reason,
    /// When it was first found.
    pub at: Timestamp,
}
