//! A process may end before or after any one of its calls, and an answer may be lost: each task of a worker outside ends
//! once, with its effects once and one row in its log.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use errand::{Status, Task};
use integration_tests::{accounts::the_log_is_complete, crash::at_every_call, events::Call, world::World};
use serde_json::{Value, json};

use super::{claim, enqueue, finish, outcomes, put, world};

/// How a task ends: with another, and an event.
fn end() -> Value {
    json!({"status": "completed", "output": 1, "events": [{"type": "picture.made"}],
        "follow_up": [{"task_type": "scripted", "payload": {"mark": "made"}}]})
}

/// A worker without faults does what is left; others come for what was lost.
async fn rest(world: &World) {
    for _ in 0..5 {
        world.poll().await;
        for claimed in claim(&world.app, json!({"worker_id": "w-2"}), None).await {
            finish(&world.app, &claimed, end()).await.body(200);
        }
        world.advance(130);
    }
    world.drain().await;
}

async fn the_task(world: &World) -> Task {
    let tasks: Vec<Task> = world.tasks().await.into_iter().filter(|task| task.parent_id.is_none()).collect();
    let [task] = tasks.as_slice() else { panic!("{tasks:#?}") };
    task.clone()
}

async fn ended_once(world: &World) {
    let task = the_task(world).await;
    the_log_is_complete(world, &task).await;
    assert_eq!(task.status(), Status::Completed);
    let log = world.log(task.key.id).await;
    assert_eq!(outcomes(&log).iter().filter(|outcome| **outcome == "completed").count(), 1, "{log:#?}");
    assert_eq!(log.len(), task.executions as usize, "one row an execution");
    assert_eq!(world.events().await.len(), 1, "told once");
    assert_eq!(world.marks("made").await, 1, "followed once");
}

async fn worker(app: &errand::App) {
    let mut body = json!({"worker_id": "w-1", "task_types": ["resize"], "max": 10});
    body["lease_s"] = json!(60);
    let call = Call::post("/v1/claims", &body).header("idempotency-key", "k");
    // Without an answer it says the same again.
    let mut answer = call.answer(app).await;
    if answer.status != 200 {
        answer = call.answer(app).await;
    }
    for claimed in answer.body["items"].as_array().into_iter().flatten() {
        if finish(app, claimed, end()).await.status >= 500 {
            finish(app, claimed, end()).await;
        }
    }
}

#[tokio::test]
async fn a_worker_outside_and_whoever_answers_it_may_end_anywhere() {
    at_every_call(
        async || {
            let world = world().await;
            put(&world.app, "resize", &json!({"may_enqueue": ["scripted"]})).await.body(200);
            world.put("u", &shared::domain::User::default()).await;
            enqueue(&world, json!({})).await;
            world
        },
        async |world, faults| {
            let app = faults.around(&world.app);
            world.run_unless(|| faults.crashed(), worker(&app)).await;
        },
        async |world| {
            rest(world).await;
            ended_once(world).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_held_by_whoever_says_it_again() {
    let lost = AtomicUsize::new(0);
    at_every_call(
        async || {
            let world = world().await;
            enqueue(&world, json!({})).await;
            world
        },
        async |world, faults| {
            let app = faults.around(&world.app);
            let call = Call::post("/v1/claims", &asked("w-1")).header("idempotency-key", "k");
            world.run_unless(|| faults.crashed(), call.answer(&app)).await;
        },
        async |world| {
            let before = the_task(world).await;
            lost.fetch_add(usize::from(before.status() == Status::Running), Relaxed);
            // What it has taken it is told of, said again. What it had only written down it goes for no more: others have it.
            let again = claim(&world.app, asked("w-1"), Some("k")).await;
            let others = claim(&world.app, asked("w-2"), None).await;
            assert_eq!(again.len() + others.len(), 1, "one has it, and knows: {before:#?}");
            assert!(again.len() == 1 || before.status() == Status::Pending, "{before:#?}");
            let task = the_task(world).await;
            let held = again.iter().chain(&others).next().map(|held| &held["task_id"]);
            assert_eq!((task.executions, held), (1, Some(&json!(task.key.id))));
        },
    )
    .await;
    assert!(lost.into_inner() > 0, "no answer was lost");
}

/// What a worker asks for, of one name and with the same words each time.
fn asked(worker: &str) -> Value {
    json!({"worker_id": worker, "task_types": ["resize"], "max": 10})
}
