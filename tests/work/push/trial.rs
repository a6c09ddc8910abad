//! A call that shows what a target answers, and what that would mean.

use errand_outbound::{SigningSecrets, signed};
use integration_tests::events::{Answered, Call};
use serde_json::{Value, json};

use super::{Reply, Target, World, code, drive, world};

async fn test(world: &World, body: &Value) -> Answered {
    let call = Call::post("/v1/task-types/resize/test", body);
    drive(world, || false, call.answer(&world.app)).await.unwrap()
}

#[tokio::test]
async fn a_target_is_called_once_signed_as_ever_and_nothing_comes_of_it() {
    let reply = Reply::json(200, r#"{"bytes":7}"#).with("content-type", "application/json");
    let target = Target::answering([reply]).await;
    let (world, secret) = world(&target, &json!({})).await;
    let shown = test(&world, &json!({"payload": {"width": 200}})).await.body(200);
    assert_eq!((&shown["status"], &shown["excerpt"]), (&json!(200), &json!(r#"{"bytes":7}"#)));
    assert_eq!(shown["headers"], json!({"content-type": "application/json"}));
    assert_eq!(shown["outcome"], json!({"status": "completed"}));
    assert!(shown["duration_ms"].is_u64());
    let heard = target.heard();
    let [call] = heard.as_slice() else { panic!("{heard:#?}") };
    assert_eq!((call.body.as_str(), call.header("errand-test")), (r#"{"width":200}"#, "true"));
    let id = format!("{}_0", call.header("errand-task-id"));
    for (name, value) in signed(&SigningSecrets::of(secret), &id, world.now(), call.body.as_bytes()) {
        assert_eq!(call.header(name), value);
    }
    // What it has in place of a callback answers nobody, and there is no task.
    for path in [call.callback(), format!("{}/heartbeat", call.callback())] {
        let body = if path.ends_with("heartbeat") { json!({}) } else { json!({"status": "completed"}) };
        assert_eq!(code(&Call::post(&path, &body).answer(&world.app).await), (404, "not_found"));
    }
    let task = format!("/v1/tasks/{}", call.header("errand-task-id"));
    assert_eq!(Call::get(&task).answer(&world.app).await.status, 404);
    assert!(world.tasks().await.is_empty() && world.next().await.is_none());
}

#[tokio::test]
async fn it_is_judged_as_any_answer_is() {
    let follow_up = json!({"status": "completed", "follow_up": [{"task_type": "scripted", "payload": {}}]});
    let failure = json!({"status": "failed", "failure": {"message": "no", "retry": false}});
    for (reply, status, outcome) in [
        (Reply::json(202, "").with("errand-lease", "120"), 202, json!({"status": "parked", "for_s": 120})),
        (
            Reply::json(400, "password=hunter2").with("x-other", "1"),
            400,
            json!({"status": "failed", "message": "it answered 400 Bad Request: password=[redacted]"}),
        ),
        (Reply::json(503, ""), 503, json!({"status": "retried", "message": "it answered 503 Service Unavailable"})),
        (Reply::outcome(failure), 200, json!({"status": "failed", "message": "no"})),
        (
            Reply::outcome(json!({"status": "snoozed", "retry_after_s": 60})),
            200,
            json!({"status": "snoozed", "for_s": 60}),
        ),
        (
            Reply::outcome(json!({"status": "blocked", "reason": "whose?"})),
            200,
            json!({"status": "blocked", "message": "whose?"}),
        ),
        (Reply::outcome(json!({"status": "cancelled"})), 200, json!({"status": "cancelled"})),
        (Reply::outcome(json!({"status": "released"})), 200, json!({"status": "released"})),
        // Of a type whose tasks may not make any.
        (Reply::outcome(follow_up), 200, json!({"status": "retried"})),
    ] {
        let target = Target::answering([reply.clone()]).await;
        let (world, _) = world(&target, &json!({})).await;
        let shown = test(&world, &json!({})).await.body(200);
        assert_eq!(shown["status"], status, "{reply:?}");
        for (field, value) in outcome.as_object().unwrap() {
            assert_eq!(&shown["outcome"][field], value, "{reply:?}");
        }
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
        assert!(shown["headers"].get("x-other").is_none());
    }
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_shown_as_that() {
    let target = Target::answering([Reply::Nothing]).await;
    let (world, _) = world(&target, &json!({"example": {"n": 1}, "schema": {"type": "object"}})).await;
    let shown = test(&world, &json!({})).await.body(200);
    assert_eq!((shown.get("status"), &shown["outcome"]["status"]), (None, &json!("retried")));
    assert_eq!(target.heard()[0].body, r#"{"n":1}"#, "the example");
    let refused = test(&world, &json!({"payload": 3})).await;
    assert_eq!((refused.status, &refused.body["error"]["field"]), (400, &json!("payload")));
}

#[tokio::test]
async fn a_type_that_workers_do_has_nobody_to_call() {
    let world = World::new();
    super::super::put(&world.app, "resize", &json!({})).await.body(201);
    let refused = test(&world, &json!({})).await;
    assert_eq!((refused.status, &refused.body["error"]["field"]), (400, &json!("name")));
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("workers that ask"));
    let other = Call::post("/v1/task-types/other/test", &json!({})).answer(&world.app).await;
    assert_eq!(code(&other), (404, "not_found"));
}
