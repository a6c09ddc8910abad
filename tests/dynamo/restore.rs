//! The guide's restore: the items of an instant are copied back over the table, and what has run since is still in the log.

use std::{sync::Arc, time::Duration};

use errand::{
    Priority, Status,
    spi::{
        lifecycle::{Trigger, log::LogEntry},
        queue::QueueName,
        store,
    },
};
use integration_tests::{
    events::Call,
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};
use shared::domain::User;
use uuid::Uuid;

use super::{Item, Setup, change, setup};

const GUIDE: &str = include_str!("../../docs/operations.md");

/// What the guide copies: everything but the counters and how far they stand.
async fn snapshot(setup: &Setup) -> Vec<Item> {
    let items = setup.client.scan().table_name(&setup.tables.tasks).into_paginator().items().send();
    let items = items.collect::<Result<Vec<_>, _>>().await.unwrap();
    let is_counter = |item: &Item| ["c#", "w#"].iter().any(|start| item["pk"].as_s().unwrap().starts_with(start));
    items.into_iter().filter(|item| !is_counter(item)).collect()
}

/// As [`World::deliver_all`], but not under its clock, which moves on while DynamoDB is waited for.
pub(super) async fn deliver_all(world: &World) {
    let from = QueueName::Work(Priority::Medium);
    loop {
        let received = world.queue.receive(from, 10, VISIBILITY);
        if received.is_empty() {
            return;
        }
        process(&world.app, &world.queue, from, received).await;
    }
}

/// Three tasks: one waits for its first execution, one for its second, one runs.
async fn begun(world: &World) -> [Uuid; 3] {
    let waits = json!({"acts": [{"fail": "once"}, "complete"], "mark": "a", "then": {"mark": "b"}});
    let second = world.scripted(&waits).await;
    deliver_all(world).await;
    assert_eq!(world.task(second).await.executions, 1);
    let third = world.scripted(&json!({"acts": [{"fail": "once"}, "complete"], "mark": "c"})).await;
    let (claim, _) =
        change(&world.task(third).await, Trigger::Claim { worker: Uuid::new_v4(), lease: None }, world.now());
    store::commit(&*world.app.store, claim).await.unwrap();
    [world.scripted(&waits).await, second, third]
}

/// Delivers and polls until nothing is left to come; what never ends is left after a while.
async fn ended(world: &World, ids: [Uuid; 3]) -> Vec<Vec<LogEntry>> {
    for _ in 0..30 {
        deliver_all(world).await;
        poller::handle(&world.app, None).await;
        match world.next().await {
            None => break,
            Some(at) => world.clock.set(at.max(world.now() + Duration::from_secs(1))),
        }
    }
    let mut logs = Vec::new();
    for id in ids {
        assert_eq!(world.task(id).await.status(), Status::Completed, "{:#?}", world.task(id).await);
        logs.push(world.log(id).await);
    }
    logs
}

#[tokio::test]
async fn after_a_restore_everything_ends_and_the_log_keeps_what_was_and_what_is() {
    let setup = setup().await;
    let world = World::on(Arc::new(setup.store.clone()));
    world.put("u", &User::default()).await;
    let ids = begun(&world).await;
    let at_the_instant = snapshot(&setup).await;
    let before = ended(&world, ids).await;

    for item in at_the_instant {
        setup.put(item).await;
    }
    let restored = world.task(ids[2]).await;
    assert_eq!(restored.status(), Status::Running);
    let after = ended(&world, ids).await;

    for ((id, before), after) in ids.iter().zip(before).zip(after) {
        assert!(after.len() > before.len(), "what ran again has rows of its own");
        assert_eq!(after[..before.len()], before, "and no row is ever changed");
        let seqs: Vec<u64> = after.iter().map(|row| row.seq).collect();
        assert_eq!(seqs, (1..=after.len() as u64).collect::<Vec<_>>(), "without gaps");
        assert_eq!(world.task(*id).await.log_seq, after.len() as u64);
    }
}

/// Asks a function over HTTP.
async fn post(world: &World, path: &str, body: Value) -> (u16, Value) {
    let answered = Call::post(path, &body).answer(&world.app).await;
    (answered.status, answered.body)
}

/// Whether the guide's `keys` tells of it.
fn is_deleted(item: &Item) -> bool {
    let line = GUIDE.lines().find(|line| line.contains("#run_event#")).unwrap();
    let mut kinds = line.split('"').filter(|word| word.starts_with('#') && word.ends_with('#'));
    kinds.any(|kind| item["pk"].as_s().unwrap().contains(kind))
}

#[tokio::test]
async fn after_a_restore_an_agent_run_goes_on_once_what_it_wrote_since_is_deleted() {
    let setup = setup().await;
    let world = World::on(Arc::new(setup.store.clone()));
    let run = post(&world, "/v1/runs", json!({"prompt": "look", "executor": "runner"})).await.1;
    let path = format!("/v1/runs/{}", run["id"].as_str().unwrap());
    let claim = json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "default"});
    let claimed = post(&world, "/v1/claims", claim).await.1["items"][0].take();
    let finish = format!("/v1/tasks/{}/finish", claimed["task_id"].as_str().unwrap());
    let (lease, events) = (&claimed["lease_token"], format!("{path}/events"));
    let says = |text: &str| {
        let event = json!({"type": "assistant_message", "payload": {"text": text}});
        json!({"lease_token": lease, "events": [event]})
    };
    let end = json!({"lease_token": lease, "status": "completed", "output": {"result": "done"}});
    assert_eq!(post(&world, &events, says("before")).await.0, 200);
    let at_the_instant = snapshot(&setup).await;
    assert_eq!(post(&world, &events, says("lost")).await.0, 200);
    assert_eq!(post(&world, &finish, end.clone()).await.1["status"], "completed");

    for item in at_the_instant.clone() {
        setup.put(item).await;
    }
    assert_ne!(post(&world, &events, says("again")).await.0, 200, "what was written since stands in its way");
    let since = snapshot(&setup).await.into_iter();
    let since: Vec<Item> = since.filter(|item| is_deleted(item) && !at_the_instant.contains(item)).collect();
    setup.delete(&since).await;
    assert_eq!(post(&world, &events, says("again")).await.0, 200);
    let (status, ended) = post(&world, &finish, end).await;
    assert_eq!((status, &ended["status"]), (200, &json!("completed")), "{ended:#}");
    let told = Call::get(&events).answer(&world.app).await.body(200);
    let told = told["items"].as_array().unwrap();
    let texts: Vec<_> = told.iter().filter_map(|event| event["payload"]["text"].as_str()).collect();
    assert_eq!(texts[..2], ["before", "again"], "{told:#?}");
    assert!(told.iter().zip(1..).all(|(event, seq)| event["seq"] == seq), "{told:#?}");
}
