//! What a runner outside says of itself and of the runs it has, and what it is answered.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{
    ResourceBundle, RunStatus, Terminal,
    api::{LeaseToken, RunView},
    event::{APPEND_EVENTS, EventBody},
};
use errand::{
    Doc, FailureKind, Id, Name, Timestamp,
    spi::{json::Json, money::Usd},
};

/// The longest name of a runner, in bytes.
pub const RUNNER_NAME_BYTES: usize = 200;

/// The most profiles that a runner names.
pub const RUNNER_PROFILES: usize = 50;

/// The longest name that a backend has for something, in bytes.
pub const BACKEND_NAME_BYTES: usize = 200;

/// Who a runner is.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct RunnerRequest {
    /// Its id; a new one if absent.
    #[serde(default)]
    pub runner_id: Option<Id>,
    /// What people call it.
    #[schemars(length(min = 1, max = RUNNER_NAME_BYTES))]
    pub name: String,
    /// Whose runs it takes.
    #[serde(default)]
    pub project: Name,
    /// Of which profiles; empty: of any.
    #[serde(default)]
    #[schemars(length(max = RUNNER_PROFILES))]
    pub profiles: Vec<Name>,
    /// What it says of itself. At most 64 KiB.
    #[serde(default)]
    pub metadata: Doc,
}

/// Who takes a run.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ClaimRequest {
    /// Which runner.
    pub runner_id: Id,
}

/// What a runner is given with a run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Claimed<'r> {
    /// The run: after a redrive of its task another one than was asked for.
    pub run_id: &'r Id,
    /// To be shown with every write.
    pub lease_token: LeaseToken,
    /// Renewed by a heartbeat before this, or the run is given to another.
    pub lease_expires_at: Option<Timestamp>,
    /// What is to be done: the task's payload.
    pub payload: &'r Json,
    /// What the operator said who set the task going again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_note: Option<&'r str>,
    /// What it works with: to who does the work, in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_bundle: Option<&'r ResourceBundle>,
    /// The run as everybody sees it.
    pub run: RunView<'r>,
}

/// That a runner goes on, or has taken up a command.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct LeaseRequest {
    /// The claim's.
    pub lease_token: LeaseToken,
}

/// What is new of a run to the runner that has it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunNews<'r> {
    /// Which run.
    pub run_id: &'r Id,
    /// Where it is in its life.
    pub status: RunStatus,
    /// Whether the run was called off: stop.
    pub cancel: bool,
    /// The lease as it was renewed; null if there is none any more.
    pub lease_expires_at: Option<Timestamp>,
    /// How many commands have not ended.
    pub open_commands: usize,
    /// The number of the newest command.
    pub last_command_seq: u64,
}

/// What happened in a run.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AppendRequest {
    /// The claim's.
    pub lease_token: LeaseToken,
    /// In order; appended together or not at all.
    #[serde(deserialize_with = "errand::spi::json::read::objects")]
    #[schemars(with = "Vec<EventBody>", length(max = APPEND_EVENTS), transform = without_the_end)]
    pub events: Vec<NewEvent>,
}

/// An event as it is sent.
// `event::read` says whether it is one.
#[derive(Debug, Deserialize)]
pub struct NewEvent {
    /// What sort of event.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What it tells; null if absent.
    #[serde(default)]
    pub payload: Box<RawValue>,
}

/// Events that were appended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Appended {
    /// The number of the first.
    pub first_seq: u64,
    /// The number of the last; less than the first if there were none.
    pub last_seq: u64,
    /// How many these are.
    pub count: u64,
    /// Whether they were there already, under the same key.
    pub deduplicated: bool,
}

/// How a job ended.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FinishJobRequest {
    /// The claim's.
    pub lease_token: LeaseToken,
    /// How.
    pub status: CommandEnd,
    /// What came of it, if it is completed: any JSON, at most 64 KiB.
    #[serde(default)]
    pub result: Value,
    /// Why, if it failed.
    #[serde(default)]
    pub error: Option<String>,
}

/// How a command ended.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FinishCommandRequest {
    /// The claim's.
    pub lease_token: LeaseToken,
    /// How.
    pub status: CommandEnd,
    /// Why, if it failed.
    #[serde(default)]
    pub error: Option<String>,
}

/// How a runner may end a command or job.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // as in CommandStatus
pub enum CommandEnd {
    Completed,
    Failed,
}

/// How a run ended.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FinishRequest {
    /// The claim's.
    pub lease_token: LeaseToken,
    /// How.
    pub status: Terminal,
    /// Of a completed one, at most 256 KiB; `result` in it is what lists show.
    #[serde(default)]
    pub output: Value,
    /// Of a failed one.
    #[serde(default, deserialize_with = "errand::spi::json::read::optional_object")]
    pub failure: Option<FinishFailure>,
    /// Of a blocked one: what is missing. Of a cancelled one, if there is one.
    #[serde(default)]
    pub reason: Option<String>,
    /// The backend's name for the exchange.
    #[serde(default)]
    #[schemars(length(max = BACKEND_NAME_BYTES))]
    pub thread_id: Option<String>,
    /// The backend's name for the newest turn.
    #[serde(default)]
    #[schemars(length(max = BACKEND_NAME_BYTES))]
    pub turn_id: Option<String>,
    /// What the runner has used of a model, over all that it did in this execution.
    #[serde(default, deserialize_with = "errand::spi::json::read::optional_object")]
    pub used: Option<Used>,
}

/// What was used of a model.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
pub struct Used {
    /// Which model.
    #[serde(default)]
    #[schemars(length(max = BACKEND_NAME_BYTES))]
    pub model: Option<String>,
    /// Tokens read.
    #[serde(default)]
    pub tokens_in: u64,
    /// Tokens written.
    #[serde(default)]
    pub tokens_out: u64,
    /// What it cost: counted in the run, in its agent's budgets and in the task's log.
    #[serde(default)]
    pub cost_usd: Usd,
}

/// Why a run failed.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct FinishFailure {
    /// What sort of failure; `handler` if absent.
    #[serde(default)]
    pub kind: Option<FailureKind>,
    /// In a sentence.
    pub message: String,
}

/// Events as a runner may send them: a run ends by `POST /v1/runs/{id}/finish` alone.
fn without_the_end(events: &mut Schema) {
    let types = events.pointer_mut("/items/oneOf").and_then(Value::as_array_mut);
    let end = |of: &Value| of.pointer("/properties/type/const").is_some_and(|name| name == "terminal_status");
    types.into_iter().for_each(|types| types.retain(|of| !end(of)));
}
