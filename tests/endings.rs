//! What comes of a task's end: what ends with it, its dead letter, its follow-ups, and how it is set going again.

use std::time::Duration;

use errand::{
    Priority, Status,
    spi::{
        lifecycle::log::LogKind,
        queue::{OutMessage, Queue, QueueName},
    },
};
use integration_tests::{events::REQUEST_ID, world::World};
use serde_json::{Value, json};

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

#[tokio::test]
async fn a_dead_letter_moved_back_sets_its_task_going_once() {
    let world = World::new();
    let id = world.scripted(&json!({"acts": [{"fail_for_good": "no"}]})).await;
    world.deliver_all().await;
    let letter = serde_json::to_string(&world.letters()[0]).unwrap();
    for _ in 0..2 {
        let message = OutMessage { body: letter.clone(), delay: Duration::ZERO, group: None, attributes: vec![] };
        drop(world.queue.send(QueueName::Work(Priority::Medium), vec![message]).await);
        world.drain().await;
    }
    let task = world.task(id).await;
    assert_eq!((task.status(), task.redrives, task.executions), (Status::Failed, 1, 2));
    assert_eq!(world.letters().len(), 2, "one for each failure");
    let rows = world.log(id).await;
    let redrives: Vec<_> = rows.iter().filter(|row| row.kind == LogKind::Redrive).collect();
    assert_eq!(redrives.iter().map(|row| row.by.as_deref()).collect::<Vec<_>>(), [Some("dead-letter queue")]);
}

#[tokio::test]
async fn a_dead_letter_moved_back_late_changes_nothing() {
    let world = World::new();
    let id = world.scripted(&json!({"acts": [{"fail_for_good": "no"}, {"fail_for_good": "no"}, "complete"]})).await;
    world.deliver_all().await;
    let letter = serde_json::to_string(&world.letters()[0]).unwrap();
    for (status, executions) in [(Status::Failed, 2), (Status::Completed, 3)] {
        // An operator was faster; the task has failed once more, and then ended well.
        world.request("POST /v1/tasks/{id}/retry", Some(id), &Value::Null, None).await;
        world.drain().await;
        let before = world.task(id).await;
        assert_eq!((before.status(), before.executions), (status, executions));
        let message = OutMessage { body: letter.clone(), delay: Duration::ZERO, group: None, attributes: vec![] };
        drop(world.queue.send(QueueName::Work(Priority::Medium), vec![message]).await);
        world.drain().await;
        assert_eq!(world.task(id).await, before);
    }
}

#[tokio::test]
async fn an_expired_task_that_is_redriven_runs() {
    let world = World::new();
    let expires_at = world.now() + Duration::from_secs(60);
    let id = world.enqueue(&json!({"task_type": "scripted", "payload": {}, "expires_at": expires_at})).await;
    world.advance(60);
    world.deliver_all().await;
    let expired = world.task(id).await;
    assert_eq!((expired.status(), expired.executions), (Status::Failed, 0));
    world.request("POST /v1/tasks/{id}/retry", Some(id), &Value::Null, None).await;
    world.drain().await;
    assert_eq!(world.task(id).await.status(), Status::Completed);
}

#[tokio::test]
async fn a_follow_up_is_told_of_at_once() {
    let world = World::new();
    world.scripted(&json!({"then": {"mark": "then"}})).await;
    world.deliver_all().await;
    assert_eq!(world.marks("then").await, 1, "without a poll");
}

#[tokio::test]
async fn what_comes_of_a_request_names_it() {
    let world = World::new();
    world.scripted(&json!({"publish": "first", "then": {"publish": "second"}})).await;
    world.drain().await;
    let (tasks, events) = (world.tasks().await, world.events().await);
    assert_eq!((tasks.len(), events.len()), (2, 2));
    assert!(tasks.iter().all(|task| task.request_id.as_deref() == Some(REQUEST_ID)), "{tasks:#?}");
    assert!(events.iter().all(|event| event["request_id"] == REQUEST_ID), "{events:#?}");
}

#[tokio::test]
async fn a_task_that_is_asked_for_again_after_its_expiry_is_the_first_one() {
    let world = World::new();
    let expires_at = world.now() + Duration::from_secs(60);
    let body =
        |key: &str| json!({"task_type": "scripted", "payload": {}, "expires_at": expires_at, "idempotency_key": key});
    let other =
        json!({"task_type": "scripted", "payload": {"mark": "m"}, "expires_at": expires_at, "idempotency_key": "k"});
    let id = world.enqueue(&body("k")).await;
    world.deliver_all().await;
    world.advance(61);
    let ask = async |body: &Value| {
        let (status, answer) = world.request("POST /v1/tasks", None, body, None).await;
        (status, answer["id"].clone(), answer["error"]["field"].clone())
    };
    assert_eq!(ask(&body("k")).await, (200, json!(id), Value::Null));
    assert_eq!(ask(&body("new")).await, (400, Value::Null, json!("expires_at")));
    assert_eq!(ask(&other).await, (409, Value::Null, json!("idempotency_key")));
    // In a batch each is answered for itself.
    let fresh = json!({"task_type": "scripted", "payload": {}});
    let batch = json!({"tasks": [body("new"), fresh, body("k"), other, fresh]});
    let (_, answer) = world.request("POST /v1/tasks/batch", None, &batch, None).await;
    let statuses: Vec<&Value> = answer["items"].as_array().unwrap().iter().map(|item| &item["status"]).collect();
    assert_eq!(statuses, [400, 201, 200, 409, 201], "{answer}");
    assert_eq!(answer["items"][2]["task"]["id"], json!(id));
}
