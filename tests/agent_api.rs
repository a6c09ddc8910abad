//! Agent runs over HTTP: what is refused, what is seen, what a worker outside may do.

mod boundaries;
mod claims;
mod fencing;
mod paging;
mod records;
mod runners;
mod sessions;
mod tenants;
mod waiting;
mod worker;

use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};

/// What `path` answers, 200.
async fn get(world: &World, path: &str) -> Value {
    Call::get(path).answer(&world.app).await.body(200)
}

/// Status and answer of a request with a body.
async fn post(world: &World, path: &str, body: &Value) -> (u16, Value) {
    let answered = Call::post(path, body).answer(&world.app).await;
    (answered.status, answered.body)
}

/// What it answers if all is well.
async fn done(world: &World, path: &str, body: &Value) -> Value {
    let (status, answer) = post(world, path, body).await;
    assert!(status < 300, "{path}: {status} {answer:#}");
    answer
}

/// Status, code and field of what is refused.
async fn refused(world: &World, path: &str, body: &Value) -> (u16, String, String) {
    let (status, answer) = post(world, path, body).await;
    let text = |name: &str| answer["error"][name].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("field"))
}

fn error(status: u16, code: &str, field: &str) -> (u16, String, String) {
    (status, code.to_owned(), field.to_owned())
}

/// Begins a run for a worker outside; its id.
async fn outside(world: &World, more: &Value) -> String {
    let mut body = json!({"prompt": "do it", "executor": "runner"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    id(&done(world, "/v1/runs", &body).await)
}

/// What a worker asks for that does runs of the default profile.
fn asks(more: &Value) -> Value {
    let mut body = json!({"worker_id": "one", "task_types": ["run_outside"], "pool": "default", "max": 10});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// What it is given.
async fn given(world: &World, more: Value) -> Vec<Value> {
    done(world, "/v1/claims", &asks(&more)).await["items"].as_array().unwrap().clone()
}

/// Has `worker` take `run`, the first that waits; the lease token.
async fn claim(world: &World, run: &str, worker: &str) -> String {
    let given = given(world, json!({"worker_id": worker, "max": 1})).await;
    assert_eq!(given[0]["details"]["run_id"], *run, "{given:#?}");
    given[0]["lease_token"].as_str().unwrap().to_owned()
}

async fn task_of(world: &World, run: &str) -> Value {
    get(world, &format!("/v1/runs/{run}")).await["task_id"].take()
}

/// What is new of `run` to who has it.
async fn beat(world: &World, run: &str, lease: &str) -> Value {
    let lease = json!({"task_id": task_of(world, run).await, "lease_token": lease});
    let news = done(world, "/v1/claims/heartbeat", &json!({"worker_id": "one", "leases": [lease]})).await;
    news["items"][0].clone()
}

/// How `run` is ended: the path, and the body.
async fn end(world: &World, run: &str, lease: &str, more: &Value) -> (String, Value) {
    let mut body = json!({"lease_token": lease, "status": "completed"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (format!("/v1/tasks/{}/finish", task_of(world, run).await.as_str().unwrap()), body)
}

/// Ends `run`; as it is then.
async fn finish(world: &World, run: &str, lease: &str, more: Value) -> Value {
    let (path, body) = end(world, run, lease, &more).await;
    done(world, &path, &body).await;
    get(world, &format!("/v1/runs/{run}")).await
}

/// What who may not end `run` is told.
async fn refused_end(world: &World, run: &str, lease: &str, more: Value) -> (u16, String, String) {
    let (path, body) = end(world, run, lease, &more).await;
    refused(world, &path, &body).await
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("no id in {answer:#}")).to_owned()
}

fn message(text: &str) -> Value {
    json!({"type": "assistant_message", "payload": {"text": text}})
}
