//! What is asked of runs that go on, and how it is answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CommandKind, api::EntityView};
use errand::{Id, Name};

/// What is wanted of a run.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CommandRequest {
    /// What is wanted.
    pub kind: CommandKind,
    /// What it carries: `{"prompt": "…"}` for a turn or a steer. At most 64 KiB.
    #[serde(default)]
    pub payload: Value,
    /// The caller's name for it, as the header `Idempotency-Key`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub idempotency_key: Option<String>,
}

/// That a command is not wanted any more.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CancelCommandRequest {
    /// Why; at most 1,000 characters of it are kept, as the command's `error`.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Something for a runner to do for a run.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct JobRequest {
    /// What sort of job.
    pub kind: Name,
    /// What it is given. At most 64 KiB.
    #[serde(default)]
    pub payload: Value,
    /// By which runner; absent: any.
    #[serde(default)]
    pub runner_id: Option<Id>,
    /// The command that it carries out, if it is one's.
    #[serde(default)]
    pub command_id: Option<Id>,
    /// The caller's name for it, as the header `Idempotency-Key`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub idempotency_key: Option<String>,
}

/// A command or a job as whoever asked for it sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Given{E}")]
pub struct Given<'e, E> {
    /// It.
    #[serde(flatten)]
    pub given: EntityView<'e, E>,
    /// Whether it was there already, under the same key.
    pub deduplicated: bool,
}
