//! Workers outside: claims, leases, heartbeats.

use std::sync::Arc;

use errand::{
    Priority, Status,
    spi::{bell::Bell, queue::QueueName},
};
use futures::poll;
use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};

use super::{ask, claim, claim_one, code, enqueue, finish, outcomes, put, world};

async fn beat(world: &World, claimed: &[&Value]) -> Value {
    let leases: Vec<Value> = claimed
        .iter()
        .map(|claimed| json!({"task_id": claimed["task_id"], "lease_token": claimed["lease_token"]}))
        .collect();
    ask(world, "/v1/claims/heartbeat", json!({"worker_id": "w-1", "leases": leases})).await.body(200)
}

#[tokio::test]
async fn a_task_of_a_users_type_is_claimed_and_ended_and_nobody_here_is_told_of_it() {
    let world = world().await;
    let id = enqueue(&world, json!({"width": 3})).await;
    assert_eq!(world.queue.depth(QueueName::Work(Priority::Medium)), 0);
    let claimed = claim_one(&world).await;
    assert_eq!(claimed["payload"], json!({"width": 3}));
    assert_eq!((&claimed["attempt"], &claimed["task_type"]), (&json!(1), &json!("resize")));
    assert!(claim(&world.app, json!({}), None).await.is_empty(), "it is held");
    let ended = finish(&world.app, &claimed, json!({"status": "completed", "output": {"ok": true}})).await.body(200);
    assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!({"ok": true})));
    // Its answer may have been lost.
    let again = finish(&world.app, &claimed, json!({"status": "completed", "output": {"ok": true}})).await.body(200);
    assert_eq!(again, ended);
    assert_eq!(code(&finish(&world.app, &claimed, json!({"status": "cancelled"})).await), (409, "lease_conflict"));
    assert_eq!(outcomes(&world.log(id).await), ["completed"]);
}

#[tokio::test]
async fn a_claim_under_a_key_is_answered_again_with_what_it_holds_still() {
    let world = world().await;
    for n in 0..3 {
        enqueue(&world, json!({ "n": n })).await;
    }
    let first = claim(&world.app, json!({"max": 2}), Some("k")).await;
    assert_eq!(first.len(), 2);
    assert_eq!(claim(&world.app, json!({"max": 2}), Some("k")).await, first);
    finish(&world.app, &first[0], json!({"status": "completed"})).await.body(200);
    assert_eq!(claim(&world.app, json!({"max": 2}), Some("k")).await, first[1..]);
    let body = json!({"worker_id": "w-1", "task_types": ["resize"], "max": 1});
    let other = Call::post("/v1/claims", &body).header("idempotency-key", "k").answer(&world.app).await;
    assert_eq!(code(&other), (409, "conflict"), "another claim under its key");
    // Another worker's keys are its own.
    let others = claim(&world.app, json!({"worker_id": "w-2", "max": 2}), Some("k")).await;
    assert_eq!(others.len(), 1);
    assert!(!first.contains(&others[0]));
}

#[tokio::test]
async fn a_lost_workers_task_is_anothers_and_what_it_says_late_is_refused() {
    let world = world().await;
    let id = enqueue(&world, json!({})).await;
    let lost = claim_one(&world).await;
    world.advance(121);
    world.poll().await;
    let found = claim_one(&world).await;
    assert_eq!(found["attempt"], 2);
    assert_ne!(found["lease_token"], lost["lease_token"]);
    assert_eq!(code(&finish(&world.app, &lost, json!({"status": "completed"})).await), (409, "lease_conflict"));
    let news = beat(&world, &[&lost, &found]).await;
    assert_eq!((&news["items"][0]["lost"], &news["items"][1].get("lost")), (&json!(true), &None));
    finish(&world.app, &found, json!({"status": "completed"})).await.body(200);
    assert_eq!(outcomes(&world.log(id).await), ["lost", "completed"]);
}

#[tokio::test]
async fn a_heartbeat_keeps_a_task_until_its_time_is_over() {
    let world = world().await;
    put(&world.app, "resize", &json!({"timeout_s": 100})).await.body(200);
    let id = enqueue(&world, json!({})).await;
    let claimed = claim_one(&world).await;
    for _ in 0..3 {
        world.advance(30);
        let news = beat(&world, &[&claimed]).await;
        assert!(news["items"][0]["lease_expires_at"].as_str().unwrap() <= claimed["deadline"].as_str().unwrap());
        world.poll().await;
        assert_eq!(world.task(id).await.status(), Status::Running);
    }
    world.advance(11);
    beat(&world, &[&claimed]).await;
    world.poll().await;
    assert_eq!(outcomes(&world.log(id).await), ["lost"], "a worker that never ends is no reason to wait for ever");
}

