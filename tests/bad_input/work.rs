//! On the work queues: a message that is none of ours is left to the queue's own limit, and stops nothing.

use integration_tests::events::Call;
use serde_json::json;
use shared::{lifecycle::Priority, queue::QueueName};

use super::{enqueue, event, message, scripted, setup, without_id};

const MEDIUM: QueueName = QueueName::Work(Priority::Medium);

#[tokio::test]
async fn a_message_of_another_system_comes_again_and_harms_no_other() {
    let setup = setup();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let task = setup.answer(&enqueue(&scripted())).await.body(201);
        ids.push(task["id"].as_str().unwrap().to_owned());
    }
    let hint = |id: &str| json!({"tenant": "default", "task": id}).to_string();
    let batch = [
        message("good", &hint(&ids[0])),
        message("theirs", r#"{"Records": [{"eventSource": "aws:s3"}]}"#),
        message("text", "hello"),
        message("empty", ""),
        message("tenant", &json!({"tenant": "a/b#c", "task": ids[2]}).to_string()),
        message("unknown", &hint("00000000-0000-0000-0000-000000000000")),
        without_id(message("", &hint(&ids[1]))),
        without_id(message("", "hello")),
        message("twice", &hint(&ids[0])),
    ];
    let response = process_task::handle(&setup.app, event(MEDIUM, &batch), None).await;
    let again: Vec<&str> = response.batch_item_failures.iter().map(|item| item.item_identifier.as_str()).collect();
    assert_eq!(again, ["theirs", "text", "empty", "tenant"]);
    for (id, status) in [(&ids[0], "completed"), (&ids[1], "completed"), (&ids[2], "pending")] {
        let task = setup.answer(&Call::get(&format!("/v1/tasks/{id}"))).await.body(200);
        assert_eq!(task["status"], status);
    }
}

#[tokio::test]
async fn a_message_from_a_queue_that_is_not_ours_comes_again() {
    let setup = setup();
    let id = setup.answer(&enqueue(&scripted())).await.body(201)["id"].as_str().unwrap().to_owned();
    let body = json!({"tenant": "default", "task": id}).to_string();
    let theirs = integration_tests::events::sqs_event("arn:aws:sqs:us-east-1:1:theirs", &[message("1", &body)]);
    let response = process_task::handle(&setup.app, theirs, None).await;
    assert_eq!(response.batch_item_failures[0].item_identifier, "1");
}
