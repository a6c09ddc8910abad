//! Events of a run: what is seen of it from outside, in order and without gaps.

mod append;
mod incoming;
mod normal;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use append::{APPEND_EVENTS, NewEvents, TooMany, append, id};
pub use incoming::read;
pub use normal::{CUT_MARK, EVENT_NAME_BYTES, EVENT_TEXT_BYTES};

use crate::{Terminal, seq_place};
use errand::{Entity, FailureKind, Id, Relations, Timestamp, parent};

/// What a `backend_status` tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // the names say it
pub enum BackendPhase {
    RunCreated,
    RunClaimed,
    RunReleased,
    CommandCreated,
    CommandTerminal,
    SessionUpdated,
    CancelRequested,
    Checkpoint,
}

/// `backend_status`: something happened to the run, not in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct BackendStatus {
    /// What.
    pub phase: BackendPhase,
    /// To which command, if to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_id: Option<Id>,
    /// More of it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `assistant_message`: what the agent says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct AssistantMessage {
    /// In its words.
    pub text: String,
    /// In which turn, as the backend names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<String>,
}

/// `command_output`: what a program that the agent started has written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct CommandOutput {
    /// What.
    pub text: String,
    /// Which program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
}

/// `tool_call`: the agent uses a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ToolCallNote {
    /// Which.
    pub tool: String,
    /// Which call, as the backend names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// With what.
    #[serde(default)]
    pub input: Value,
    /// What came of it, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// `diff`: what the agent has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Diff {
    /// As a unified diff.
    pub text: String,
    /// In which file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// `error`: something went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ErrorNote {
    /// What, for people.
    pub message: String,
    /// What sort of failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FailureKind>,
}

/// `terminal_status`: the run has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct TerminalNote {
    /// How.
    pub status: Terminal,
    /// Why, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_kind: Option<FailureKind>,
    /// The result, or what ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What an event tells: its type, and a payload of the shape that the type has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "payload", rename_all = "snake_case")]
#[allow(missing_docs)] // see the payloads
#[schemars(inline)] // as its payloads: sent, they may leave out what they have when they are answered
pub enum EventBody {
    BackendStatus(BackendStatus),
    AssistantMessage(AssistantMessage),
    CommandOutput(CommandOutput),
    ToolCall(ToolCallNote),
    Diff(Diff),
    Error(ErrorNote),
    TerminalStatus(TerminalNote),
}

/// An event as it is stored.
// Made by `append` and never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunEvent {
    /// Of which run.
    pub run_id: Id,
    /// Its place among the run's events, from 1 without gaps.
    pub seq: u64,
    /// When it was appended.
    pub at: Timestamp,
    /// What it tells, redacted and cut.
    #[serde(flatten)]
    pub body: EventBody,
    /// Whether something was cut off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

impl EventBody {
    /// Whether a reader finds something to read in it: a session's *output* is these, its *trace* is all.
    pub fn is_output(&self) -> bool {
        match self {
            EventBody::AssistantMessage(_)
            | EventBody::CommandOutput(_)
            | EventBody::Diff(_)
            | EventBody::Error(_)
            | EventBody::TerminalStatus(_) => true,
            EventBody::BackendStatus(_) | EventBody::ToolCall(_) => false,
        }
    }
}

impl Entity for RunEvent {
    const KIND: &'static str = "run_event";

    fn relations(&self, _: &str) -> Relations {
        parent(&self.run_id, &seq_place(self.seq))
    }
}