#[tokio::test]
async fn a_worker_says_how_far_it_is_and_whoever_has_the_task_next_knows() {
    let world = world().await;
    let id = enqueue(&world, json!({})).await;
    let claimed = claim_one(&world).await;
    let said = async |world: &World, claimed: &Value, progress: Value| {
        let lease = json!({"task_id": id, "lease_token": claimed["lease_token"], "progress": progress});
        ask(world, "/v1/claims/heartbeat", json!({"worker_id": "w-1", "leases": [lease]})).await
    };
    let shown = async || Call::get(&format!("/v1/tasks/{id}")).answer(&world.app).await.body(200);
    assert!(claimed.get("progress").is_none() && shown().await.get("progress").is_none());
    said(&world, &claimed, json!({"done": 3, "of": 10})).await.body(200);
    assert_eq!(shown().await["progress"], json!({"done": 3, "of": 10}));
    // Who says nothing of it takes nothing back.
    beat(&world, &[&claimed]).await;
    said(&world, &claimed, Value::Null).await.body(200);
    assert_eq!(shown().await["progress"]["done"], 3);
    let long = said(&world, &claimed, json!("x".repeat(4095))).await;
    assert_eq!((long.status, &long.body["error"]["field"]), (400, &json!("leases[0].progress")));
    said(&world, &claimed, json!("x".repeat(4094))).await.body(200);
    said(&world, &claimed, json!({"done": 7})).await.body(200);
    world.advance(121);
    world.poll().await;
    let next = claim_one(&world).await;
    assert_eq!((&next["attempt"], &next["progress"]), (&json!(2), &json!({"done": 7})));
    // Who has lost it says nothing of it any more.
    assert_eq!(said(&world, &claimed, json!({"done": 9})).await.body(200)["items"][0]["lost"], true);
    finish(&world.app, &next, json!({"status": "completed"})).await.body(200);
    assert_eq!(shown().await["progress"], json!({"done": 7}));
}

#[tokio::test]
async fn a_worker_hears_of_a_task_that_was_called_off() {
    let world = world().await;
    let id = enqueue(&world, json!({})).await;
    let claimed = claim_one(&world).await;
    ask(&world, &format!("/v1/tasks/{id}/cancel"), json!({})).await.body(200);
    let news = beat(&world, &[&claimed]).await;
    assert_eq!(news["items"], json!([{"task_id": id, "lost": true, "cancel": true}]));
    assert_eq!(code(&finish(&world.app, &claimed, json!({"status": "completed"})).await), (409, "lease_conflict"));
}

#[tokio::test]
async fn a_worker_that_is_to_drain_is_given_nothing() {
    let world = world().await;
    enqueue(&world, json!({})).await;
    let said = json!({"task_types": ["resize"], "capacity": 4, "state": "drain"});
    Call::put("/v1/workers/w-1", &said).answer(&world.app).await.body(201);
    let body = json!({"worker_id": "w-1", "task_types": ["resize"]});
    let answer = ask(&world, "/v1/claims", body.clone()).await.body(200);
    assert_eq!((&answer["count"], &answer["state"]), (&json!(0), &json!("drain")));
    assert_eq!(beat(&world, &[]).await["state"], "drain");
    Call::put("/v1/workers/w-1", &json!({})).answer(&world.app).await.body(200);
    assert_eq!(ask(&world, "/v1/claims", body).await.body(200)["count"], 1);
    let workers = Call::get("/v1/workers").answer(&world.app).await.body(200);
    assert_eq!((&workers["count"], &workers["items"][0]["id"]), (&json!(1), &json!("w-1")));
}

#[tokio::test]
async fn tasks_are_given_out_by_priority_and_no_more_than_an_answer_takes() {
    let world = world().await;
    let request =
        |priority: &str, payload: Value| json!({"task_type": "resize", "payload": payload, "priority": priority});
    for priority in ["low", "urgent", "medium"] {
        ask(&world, "/v1/tasks", request(priority, json!({"is": priority}))).await.body(201);
    }
    let given = claim(&world.app, json!({}), None).await;
    let order: Vec<&str> = given.iter().map(|item| item["payload"]["is"].as_str().unwrap()).collect();
    assert_eq!(order, ["urgent", "medium", "low"]);
    for _ in 0..30 {
        enqueue(&world, json!({"text": "x".repeat(200_000)})).await;
    }
    let given = claim(&world.app, json!({"max": 50}), None).await;
    assert_eq!(given.len(), 20, "of 200 KB each, in 4 MiB");
    assert_eq!(claim(&world.app, json!({"max": 50}), None).await.len(), 10, "the others were not taken");
}

