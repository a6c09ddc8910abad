//! A process may end before or after any one of its calls, and an answer may be lost: each pushed task ends once, with its
//! effects once and one row in its log for each execution. Its target may be called again, by the same id.

use errand::{Status, Task};
use integration_tests::{accounts::the_log_is_complete, crash::at_every_call, events::Call, world::World};
use serde_json::{Value, json};

use super::{Reply, Target, drive, enqueue, push, push_with, world};

fn end() -> Value {
    json!({"status": "completed", "output": 1, "events": [{"type": "picture.made"}],
        "follow_up": [{"task_type": "scripted", "payload": {"mark": "made"}, "user_id": "u"}]})
}

/// What is left is done without faults.
async fn rest(world: &World) {
    for _ in 0..5 {
        world.poll().await;
        push(world).await;
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
    let completed = super::super::outcomes(&log).into_iter().filter(|outcome| *outcome == "completed").count();
    assert_eq!((completed, log.len()), (1, task.executions as usize), "{log:#?}");
    assert_eq!((world.events().await.len(), world.marks("made").await), (1, 1), "told and followed once");
}

#[tokio::test]
async fn whoever_pushes_may_end_anywhere() {
    at_every_call(
        async || {
            let target = Target::answering(std::iter::repeat_n(Reply::outcome(end()), 9)).await;
            let (world, _) = world(&target, &json!({"may_enqueue": ["scripted"]})).await;
            world.put("u", &shared::domain::User::default()).await;
            enqueue(&world, json!({})).await;
            (world, target)
        },
        async |(world, _), faults| push_with(world, &faults.around(&world.app), || faults.crashed()).await,
        async |(world, target)| {
            rest(world).await;
            ended_once(world).await;
            let ids: Vec<String> = target.heard().iter().map(|call| call.header("webhook-id").to_owned()).collect();
            assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn whoever_takes_a_later_answer_may_end_anywhere() {
    at_every_call(
        async || {
            let target = Target::answering([Reply::json(202, ""), Reply::outcome(end()), Reply::outcome(end())]).await;
            let (world, _) = world(&target, &json!({"may_enqueue": ["scripted"]})).await;
            world.put("u", &shared::domain::User::default()).await;
            enqueue(&world, json!({})).await;
            push(&world).await;
            (world, target)
        },
        async |(world, target), faults| {
            let callback = target.heard()[0].callback();
            let app = faults.around(&world.app);
            let beat = Call::post(&format!("{callback}/heartbeat"), &json!({"lease_s": 60}));
            let saying = async {
                beat.answer(&app).await;
                Call::post(&callback, &end()).answer(&app).await;
            };
            drive(world, || faults.crashed(), saying).await;
        },
        async |(world, target)| {
            // Whatever they were answered: it is said again.
            Call::post(&target.heard()[0].callback(), &end()).answer(&world.app).await.body(200);
            rest(world).await;
            ended_once(world).await;
            assert_eq!(target.heard().len(), 1, "it was answered");
        },
    )
    .await;
}
