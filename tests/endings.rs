//! What a handler says ends with its task goes with whatever ends it, once for each end.

use integration_tests::world::World;
use serde_json::{Value, json};
use shared::lifecycle::Status;

#[tokio::test]
async fn what_ends_with_a_failed_task_is_said_once_and_its_dead_letter_sent_once() {
    let world = World::new();
    let id = world.scripted(&json!({"acts": [{"fail_for_good": "no"}], "mark": "m"})).await;
    world.deliver_all().await;
    world.advance(60);
    world.poll().await;
    assert!(world.task(id).await.dead_lettered_at.is_some());
    assert_eq!((world.marks("m.ended").await, world.letters().len()), (1, 1));
}

#[tokio::test]
async fn a_task_can_end_twice_though_what_ends_with_it_is_there_already() {
    let world = World::new();
    let id = world.enqueue(&json!({"task_type": "scripted", "delay_s": 3600, "payload": {"mark": "m"}})).await;
    for route in ["cancel", "retry", "cancel"] {
        let (status, answer) =
            world.request(&format!("POST /v1/tasks/{{id}}/{route}"), Some(id), &Value::Null, None).await;
        assert_eq!(status, 200, "{route}: {answer}");
    }
    assert_eq!(world.task(id).await.status(), Status::Cancelled);
    assert_eq!(world.marks("m.ended").await, 1);
}
