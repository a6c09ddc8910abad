//! Failed tasks, as they are shown and as a redrive answers.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use errand::{FailureKind, Name, State, Task, Timestamp, spi::json::cut};

/// The longest start of a failure's message that a dry run shows, in bytes.
const MESSAGE_BYTES: usize = 256;

/// A failed task in short, as a dry run shows it: a thousand of them fit one answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeadLetterView {
    /// The task's id.
    pub id: Uuid,
    /// The task's type.
    pub task_type: Name,
    /// The task's lane.
    pub lane: Name,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How often it was claimed.
    pub executions: u32,
    /// How often it was set going again already.
    pub redrives: u32,
    /// What sort of thing went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_kind: Option<FailureKind>,
    /// The start of what was said of it.
    pub message: String,
}

impl From<&Task> for DeadLetterView {
    fn from(task: &Task) -> Self {
        let failure = match &task.state {
            State::Failed { failure } => Some(failure),
            _ => None,
        };
        Self {
            id: task.key.id,
            task_type: task.task_type.clone(),
            lane: task.lane.clone(),
            ended_at: task.ended_at,
            executions: task.executions,
            redrives: task.redrives,
            failure_kind: failure.map(|failure| failure.kind),
            message: failure.map_or("", |failure| cut(&failure.message, MESSAGE_BYTES)).to_owned(),
        }
    }
}

/// What a redrive did, or on a dry run would do.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Redriven {
    /// Tasks set going again.
    pub done: usize,
    /// Tasks that had failed when they were listed, and were no longer so, or of another failure, when it came to it.
    pub skipped: usize,
    /// Where the next call goes on; null at the end.
    pub cursor: Option<String>,
    /// On a dry run: how many would be redriven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<usize>,
    /// On a dry run: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<DeadLetterView>>,
}
