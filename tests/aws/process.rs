//! What becomes of messages: processed, hidden for a retry, dead letters, moved back.

use std::time::Duration;

use errand::spi::queue::QueueName;
use integration_tests::{
    aws::{Depth, Stack},
    events::Call,
};
use serde_json::{Value, json};

use super::{MEDIUM, enqueued, log, on_every_queue, rows, scripted, task, with};

#[tokio::test]
async fn a_task_is_processed_once_however_often_it_is_delivered() {
    once(&Stack::start().await).await;
}

pub(super) async fn once(stack: &Stack) {
    let id = enqueued(stack, &scripted(json!({"mark": "m"}))).await;
    let delivered = stack.deliver(MEDIUM).await;
    assert!(delivered.again.is_empty() && stack.depth(MEDIUM).await == Depth::default());
    let twice = stack.deliver_these(MEDIUM, delivered.messages).await;
    assert!(twice.again.is_empty());
    let done = task(stack, &id).await;
    assert_eq!((&done["status"], &done["executions"]), (&json!("completed"), &json!(1)));
    assert_eq!(log(stack, &id).await, rows(&[("execution", "completed")]));
}

#[tokio::test]
async fn a_retry_is_the_same_message_hidden_until_its_time() {
    retries(&Stack::start().await).await;
}

pub(super) async fn retries(stack: &Stack) {
    for (queue, request) in on_every_queue(&scripted(json!({"acts": [{"fail": "not yet"}, "complete"]}))) {
        let id = enqueued(stack, &request).await;
        let first = stack.deliver(queue).await;
        assert_eq!(first.again, [first.messages[0].message_id().unwrap()], "{queue:?}");
        assert_eq!(stack.depth(queue).await, Depth { hidden: 1, ..Depth::default() });
        assert!(stack.receive(queue).await.is_empty());
        let waiting = task(stack, &id).await;
        assert_eq!((&waiting["status"], &waiting["failures"]), (&json!("pending"), &json!(1)));

        // Too early: hidden once more, and nothing is run.
        stack.let_go(queue, &first.messages[0]).await;
        let early = stack.deliver(queue).await;
        assert_eq!((early.messages.len(), early.again.len()), (1, 1));
        assert_eq!(task(stack, &id).await["executions"], 1);

        stack.clock.advance(Duration::from_secs(67)); // 60 s and the jitter of a tenth
        stack.let_go(queue, &early.messages[0]).await;
        assert!(stack.deliver(queue).await.again.is_empty());
        assert_eq!(stack.depth(queue).await, Depth::default());
        assert_eq!(log(stack, &id).await, rows(&[("execution", "retry"), ("execution", "completed")]));
    }
}

#[tokio::test]
async fn a_wait_too_short_to_hide_through_is_a_new_message() {
    short_waits(&Stack::start().await).await;
}

pub(super) async fn short_waits(stack: &Stack) {
    for (queue, request) in on_every_queue(&scripted(json!({"acts": [{"snooze": 0}, "complete"]}))) {
        let id = enqueued(stack, &request).await;
        assert!(stack.deliver(queue).await.again.is_empty());
        assert_eq!(stack.depth(queue).await, Depth { visible: 1, ..Depth::default() }, "{queue:?}");
        stack.deliver(queue).await;
        assert_eq!(log(stack, &id).await, rows(&[("execution", "snoozed"), ("execution", "completed")]));
    }
}

#[tokio::test]
async fn a_failed_task_leaves_a_dead_letter_that_redrives_it_once_when_it_is_moved_back() {
    dead_letters(&Stack::start().await).await;
}

