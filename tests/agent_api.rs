//! Agent runs over HTTP: what is refused, what is seen, what a runner outside may do.

mod boundaries;
mod claims;
mod fencing;
mod jobs;
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

/// Begins a run for a runner; its id.
async fn outside(world: &World, more: &Value) -> String {
    let mut body = json!({"prompt": "do it", "executor": "runner"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    id(&done(world, "/v1/runs", &body).await)
}

async fn register(world: &World, name: &str) {
    done(world, "/v1/runners", &json!({"runner_id": name, "name": name})).await;
}

/// Claims `run`; the lease token.
async fn claim(world: &World, run: &str, runner: &str) -> String {
    let claimed = done(world, &format!("/v1/runs/{run}/claim"), &json!({"runner_id": runner})).await;
    claimed["lease_token"].as_str().unwrap().to_owned()
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("no id in {answer:#}")).to_owned()
}

fn message(text: &str) -> Value {
    json!({"type": "assistant_message", "payload": {"text": text}})
}
