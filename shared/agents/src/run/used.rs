//! What the executions of a run use, and what is reserved for a call that goes on.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use errand::{Timestamp, spi::money::Usd};
use errand_models::Usage;

/// What a call of a model may cost at most: counted as spent before it is made, so that it is paid for whatever becomes
/// of it and of who makes it. Whatever comes next in the run but what the call did cost has it stay spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// Names the call.
    pub call: Uuid,
    /// How much.
    pub usd: Usd,
    /// When: what the call costs is counted as spent then.
    pub at: Timestamp,
}

/// What an execution has used so far, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecutionUse {
    /// What answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tokens read and written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What it cost, as counted in the run.
    pub cost_usd: Usd,
}

impl ExecutionUse {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
