//! `POST /v1/tasks/batch`: what it takes and answers.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{ApiError, TaskRequest, TaskView, listing::entries};
use errand::spi::accept::KEY_BYTES;

/// The longest `Idempotency-Key` of a batch, in bytes: a request without a key of its own has this one, a dot and its
/// place among them from 0.
pub const BATCH_KEY_BYTES: usize = KEY_BYTES - ".99".len();

/// Up to 100 requests, each read for itself.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct BatchRequest {
    /// What `POST /v1/tasks` takes, each.
    #[serde(deserialize_with = "some_tasks")]
    #[schemars(with = "Vec<BatchEntry>", length(min = 1, max = 100))]
    pub tasks: Vec<Box<RawValue>>,
}

/// The most requests in one batch.
const MAX_TASKS: usize = 100;

fn some_tasks<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<Box<RawValue>>, D::Error> {
    entries(list, 1..=MAX_TASKS)
}

/// What one of them should be. What is not is answered for itself, and harms no other.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[allow(dead_code)] // it is only described
enum BatchEntry {
    /// What `POST /v1/tasks` takes.
    Request(Box<TaskRequest>),
    /// Something that is no task request: its place in the answer says what is wrong.
    Other(serde_json::Value),
}

/// What became of one of them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BatchItem<'a> {
    /// What `POST /v1/tasks` would have answered.
    pub status: u16,
    /// The task, without its payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskView<'a>>,
    /// What is wrong with the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a ApiError>,
}

/// What became of each, in order.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BatchAnswer<'a> {
    /// One for each request.
    pub items: Vec<BatchItem<'a>>,
    /// How many these are.
    pub count: usize,
}
