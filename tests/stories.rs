//! Whole stories, from what a person does to what comes of it days later. Each is told once, and played on every stage:
//! with a crash at every call, on the one-machine server over HTTP, and by the functions on MiniStack.

mod crashes;
mod digest;
mod introduction;
mod ministack;
mod model;
mod one_machine;
mod question;
mod search;
mod silence;
mod stage;

use std::time::Duration;

use errand::{Timestamp, spi::clock::Clock};
use integration_tests::events::Call;
pub(crate) use one_machine::OneMachine;
use serde_json::{Value, json};
use stage::Stage;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn at(text: &str) -> Timestamp {
    serde_json::from_value(text.into()).unwrap()
}

/// Puts a record there, as another service does.
async fn put(stage: &mut impl Stage, path: &str, doc: Value) {
    let answered = stage.ask(&Call::put(&format!("/v1/records/{path}"), &doc)).await;
    // 200: the first try had landed, and its answer was lost.
    assert!(matches!(answered.status, 200 | 201), "{path}: {:#}", answered.body);
}

/// Changes a record, as another service does.
async fn patch(stage: &mut impl Stage, path: &str, fields: Value) {
    stage.ask(&Call::patch(&format!("/v1/records/{path}"), &fields)).await.body(200);
}

/// Enqueues a task under a key, as whoever asks again without an answer does.
async fn enqueue(stage: &mut impl Stage, key: &str, body: Value) {
    let answered = stage.ask(&Call::post("/v1/tasks", &body).header("idempotency-key", key)).await;
    assert!(matches!(answered.status, 200 | 201), "{key}: {:#}", answered.body);
}

/// Lets `s` seconds pass, and everything happen that is due then.
async fn wait(stage: &mut impl Stage, s: u64) {
    stage.clock().advance(Duration::from_secs(s));
    stage.settle().await;
}

/// Sets the clock, and lets everything happen that is due then. After a crash it may be later already.
async fn wait_until(stage: &mut impl Stage, then: &str) {
    let then = at(then).max(stage.clock().now());
    stage.clock().set(then);
    stage.settle().await;
}

/// One record.
async fn get(stage: &mut impl Stage, path: &str) -> Value {
    stage.ask(&Call::get(&format!("/v1/records/{path}"))).await.body(200)
}

/// The items of a list, oldest first.
async fn list(stage: &mut impl Stage, path: &str) -> Vec<Value> {
    let list = stage.ask(&Call::get(path)).await.body(200);
    list["items"].as_array().unwrap().iter().rev().cloned().collect()
}

/// What was said in a conversation, oldest first.
async fn said(stage: &mut impl Stage, conversation: &str) -> Vec<Value> {
    list(stage, &format!("/v1/records/message?parent={conversation}&limit=100")).await
}

/// The contents of messages.
fn contents(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["content"].as_str().unwrap()).collect()
}

/// The subjects of the published events of a type.
async fn published(stage: &mut impl Stage, event_type: &str) -> Vec<String> {
    let events = list(stage, "/v1/events?limit=100").await;
    let events = events.iter().filter(|event| event["type"] == event_type);
    events.map(|event| event["subject"].as_str().unwrap().to_owned()).collect()
}

/// How a story ends, whatever the times and drawn ids are: every task with its output, every event, these lists of
/// records, and these records.
async fn ending(stage: &mut impl Stage, lists: &[&str], records: &[&str]) -> Value {
    let mut events = list(stage, "/v1/events?limit=100").await;
    // The ends of tasks are told where the file is; elsewhere by the bus.
    events.retain(|event| event["new_status"].is_null());
    for event in events.iter_mut().filter_map(Value::as_object_mut) {
        // Each stage names requests in its own way; a test of `endings` is about them.
        event.remove("request_id");
        // What was published at the same time may be listed in either order.
        event.remove("cursor");
    }
    let mut end = json!({"tasks": [], "events": sorted(events)});
    for status in ["open", "completed", "failed", "cancelled", "blocked"] {
        for task in list(stage, &format!("/v1/tasks?status={status}&limit=100")).await {
            let fields = ["task_type", "status", "payload", "output", "failure", "user_id", "priority", "agent_type"];
            let told = fields.map(|field| (field.to_owned(), task[field].clone()));
            end["tasks"].as_array_mut().unwrap().push(Value::Object(told.into_iter().collect()));
        }
    }
    end["tasks"] = sorted(end["tasks"].as_array().unwrap().clone());
    for of in lists {
        end[of] = sorted(list(stage, &format!("/v1/records/{of}&limit=100")).await);
    }
    for path in records {
        end[path] = timeless(get(stage, path).await);
    }
    end
}

/// The same on every stage.
fn ends_as(story: &str, end: &Value) {
    insta::assert_json_snapshot!(story, end);
}

fn sorted(items: Vec<Value>) -> Value {
    let mut items: Vec<Value> = items.into_iter().map(timeless).collect();
    items.sort_by_key(Value::to_string);
    items.into()
}

/// The same without times and drawn ids.
fn timeless(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| name != "version");
            Value::Object(kept.map(|(name, value)| (name, timeless(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(timeless).collect(),
        Value::String(text) if uuid::Uuid::try_parse(&text).is_ok() => "an id".into(),
        Value::String(text) if serde_json::from_value::<Timestamp>(json!(text)).is_ok() => "a time".into(),
        other => other,
    }
}