#[tokio::test]
async fn several_end_at_once_each_for_itself_and_the_next_are_given() {
    let world = world().await;
    for n in 0..3 {
        enqueue(&world, json!({ "n": n })).await;
    }
    let held = claim(&world.app, json!({"max": 2}), None).await;
    let end = |claimed: &Value, more: Value| {
        let mut end = json!({"task_id": claimed["task_id"], "lease_token": claimed["lease_token"]});
        end.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        end
    };
    let body = json!({
        "items": [
            end(&held[0], json!({"status": "completed"})),
            end(&held[1], json!({"status": "blocked"})),
            end(&held[1], json!({"status": "completed", "surprise": 1})),
            {"task_id": "none"},
        ],
        "claim": {"worker_id": "w-1", "task_types": ["resize"], "max": 5},
    });
    let answer = ask(&world, "/v1/claims/finish", body).await.body(200);
    let status = |n: usize| answer["items"][n]["status"].as_u64().unwrap();
    assert_eq!([0, 1, 2, 3].map(status), [200, 400, 400, 400]);
    assert_eq!(answer["items"][0]["task_status"], "completed");
    assert_eq!(answer["items"][1]["error"]["field"], "reason");
    assert!(answer["items"][2]["error"]["message"].as_str().unwrap().contains("surprise"));
    assert_eq!(answer["claim"]["count"], 1);
}

#[tokio::test]
async fn a_claim_that_waits_is_answered_once_a_task_is_there() {
    let mut world = world().await;
    world.app.services.bell = Some(Bell::default());
    let world = Arc::new(world);
    let mut waiting = std::pin::pin!(claim(&world.app, json!({"wait_s": 20}), None));
    assert!(poll!(waiting.as_mut()).is_pending());
    let id = enqueue(&world, json!({})).await;
    let given = waiting.await;
    assert_eq!(given[0]["task_id"], json!(id));
    // What becomes due without anybody's doing is seen within a second.
    let later = json!({"task_type": "resize", "payload": {}, "delay_s": 5});
    ask(&world, "/v1/tasks", later).await.body(201);
    let begun = world.now();
    assert_eq!(world.run(claim(&world.app, json!({"wait_s": 20}), None)).await.len(), 1);
    assert!((5..=6).contains(&world.now().since(begun).as_secs()));
    let begun = world.now();
    assert!(world.run(claim(&world.app, json!({"wait_s": 20}), None)).await.is_empty());
    assert_eq!(world.now().since(begun).as_secs(), 20);
}

#[tokio::test]
async fn where_nothing_waits_a_worker_is_told_to_wait_ever_longer() {
    let world = world().await;
    let mut told = Vec::new();
    for idle in [0, 1, 2, 3, 4, 99] {
        let body = json!({"worker_id": "w", "task_types": ["resize"], "wait_s": 20, "idle": idle});
        told.push(ask(&world, "/v1/claims", body).await.body(200)["poll_after_s"].as_u64().unwrap());
    }
    assert_eq!(told, [1, 2, 4, 8, 15, 15]);
}

#[tokio::test]
async fn only_its_pool_takes_a_task() {
    let world = world().await;
    put(&world.app, "resize", &json!({"pool": "gpu"})).await.body(200);
    enqueue(&world, json!({})).await;
    assert!(claim(&world.app, json!({}), None).await.is_empty());
    assert!(claim(&world.app, json!({"pool": "cpu"}), None).await.is_empty());
    assert_eq!(claim(&world.app, json!({"pool": "gpu"}), None).await.len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_claim_is_said_where() {
    let world = world().await;
    for (more, field) in [
        (json!({"task_types": []}), "task_types"),
        (json!({"task_types": ["resise"]}), "task_types"),
        (json!({"task_types": ["scripted"]}), "task_types"),
        (json!({"task_types": ["resize", "resize"]}), "task_types"),
        (json!({"max": 51}), "max"),
        (json!({"wait_s": 21}), "wait_s"),
        (json!({"lease_s": 9}), "lease_s"),
        (json!({"worker_id": ""}), "worker_id"),
    ] {
        let mut body = json!({"worker_id": "w", "task_types": ["resize"]});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let answer = ask(&world, "/v1/claims", body).await;
        assert_eq!((answer.status, &answer.body["error"]["field"]), (400, &json!(field)), "{:#}", answer.body);
    }
}
