//! A task type as it is asked for, and as it is shown.

use errand::{Name, Timestamp, spi::registry::TaskType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{RunBy, TypeRecord, Waits};

/// A task type, as it is to be.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TypeRequest {
    /// Who runs its tasks.
    pub run: RunBy,
    /// The JSON Schema (draft 2020-12) of its payloads: at most 64 KiB, without references to elsewhere, patterns
    /// without look-around and back-references. Any JSON is taken if absent.
    #[serde(default)]
    pub schema: Option<Value>,
    /// What it does, for people and agents: at most 4 KiB.
    #[serde(default)]
    pub description: String,
    /// A payload that it takes.
    #[serde(default)]
    pub example: Option<Value>,
    /// How long one execution may take, in seconds, if the request does not say: up to 86,400; 30 if absent.
    #[serde(default)]
    pub timeout_s: Option<u32>,
    /// How many failures are followed by another try, 0 to 100, if the request does not say; if absent, as many as the
    /// installation says.
    #[serde(default)]
    pub max_retries: Option<u32>,
    /// How it waits between its tries: after a minute, twice as long each time, at most six hours if absent.
    #[serde(default)]
    pub retry: Waits,
    /// Which workers its tasks are for: those that claim from this pool; if absent, those that name none.
    #[serde(default)]
    pub pool: Option<Name>,
    /// Of which types its tasks may make others, besides its own; at most 50.
    #[serde(default)]
    pub may_enqueue: Vec<Name>,
    /// Whether agents see it as a tool.
    #[serde(default)]
    pub mcp: bool,
    /// Whether every tenant has it that has none of this name: for the installation's own services alone.
    #[serde(default)]
    pub all_tenants: bool,
}

/// A task type as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TypeView {
    /// Its name on the wire.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its payload; null if it takes any.
    pub schema: Value,
    /// A payload that it takes.
    pub example: Value,
    /// The rest, if it is none of those that are compiled in.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnType>,
}

/// What is shown of a type that a user has made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OwnType {
    /// Who runs its tasks.
    pub run: RunBy,
    /// How long one execution may take, if the request does not say.
    pub timeout_s: u32,
    /// How many failures are followed by another try, if the request does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// How it waits between its tries.
    pub retry: Waits,
    /// Which workers its tasks are for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    /// Of which types its tasks may make others, besides its own.
    pub may_enqueue: Vec<Name>,
    /// Whether agents see it as a tool.
    pub mcp: bool,
    /// Whether it is every tenant's that has none of this name.
    pub all_tenants: bool,
    /// Since when no more of its tasks are taken, if that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
    /// What signs the calls of its target: shown as it is made, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_secret: Option<String>,
}

/// What a target is tried out with.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TestRequest {
    /// What it is called with; the type's example if absent, or else `{}`.
    #[serde(default)]
    pub payload: Option<Value>,
}

/// What signs the calls from now on.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RotatedSecret {
    /// Shown now, and never again.
    pub signing_secret: String,
}

impl From<TaskType> for TypeView {
    fn from(compiled: TaskType) -> Self {
        let TaskType { name, description, schema, example } = compiled;
        Self { name, description, schema, example, own: None }
    }
}

impl TypeView {
    /// The type `name` of `tenant`.
    pub(super) fn of(name: &str, tenant: &Name, record: TypeRecord) -> Self {
        let TypeRecord {
            run,
            schema,
            description,
            example,
            timeout_s,
            max_retries,
            retry,
            pool,
            may_enqueue,
            mcp,
            sealed: _,
            retired_at,
            removed_at: _,
        } = record;
        let all_tenants = *tenant == Name::installation();
        let signing_secret = None;
        let own = OwnType {
            run,
            timeout_s,
            max_retries,
            retry,
            pool,
            may_enqueue,
            mcp,
            all_tenants,
            retired_at,
            signing_secret,
        };
        let (schema, example) = (schema.unwrap_or_default(), example.unwrap_or_default());
        Self { name: name.to_owned(), description, schema, example, own: Some(own) }
    }
}

impl TypeRequest {
    /// The type, which nobody has looked at yet.
    pub(super) fn record(self) -> TypeRecord {
        TypeRecord {
            run: self.run,
            schema: self.schema,
            description: self.description,
            example: self.example,
            timeout_s: self.timeout_s.unwrap_or(errand::Task::TIMEOUT_S),
            max_retries: self.max_retries,
            retry: self.retry,
            pool: self.pool,
            may_enqueue: self.may_enqueue,
            mcp: self.mcp,
            sealed: None,
            retired_at: None,
            removed_at: None,
        }
    }
}
