//! A process may end before or after any one of its calls, and an answer may be lost: each task of a worker outside ends
//! once, with its effects once and one row in its log.

use errand::{Status, Task};
use integration_tests::{
    accounts::the_log_is_complete,
    faults::{Fault, Faults},
    world::World,
};
use serde_json::{Value, json};

use super::{claim, enqueue, finish, outcomes, put, world};

/// A story with more calls than this has no end.
const MOST_CALLS: usize = 60;

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
    let call = integration_tests::events::Call::post("/v1/claims", &body).header("idempotency-key", "k");
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
    for fault in Fault::ALL {
        for nth in 0..MOST_CALLS {
            let world = world().await;
            put(&world.app, "resize", &json!({"may_enqueue": ["scripted"]})).await.body(200);
            world.put("u", &shared::domain::User::default()).await;
            enqueue(&world, json!({})).await;
            let faults = Faults::at(nth, fault);
            let app = faults.around(&world.app);
            world.run_unless(|| faults.crashed(), worker(&app)).await;
            #[allow(clippy::print_stdout)] // shown if what follows fails
            {
                println!("{fault:?} at call {nth}");
            }
            rest(&world).await;
            ended_once(&world).await;
            if faults.calls() <= nth {
                assert!(nth > 0, "nothing was called");
                break;
            }
            assert!(nth + 1 < MOST_CALLS, "it never came to its end");
        }
    }
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_held_by_whoever_says_it_again() {
    for nth in 0..MOST_CALLS {
        let world = world().await;
        enqueue(&world, json!({})).await;
        let faults = Faults::at(nth, Fault::CrashAfter);
        let app = faults.around(&world.app);
        let asked = world.run_unless(|| faults.crashed(), claim(&app, json!({}), Some("k"))).await;
        if asked.is_none() {
            let held = the_task(&world).await.status() == Status::Running;
            let again = claim(&world.app, json!({}), Some("k")).await;
            assert_eq!(again.len(), usize::from(held || again.len() == 1), "after call {nth}");
        }
        if faults.calls() <= nth {
            return;
        }
    }
    panic!("it never came to its end");
}
