//! A request after its transport: the route, what it names, who asks. And the answer before it.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use uuid::Uuid;

use crate::{ApiError, size::least_bytes};
use errand::{
    App, Id, Name, NameError, TaskKey, TraceParent,
    spi::{
        accept::{KEY_FIELD, check_key},
        json::read::read_strict,
        rights::{Right, Rights},
        store::{BODY_BYTES, RECORD_BYTES},
    },
};

/// The largest body a request may have, in bytes.
const REQUEST_BYTES: usize = 5 * 1024 * 1024;

/// The most bytes of JSON that are read as one: the largest record, and more than anything else that is not a list of
/// things read each for itself.
const WHOLE_BYTES: usize = 512 * 1024;
const _: () = assert!(WHOLE_BYTES > RECORD_BYTES && WHOLE_BYTES > BODY_BYTES);

/// The header, and the attribute of a message, that says which trace a request belongs to.
pub const TRACE_HEADER: &str = "traceparent";

/// Who asks, as the gateway or the server has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// On whose behalf: everything is read and written as this tenant.
    pub tenant: Name,
    /// The authenticated principal.
    pub principal: String,
    /// Whether they may ask for any tenant: a service of the installation's own, and nobody who shows a token.
    pub trusted: bool,
    /// What they may do.
    pub rights: Rights,
    /// The id of their request, for log lines and answers; empty if it has none.
    pub request_id: String,
    /// The trace that their request belongs to, if it does: the tasks that it makes do, too.
    pub traceparent: Option<TraceParent>,
}

impl Caller {
    /// A service of the installation's own, which may do everything.
    pub fn trusted(tenant: Name, principal: String, request_id: String) -> Self {
        Self { tenant, principal, trusted: true, rights: Right::ALL.into(), request_id, traceparent: None }
    }

    /// The same, whose request belongs to this trace.
    #[must_use]
    pub fn traced(self, traceparent: Option<TraceParent>) -> Self {
        Self { traceparent, ..self }
    }
}

/// A request over HTTP, whatever it came by.
#[derive(Clone, Debug)]
pub struct Request {
    /// The name of the route that is asked for.
    pub route: &'static str,
    /// Who asks, and what is theirs.
    pub caller: Caller,
    /// The parameters in the path, by name.
    pub path: BTreeMap<String, String>,
    /// The parameters after `?`.
    pub query: BTreeMap<String, String>,
    /// The `Idempotency-Key` header: 1 to 256 bytes.
    pub idempotency_key: Option<String>,
    /// The `If-Match` header, without quotes.
    pub if_match: Option<String>,
    /// The body as text.
    pub body: String,
}

/// An answer: status and JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// A JSON text.
    pub body: String,
    /// After how many seconds it makes sense to ask again, if that is known: the header `Retry-After`.
    pub retry_after_s: Option<u64>,
}

impl Request {
    /// Reads the body, strictly, if it has at most 512 KiB as compact JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let text = self.text()?;
        if text.len() > WHOLE_BYTES && least_bytes(text) > WHOLE_BYTES {
            let message = format!("the request has {} bytes; at most {WHOLE_BYTES} are taken here", text.len());
            return Err(ApiError::too_large("", message));
        }
        Ok(read_strict(text)?)
    }

    /// The body, if it has at most 5 MiB; none is an empty object.
    pub fn text(&self) -> Result<&str, ApiError> {
        if self.body.len() > REQUEST_BYTES {
            let message = format!("the request has {} bytes; at most {REQUEST_BYTES} are taken", self.body.len());
            return Err(ApiError::too_large("", message));
        }
        Ok(if self.body.is_empty() { "{}" } else { &self.body })
    }

    /// The idempotency key in the body, or the one beside it: both may be given, and are then the same.
    pub fn key_beside(&self, own: Option<String>) -> Result<Option<String>, ApiError> {
        own.as_deref().map_or(Ok(()), check_key)?;
        match (own, self.idempotency_key.clone()) {
            (Some(own), Some(beside)) if own != beside => {
                Err(ApiError::invalid(KEY_FIELD, "differs from the Idempotency-Key header"))
            }
            (own, beside) => Ok(own.or(beside)),
        }
    }

    /// The version that the header `If-Match` names.
    pub fn matched_version(&self) -> Result<Option<Uuid>, ApiError> {
        let version = self.if_match.as_deref().map(Uuid::try_parse).transpose();
        version.map_err(|_| ApiError::invalid("If-Match", "expected a record's version"))
    }

    /// The task that the path names.
    pub fn task_key(&self) -> Result<TaskKey, ApiError> {
        // An id that is none names no task.
        let id = self.path.get("id").and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(ApiError::no_such_task)?;
        Ok(TaskKey { tenant: self.caller.tenant.clone(), id })
    }

    /// A name in the path.
    pub fn path_name(&self, field: &'static str) -> Result<Name, ApiError> {
        Name::new(self.path.get(field).map_or("", String::as_str)).map_err(|e| ApiError::name(field, e))
    }

    /// An id in the path.
    pub fn path_id(&self, field: &'static str) -> Result<Id, ApiError> {
        Id::new(self.path.get(field).map_or("", String::as_str)).map_err(|e| ApiError::name(field, e))
    }

    /// A parameter after `?`, read as a `T`.
    pub fn query_as<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.query.get(field) else { return Ok(None) };
        let read = serde_json::from_value(serde_json::Value::from(text.as_str()));
        read.map(Some).map_err(|e| ApiError::invalid(field, e.to_string()))
    }

    /// A parameter after `?` that is `true` or `false`; the latter if absent.
    pub fn flag(&self, field: &str) -> Result<bool, ApiError> {
        match self.query.get(field).map(String::as_str) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ApiError::invalid(field, "expected `true` or `false`")),
        }
    }

    /// A name after `?`.
    pub fn query_name(&self, field: &str) -> Result<Option<Name>, ApiError> {
        let name = self.query.get(field).map(|text| Name::new(text));
        name.transpose().map_err(|e: NameError| ApiError::name(field, e))
    }

    /// Whether the caller may verify users.
    pub fn is_by_verifier(&self, app: &App) -> bool {
        app.rules.verifiers.contains(&self.caller.principal)
    }
}

impl Answer {
    /// `body` as JSON.
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        // Views are structs of strings, numbers and times; they always have a JSON text.
        Self::text(status, serde_json::to_string(body).unwrap_or_default())
    }

    /// `body`, which is a JSON text.
    pub fn text(status: u16, body: String) -> Self {
        Self { status, body, retry_after_s: None }
    }

    /// The answer to the request `request_id` that failed with `error`.
    pub fn error(error: &ApiError, request_id: &str) -> Self {
        let mut body = json!({ "error": error });
        if let Some(fields) = body.get_mut("error").and_then(|e| e.as_object_mut()) {
            fields.insert("request_id".to_owned(), request_id.into());
        }
        Self { retry_after_s: error.retry_after_s, ..Self::json(error.status, &body) }
    }
}
