//! The run: what an agent does for one drive of a task.

mod action;
mod ids;
mod life;
mod status;
#[cfg(test)]
mod table_test;
mod used;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use action::{End, RunAction, TurnDone};
pub use ids::id;
pub(super) use ids::{ids, is_of_life};
pub use status::{RunStatus, Terminal};
pub use used::{ExecutionUse, Reserved};

use crate::ResourceBundle;
use errand::{
    Entity, Id, Name, Relation, Relations, Task, Timestamp,
    spi::{lifecycle::KeptFailure, money::Usd},
};

/// How many citations, and names of sources, a run keeps.
pub const MAX_CITATIONS: usize = 100;

/// How many commands of a run may be open at once.
pub const MAX_OPEN_COMMANDS: usize = 32;

/// Who does the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Executor {
    /// A worker of ours.
    #[default]
    Worker,
    /// A worker outside, which takes it over HTTP.
    Runner,
}

/// What a run looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Retrieval {
    /// How many pieces.
    pub count: u64,
    /// From where, each once; at most 100.
    pub sources: Vec<String>,
}

/// A run.
// Changed by `apply` and nothing else, its sequence numbers apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// The tenant's project.
    pub project: Name,
    /// What sort of work.
    pub kind: Name,
    /// Who asked for it, such as `api` or `task`.
    pub source: Name,
    /// Who does the work.
    #[serde(default)]
    pub executor: Executor,
    /// Whether it is the machinery's own, to be left out of lists for people.
    #[serde(default)]
    pub internal: bool,
    /// The task it does.
    pub task_id: Uuid,
    /// Which drive of it: the task's `redrives`.
    #[serde(default)]
    pub drive: u32,
    /// The session it goes on in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Id>,
    /// The agent that works, and on whose budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<Id>,
    /// Which model backend answers.
    pub profile: Name,
    /// Where it is in its life.
    pub status: RunStatus,
    /// Why it did not succeed, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<KeptFailure>,
    /// Which worker took it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_by: Option<String>,
    /// The task's `executions` at its newest claim; 0 before the first. The fence.
    #[serde(default)]
    pub attempt: u32,
    /// The backend's name for the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// The backend's name for the newest turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<String>,
    /// The start of the newest message, at most 140 characters.
    #[serde(default)]
    pub message_preview: String,
    /// The start of the result, or of what ended it; at most 280 characters.
    #[serde(default)]
    pub result_preview: String,
    /// Tokens read, over all turns.
    #[serde(default)]
    pub tokens_in: u64,
    /// Tokens written, over all turns.
    #[serde(default)]
    pub tokens_out: u64,
    /// What all turns cost; of a call of the model that goes on, the most that it may cost.
    #[serde(default)]
    pub cost_usd: Usd,
    /// What of that is reserved for the call that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub reserved: Option<Reserved>,
    /// What the newest execution has used, for its row of the task's log.
    #[serde(default, skip_serializing_if = "ExecutionUse::is_nothing")]
    #[schemars(skip)]
    pub execution: ExecutionUse,
    /// What its answers refer to, each once; at most 100.
    #[serde(default)]
    pub citations: Vec<String>,
    /// What it looked up.
    #[serde(default)]
    pub retrieval: Retrieval,
    /// What it works with. (Answers show a view of it.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub resource_bundle: Option<ResourceBundle>,
    /// When it was made.
    pub queued_at: Timestamp,
    /// When an agent first began to work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The number of its newest event; 0 if it has none.
    #[serde(default)]
    pub last_event_seq: u64,
    /// The number of its newest command; 0 if it has none.
    #[serde(default)]
    pub last_command_seq: u64,
    /// The commands that have not ended, in their order; at most 32.
    // So few that they end with the run in one commit. Kept here because a list may lag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_commands: Vec<Id>,
    /// Whether its worker is about to end it, so that it takes no more commands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_ending: bool,
    /// How many turns it has had.
    #[serde(default)]
    pub turns: u32,
}

impl Run {
    /// The agent that holds a budget it works on: its own, or, of a run of an older version that names none, its
    /// task's. Who else holds one: [`HolderLimits::holders`].
    ///
    /// [`HolderLimits::holders`]: crate::budget::HolderLimits::holders
    pub fn spender(&self) -> Id {
        self.agent_id.clone().unwrap_or_else(|| Id::from(self.task_id))
    }

    /// A run of `task`'s present drive that nobody has taken.
    pub fn of_task(task: &Task, kind: Name, source: Name, profile: Name, now: Timestamp) -> Self {
        Self {
            project: task.project.clone(),
            kind,
            source,
            executor: Executor::default(),
            internal: false,
            task_id: task.key.id,
            drive: task.redrives,
            session_id: None,
            agent_id: None,
            profile,
            status: RunStatus::Pending,
            failure: None,
            claimed_by: None,
            attempt: 0,
            thread_id: None,
            turn_id: None,
            message_preview: String::new(),
            result_preview: String::new(),
            tokens_in: 0,
            tokens_out: 0,
            cost_usd: Usd::ZERO,
            reserved: None,
            execution: ExecutionUse::default(),
            citations: Vec::new(),
            retrieval: Retrieval::default(),
            resource_bundle: None,
            queued_at: now,
            started_at: None,
            ended_at: None,
            last_event_seq: 0,
            last_command_seq: 0,
            open_commands: Vec::new(),
            is_ending: false,
            turns: 0,
        }
    }
}

impl Entity for Run {
    const KIND: &'static str = "run";

    fn relations(&self, _: &str) -> Relations {
        let sort = self.queued_at.to_string();
        let parent = self.session_id.clone().map(|of| Relation { of, sort: sort.clone() });
        Relations { parent, owner: Some(Relation { of: Id::from(&self.project), sort }) }
    }
}
