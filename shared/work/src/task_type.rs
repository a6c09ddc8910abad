//! A task type as a record: who runs its tasks, what they are given, and what goes for them.

use std::{collections::BTreeMap, time::Duration};

use errand::{
    Dispatch, Entity, FieldError, Id, Name, Relations, RetryPolicy, Settings, Timestamp, parent,
    spi::accept::{MAX_PULLED_TIMEOUT_S, MAX_TIMEOUT_S},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Schema, SchemaError,
    target::{HEADERS, target_url},
};

/// What all types of a tenant belong to.
pub(crate) fn all() -> Id {
    Id::of("all")
}

/// The longest description, in bytes.
pub(crate) const DESCRIPTION_BYTES: usize = 4 * 1024;

/// The most types that a type's tasks may enqueue.
pub(crate) const MAY_ENQUEUE: usize = 50;

/// The longest wait between tries that a type may ask for, in seconds.
const MAX_WAIT_S: u32 = 6 * 3600;

/// Who runs the tasks of a type. Its kind never changes: it stands in each of its tasks how who runs it hears of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schemars(inline)]
pub enum RunBy {
    /// Workers that ask for them, by `POST /v1/claims`.
    Worker {},
    /// A target that is called with each of them.
    Http {
        /// Where the payload is posted to: at most 2 KiB.
        #[schemars(extend("format" = "uri"))]
        url: String,
        /// What goes with each call besides, such as `authorization`. The values are kept as secrets, and shown as `…`; one
        /// that is given so stays as it is.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        #[schemars(extend("maxProperties" = HEADERS))]
        headers: BTreeMap<String, String>,
    },
}

impl RunBy {
    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            RunBy::Worker {} => "worker",
            RunBy::Http { .. } => "http",
        }
    }

    /// How who runs the tasks hears of them.
    pub fn dispatch(&self) -> Dispatch {
        match self {
            RunBy::Worker {} => Dispatch::Pulled,
            RunBy::Http { .. } => Dispatch::Pushed,
        }
    }

    /// How many seconds an execution may take.
    fn longest(&self) -> u32 {
        match self.dispatch() {
            Dispatch::Pulled => MAX_PULLED_TIMEOUT_S,
            _ => MAX_TIMEOUT_S,
        }
    }
}

/// How a type waits between its tries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Waits {
    /// After the first failure, in seconds.
    #[schemars(range(min = 0, max = MAX_WAIT_S))]
    pub first_s: u32,
    /// By how much the wait grows with each further one.
    #[schemars(range(min = 1, max = 10))]
    pub factor: f64,
    /// At most, in seconds.
    #[schemars(range(min = 1, max = MAX_WAIT_S))]
    pub max_s: u32,
}

impl Default for Waits {
    fn default() -> Self {
        Self { first_s: 60, factor: 2.0, max_s: MAX_WAIT_S }
    }
}

impl Waits {
    fn policy(self) -> RetryPolicy {
        let seconds = |s: u32| Duration::from_secs(s.into());
        RetryPolicy {
            base: seconds(self.first_s),
            factor: self.factor,
            cap: seconds(self.max_s),
            ..RetryPolicy::default()
        }
    }

    fn check(&self) -> Result<(), FieldError> {
        let wrong = |field: &str, message: String| Err(FieldError::at(&format!("retry.{field}"), message));
        if self.first_s > MAX_WAIT_S {
            return wrong("first_s", format!("expected 0 to {MAX_WAIT_S} seconds"));
        }
        if !(1.0..=10.0).contains(&self.factor) {
            return wrong("factor", "expected a number from 1 to 10".to_owned());
        }
        if !(1..=MAX_WAIT_S).contains(&self.max_s) {
            return wrong("max_s", format!("expected 1 to {MAX_WAIT_S} seconds"));
        }
        Ok(())
    }
}

/// The names of the tools that agents have besides the types that they see: none of these has one of them.
pub const RESERVED: [&str; 6] =
    ["cancel_task", "enqueue_task", "get_task", "list_task_types", "list_tasks", "retry_task"];

/// A task type as it is kept. Its name is its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeRecord {
    /// Who runs its tasks.
    pub run: RunBy,
    /// The JSON Schema of its payloads, if they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// What it does, for people and agents.
    #[serde(default)]
    pub description: String,
    /// A payload that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
    /// How long one execution may take, if the request does not say.
    pub timeout_s: u32,
    /// How many failures are followed by another try, if the request does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// How it waits between its tries.
    #[serde(default)]
    pub retry: Waits,
    /// Which of the workers its tasks are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    /// Of which types its tasks may make others, besides its own.
    #[serde(default)]
    pub may_enqueue: Vec<Name>,
    /// Whether agents see it as a tool.
    #[serde(default)]
    pub mcp: bool,
    /// What is secret of its target, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// Since when no more of its tasks are taken, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
    /// Since when it is no type any more, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
}

impl Entity for TypeRecord {
    const KIND: &'static str = "task_type";

    /// In the order of their names, which are their ids.
    fn relations(&self, _: &str) -> Relations {
        parent(&all(), "")
    }

    fn check(&self) -> Result<(), FieldError> {
        if self.description.len() > DESCRIPTION_BYTES {
            return Err(FieldError::at("description", format!("expected at most {DESCRIPTION_BYTES} bytes")));
        }
        if self.may_enqueue.len() > MAY_ENQUEUE {
            return Err(FieldError::at("may_enqueue", format!("expected at most {MAY_ENQUEUE} types")));
        }
        let longest = self.run.longest();
        if !(1..=longest).contains(&self.timeout_s) {
            return Err(FieldError::at("timeout_s", format!("expected a number from 1 to {longest}")));
        }
        if self.max_retries.is_some_and(|retries| retries > errand::Task::MAX_RETRIES) {
            let most = errand::Task::MAX_RETRIES;
            return Err(FieldError::at("max_retries", format!("expected a number from 0 to {most}")));
        }
        if let RunBy::Http { url, .. } = &self.run {
            target_url(url)?;
        }
        self.retry.check()?;
        let schema = self.compiled().map_err(|error| FieldError::at("schema", error.to_string()))?;
        match (schema, &self.example) {
            (Some(schema), Some(example)) => schema.check(example).map_err(|error| error.within("example")),
            _ => Ok(()),
        }
    }
}

impl TypeRecord {
    /// What goes for its tasks.
    pub fn settings(&self) -> Settings {
        Settings {
            timeout_s: self.timeout_s,
            max_retries: self.max_retries,
            retry: self.retry.policy(),
            dispatch: self.run.dispatch(),
            ..Settings::default()
        }
    }

    /// Its schema, if it has one.
    pub fn compiled(&self) -> Result<Option<Schema>, SchemaError> {
        self.schema.as_ref().map(Schema::new).transpose()
    }

    /// Whether a task of it, the type `own`, may make one of the type `other`.
    pub fn may_make(&self, own: &Name, other: &Name) -> bool {
        own == other || self.may_enqueue.contains(other)
    }
}
