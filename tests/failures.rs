//! What failed, by what it failed of: seen, and set going again by its group, on every store.

use std::time::Duration;

use errand::{
    Asked, FailureKind, Name, Task, TaskKey,
    spi::{
        ids,
        json::Json,
        lifecycle::{KeptFailure, Report, Settlement, Trigger, apply},
        store::LOOKED_AT,
    },
};
use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::redrive::worlds;

/// A task of `queue` that failed of `message` `s` seconds ago, and whose dead letter was sent.
fn failed(world: &World, queue: &str, message: &str, s: u64) -> Task {
    let (begun, ended) = (world.now() - Duration::from_secs(s + 10), world.now() - Duration::from_secs(s));
    let key = TaskKey { tenant: Name::default(), id: ids::fresh() };
    let asked = Asked::of_type(key, Name::of("scripted"), Json::new(&json!({"acts": []})), "me".into(), begun);
    let task = Task::accept(Asked { queue: Name::new(queue).unwrap(), ..asked }, ids::fresh(), begun);
    let worker = ids::fresh();
    let running = apply(&task, Trigger::Claim { worker, lease: None }, begun).unwrap().task;
    let failure = KeptFailure::new(FailureKind::Handler, message, ended, 1);
    let settlement = Settlement::Fail { failure };
    let settle = Trigger::Settle { fence: running.fence().unwrap(), settlement, report: Report::default() };
    let failed = apply(&running, settle, ended).unwrap().task;
    Task { wake_at: None, dead_lettered_at: Some(ended), ..failed }
}

async fn insert(world: &World, tasks: Vec<Task>) -> Vec<Uuid> {
    let ids = tasks.iter().map(|task| task.key.id).collect();
    for inserted in world.app.store.insert(tasks).await {
        inserted.unwrap();
    }
    ids
}

async fn get(world: &World, path: &str) -> Value {
    Call::get(path).answer(&world.app).await.body(200)
}

/// Everything that `path` lists, a page of `limit` after the other.
async fn pages(world: &World, path: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(world, &format!("{path}&limit={limit}{cursor}")).await;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
        assert!(items.len() < 1000, "no end");
    }
}

#[tokio::test]
async fn a_group_of_failures_is_seen_and_set_going_again_alone() {
    for (world, _dir) in worlds().await {
        let of_users = (1..=5).map(|n| failed(&world, "default", &format!("no user u{n}"), n * 10)).collect();
        let of_users = insert(&world, of_users).await;
        let other = insert(&world, vec![failed(&world, "default", "the disk is full", 5)]).await;
        let found = get(&world, "/v1/failures").await;
        assert_eq!((&found["count"], &found["cursor"]), (&json!(2), &Value::Null));
        let group = &found["items"][1];
        let at = |s| json!((world.now() - Duration::from_secs(s)).to_string());
        let expected = json!({
            "fingerprint": group["fingerprint"], "project": "default", "queue": "default", "task_type": "scripted",
            "failure_kind": "handler", "message": "no user u1", "newest_task_id": of_users[0].to_string(), "tasks": 5,
            "at_least": false, "first_seen": at(50), "last_seen": at(10),
        });
        assert_eq!(*group, expected);
        let fingerprint = group["fingerprint"].as_str().unwrap();
        assert_eq!(pages(&world, &format!("/v1/dead-letters?fingerprint={fingerprint}"), 2).await.len(), 5);
        let redrive = json!({"filter": {"fingerprint": fingerprint}, "dry_run": true});
        let redrive = |dry_run: bool| json!({"filter": redrive["filter"], "dry_run": dry_run});
        let call = |body: Value| Call::post("/v1/dead-letters/redrive", &body);
        let matched = call(redrive(true)).answer(&world.app).await.body(200);
        assert_eq!(matched["matched"], json!(5));
        let done = call(redrive(false)).answer(&world.app).await.body(200);
        assert_eq!(done, json!({"done": 5, "skipped": 0, "cursor": null}));
        let left = get(&world, "/v1/failures").await;
        assert_eq!((&left["count"], &left["items"][0]["newest_task_id"]), (&json!(1), &json!(other[0].to_string())));
    }
}

#[tokio::test]
async fn every_queue_is_gone_through_and_no_group_is_told_twice_or_left_out() {
    // In DynamoDB a queue is told of once its tasks are counted.
    for (world, _dir) in worlds().await.into_iter().take(2) {
        let mut tasks = Vec::new();
        for queue in ["default", "mail", "slow"] {
            // Those of the same instant stand by their names.
            let message = |n: u64| format!("it is {}", ["red", "green", "blue", "grey"][usize::try_from(n).unwrap()]);
            tasks.extend((0..4).map(|n| failed(&world, queue, &message(n), 7 * (n / 2))));
        }
        insert(&world, tasks).await;
        let all = pages(&world, "/v1/failures?queue=*", 100).await;
        assert_eq!(all.len(), 12);
        for limit in [1, 3, 4, 5] {
            assert_eq!(pages(&world, "/v1/failures?queue=*", limit).await, all, "limit {limit}");
        }
        assert_eq!(pages(&world, "/v1/failures?queue=mail", 3).await, all[4..8]);
    }
}

#[tokio::test]
async fn a_store_that_keeps_no_count_says_that_there_may_be_more() {
    for (world, dir) in worlds().await {
        let tasks = (0..=LOOKED_AT).map(|n| failed(&world, "default", "no", n as u64)).collect();
        insert(&world, tasks).await;
        let group = &get(&world, "/v1/failures").await["items"][0];
        let counts = dir.is_some();
        let expected = if counts { (json!(LOOKED_AT + 1), json!(false)) } else { (json!(LOOKED_AT), json!(true)) };
        assert_eq!((&group["tasks"], &group["at_least"]), (&expected.0, &expected.1));
    }
}
