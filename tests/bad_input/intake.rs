//! On the intake queue: what cannot be accepted is put aside with the reason, and only that.

use std::time::Duration;

use aws_sdk_sqs::types::Message;
use errand::spi::queue::{QueueName, Received, TENANT_ATTRIBUTE};
use serde_json::json;

use super::{Call, Setup, event, from_tenant, message, scripted, setup, with, without_id};

fn letters(setup: &Setup) -> Vec<Received> {
    setup.queue.receive(QueueName::IntakeDeadLetter, 100, Duration::from_secs(60))
}

#[tokio::test]
async fn every_bad_message_is_put_aside_with_its_own_reason() {
    let setup = setup();
    let good = scripted().to_string();
    let large = with(json!({"payload": {"ballast": "x".repeat(300 * 1024)}})).to_string();
    let bad: [(&str, Message, &str, &str); 7] = [
        ("1", message("1", "tea, please"), "invalid", "not JSON: "),
        ("2", message("2", &large), "too_large", "payload: the payload has 307214 bytes; at most 262144"),
        ("3", from_tenant(message("3", &good), "a/b#c"), "invalid", "tenant: expected 1 to 64 of the characters"),
        ("4", message("4", r#"{"tenant": "default", "task": "x"}"#), "invalid", "missing field `task_type`"),
        ("5", message("5", &with(json!({"payload": {"ballast": "\u{0}"}})).to_string()), "invalid", "a text contains"),
        ("6", message("6", ""), "invalid", "not JSON: EOF"),
        (
            "7",
            message("7", &with(json!({"scheduled_for": "10000-01-01T00:00:00Z"})).to_string()),
            "invalid",
            "scheduled_for: expected a time such as",
        ),
    ];
    let mut batch: Vec<Message> = bad.iter().map(|(_, message, ..)| message.clone()).collect();
    batch.insert(0, message("good", &good));
    batch.push(message("good too", &good));
    batch.push(without_id(message("", &good)));
    let response = enqueue::intake(&setup.app, event(QueueName::Intake, &batch)).await;
    assert!(response.batch_item_failures.is_empty(), "{response:?}");
    assert_eq!(setup.tasks().await, 3);

    let letters = letters(&setup);
    assert_eq!(letters.len(), bad.len());
    for (id, message, code, sentence) in bad {
        let letter = letters.iter().find(|letter| {
            let text = |name: &str| letter.attributes.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
            letter.body == message.body().unwrap()
                && text("error_code") == Some(code)
                && text("error_message").is_some_and(|text| text.starts_with(sentence))
        });
        assert!(
            letter.is_some(),
            "{id}: no letter says {code}, {sentence}: {:?}",
            letters.iter().map(|l| &l.attributes)
        );
    }
}

#[tokio::test]
async fn a_refused_message_that_is_moved_back_is_its_tenants_still() {
    let setup = setup();
    let refused = from_tenant(message("1", &with(json!({"task_type": "make_tea"})).to_string()), "acme");
    enqueue::intake(&setup.app, event(QueueName::Intake, &[refused])).await;
    let letter = letters(&setup).remove(0);
    let tenant = letter.attributes.iter().find(|(name, _)| *name == TENANT_ATTRIBUTE);
    // By a deployment that knows the type.
    let back = from_tenant(message("2", &scripted().to_string()), &tenant.unwrap().1);
    enqueue::intake(&setup.app, event(QueueName::Intake, &[back])).await;
    let of_tenant = async |tenant: &str| {
        let stats = Call::get("/v1/queues/default/stats").header("x-errand-tenant", tenant);
        setup.answer(&stats).await.body(200)["open"].clone()
    };
    assert_eq!((of_tenant("acme").await, of_tenant("default").await), (json!(1), json!(0)));
}

#[tokio::test]
async fn one_key_twice_in_a_batch_is_one_task_and_another_payload_under_it_is_put_aside() {
    let setup = setup();
    let keyed = with(json!({"idempotency_key": "k"})).to_string();
    let other = with(json!({"idempotency_key": "k", "payload": {"ballast": "x"}})).to_string();
    let batch = [message("1", &keyed), message("2", &keyed), message("3", &other)];
    let response = enqueue::intake(&setup.app, event(QueueName::Intake, &batch)).await;
    assert!(response.batch_item_failures.is_empty());
    assert_eq!(setup.tasks().await, 1);
    let letters = letters(&setup);
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].body.as_str(), &letters[0].attributes[0]),
        (other.as_str(), &("error_code", "conflict".to_owned()))
    );
}
