//! JSON-RPC: what comes, and the errors of the protocol.

use serde_json::{Map, Value, json};

/// The most bytes of a message: a payload, and what is said around it.
const MESSAGE_BYTES: usize = 512 * 1024;

/// A request or, without an id, a notification.
#[derive(Debug)]
pub(crate) struct RpcMessage {
    /// What the answer bears.
    pub(crate) id: Option<Value>,
    pub(crate) method: String,
    pub(crate) params: Map<String, Value>,
}

/// An error of the protocol, apart from what becomes of a tool.
#[derive(Debug)]
pub(crate) struct RpcError {
    /// The HTTP status that goes with it.
    pub(crate) status: u16,
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcMessage {
    /// Reads the body of a request; what is wrong with it is told with the id that it bears.
    pub(crate) fn read(body: &str) -> Result<Self, (Value, RpcError)> {
        let refused = |id: Option<&Value>, status, code, message: &str| {
            (id.cloned().unwrap_or_default(), RpcError::new(status, code, message))
        };
        if body.len() > MESSAGE_BYTES {
            return Err(refused(None, 413, -32600, &format!("at most {MESSAGE_BYTES} bytes are taken")));
        }
        let read: Value = serde_json::from_str(body).map_err(|_| refused(None, 400, -32700, "the body is no JSON"))?;
        let id = read.get("id").filter(|id| id.is_string() || id.is_i64() || id.is_u64());
        let wrong = |message| refused(id, 400, -32600, message);
        let method = read.get("method").and_then(Value::as_str);
        let (Some("2.0"), Some(method)) = (read.get("jsonrpc").and_then(Value::as_str), method) else {
            return Err(wrong("expected one request or notification of JSON-RPC 2.0"));
        };
        if read.get("id").is_some() && id.is_none() {
            return Err(wrong("expected a text or a whole number as the id"));
        }
        let params = match read.get("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params.clone(),
            Some(_) => return Err(wrong("expected an object as params")),
        };
        Ok(Self { id: id.cloned(), method: method.to_owned(), params })
    }

    /// A parameter that is a text.
    pub(crate) fn text(&self, name: &str) -> Result<&str, RpcError> {
        let text = self.params.get(name).and_then(Value::as_str);
        text.ok_or_else(|| RpcError::invalid(format!("params.{name}: expected a text")))
    }
}

impl RpcError {
    fn new(status: u16, code: i64, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), data: None }
    }

    /// A parameter is wrong, or names nothing.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(200, -32602, message)
    }

    /// What every request bears is not there.
    pub(crate) fn invalid_meta(message: impl Into<String>) -> Self {
        Self::new(400, -32602, message)
    }

    /// There is no such method, as a client of this revision is told it. Older ones take a 404 for the end of a session.
    pub(crate) fn no_method(method: &str, is_modern: bool) -> Self {
        Self::new(if is_modern { 404 } else { 200 }, -32601, format!("no such method: {method}"))
    }

    /// The server cannot do its work just now.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(200, -32603, message)
    }

    /// A header is missing, or is not what the body says.
    pub(crate) fn header(name: &str) -> Self {
        Self::new(400, -32020, format!("the header {name} must be there, once, and say what the body says"))
    }

    /// The client does not declare what this takes.
    pub(crate) fn needs(capabilities: Value) -> Self {
        let data = Some(json!({ "requiredCapabilities": capabilities }));
        Self { data, ..Self::new(400, -32021, "the client does not declare a capability that this takes") }
    }

    /// A revision that is not spoken here.
    pub(crate) fn version(requested: &str, supported: &[&str]) -> Self {
        let data = Some(json!({"supported": supported, "requested": requested}));
        Self { data, ..Self::new(400, -32022, "this protocol version is not supported") }
    }

    /// As it is answered.
    pub(crate) fn to_json(&self) -> Value {
        match &self.data {
            Some(data) => json!({"code": self.code, "message": self.message, "data": data}),
            None => json!({"code": self.code, "message": self.message}),
        }
    }
}
