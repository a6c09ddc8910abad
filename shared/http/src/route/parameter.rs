//! What stands in paths, after `?` and in headers; and errors.

use errand::{Id, Name, Registry, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::schemas::{Schemas, inline};
use crate::{ApiError, Order, request::TRACE_HEADER};

/// A parameter after `?` or in a header.
pub struct Parameter {
    pub(crate) name: &'static str,
    description: &'static str,
    schema: Box<dyn Fn(&mut Schemas<'_>) -> Value + Send + Sync>,
}

/// What is wrong with a request.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErrorAnswer {
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
    /// One whose values look as `schema` says.
    pub fn new(
        name: &'static str,
        description: &'static str,
        schema: impl Fn(&mut Schemas<'_>) -> Value + Send + Sync + 'static,
    ) -> Self {
        Self { name, description, schema: Box::new(schema) }
    }

    /// A parameter of the query that is a [`Name`](errand::Name).
    pub fn name(name: &'static str, description: &'static str) -> Self {
        Self::new(name, description, |_| inline::<Name>())
    }

    /// A parameter of the query that is an [`Id`](errand::Id).
    pub fn id(name: &'static str, description: &'static str) -> Self {
        Self::new(name, description, |_| inline::<Id>())
    }

    /// A parameter of the query that is an instant.
    pub fn time(name: &'static str, description: &'static str) -> Self {
        Self::new(name, description, |_| inline::<Timestamp>())
    }

    /// A parameter of the query that is `true` or `false`, which goes if it is absent.
    pub fn flag(name: &'static str, description: &'static str) -> Self {
        Self::new(name, description, |_| json!({"type": "boolean", "default": false}))
    }

    pub(crate) fn cursor(schema: impl Fn(&mut Schemas<'_>) -> Value + Send + Sync + 'static) -> Self {
        Self::new("cursor", "Where to go on: the last page's `cursor`.", schema)
    }

    /// How many items a page may have: 1 to 100, and 50 if it is not said.
    pub fn limit() -> Self {
        Self::limit_of((100, 50))
    }

    /// At most so many, and how many if none is asked for.
    pub fn limit_of((most, absent): (usize, usize)) -> Self {
        Self::new(
            "limit",
            "The most items of the page.",
            move |_| json!({"type": "integer", "minimum": 1, "maximum": most, "default": absent}),
        )
    }

    /// The header under which a request is carried out once.
    pub(crate) fn idempotency_key(description: &'static str, most_bytes: usize) -> Self {
        Self::new(
            "Idempotency-Key",
            description,
            move |_| json!({"type": "string", "minLength": 1, "maxLength": most_bytes, "pattern": "^[\\t -~]+$"}),
        )
    }

    /// The header that says which trace a request belongs to. What is none is ignored.
    pub(crate) fn traceparent() -> Self {
        let description = "The trace that the request belongs to, as the W3C's Trace Context has it. Its tasks keep it, and tell \
            whoever does them; what is no such header is ignored.";
        Self::new(TRACE_HEADER, description, |_| json!({"type": "string"}))
    }

    pub(crate) fn if_match() -> Self {
        let pattern = "^\"?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\"?$";
        let schema = move |_: &mut Schemas<'_>| json!({"type": "string", "pattern": pattern});
        Self::new("If-Match", "The version that is to be changed.", schema)
    }

    pub(crate) fn to_json(&self, place: &str, schemas: &mut Schemas<'_>) -> Value {
        let Self { name, description, schema } = self;
        let schema = schema(schemas);
        json!({"name": name, "in": place, "description": description, "required": false, "schema": schema})
    }
}

pub(crate) fn in_path(types: &Registry, name: &str, written: bool) -> Value {
    let schema = match name {
        // Others can be asked for, and are not there.
        "kind" if written => json!({"enum": types.written_kinds().collect::<Vec<_>>()}),
        "kind" | "queue" => inline::<Name>(),
        _ => inline::<Id>(),
    };
    json!({"name": name, "in": "path", "required": true, "schema": schema})
}

pub(crate) fn tenant() -> Parameter {
    let description = "Whose: by this a trusted service says for whom it asks. A token says it by its claim `tenant`.";
    Parameter::name("X-Errand-Tenant", description)
}

/// The header of an answer that time may mend.
pub(crate) fn retry_after() -> Value {
    let description = "After how many seconds it makes sense to ask again.";
    json!({"Retry-After": {"description": description, "schema": {"type": "integer", "minimum": 1}}})
}

/// A place in a list of tasks: 23 bytes in base64. (Clients have no need to look into it.)
pub(crate) fn place(_: &mut Schemas<'_>) -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{30}[AEIMQUYcgkosw048]$"})
}

/// A place in a list of tasks, or in several lists that follow each other.
pub(crate) fn place_in_tasks(_: &mut Schemas<'_>) -> Value {
    let place = "[A-Za-z0-9_-]{30}[AEIMQUYcgkosw048]";
    let bucket = "(open|completed|failed|cancelled|blocked)";
    json!({"type": "string", "pattern": format!("^({place}|[A-Za-z0-9_.-]{{1,64}}/{bucket}/({place})?)$")})
}

/// A place in a list of records that is ordered by time.
pub fn record_place(_: &mut Schemas<'_>) -> Value {
    json!({"type": "string", "pattern": format!("^{}$", Order::BY_TIME.pattern())})
}
