//! What is asked of schedules: they are put, listed, paused, resumed, triggered.

use integration_tests::{events::Call, world::World};
use serde_json::json;

use super::{act, each_minute, fired, nominals, pass, put, shown, world};

#[tokio::test]
async fn a_schedule_is_put_over_the_version_that_was_read() {
    let world = world(&json!({})).await;
    let first = shown(&world).await;
    let over = async |version: &serde_json::Value, body: &serde_json::Value| {
        let call = Call::put("/v1/schedules/minutely", body).header("if-match", version.as_str().unwrap());
        call.answer(&world.app).await
    };
    pass(&world, 60).await;
    assert_eq!(shown(&world).await["version"], first["version"], "a firing changes nothing of what was asked for");
    let same = over(&first["version"], &each_minute(&json!({}))).await.body(200);
    assert_eq!(same["version"], first["version"], "the same again is nothing new");
    let other = over(&first["version"], &each_minute(&json!({"overlap": "allow"}))).await.body(200);
    assert_ne!(other["version"], first["version"]);
    assert_eq!(other["fired"], 1);
    assert_eq!(over(&first["version"], &each_minute(&json!({}))).await.status, 409);
    let mut hourly = each_minute(&json!({}));
    hourly["spec"] = json!({"every_s": 3600});
    put(&world, "minutely", &hourly).await.body(200);
    pass(&world, 120).await;
    assert_eq!(nominals(&world).await, [60]);
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_said_by_its_field() {
    let world = World::new();
    for (change, field) in [
        (json!({"spec": {"cron": ["61 * * * *"]}}), "spec.cron[0]"),
        (json!({"spec": {"cron": ["@daily"], "zone": "Mars"}}), "spec.zone"),
        (json!({"task": {"task_type": "nonsense"}}), "task.task_type"),
        (json!({"task": {"task_type": "scripted", "max_retries": 101}}), "task.max_retries"),
        (json!({"task": {"task_type": "scripted", "when": 1}}), "task.when"),
        (json!({"task": {"task_type": "scripted", "ttl_s": 0}}), "task.ttl_s"),
        (json!({"payload": {"nonsense": 1}}), "payload.nonsense"),
        (json!({"policy": {"max_buffered": 101}}), "policy.max_buffered"),
        (json!({"policy": {"window_s": 0}}), "policy.window_s"),
        (json!({"policy": {"overlap": "nonsense"}}), "policy.overlap"),
    ] {
        let mut body = each_minute(&json!({}));
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = put(&world, "s", &body).await;
        assert_eq!((answer.status, &answer.body["error"]["field"]), (400, &json!(field)), "{:?}", answer.body);
    }
    let large = json!({"text": "x".repeat(256 * 1024)});
    let mut body = each_minute(&json!({}));
    body["payload"] = large;
    assert_eq!(put(&world, "s", &body).await.status, 413);
}

#[tokio::test]
async fn schedules_are_listed_page_by_page() {
    let world = World::new();
    for id in ["b", "a", "c"] {
        put(&world, id, &each_minute(&json!({}))).await.body(201);
        world.advance(1);
    }
    let first = Call::get("/v1/schedules?limit=2").answer(&world.app).await.body(200);
    let ids = |page: &serde_json::Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&first), ["b", "a"]);
    assert!(first["items"][0].get("payload").is_none() && first["items"][0]["next"].is_array());
    let cursor = first["cursor"].as_str().unwrap();
    let second = Call::get(&format!("/v1/schedules?limit=2&cursor={cursor}")).answer(&world.app).await.body(200);
    assert_eq!(ids(&second), ["c"]);
    let other = Call::get("/v1/schedules").header("x-errand-tenant", "other").answer(&world.app).await.body(200);
    assert_eq!(other["count"], 0);
}

#[tokio::test]
async fn while_it_is_paused_nothing_fires_and_nothing_is_made_up_for() {
    let world = world(&json!({"catch_up": "all"})).await;
    let paused = act(&world, "pause", &json!({"note": "the disk is full"})).await.body(200);
    assert_eq!((&paused["paused"]["by"], &paused["paused"]["note"]), (&json!("local"), &json!("the disk is full")));
    pass(&world, 200).await;
    assert_eq!(nominals(&world).await, [0; 0]);
    assert_eq!(world.next().await, None, "nobody looks at it");
    let resumed = act(&world, "resume", &json!({})).await.body(200);
    assert_eq!((resumed.get("paused"), &resumed["missed"]), (None, &json!(0)));
    pass(&world, 60).await;
    assert_eq!(nominals(&world).await, [240]);
}

#[tokio::test]
async fn a_task_that_is_asked_for_now_is_made_once_under_its_key() {
    let world = world(&json!({})).await;
    act(&world, "pause", &json!({})).await.body(200);
    let call = || Call::post("/v1/schedules/minutely/trigger", &json!({})).header("idempotency-key", "k");
    let first = call().answer(&world.app).await.body(201);
    let again = call().answer(&world.app).await.body(200);
    assert_eq!((&first["id"], &first["schedule"]["id"]), (&again["id"], &json!("minutely")));
    act(&world, "trigger", &json!({})).await.body(201);
    assert_eq!(fired(&world).await.len(), 2);
    pass(&world, 10).await;
    assert_eq!((world.marks("m").await, &shown(&world).await["fired"]), (2, &json!(2)));
}
