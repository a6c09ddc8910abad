//! Searches for a solution to a user's problem.

use serde::{Deserialize, Serialize};

use errand::{Entity, Id, Name, Relations, owner};

/// What is known of one response, in the solution search it was for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Insight {
    /// Which response.
    pub response_id: Id,
    /// How useful it is, 1 to 10.
    pub usefulness: f64,
    /// What it does for whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
}

/// Whether a solution search goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowStatus {
    /// It waits for responses.
    #[default]
    Active,
    /// It has enough; its findings are to be delivered.
    ResearchComplete,
    /// Too few came, even with more time.
    TimedOut,
    /// The user has its findings.
    Delivered,
}

/// A search for a solution to a user's problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// For whom.
    pub user_id: Id,
    /// What is sought, in the user's words.
    pub request: String,
    /// What it is at.
    pub step: Name,
    /// So many responses are enough.
    #[serde(default = "two")]
    pub min_responses: u32,
    /// How many have come.
    #[serde(default)]
    pub responses: u32,
    /// How often it was given more time.
    #[serde(default)]
    pub extensions: u32,
    /// What they say.
    #[serde(default)]
    pub insights: Vec<Insight>,
    /// Whether it goes on.
    #[serde(default)]
    pub status: WorkflowStatus,
}

fn two() -> u32 {
    2
}

impl Entity for Workflow {
    const KIND: &'static str = "workflow";

    fn relations(&self, place: &str) -> Relations {
        owner(&self.user_id, place)
    }
}
