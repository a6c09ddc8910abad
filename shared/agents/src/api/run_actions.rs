//! What is asked of runs that go on, and how it is answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Command, CommandKind, api::EntityView};

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

/// A command as whoever asked for it sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GivenCommand")]
pub struct Given<'e> {
    /// It.
    #[serde(flatten)]
    pub given: EntityView<'e, Command>,
    /// Whether it was there already, under the same key.
    pub deduplicated: bool,
}
