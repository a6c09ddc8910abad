//! How work outside says that it has ended.

use errand::{Name, Report, spi::money::Usd};
use errand_http::TaskRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most tasks that an end makes: each may need two items of a commit, which has a hundred.
pub(crate) const FOLLOW_UPS: usize = 40;

/// The most events that an end publishes.
pub(crate) const EVENTS: usize = 10;

/// The longest name that a backend has for something, in bytes.
pub const BACKEND_NAME_BYTES: usize = 200;

/// The longest wait that may be asked for, in seconds.
pub(super) const MAX_WAIT_S: u64 = 7 * 24 * 3600;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeStatus {
    /// Done.
    Completed,
    /// It went wrong; tried again as the type says, unless no other try can mend it.
    Failed,
    /// It needs something from a person, who sets it going again.
    Blocked,
    /// It is not to be done after all.
    Cancelled,
    /// Nothing went wrong; again later.
    Snoozed,
    /// It was not begun: another may have it at once.
    Released,
}

/// What came of a task.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
pub struct WorkOutcome {
    /// How it ended.
    pub status: OutcomeStatus,
    /// Of a completed one: any JSON, at most 256 KiB; null if absent.
    #[serde(default)]
    pub output: Value,
    /// Of a failed one, which needs it.
    #[serde(default)]
    pub failure: Option<OutcomeFailure>,
    /// Of a blocked one, what it needs; of a cancelled one, why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Of a snoozed one: in how many seconds it runs again, up to a week.
    #[serde(default)]
    #[schemars(range(max = MAX_WAIT_S))]
    pub retry_after_s: Option<u64>,
    /// Tasks that are made with this end, once: of its own type, or of those that its type may enqueue.
    #[serde(default)]
    #[schemars(with = "Vec<TaskRequest>", length(max = FOLLOW_UPS))]
    pub follow_up: Vec<Value>,
    /// Events that are published with this end, once.
    #[serde(default)]
    #[schemars(length(max = EVENTS))]
    pub events: Vec<OutcomeEvent>,
    /// What this execution has used of a model, however it ended: told in the task's log.
    #[serde(default)]
    pub used: Option<WorkUsed>,
    /// Of a run: the backend's name for the exchange.
    #[serde(default)]
    #[schemars(length(max = BACKEND_NAME_BYTES))]
    pub thread_id: Option<String>,
    /// Of a run: the backend's name for its newest turn.
    #[serde(default)]
    #[schemars(length(max = BACKEND_NAME_BYTES))]
    pub turn_id: Option<String>,
}

/// What was used of a model.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct WorkUsed {
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
    /// What it cost.
    #[serde(default)]
    pub cost_usd: Usd,
}

/// What work outside says of the model that it has asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkExchange {
    /// The backend's name for the exchange.
    pub thread_id: Option<String>,
    /// The backend's name for its newest turn.
    pub turn_id: Option<String>,
    /// What was used, over all of the execution.
    pub used: Option<WorkUsed>,
}

/// Why it failed.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct OutcomeFailure {
    /// In a sentence.
    pub message: String,
    /// What sort of failure: a name of one's own, such as that of an exception; or one that Errand has, such as
    /// `provider_auth`, which may say that no other try can mend it.
    #[serde(default)]
    pub kind: Option<Name>,
    /// Whether another try may mend it; yes if absent.
    #[serde(default = "yes")]
    pub retry: bool,
    /// In how many seconds it is tried again, up to six hours; as the type says if absent.
    #[serde(default)]
    pub retry_after_s: Option<u64>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct OutcomeEvent {
    /// What happened, such as `order.shipped`; not `task.…` or another of Errand's own.
    #[serde(rename = "type")]
    pub event_type: Name,
    /// What there is to say.
    #[serde(default)]
    pub data: Value,
}

fn yes() -> bool {
    true
}

impl WorkUsed {
    /// For the task's log.
    pub(super) fn report(&self) -> Report {
        Report {
            model: self.model.clone(),
            tokens_in: Some(self.tokens_in),
            tokens_out: Some(self.tokens_out),
            cost_nano_usd: Some(self.cost_usd.nanos()),
        }
    }
}
