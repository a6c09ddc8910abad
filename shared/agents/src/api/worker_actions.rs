//! What a worker outside says of a run that it has, and what it is answered.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{
    api::LeaseToken,
    event::{APPEND_EVENTS, EventBody},
};

/// That a command was taken up.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct LeaseRequest {
    /// The claim's.
    pub lease_token: LeaseToken,
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

/// How a worker may end a command.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // as in CommandStatus
pub enum CommandEnd {
    Completed,
    Failed,
}

/// Events as a worker may send them: a run ends with its task alone.
fn without_the_end(events: &mut Schema) {
    let types = events.pointer_mut("/items/oneOf").and_then(Value::as_array_mut);
    let end = |of: &Value| of.pointer("/properties/type/const").is_some_and(|name| name == "terminal_status");
    types.into_iter().for_each(|types| types.retain(|of| !end(of)));
}
