//! The tools there are: some of Errand's own, and one for each type that is offered.

use errand_http::Caller;
use errand_work::RESERVED;
use serde_json::{Value, json};

use crate::{
    api::{Api, may},
    offered::Offered,
};

/// The route by which a call of a type's own tool becomes a task.
pub(crate) const ENQUEUE: &str = "POST /v1/tasks";

/// The route that a tool stands for: whoever may not ask it has no such tool.
pub(crate) fn route_of(tool: &str) -> &'static str {
    match tool {
        "cancel_task" => "POST /v1/tasks/{id}/cancel",
        "get_task" => "GET /v1/tasks/{id}",
        "list_task_types" => "GET /v1/task-types",
        "list_tasks" => "GET /v1/tasks",
        "retry_task" => "POST /v1/tasks/{id}/retry",
        _ => ENQUEUE,
    }
}

/// Every tool that the caller may call, by name.
pub(crate) fn tools(api: &Api<'_>, offered: &[Offered]) -> Vec<Value> {
    let offered = offered.iter().filter(|of| !of.is_retired && !RESERVED.contains(&of.name.as_str()));
    let of_types = offered
        .filter_map(|of| Some(json!({"name": of.name, "description": of.description, "inputSchema": of.arguments()?})));
    let mut tools: Vec<Value> = own().chain(of_types).filter(|tool| is_theirs(api.caller, tool)).collect();
    tools.sort_by(|one, other| name(one).cmp(name(other)));
    tools
}

fn name(tool: &Value) -> &str {
    tool.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn is_theirs(caller: &Caller, tool: &Value) -> bool {
    may(caller, route_of(name(tool)))
}

/// Errand's own.
pub(crate) fn own() -> impl Iterator<Item = Value> {
    let id = json!({"type": "string", "format": "uuid", "description": "The task's id."});
    let reads = json!({"readOnlyHint": true});
    [
        tool("cancel_task", "Calls a task off. One that runs is stopped at its next step.", json!({
            "id": id, "reason": {"type": "string", "description": "For whoever reads of it."},
        }), &["id"], json!({"idempotentHint": true})),
        tool("enqueue_task", "Enqueues a task of any type that list_task_types names, to run now or later, and answers \
            at once with its id. With an idempotency_key the same task is enqueued once, however often it is asked for.",
            json!({
                "task_type": {"type": "string"},
                "payload": {"description": "What the type's schema says."},
                "delay_s": {"type": "integer", "minimum": 0, "description": "In how many seconds it may start."},
                "scheduled_for": {"type": "string", "format": "date-time", "description": "When; not beside delay_s."},
                "priority": {"enum": ["urgent", "high", "medium", "low"]},
                "idempotency_key": {"type": "string", "minLength": 1, "maxLength": 256},
            }), &["task_type", "payload"], json!({"destructiveHint": false})),
        tool("get_task", "One task: its status and, once it has ended, its output or what went wrong.", json!({
            "id": id,
            "wait_s": {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S,
                "description": "How many seconds to wait for its end, where the server can wait."},
        }), &["id"], reads.clone()),
        tool("list_task_types", "The types of tasks there are, each with the JSON Schema of its payload.", json!({}), &[],
            reads.clone()),
        tool("list_tasks", "Tasks of the types that list_task_types names; the open ones unless a status is named. A page \
            may be short, or empty, before the last: go on with its cursor.", json!({
            "status": {"enum": ["open", "all", "pending", "running", "completed", "failed", "cancelled", "blocked"]},
            "task_type": {"type": "string"},
            "cursor": {"type": "string", "description": "Where to go on: the last page's."},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        }), &[], reads),
        tool("retry_task", "Sets a failed, cancelled or blocked task going again. A blocked one is answered by the note.",
            json!({"id": id, "note": {"type": "string", "description": "What the task is told; at most 4 KiB."}}), &["id"],
            json!({"destructiveHint": false})),
    ]
    .into_iter()
}

/// The most seconds that a call waits for a task.
pub(crate) const MAX_WAIT_S: u64 = 20;

fn tool(name: &str, description: &str, properties: Value, required: &[&str], annotations: Value) -> Value {
    let schema = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    json!({"name": name, "description": description, "inputSchema": schema, "annotations": annotations})
}
