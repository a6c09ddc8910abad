//! What the relay does: tells the bus, and keeps for the poller what that does not take.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use errand::spi::{clock::SystemClock, poller::PollReport};
use integration_tests::{
    aws::{Lambda, Stack},
    events::Call,
    relay::stream_record,
    settings::Settings,
    world::webhooks,
};
use serde_json::{Value, json};

use super::{MEDIUM, enqueued, log, rows as of_rows, scripted};
use crate::outbox::named::Receiver;

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The records of a task that was enqueued and is completed, and publishes something.
async fn completed(stack: &Stack, event_type: &str) -> (String, Vec<Value>) {
    let id = enqueued(stack, &scripted(json!({"publish": event_type}))).await;
    let pk = format!("t#default#{id}");
    let new = stack.item(&pk, "t").await;
    stack.deliver(MEDIUM).await;
    let done = stack.item(&pk, "t").await;
    let mut running = done.clone();
    running.insert("s".to_owned(), AttributeValue::S("running".to_owned()));
    let event = stack.owed().await.pop().unwrap();
    let records = [(None, &new), (Some(&new), &running), (Some(&running), &done), (None, &event)];
    let records = records.into_iter().enumerate();
    (id, records.map(|(n, (old, new))| stream_record(&n.to_string(), old, Some(new))).collect())
}

/// Type and id of what was heard, in the order of types.
fn told(heard: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut told: Vec<_> =
        heard.iter().map(|event| (text(&event["detail-type"]), text(&event["detail"]["id"]))).collect();
    told.sort();
    told
}

#[tokio::test]
async fn whoever_listens_hears_of_ends_and_of_what_handlers_publish() {
    bus(&Stack::start().await).await;
}

pub(super) async fn bus(stack: &Stack) {
    let url = stack.listen().await;
    let (id, records) = completed(stack, "thing.happened").await;
    let app = stack.app(Lambda::Relay);
    assert!(stack.relay(app, &records).await.is_empty());
    let heard = stack.heard(&url).await;
    let first = told(&heard);
    assert_eq!(first.iter().map(|(of, _)| of.as_str()).collect::<Vec<_>>(), ["task.completed", "thing.happened"]);
    let end = heard.iter().find(|event| event["detail-type"] == "task.completed").unwrap();
    assert_eq!(end["source"], "errand");
    let detail = json!({
        "id": end["detail"]["id"], "time": end["detail"]["time"], "type": "task.completed", "tenant": "default",
        "subject": id, "old_status": "running", "new_status": "completed", "task_type": "scripted",
    });
    assert_eq!(end["detail"], detail);

    // What the stream brings again is told again, under the same id; the poller has nothing left to tell.
    assert!(stack.relay(app, &records[..3]).await.is_empty());
    assert_eq!(told(&stack.heard(&url).await), first[..1]);
    stack.clock.advance(Duration::from_secs(120));
    assert_eq!(stack.poll().await, PollReport { complete: true, ..PollReport::default() });
    let stats = stack.call(&Call::get("/v1/queues/default/stats")).await.body(200);
    assert_eq!(
        (&stats["completed"], &stats["open"], &stats["revision"]),
        (&json!(1), &json!(0), &json!(3)),
        "{stats:#}"
    );
}

#[tokio::test]
async fn webhooks_hear_of_ends_and_of_what_handlers_publish() {
    named(&serving().await).await;
}

/// A stack on which tenants may name webhooks.
pub(super) async fn serving() -> Stack {
    let mut settings = Settings::default();
    settings.listeners.webhooks = Some(webhooks(Arc::new(SystemClock)));
    Stack::with(settings).await
}

pub(super) async fn named(stack: &Stack) {
    let (hook, url) = Receiver::listen().await;
    let put = Call::put("/v1/webhooks/audit", &json!({"url": url, "types": ["task.*", "thing.*"]}));
    assert_eq!(stack.call(&put).await.status, 201);
    let (id, records) = completed(stack, "thing.happened").await;
    // As Lambda does after a failure, all of it once more.
    for _ in 0..2 {
        assert!(stack.relay(stack.app(Lambda::Relay), &records).await.is_empty());
    }
    assert_eq!(stack.poll().await, PollReport { complete: true, ..PollReport::default() }, "the relay has listed it");
    let body = |heard: &Value| serde_json::from_str::<Value>(heard["body"].as_str().unwrap()).unwrap();
    let mut heard: Vec<Value> = hook.heard().iter().map(body).collect();
    heard.sort_by_key(|event| event["type"].as_str().unwrap().to_owned());
    let types: Vec<&Value> = heard.iter().map(|event| &event["type"]).collect();
    assert_eq!((types, &heard[0]["subject"]), (vec![&json!("task.completed"), &json!("thing.happened")], &json!(id)));
    let health = stack.call(&Call::get("/v1/health")).await.body(200);
    assert_eq!(health["owed"], json!({"events": 0, "since": null}));
    assert_eq!(stack.poll().await, PollReport { complete: true, ..PollReport::default() });
    assert_eq!(hook.heard().len(), 2);
}

#[tokio::test]
async fn a_row_that_did_not_come_into_the_log_is_brought_there() {
    rows(&Stack::start().await).await;
}

pub(super) async fn rows(stack: &Stack) {
    let (id, records) = completed(stack, "thing.happened").await;
    let copied = stack.logged(&id).await;
    let [row] = &copied[..] else { panic!("{copied:?}") };
    // Whoever committed it died before the copy.
    stack.unlog(row).await;
    assert!(stack.logged(&id).await.is_empty());
    assert_eq!(log(stack, &id).await, of_rows(&[("execution", "completed")]), "read from its task");
    assert!(stack.relay(stack.app(Lambda::Relay), &records).await.is_empty());
    assert_eq!(stack.logged(&id).await, copied);

    // Another row has taken its place, as after a restore.
    let mut other = row.clone();
    other.insert("v".to_owned(), AttributeValue::B(Blob::new([0; 16])));
    stack.put_row(other.clone()).await;
    assert!(stack.relay(stack.app(Lambda::Relay), &records).await.is_empty());
    let both = stack.logged(&id).await;
    assert_eq!((both.len(), &both[0], &both[1]["v"]), (2, &other, &row["v"]));
}

#[tokio::test]
async fn an_outage_of_the_bus_loses_nothing_and_holds_up_nothing() {
    outage(&Stack::start().await).await;
}

pub(super) async fn outage(stack: &Stack) {
    let url = stack.listen().await;
    let (_, records) = completed(stack, "thing.happened").await;
    let cut_off = stack.new_app_with(Lambda::Relay, NOWHERE);
    assert!(stack.relay(&cut_off, &records).await.is_empty());
    assert!(stack.heard(&url).await.is_empty());
    assert_eq!(stack.owed().await.len(), 2);

    // A day later the bus is back.
    stack.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(stack.poll().await, PollReport { complete: true, published: 2, ..PollReport::default() });
    let kinds: Vec<_> = told(&stack.heard(&url).await).into_iter().map(|(of, _)| of).collect();
    assert_eq!(kinds, ["task.completed", "thing.happened"]);
    assert!(stack.owed().await.is_empty());
}
