//! What stands in paths, after `?` and in headers; and errors.

use errand::{
    clock::Timestamp,
    ids::{Id, Name},
    registry::Registry,
};
use errand_http::{ApiError, Order};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::schemas::inline;

/// A parameter after `?` or in a header.
pub(super) struct Parameter {
    name: &'static str,
    description: &'static str,
    schema: Value,
}

/// What is wrong with a request.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorAnswer {
    error: Error,
}

#[derive(Serialize, JsonSchema)]
struct Error {
    #[serde(flatten)]
    error: ApiError,
    /// What the log calls the request.
    request_id: String,
}

impl Parameter {
    pub(super) fn new(name: &'static str, description: &'static str, schema: Value) -> Self {
        Self { name, description, schema }
    }

    /// Whether it is the one of this name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// A name.
    pub(super) fn name(name: &'static str, description: &'static str) -> Self {
        Self::new(name, description, inline::<Name>())
    }

    /// An id.
    pub(super) fn id(name: &'static str, description: &'static str) -> Self {
        Self::new(name, description, inline::<Id>())
    }

    /// An instant.
    pub(super) fn time(name: &'static str, description: &'static str) -> Self {
        Self::new(name, description, inline::<Timestamp>())
    }

    pub(super) fn to_json(&self, place: &str) -> Value {
        let Self { name, description, schema } = self;
        json!({"name": name, "in": place, "description": description, "required": false, "schema": schema})
    }
}

pub(super) fn in_path(types: &Registry, name: &str, written: bool) -> Value {
    let schema = match name {
        // Others can be asked for, and are not there.
        "kind" if written => json!({"enum": types.written_kinds().collect::<Vec<_>>()}),
        "kind" | "queue" => inline::<Name>(),
        _ => inline::<Id>(),
    };
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}

pub(super) fn tenant() -> Parameter {
    let description = "Whose: by this a trusted service says for whom it asks. A token says it by its claim `tenant`.";
    Parameter::name("X-Errand-Tenant", description)
}

/// The header under which a request is carried out once.
pub(super) fn idempotency_key(description: &'static str, most_bytes: usize) -> Parameter {
    let schema = json!({"type": "string", "minLength": 1, "maxLength": most_bytes, "pattern": "^[\\t -~]+$"});
    Parameter::new("Idempotency-Key", description, schema)
}

/// The header of an answer that time may mend.
pub(super) fn retry_after() -> Value {
    let description = "After how many seconds it makes sense to ask again.";
    json!({"Retry-After": {"description": description, "schema": {"type": "integer", "minimum": 1}}})
}

pub(super) fn if_match() -> Parameter {
    let pattern = "^\"?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\"?$";
    Parameter::new("If-Match", "The version that is to be changed.", json!({"type": "string", "pattern": pattern}))
}

/// A place in a list of tasks: 23 bytes in base64. (Clients have no need to look into it.)
pub(super) fn place() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{30}[AEIMQUYcgkosw048]$"})
}

/// A place in a list of tasks, or in several lists that follow each other.
pub(super) fn place_in_tasks() -> Value {
    let place = "[A-Za-z0-9_-]{30}[AEIMQUYcgkosw048]";
    let bucket = "(open|completed|failed|cancelled|blocked)";
    json!({"type": "string", "pattern": format!("^({place}|[A-Za-z0-9_.-]{{1,64}}/{bucket}/({place})?)$")})
}

/// A place in a list of records that is ordered by time.
pub(super) fn record_place() -> Value {
    json!({"type": "string", "pattern": format!("^{}$", Order::BY_TIME.pattern())})
}

pub(super) fn cursor(schema: Value) -> Parameter {
    Parameter::new("cursor", "Where to go on: the last page's `cursor`.", schema)
}

pub(super) fn limit() -> Parameter {
    limit_of((100, 50))
}

/// At most so many, and how many if none is asked for.
pub(super) fn limit_of((most, absent): (usize, usize)) -> Parameter {
    let schema = json!({"type": "integer", "minimum": 1, "maximum": most, "default": absent});
    Parameter::new("limit", "The most items of the page.", schema)
}