pub(super) async fn dead_letters(stack: &Stack) {
    let acts = json!({"acts": [{"fail_for_good": "no such thing"}, "complete"]});
    let id = enqueued(stack, &with(scripted(acts), json!({"priority": "high"}))).await;
    let high = QueueName::Work(errand::Priority::High);
    assert!(stack.deliver(high).await.again.is_empty());

    let letter = stack.receive(QueueName::DeadLetter).await.remove(0);
    let body = letter.body().unwrap();
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), json!({"tenant": "default", "task": id, "executions": 1}));
    let attributes = letter.message_attributes().unwrap();
    let text = |name: &str| attributes[name].string_value().unwrap().to_owned();
    assert_eq!([text("task_type"), text("tenant"), text("reason")], ["scripted", "default", "no such thing"]);
    assert!(!task(stack, &id).await["dead_lettered_at"].is_null());

    // The console moves bodies and attributes as they are; twice, if its user is impatient.
    let attributes: Vec<(String, String)> =
        ["task_type", "tenant", "reason"].map(|name| (name.to_owned(), text(name))).to_vec();
    let attributes: Vec<(&str, &str)> = attributes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    for _ in 0..2 {
        stack.send(high, body, &attributes).await;
    }
    let delivered = stack.deliver(high).await;
    assert_eq!((delivered.messages.len(), delivered.again.len()), (2, 0));
    let done = task(stack, &id).await;
    assert_eq!((&done["status"], &done["redrives"], &done["executions"]), (&json!("completed"), &json!(1), &json!(2)));
    let wanted = rows(&[("execution", "failed"), ("redrive", "pending"), ("execution", "completed")]);
    assert_eq!(log(stack, &id).await, wanted);
}

#[tokio::test]
async fn what_no_reader_understands_is_a_dead_letter_at_once() {
    unreadable(&Stack::start().await).await;
}

pub(super) async fn unreadable(stack: &Stack) {
    let id = enqueued(stack, &scripted(json!({"mark": "m"}))).await;
    for times in 1..=2 {
        stack.send(MEDIUM, "tea, please", &[("theirs", "x")]).await;
        let delivered = stack.deliver(MEDIUM).await;
        assert!(delivered.again.is_empty() && stack.depth(MEDIUM).await == Depth::default(), "{times}");
        let letter = stack.receive(QueueName::DeadLetter).await.remove(0);
        let attributes = letter.message_attributes().unwrap();
        let text = |name: &str| attributes[name].string_value().unwrap();
        assert_eq!((letter.body(), text("error_code")), (Some("tea, please"), "invalid"));
        assert!(text("error_message").starts_with("not JSON: "), "{attributes:?}");
    }
    assert_eq!(task(stack, &id).await["status"], "completed");
}

#[tokio::test]
async fn what_handlers_write_is_there_with_the_end_of_their_task() {
    effects(&Stack::start().await).await;
}

/// Everything that a handler may ask for: records put, patched, listed, steps, events, follow-ups.
pub(super) async fn effects(stack: &Stack) {
    stack.call(&Call::put("/v1/records/user/ada", &json!({"first_name": "Ada"}))).await.body(201);
    stack.call(&Call::put("/v1/records/conversation/c1", &json!({"user_id": "ada"}))).await.body(201);
    let ada = |request: Value| with(request, json!({"user_id": "ada"}));
    let payload = json!({"mark": "m", "credit": 5, "publish": "thing.happened", "then": {"acts": ["step"]}});
    let check = json!({"task_type": "re_engagement_check", "payload": {"attempt_count": 0}, "agent_type": "innovator"});
    let followup = json!({"task_type": "schedule_followup", "payload": {"reason": "your question"}});
    for request in [ada(scripted(payload)), ada(check), ada(followup)] {
        enqueued(stack, &request).await;
    }
    let first = stack.deliver(MEDIUM).await;
    assert_eq!((first.messages.len(), first.again.len()), (3, 0));
    assert_eq!(stack.call(&Call::get("/v1/records/user/ada")).await.body(200)["credits"], 5);
    let messages = stack.call(&Call::get("/v1/records/message?parent=c1")).await.body(200);
    assert_eq!(messages["count"], 2, "{messages:#}");

    // The follow-up works in a step, fails, and finds its step again.
    let then = stack.deliver(MEDIUM).await;
    assert_eq!((then.messages.len(), then.again.len()), (1, 1));
    stack.clock.advance(Duration::from_secs(67));
    stack.let_go(MEDIUM, &then.messages[0]).await;
    assert!(stack.deliver(MEDIUM).await.again.is_empty());
    let body: Value = serde_json::from_str(then.messages[0].body().unwrap()).unwrap();
    let follow_up = task(stack, body["task"].as_str().unwrap()).await;
    assert_eq!((&follow_up["status"], &follow_up["output"]["step_by"]), (&json!("completed"), &json!(1)));
}
