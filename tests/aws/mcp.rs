//! What an agent does by its tools.

use aws_lambda_events::{apigw::ApiGatewayV2httpRequest, encodings::Body};
use errand::spi::store::Retention;
use errand_mcp::Mcp;
use integration_tests::aws::{Lambda, Stack};
use serde_json::{Value, json};

/// Sends a request of the newest revision, declaring tasks: its result.
async fn ask(stack: &Stack, method: &'static str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}},
    });
    let name = params.get("name").or(params.get("taskId")).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut event = ApiGatewayV2httpRequest::default();
    event.request_context.http.method = http::Method::POST;
    event.headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
    event.headers.insert("mcp-method", method.parse().unwrap());
    event.headers.insert("mcp-name", name.parse().unwrap());
    event.body = Some(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string());
    let mcp = Mcp { waiting: None, kept: Retention::of_days(7, 90), resource: None };
    let answer = errand_mcp::serve(&mcp, stack.app(Lambda::Mcp), event).await;
    let Some(Body::Text(text)) = answer.body else { panic!("{answer:?}") };
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    assert!(answer["error"].is_null(), "{answer}");
    answer["result"].take()
}

async fn call(stack: &Stack, name: &str, arguments: Value) -> Value {
    let answer = ask(stack, "tools/call", json!({"name": name, "arguments": arguments})).await;
    assert_ne!(answer["isError"], true, "{answer}");
    answer
}

#[tokio::test]
async fn an_agents_call_is_a_task_that_it_follows_to_its_end() {
    tools(&Stack::start().await).await;
}

pub(super) async fn tools(stack: &Stack) {
    let puts = || stack.uses(Lambda::Mcp).get(&("dynamodb:PutItem".to_owned(), "TasksTable".to_owned())).copied();
    assert!(ask(stack, "tools/list", json!({})).await["tools"].as_array().unwrap().len() > 6);
    let made = call(stack, "scripted", json!({"acts": [{"block": "which one?"}]})).await;
    assert_eq!((&made["resultType"], puts()), (&json!("task"), Some(1)), "{made}");
    stack.deliver(super::MEDIUM).await;
    let asks = ask(stack, "tasks/get", json!({"taskId": made["taskId"]})).await;
    assert_eq!(asks["status"], "input_required", "{asks}");
    let said = json!({"blocked-0": {"action": "accept", "content": {"note": "that one"}}});
    ask(stack, "tasks/update", json!({"taskId": made["taskId"], "inputResponses": said})).await;
    ask(stack, "tasks/cancel", json!({"taskId": made["taskId"]})).await;
    let again = call(stack, "retry_task", json!({"id": made["taskId"]})).await;
    assert_ne!(again["taskId"], made["taskId"]);
    assert_eq!(ask(stack, "tasks/get", json!({"taskId": made["taskId"]})).await["status"], "cancelled");
    for priority in ["urgent", "high", "medium", "low"] {
        call(stack, "enqueue_task", json!({"task_type": "scripted", "payload": {}, "priority": priority})).await;
    }
    // One that rides the queue of the slow types.
    let slow = json!({"task_type": "create_conversation_summary", "payload": {"conversation_id": "c1"}});
    call(stack, "enqueue_task", slow).await;
    // Large enough to be an item of its own.
    let large = json!({"note": "x".repeat(200 * 1024)});
    let _ = ask(stack, "tools/call", json!({"name": "scripted", "arguments": large})).await;
    assert!(!call(stack, "list_tasks", json!({})).await["structuredContent"]["items"].as_array().unwrap().is_empty());
}
