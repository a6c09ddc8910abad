//! On the work queues: a message that is none of ours is put aside at once with the reason, and stops nothing.

use std::time::Duration;

use errand::{
    Priority,
    spi::queue::{QueueName, Received},
};
use integration_tests::{
    events::Call,
    faults::{Fault, Faults},
};
use serde_json::json;

use super::{enqueue, event, message, scripted, setup, without_id};

const MEDIUM: QueueName = QueueName::Work(Priority::Medium);

#[tokio::test]
async fn a_message_of_another_system_is_put_aside_and_harms_no_other() {
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
    assert!(response.batch_item_failures.is_empty(), "{response:?}");
    let letters = letters(&setup);
    let told: Vec<_> = letters.iter().map(|letter| (letter.body.as_str(), reason(letter))).collect();
    let expected = [
        (batch[1].body().unwrap(), "missing field `tenant`"),
        ("hello", "not JSON: expected value"),
        ("", "not JSON: EOF"),
        (batch[4].body().unwrap(), "expected 1 to 64 of the characters"),
        ("hello", "not JSON: expected value"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for ((body, why), (expected, sentence)) in told.iter().zip(expected) {
        assert!(*body == expected && why.starts_with(sentence), "{body}: {why}");
    }
    for (id, status) in [(&ids[0], "completed"), (&ids[1], "completed"), (&ids[2], "pending")] {
        let task = setup.answer(&Call::get(&format!("/v1/tasks/{id}"))).await.body(200);
        assert_eq!(task["status"], status);
    }
}

#[tokio::test]
async fn a_letter_that_is_moved_back_is_put_aside_again() {
    let setup = setup();
    for times in 1..=2 {
        process_task::handle(&setup.app, event(MEDIUM, &[message("1", "hello")]), None).await;
        let letters = letters(&setup);
        assert_eq!((letters.len(), letters[0].body.as_str()), (1, "hello"), "{times}");
        setup.queue.delete(QueueName::DeadLetter, &letters[0].receipt);
    }
}

#[tokio::test]
async fn a_message_that_could_not_be_put_aside_comes_again() {
    let setup = setup();
    let app = Faults::at(1, Fault::Unavailable).around(&setup.app); // the first call asks the store for no task
    let response = process_task::handle(&app, event(MEDIUM, &[message("1", "hello")]), None).await;
    assert_eq!(response.batch_item_failures[0].item_identifier, "1");
    assert!(letters(&setup).is_empty());
    let response = process_task::handle(&app, event(MEDIUM, &[message("1", "hello")]), None).await;
    assert!(response.batch_item_failures.is_empty() && letters(&setup).len() == 1);
}

fn letters(setup: &super::Setup) -> Vec<Received> {
    setup.queue.receive(QueueName::DeadLetter, 100, Duration::from_secs(60))
}

/// Why a letter is one; its code is that of a bad request.
fn reason(letter: &Received) -> &str {
    let text = |name: &str| letter.attributes.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
    assert_eq!(text("error_code"), Some("invalid"));
    text("error_message").unwrap()
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
