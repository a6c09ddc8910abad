//! Where a run is in its life, and how it ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Nobody has it: not yet, or since its worker was lost.
    Pending,
    /// A worker has taken it and prepares.
    Claimed,
    /// Its agent works, or waits for the task's next execution: a turn stored is not done again.
    Running,
    /// Done.
    Completed,
    /// Given up.
    Failed,
    /// Needs something from a person.
    Blocked,
    /// Called off.
    Cancelled,
}

/// How a run ended. Set once, since what has ended stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // as in RunStatus
pub enum Terminal {
    Completed,
    Failed,
    Blocked,
    Cancelled,
}

impl RunStatus {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Pending => "pending",
            RunStatus::Claimed => "claimed",
            RunStatus::Running => "running",
            RunStatus::Completed => "completed",
            RunStatus::Failed => "failed",
            RunStatus::Blocked => "blocked",
            RunStatus::Cancelled => "cancelled",
        }
    }

    /// How it ended, if it has: `terminal_status` on the wire.
    pub fn terminal(self) -> Option<Terminal> {
        match self {
            RunStatus::Pending | RunStatus::Claimed | RunStatus::Running => None,
            RunStatus::Completed => Some(Terminal::Completed),
            RunStatus::Failed => Some(Terminal::Failed),
            RunStatus::Blocked => Some(Terminal::Blocked),
            RunStatus::Cancelled => Some(Terminal::Cancelled),
        }
    }
}

impl From<Terminal> for RunStatus {
    fn from(terminal: Terminal) -> Self {
        match terminal {
            Terminal::Completed => RunStatus::Completed,
            Terminal::Failed => RunStatus::Failed,
            Terminal::Blocked => RunStatus::Blocked,
            Terminal::Cancelled => RunStatus::Cancelled,
        }
    }
}

impl Terminal {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        RunStatus::from(self).as_str()
    }
}
