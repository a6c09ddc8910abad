//! Errand as it is on AWS: the functions, fed with real events, over DynamoDB and SQS as MiniStack has them.
//!
//! A journey takes a stack, so that what it asks of AWS can be compared with what its functions may (`permissions`).

mod agents;
mod control;
mod defer;
mod enqueue;
mod erase;
mod mcp;
mod permissions;
mod process;
mod read;
mod relay;
mod schedules;
mod volume;

use errand::{Priority, spi::queue::QueueName};
use integration_tests::{aws::Stack, events::Call};
use serde_json::{Value, json};

const MEDIUM: QueueName = QueueName::Work(Priority::Medium);

/// A request for a scripted task.
fn scripted(payload: Value) -> Value {
    json!({"task_type": "scripted", "payload": payload})
}

/// `request` with more fields.
fn with(mut request: Value, fields: Value) -> Value {
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    request
}

/// The request once for each work queue, with the queue that its task rides.
fn on_every_queue(request: &Value) -> Vec<(QueueName, Value)> {
    let on = |queue| match queue {
        QueueName::Work(priority) => with(request.clone(), json!({"priority": priority})),
        _ => with(request.clone(), json!({"timeout_s": 300})),
    };
    QueueName::WORK.map(|queue| (queue, on(queue))).to_vec()
}

/// A new task: its id.
async fn enqueued(stack: &Stack, request: &Value) -> String {
    let task = stack.call(&Call::post("/v1/tasks", request)).await.body(201);
    task["id"].as_str().unwrap().to_owned()
}

async fn task(stack: &Stack, id: &str) -> Value {
    stack.call(&Call::get(&format!("/v1/tasks/{id}"))).await.body(200)
}

/// The kind and outcome of each row of a task's log.
async fn log(stack: &Stack, id: &str) -> Vec<(String, String)> {
    let log = stack.call(&Call::get(&format!("/v1/tasks/{id}/log"))).await.body(200);
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    log["items"].as_array().unwrap().iter().map(|row| (text(row, "kind"), text(row, "outcome"))).collect()
}

/// What [`log`] answers, shorter to write.
fn rows(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(kind, outcome)| ((*kind).to_owned(), (*outcome).to_owned())).collect()
}
