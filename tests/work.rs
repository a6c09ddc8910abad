//! Users' own work: task types as records, and workers outside that ask for their tasks.

mod claims;
mod crash;
mod outcomes;
pub(crate) mod push;
mod retirement;
mod types;
mod unattended;

use errand::{App, Task};
use integration_tests::{
    events::{Answered, Call},
    world::{World, id_of},
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Puts a type that workers do.
async fn put(app: &App, name: &str, more: &Value) -> Answered {
    let mut body = json!({"run": {"kind": "worker"}});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    Call::put(&format!("/v1/task-types/{name}"), &body).answer(app).await
}

/// A world with the type `resize`.
async fn world() -> World {
    let world = World::new();
    put(&world.app, "resize", &json!({})).await.body(201);
    world
}

async fn enqueue(world: &World, payload: Value) -> Uuid {
    id_of(&ask(world, "/v1/tasks", json!({"task_type": "resize", "payload": payload})).await.body(201))
}

async fn ask(world: &World, path: &str, body: Value) -> Answered {
    Call::post(path, &body).answer(&world.app).await
}

/// What a worker is given.
async fn claim(app: &App, more: Value, key: Option<&str>) -> Vec<Value> {
    let mut body = json!({"worker_id": "w-1", "task_types": ["resize"], "max": 10});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let call = Call::post("/v1/claims", &body);
    let call = key.map_or(call.clone(), |key| call.header("idempotency-key", key));
    let answer = call.answer(app).await.body(200);
    answer["items"].as_array().unwrap().clone()
}

/// The one task that a worker is given.
async fn claim_one(world: &World) -> Value {
    let mut items = claim(&world.app, json!({}), None).await;
    assert_eq!(items.len(), 1, "{items:#?}");
    items.remove(0)
}

async fn finish(app: &App, claimed: &Value, outcome: Value) -> Answered {
    let mut body = json!({"lease_token": claimed["lease_token"]});
    body.as_object_mut().unwrap().extend(outcome.as_object().cloned().unwrap());
    Call::post(&format!("/v1/tasks/{}/finish", claimed["task_id"].as_str().unwrap()), &body).answer(app).await
}

fn outcomes(log: &[errand::spi::lifecycle::log::LogEntry]) -> Vec<&'static str> {
    log.iter().map(|row| row.outcome.as_str()).collect()
}

fn code(answer: &Answered) -> (u16, &str) {
    (answer.status, answer.body["error"]["code"].as_str().unwrap_or_default())
}

fn waits_s(task: &Task, now: errand::Timestamp) -> u64 {
    task.run_at().expect("it waits").since(now).as_secs()
}
