//! Schedules: put by control, hinted by the poller, fired by a worker at its second, or else by the poller.

use std::time::Duration;

use integration_tests::{aws::Stack, events::Call};
use serde_json::{Value, json};

use super::MEDIUM;

#[tokio::test]
async fn a_schedule_fires_by_its_message_and_without_by_the_poller() {
    fired(&Stack::start().await).await;
}

async fn shown(stack: &Stack) -> Value {
    stack.call(&Call::get("/v1/schedules/hourly")).await.body(200)
}

pub(super) async fn fired(stack: &Stack) {
    let now = stack.now();
    let at = |s: u64| now + Duration::from_secs(s);
    let body = json!({
        "spec": {"at": [at(3600), at(7200), at(10_800)]},
        "task": {"task_type": "scripted"},
        "payload": {"mark": "m"},
        "policy": {"overlap": "cancel", "pause_on_failure": true},
    });
    stack.call(&Call::put("/v1/schedules/hourly", &body)).await.body(201);
    stack.clock.advance(Duration::from_secs(3600 - 60));
    stack.poll().await;
    assert_eq!(stack.depth(MEDIUM).await.delayed, 1, "its message is on its way");
    // It says the second; here the clock is what it waits for.
    stack.clock.advance(Duration::from_secs(60));
    let key = json!({"due": {"tenant": "default", "kind": "schedule", "id": "hourly"}});
    stack.send(MEDIUM, &key.to_string(), &[]).await;
    assert!(stack.deliver(MEDIUM).await.again.is_empty());
    assert_eq!(shown(stack).await["fired"], 1);
    stack.clock.advance(Duration::from_secs(3600));
    stack.poll().await;
    let twice = shown(stack).await;
    assert_eq!((&twice["fired"], twice["recent"].as_array().unwrap().len()), (&json!(2), 2), "{twice}");
    assert_eq!(stack.call(&Call::get("/v1/schedules")).await.body(200)["count"], 1);
    let past = json!({"from": at(1), "to": at(7200)});
    stack.call(&Call::post("/v1/schedules/hourly/backfill", &past)).await.body(201);
    stack.call(&Call::post("/v1/schedules/hourly/trigger", &json!({}))).await.body(201);
    stack.poll().await;
    let backfill = stack.call(&Call::get("/v1/schedules/hourly/backfills")).await.body(200)["items"][0].take();
    assert_eq!((&backfill["made"], &backfill["there"]), (&json!(0), &json!(2)));
    stack.call(&Call::post("/v1/schedules/hourly/pause", &json!({}))).await.body(200);
    stack.call(&Call::post("/v1/schedules/hourly/resume", &json!({}))).await.body(200);
    stack.call(&Call::to("DELETE", "/v1/schedules/hourly")).await.body(200);
}
