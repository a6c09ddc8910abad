//! Trouble that was noted of a session.

use errand::{Id, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Reason;

/// Trouble that an assessment found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// A hash of what it is about: the same trouble found again is the same incident.
    pub id: String,
    /// In which run: no other is judged by it. Absent where an older version noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<Id>,
    /// What sort of trouble.
    pub reason: Reason,
    /// When it was first found.
    pub at: Timestamp,
}
