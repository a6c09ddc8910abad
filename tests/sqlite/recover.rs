//! The start of a process whose queue and workers were in the last one's memory.

use std::sync::Arc;

use errand::{
    Asked, Dispatch, State, Task,
    spi::{
        lifecycle::{Trigger, apply},
        store::Store,
    },
};
use integration_tests::{
    conformance::fixtures::{
        accepted, at, change, changed, claimed, complete, failed, insert, name, new, now, read, task, tenant,
    },
    events::Call,
    world::World,
};
use serde_json::json;

use super::{Fixture, before::take_back, open};

#[tokio::test]
async fn every_lease_ends_so_that_the_poller_may_reap() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let pending = insert(&store, task(&tenant())).await;
    let running = change(&store, &pending, claimed(&pending, at(1))).await;
    assert!(apply(&running, Trigger::Reap { max_losses: 5, jitter: 0.0 }, at(10)).is_err());

    assert_eq!(store.recover(at(10)).await.unwrap(), 1);
    let State::Running { worker, started_at, .. } = running.state else { panic!("{running:?}") };
    let state = State::Running { lease_expires_at: at(10), worker, started_at };
    let recovered = Task { state, wake_at: Some(at(10)), ..running };
    assert_eq!(read(&store, &recovered.key).await, recovered);
    assert_eq!(store.due(0, at(10), 9).await.unwrap().len(), 1);
    let lost = changed(&recovered, Trigger::Reap { max_losses: 5, jitter: 0.0 }, at(10));
    change(&store, &recovered, lost).await;
}

#[tokio::test]
async fn a_task_that_goes_on_elsewhere_keeps_its_lease() {
    let Fixture { store, dir: _dir } = Fixture::new();
    for dispatch in [Dispatch::Pulled, Dispatch::Pushed] {
        let pending = insert(&store, accepted(Asked { dispatch, ..new(&tenant()) })).await;
        let running = change(&store, &pending, claimed(&pending, at(1))).await;
        assert_eq!(store.recover(at(10)).await.unwrap(), 0, "{dispatch:?}");
        assert_eq!(read(&store, &running.key).await, running);
    }
}

#[tokio::test]
async fn waiting_tasks_are_looked_at_ninety_seconds_ahead_or_now() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let tenant = tenant();
    let starting = |s| accepted(Asked { scheduled_for: at(s), ..new(&tenant) });
    let due = insert(&store, starting(0)).await;
    let soon = insert(&store, starting(100 + 30)).await;
    let later = insert(&store, starting(100 + 600)).await;
    let long = insert(&store, starting(100 + 5000)).await;
    let early = insert(&store, Task { wake_at: Some(at(50)), ..starting(0) }).await;
    assert_eq!([&due, &soon, &later, &long].map(|task| task.notified), [1, 1, 1, 0]);
    store.recover(at(100)).await.unwrap();
    let expected = [(due, 100), (soon, 100), (later, 100 + 510), (long, 100 + 4910), (early, 50)];
    for (task, wake_at) in expected {
        let expected = Task { wake_at: Some(at(wake_at)), ..task };
        assert_eq!(read(&store, &expected.key).await, expected);
    }
}

#[tokio::test]
async fn the_lease_of_a_task_that_is_pulled_goes_on_also_of_one_from_before_that_could_be_said() {
    let Fixture { store, dir } = Fixture::new();
    let (dispatch, tenant) = (Dispatch::Pulled, tenant());
    let mut running = Vec::new();
    for task_type in ["run_outside", "fetch"] {
        // Of the one type of before, as the migration has it: its payload names none.
        let pool = (task_type == "run_outside").then(Default::default);
        let asked = Asked { dispatch, pool, task_type: name(task_type), ..new(&tenant) };
        let pending = insert(&store, accepted(asked)).await;
        running.push(change(&store, &pending, claimed(&pending, at(1))).await);
    }
    assert_eq!(store.recover(at(10)).await.unwrap(), 0);
    assert_eq!(read(&store, &running[1].key).await, running[1]);
    drop(store);

    // As a file of the schema before has it: the one type is pulled by its name.
    let tool = rusqlite::Connection::open(dir.path().join("errand.db")).unwrap();
    take_back(&tool, 6);
    drop(tool);
    let store = open(&dir);
    // Its workers asked for the one pool that there was.
    let mut pulled = running[0].clone();
    let asked = Arc::make_mut(&mut pulled.asked);
    (asked.pool, asked.timeout_s) = (Some(errand::Name::default()), 86_400);
    assert_eq!(read(&store, &running[0].key).await, pulled);
    assert_eq!(read(&store, &running[1].key).await.dispatch, Dispatch::Announced);
    assert_eq!(store.recover(at(10)).await.unwrap(), 1);
    assert_eq!(read(&store, &running[0].key).await, pulled);
}

#[tokio::test]
async fn a_lease_that_ended_before_the_process_did_keeps_its_end() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let pending = insert(&store, task(&tenant())).await;
    let running = change(&store, &pending, claimed(&pending, at(1))).await;
    store.recover(at(5000)).await.unwrap();
    assert_eq!(read(&store, &running.key).await, running);
}

#[tokio::test]
async fn ended_tasks_are_left_alone() {
    let Fixture { store, dir: _dir } = Fixture::new();
    let tenant = tenant();
    let done = complete(&store, task(&tenant), at(2)).await;
    let pending = insert(&store, task(&tenant)).await;
    let running = change(&store, &pending, claimed(&pending, now())).await;
    let owing = change(&store, &running, failed(&running, at(2))).await;
    assert_eq!(store.recover(at(1)).await.unwrap(), 0);
    assert_eq!(read(&store, &done.key).await, done);
    assert_eq!(read(&store, &owing.key).await, owing);
}

#[tokio::test]
async fn a_run_of_before_that_is_done_outside_is_claimed_now_and_may_take_as_long_as_its_worker_says() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::on(Arc::new(open(&dir)));
    let ask = json!({"prompt": "x", "executor": "runner", "profile": "fast"});
    let run = Call::post("/v1/runs", &ask).answer(&world.app).await.body(201);
    drop(world);
    let db = rusqlite::Connection::open(dir.path().join("errand.db")).unwrap();
    db.execute_batch("UPDATE tasks SET timeout_s = 85, pool = NULL").unwrap();
    take_back(&db, 9);
    drop(db);

    let world = World::on(Arc::new(open(&dir)));
    let claim = Call::post("/v1/claims", &json!({"worker_id": "w", "task_types": ["run_outside"], "pool": "fast"}));
    let claimed = claim.answer(&world.app).await.body(200)["items"][0].take();
    assert_eq!(claimed["details"]["run_id"], run["id"]);
    let task = world.task(claimed["task_id"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!(task.timeout_s, 86_400);
}
