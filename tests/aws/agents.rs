//! Agent runs: one that a worker outside does, and one that a worker does.

use errand::spi::queue::QueueName;
use integration_tests::{aws::Stack, events::Call};
use serde_json::{Value, json};

async fn get(stack: &Stack, path: &str) -> Value {
    stack.call(&Call::get(path)).await.body(200)
}

async fn post(stack: &Stack, path: &str, body: Value) -> Value {
    let answered = stack.call(&Call::post(path, &body)).await;
    assert!(answered.status < 300, "{path}: {:#}", answered.body);
    answered.body
}

#[tokio::test]
async fn a_worker_outside_does_a_run() {
    outside(&Stack::start().await).await;
}

/// Claims the one run that waits.
async fn claimed(stack: &Stack) -> Value {
    let ask = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "default"});
    post(stack, "/v1/claims", ask).await["items"][0].take()
}

async fn finish(stack: &Stack, claimed: &Value) -> Value {
    let end = json!({"lease_token": claimed["lease_token"], "status": "completed", "output": {"result": "done"},
        "used": {"cost_usd": 0.5}});
    post(stack, &format!("/v1/tasks/{}/finish", claimed["task_id"].as_str().unwrap()), end).await
}

pub(super) async fn outside(stack: &Stack) {
    let ask = json!({"prompt": "do it ".repeat(1000), "executor": "runner", "idempotency_key": "k"});
    let run = post(stack, "/v1/runs", ask.clone()).await;
    assert_eq!(post(stack, "/v1/runs", ask).await["deduplicated"], true);
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    assert_eq!(get(stack, "/v1/runs?executor=runner&status=pending").await["items"][0]["id"], run["id"]);
    let claimed = claimed(stack).await;
    assert_eq!(claimed["details"]["run_id"], run["id"]);
    let lease = &claimed["lease_token"];
    let command = post(stack, &format!("{path}/commands"), json!({"kind": "steer"})).await;
    let held = json!({"task_id": claimed["task_id"], "lease_token": lease});
    let news = post(stack, "/v1/claims/heartbeat", json!({"worker_id": "w", "leases": [held]})).await;
    assert_eq!(news["items"][0]["details"]["open_commands"], 1);
    let events = json!([{"type": "assistant_message", "payload": {"text": "hi"}}]);
    post(stack, &format!("{path}/events"), json!({"lease_token": lease, "events": events})).await;
    let command = format!("/v1/commands/{}", command["id"].as_str().unwrap());
    post(stack, &format!("{command}/ack"), json!({ "lease_token": lease })).await;
    post(stack, &format!("{command}/finish"), json!({"lease_token": lease, "status": "completed"})).await;
    finish(stack, &claimed).await;
    let done = get(stack, &path).await;
    assert_eq!((&done["status"], &done["result_preview"]), (&json!("completed"), &json!("done")));

    let events = get(stack, &format!("{path}/events")).await;
    assert_eq!(events["count"], events["last_seq"]);
    assert_eq!(get(stack, &format!("{path}/commands")).await["items"][0]["status"], "completed");
    let session = format!("/v1/sessions/{}", done["session_id"].as_str().unwrap());
    assert_eq!(post(stack, &format!("{session}/read"), json!({"reader_id": "ada"})).await["unread"], false);
    assert_eq!(get(stack, "/v1/sessions?state=all&reader_id=ada").await["items"][0]["attention"], "read");
    assert_eq!(get(stack, "/v1/agents").await["items"][0]["status"], "completed");
    assert_eq!(get(stack, "/v1/backends").await["items"][0]["name"], "default");
    let late = Call::post(&format!("{path}/events"), &json!({"lease_token": lease, "events": []}));
    assert_eq!(stack.call(&late).await.error().1, "lease_conflict");
}

#[tokio::test]
async fn a_worker_does_a_run_and_another_is_called_off() {
    by_a_worker(&Stack::start().await).await;
}

pub(super) async fn by_a_worker(stack: &Stack) {
    let run = post(stack, "/v1/runs", json!({"prompt": "Ada needs cheaper cards.", "agent_id": "a"})).await;
    stack.deliver(QueueName::Long).await;
    let run = get(stack, &format!("/v1/runs/{}", run["id"].as_str().unwrap())).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    let second = post(stack, "/v1/runs", json!({"prompt": "And paper?", "agent_id": "b"})).await;
    assert_eq!(post(stack, "/v1/agents/b/kill", json!({})).await["status"], "killed");
    let again = post(stack, &format!("/v1/runs/{}/cancel", second["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(again["status"], "cancelled");
}

#[tokio::test]
async fn runs_queued_in_one_session_start_in_their_order() {
    let stack = Stack::start().await;
    let ask = |prompt: &str| json!({"prompt": prompt, "session_id": "s"});
    let mut first = ask("one");
    first["executor"] = json!("runner");
    post(&stack, "/v1/runs", first).await;
    let first = claimed(&stack).await;
    let mut runs = Vec::new();
    for prompt in ["two", "three"] {
        runs.push(post(&stack, "/v1/runs", ask(prompt)).await["id"].as_str().unwrap().to_owned());
    }
    // Each looks, and waits for half a minute: its message is hidden.
    deliver_all(&stack).await;
    let waiting = get(&stack, "/v1/sessions/s").await["waiting"].clone();
    let waiting: Vec<&str> =
        waiting.as_array().unwrap().iter().map(|place| place["run_id"].as_str().unwrap()).collect();
    assert_eq!(waiting, runs);
    finish(&stack, &first).await;
    deliver_all(&stack).await;
    let mut began = Vec::new();
    for run in &runs {
        let run = get(&stack, &format!("/v1/runs/{run}")).await;
        assert_eq!(run["status"], "completed", "{run:#}");
        began.push((run["started_at"].as_str().unwrap().to_owned(), run["ended_at"].as_str().unwrap().to_owned()));
    }
    assert!(began[0].1 <= began[1].0, "{began:?}");
}

/// Delivers until the queue shows nothing.
async fn deliver_all(stack: &Stack) {
    while !stack.deliver(QueueName::Long).await.messages.is_empty() {}
}
