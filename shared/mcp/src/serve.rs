//! `POST /mcp`: one message, one answer.

use aws_lambda_events::{
    apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse},
    encodings::Body,
};
use errand::{App, spi::store::Retention};
use errand_http::{
    ApiError,
    gateway::{caller, is_of_another_site, text_body},
};
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};
use tracing::{Instrument, info_span};

use crate::{
    api::Api,
    calls::{Calls, told},
    client::{Peer, TASKS, VERSIONS},
    message::{RpcError, RpcMessage},
    resource::ProtectedResource,
    tasks::NamedTask,
    tools::tools,
    waiting::TaskWatch,
};

/// How long a client may keep the list of tools, in milliseconds.
const LIST_TTL_MS: u64 = 300_000;

/// What a model is told of the server.
const INSTRUCTIONS: &str = "Errand runs tasks durably: what a tool here begins goes on, and is tried again, whatever becomes \
    of this conversation. A task that is blocked waits for an answer by retry_task.";

/// How `/mcp` is served here.
#[derive(Clone, Debug)]
pub struct Mcp {
    /// What tells of changes, where a call may wait for one.
    pub waiting: Option<TaskWatch>,
    /// How long an ended task is kept.
    pub kept: Retention,
    /// Whose tokens are taken, if it is known.
    pub resource: Option<ProtectedResource>,
}

/// An answer: the status and, but to a notification, a body.
type Answered = (u16, Option<Value>);

/// Answers a request for `/mcp`, or for what tells of its authorization.
pub async fn serve(mcp: &Mcp, app: &App, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
    let request_id = event.request_context.request_id.clone().unwrap_or_default();
    let (status, body) = answer(mcp, app, event).instrument(info_span!("request", request_id)).await;
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = status.into();
    if status == 405 {
        response.headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if let Some(body) = body {
        response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.body = Some(Body::Text(body.to_string()));
    }
    response
}

async fn answer(mcp: &Mcp, app: &App, mut event: ApiGatewayV2httpRequest) -> Answered {
    if event.route_key.as_deref().is_some_and(|route| route.starts_with("GET /.well-known/")) {
        return (if mcp.resource.is_some() { 200 } else { 404 }, Some(json!(mcp.resource)));
    }
    if event.request_context.http.method != Method::POST {
        return (405, None);
    }
    if is_of_another_site(&event.headers) {
        return refused(&ApiError::forbidden("pages of other sites are not answered"));
    }
    let read = caller(&event, &app.rules.scopes).and_then(|caller| Ok((caller, text_body(&mut event)?)));
    let (caller, body) = match read {
        Ok(read) => read,
        Err(error) => return refused(&error),
    };
    let message = match RpcMessage::read(&body) {
        Ok(message) => message,
        Err((id, error)) => return failed(id, &error),
    };
    let Some(id) = message.id.clone() else { return (202, None) };
    let api = Api { app, caller: &caller };
    match result(mcp, &api, &event.headers, &message).await {
        Ok(result) => (200, Some(json!({"jsonrpc": "2.0", "id": id, "result": result}))),
        Err(error) => failed(id, &error),
    }
}

/// What is refused before it is read bears no id.
fn refused(error: &ApiError) -> Answered {
    (error.status, Some(json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": error.message}})))
}

fn failed(id: Value, error: &RpcError) -> Answered {
    (error.status, Some(json!({"jsonrpc": "2.0", "id": id, "error": error.to_json()})))
}

async fn result(mcp: &Mcp, api: &Api<'_>, headers: &HeaderMap, message: &RpcMessage) -> Result<Value, RpcError> {
    let client = Peer::of(message, headers)?;
    let method = message.method.as_str();
    let mut result = match (method, client.is_modern) {
        ("server/discover", true) => json!({
            "supportedVersions": VERSIONS,
            "capabilities": {"tools": {}, "extensions": {TASKS: {}}},
            "instructions": INSTRUCTIONS,
        }),
        ("initialize", false) => initialized(message),
        ("ping", false) => json!({}),
        ("tools/list", _) if message.params.contains_key("cursor") => {
            return Err(RpcError::invalid("params.cursor: the list has one page"));
        }
        ("tools/list", _) => {
            let offered = api.all_offered().await.map_err(told)?;
            json!({ "tools": tools(api, &offered) })
        }
        ("tools/call", _) => {
            let calls = Calls { api, client, waiting: mcp.waiting.as_ref(), kept: &mcp.kept };
            Box::pin(calls.call(message)).await?
        }
        ("tasks/get", true) => NamedTask::of(api, client, message)?.get(&mcp.kept).await?,
        ("tasks/update", true) => NamedTask::of(api, client, message)?.update(message).await?,
        ("tasks/cancel", true) => NamedTask::of(api, client, message)?.cancel().await?,
        _ => return Err(RpcError::no_method(method, client.is_modern)),
    };
    if let (true, Some(fields)) = (client.is_modern, result.as_object_mut()) {
        fields.entry("resultType").or_insert_with(|| "complete".into());
        fields.insert("_meta".to_owned(), json!({"io.modelcontextprotocol/serverInfo": server()}));
        if ["server/discover", "tools/list"].contains(&method) {
            fields.insert("ttlMs".to_owned(), LIST_TTL_MS.into());
            fields.insert("cacheScope".to_owned(), "private".into());
        }
    }
    Ok(result)
}

/// What a client of an older revision opens with: its revision, or the newest of those.
fn initialized(message: &RpcMessage) -> Value {
    let older = VERSIONS.iter().skip(1);
    let asked = message.params.get("protocolVersion").and_then(Value::as_str);
    let version = older.clone().find(|version| Some(**version) == asked).or(older.clone().next());
    json!({
        "protocolVersion": version,
        "capabilities": {"tools": {}},
        "serverInfo": server(),
        "instructions": INSTRUCTIONS,
    })
}

fn server() -> Value {
    json!({"name": "errand", "version": env!("CARGO_PKG_VERSION")})
}
