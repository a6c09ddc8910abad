//! Who asks: the revision that a request speaks, and what its client declares. The headers must say what the body says.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;
use serde_json::{Map, Value, json};

use crate::message::{RpcError, RpcMessage};

/// The revision without sessions.
pub(crate) const MODERN: &str = "2026-07-28";

/// All revisions that are spoken, newest first; the others open with `initialize`.
pub(crate) const VERSIONS: [&str; 3] = [MODERN, "2025-11-25", "2025-06-18"];

/// The extension by which a call may be answered by a task's handle.
pub(crate) const TASKS: &str = "io.modelcontextprotocol/tasks";

const VERSION_HEADER: &str = "mcp-protocol-version";
const METHOD_HEADER: &str = "mcp-method";
const NAME_HEADER: &str = "mcp-name";

/// What is known of the client of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    /// It speaks the revision without sessions.
    pub(crate) is_modern: bool,
    /// It takes a task's handle for an answer.
    pub(crate) has_tasks: bool,
    /// It can put a question to its user.
    pub(crate) asks_users: bool,
}

impl Peer {
    /// Reads it off a request, and checks the headers of one that speaks the newest revision.
    pub(crate) fn of(message: &RpcMessage, headers: &HeaderMap) -> Result<Self, RpcError> {
        let meta = message.params.get("_meta").and_then(Value::as_object);
        let said = meta.and_then(|meta| meta.get("io.modelcontextprotocol/protocolVersion")).and_then(Value::as_str);
        let header = header(headers, VERSION_HEADER)?;
        match (said, header) {
            (None, Some(older)) if older != MODERN && VERSIONS.contains(&older) => return Ok(Self::default()),
            (None, None) => return Ok(Self::default()),
            (None, Some(unknown)) if unknown != MODERN => return Err(RpcError::version(unknown, &VERSIONS)),
            (None, Some(_)) => return Err(RpcError::invalid_meta("params._meta: expected the protocol version")),
            (Some(said), header) if header != Some(said) => return Err(RpcError::header("MCP-Protocol-Version")),
            (Some(unknown), _) if unknown != MODERN => return Err(RpcError::version(unknown, &VERSIONS)),
            (Some(_), _) => {}
        }
        let declared = meta.and_then(|meta| meta.get("io.modelcontextprotocol/clientCapabilities"));
        let declared = declared.and_then(Value::as_object);
        let declared = declared.ok_or_else(|| RpcError::invalid_meta("params._meta: expected clientCapabilities"))?;
        if self::header(headers, METHOD_HEADER)? != Some(message.method.as_str()) {
            return Err(RpcError::header("Mcp-Method"));
        }
        check_name(message, headers)?;
        Ok(Self { is_modern: true, has_tasks: has_tasks(declared), asks_users: asks_users(declared) })
    }

    /// Refuses a client that does not take handles of tasks.
    pub(crate) fn check_has_tasks(self) -> Result<(), RpcError> {
        if self.has_tasks { Ok(()) } else { Err(RpcError::needs(json!({"extensions": {TASKS: {}}}))) }
    }
}

fn has_tasks(declared: &Map<String, Value>) -> bool {
    declared.get("extensions").and_then(|extensions| extensions.get(TASKS)).is_some()
}

/// Whether it declares forms: an `elicitation` that names no mode means them.
fn asks_users(declared: &Map<String, Value>) -> bool {
    let modes = declared.get("elicitation").and_then(Value::as_object);
    modes.is_some_and(|modes| modes.contains_key("form") || !modes.contains_key("url"))
}

/// What the header `Mcp-Name` says again.
fn check_name(message: &RpcMessage, headers: &HeaderMap) -> Result<(), RpcError> {
    let field = match message.method.as_str() {
        "tools/call" => "name",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return Ok(()),
    };
    let said = header(headers, NAME_HEADER)?.and_then(decoded);
    match message.params.get(field).and_then(Value::as_str) {
        Some(name) if said.as_deref() == Some(name) => Ok(()),
        _ => Err(RpcError::header("Mcp-Name")),
    }
}

/// A header, if it is there; one that is there twice, or is no text, says nothing.
fn header<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, RpcError> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(str::trim).map(Some).map_err(|_| RpcError::header(name)),
        (Some(_), Some(_)) => Err(RpcError::header(name)),
    }
}

/// What does not fit a header is said in base64.
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|value| value.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}
