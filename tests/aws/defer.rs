//! What the poller does: deferred tasks, lost workers, tasks that waited too long, unreadable ones, events.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use errand::{
    Name, TaskKey,
    spi::{
        change::{With, change},
        ids::fresh,
        lifecycle::Trigger,
        poller::PollReport,
        queue::QueueName,
        store,
    },
};
use integration_tests::{
    aws::{Depth, Lambda, Stack},
    events::Call,
    settings::Settings,
};
use serde_json::json;

use super::{MEDIUM, enqueued, log, on_every_queue, rows, scripted, task, with};
use crate::outbox::{Hook, webhook};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn report() -> PollReport {
    PollReport { complete: true, ..PollReport::default() }
}

#[tokio::test]
async fn a_deferred_task_waits_in_the_table_for_days_and_is_sent_with_an_exact_delay() {
    for_days(&Stack::start().await).await;
}

pub(super) async fn for_days(stack: &Stack) {
    let request = with(scripted(json!({})), json!({"delay_s": 3 * 24 * 3600}));
    let mut tasks = Vec::new();
    for (queue, request) in on_every_queue(&request) {
        tasks.push((queue, enqueued(stack, &request).await));
        assert_eq!(stack.depth(queue).await, Depth::default(), "{queue:?}");
    }
    stack.clock.advance(DAY * 2);
    assert_eq!(stack.poll().await, report());

    stack.clock.advance(DAY - Duration::from_secs(60));
    assert_eq!(stack.poll().await, PollReport { notified: 5, ..report() });
    assert_eq!(stack.poll().await, report(), "a second poll floods the queue with copies");
    for (queue, _) in &tasks {
        assert_eq!(stack.depth(*queue).await, Depth { delayed: 1, ..Depth::default() }, "{queue:?}");
    }

    // The delayed messages never come: two minutes after their time the poller sends others.
    stack.clock.advance(Duration::from_secs(60 + 120));
    assert_eq!(stack.poll().await, PollReport { notified: 5, oldest_due_s: 120, ..report() });
    for (queue, id) in tasks {
        assert!(stack.deliver(queue).await.again.is_empty());
        assert_eq!(task(stack, &id).await["status"], "completed", "{queue:?}");
    }
}

#[tokio::test]
async fn a_lost_worker_costs_an_execution_and_no_failure() {
    lost_workers(&Stack::start().await).await;
}

pub(super) async fn lost_workers(stack: &Stack) {
    let id = enqueued(stack, &scripted(json!({}))).await;
    let app = stack.new_app(Lambda::ProcessTask);
    let key = TaskKey { tenant: Name::default(), id: id.parse().unwrap() };
    let pending = store::task(&*app.store, &key).await.unwrap().unwrap();
    change(&app, &pending, Trigger::Claim { worker: fresh(), lease: None }, With::nothing()).await.unwrap();
    // Its message comes again while the lease lasts, and is dropped: only the poller reaps.
    assert!(stack.deliver(MEDIUM).await.again.is_empty());
    assert_eq!(stack.poll().await, report());

    stack.clock.advance(Duration::from_secs(121));
    assert_eq!(stack.poll().await, PollReport { reaped: 1, oldest_due_s: 1, ..report() });
    assert!(stack.deliver(MEDIUM).await.again.is_empty());
    let done = task(stack, &id).await;
    assert_eq!((&done["executions"], &done["losses"], &done["failures"]), (&json!(2), &json!(1), &json!(0)));
    assert_eq!(log(stack, &id).await, rows(&[("execution", "lost"), ("execution", "completed")]));
    no_run_begins(stack).await;
}

/// A task whose workers are lost before they have begun its run: none may begin as it ends.
async fn no_run_begins(stack: &Stack) {
    let ask = json!({"task_type": "run_agent", "payload": {"prompt": "Do it.", "agent_id": "a", "session_id": "s"}});
    let id = enqueued(stack, &ask).await;
    let app = stack.new_app(Lambda::ProcessTask);
    let key = TaskKey { tenant: Name::default(), id: id.parse().unwrap() };
    for _ in 0..app.rules.max_losses {
        stack.clock.advance(DAY);
        let pending = store::task(&*app.store, &key).await.unwrap().unwrap();
        change(&app, &pending, Trigger::Claim { worker: fresh(), lease: None }, With::nothing()).await.unwrap();
        stack.clock.advance(DAY);
        assert_eq!(stack.poll().await.reaped, 1);
    }
    assert_eq!(task(stack, &id).await["failure"]["kind"], "worker_lost");
}

#[tokio::test]
async fn a_task_that_waited_too_long_expires_with_a_dead_letter() {
    expiry(&Stack::start().await).await;
}

pub(super) async fn expiry(stack: &Stack) {
    let times = json!({"scheduled_for": stack.now() + DAY, "expires_at": stack.now() + DAY * 2});
    let id = enqueued(stack, &with(scripted(json!({"mark": "m"})), times)).await;
    stack.clock.advance(DAY * 3);
    assert_eq!(stack.poll().await, PollReport { expired: 1, oldest_due_s: 2 * 86_400, ..report() });
    assert_eq!(log(stack, &id).await, rows(&[("expire", "failed")]));
    assert_eq!(task(stack, &id).await["failure"]["kind"], "expired");
    let letter = stack.receive(QueueName::DeadLetter).await.remove(0);
    assert!(letter.body().unwrap().contains(&id));
    let ended = Call::get("/v1/records/scripted?parent=m.ended");
    assert_eq!(stack.call(&ended).await.body(200)["count"], 1, "what ends with the task did not");
}

#[tokio::test]
async fn an_unreadable_task_is_left_alone_for_an_hour_and_stops_no_other() {
    unreadable(&Stack::start().await).await;
}

pub(super) async fn unreadable(stack: &Stack) {
    let [bad, good] = [enqueued(stack, &scripted(json!({}))).await, enqueued(stack, &scripted(json!({}))).await];
    let pk = AttributeValue::S(format!("t#default#{bad}"));
    let update = stack.dynamo.update_item().table_name(&stack.tables.tasks);
    let update = update.key("pk", pk).key("sk", AttributeValue::S("t".to_owned()));
    let update = update.update_expression("SET doc = :x").expression_attribute_values(":x", AttributeValue::Bool(true));
    update.send().await.unwrap();
    for _ in 0..2 {
        stack.deliver(MEDIUM).await;
    }
    assert_eq!(task(stack, &good).await["status"], "completed");
    stack.clock.advance(Duration::from_secs(121));
    assert_eq!(stack.poll().await, PollReport { set_aside: 1, ..report() });
    assert_eq!(stack.poll().await, report());
}

#[tokio::test]
async fn events_are_published_in_order_and_once() {
    events(&Stack::start().await).await;
}

pub(super) async fn events(stack: &Stack) {
    for kind in ["first", "second"] {
        enqueued(stack, &scripted(json!({"publish": kind}))).await;
        stack.deliver(MEDIUM).await;
        assert_eq!(stack.poll().await, report(), "the relay has two minutes");
        stack.clock.advance(Duration::from_secs(120));
        assert_eq!(stack.poll().await, PollReport { published: 1, ..report() });
        assert_eq!(stack.poll().await, report());
    }
    let published = stack.call(&Call::get("/v1/events")).await.body(200);
    let kinds: Vec<_> = published["items"].as_array().unwrap().iter().map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds, [Some("first"), Some("second")]);
    let after = format!("/v1/events?after={}", published["cursor"].as_str().unwrap());
    assert_eq!(stack.call(&Call::get(&after)).await.body(200)["count"], 0);
}

#[tokio::test]
async fn events_are_posted_to_a_webhook_once_they_are_listed() {
    posts(&hooked().await).await;
}

/// A stack with a webhook that takes everything.
pub(super) async fn hooked() -> Stack {
    let mut settings = Settings::default();
    settings.listeners.webhook = Some(Arc::new(webhook(&Hook::new(None)).await));
    Stack::with(settings).await
}

pub(super) async fn posts(stack: &Stack) {
    for kind in ["first", "second"] {
        enqueued(stack, &scripted(json!({"publish": kind}))).await;
        stack.deliver(MEDIUM).await;
        assert_eq!(stack.poll().await, PollReport { published: 1, ..report() });
        assert_eq!(stack.call(&Call::get("/v1/health")).await.body(200)["owed"], json!({"events": 0, "since": null}));
        // Once more: who is owed nothing is looked at no longer.
        assert_eq!(stack.poll().await, report());
    }
}
