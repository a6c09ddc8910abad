//! What operators do: cancel, process now, reschedule, retry; and records.

use std::time::Duration;

use errand::spi::queue::QueueName;
use integration_tests::{
    aws::{Depth, Lambda, Stack},
    events::Call,
};
use serde_json::{Value, json};

use super::{MEDIUM, enqueued, log, on_every_queue, rows, scripted, task, with};

async fn act(stack: &Stack, id: &str, what: &str, body: Value) -> Value {
    stack.call(&Call::post(&format!("/v1/tasks/{id}/{what}"), &body)).await.body(200)
}

#[tokio::test]
async fn a_cancelled_task_does_not_run() {
    cancel(&Stack::start().await).await;
}

pub(super) async fn cancel(stack: &Stack) {
    let id = enqueued(stack, &scripted(json!({"mark": "m"}))).await;
    let cancelled = act(stack, &id, "cancel", json!({"reason": "not needed"})).await;
    assert_eq!((&cancelled["status"], &cancelled["reason"]), (&json!("cancelled"), &json!("not needed")));
    assert_eq!(act(stack, &id, "cancel", json!({})).await["revision"], cancelled["revision"]);
    assert!(stack.deliver(MEDIUM).await.again.is_empty());
    assert_eq!(log(stack, &id).await, rows(&[("cancel", "cancelled")]));
    let marks = |mark: &str| Call::get(&format!("/v1/records/scripted?parent={mark}"));
    assert_eq!(stack.call(&marks("m.ended")).await.body(200)["count"], 1);
    assert_eq!(stack.call(&marks("m")).await.body(200)["count"], 0);
}

#[tokio::test]
async fn a_deferred_task_runs_now_only_by_force() {
    process_now(&Stack::start().await).await;
}

pub(super) async fn process_now(stack: &Stack) {
    for (queue, request) in on_every_queue(&with(scripted(json!({})), json!({"delay_s": 7200}))) {
        let id = enqueued(stack, &request).await;
        let now = Call::post(&format!("/v1/tasks/{id}/process"), &json!({}));
        let (status, code, ..) = stack.call(&now).await.error();
        assert_eq!((status, code.as_str()), (409, "not_due"));
        assert_eq!(stack.depth(queue).await, Depth::default());
        act(stack, &id, "process", json!({"force": true})).await;
        stack.deliver(queue).await;
        assert_eq!(log(stack, &id).await, rows(&[("reschedule", "pending"), ("execution", "completed")]), "{queue:?}");
    }
}

#[tokio::test]
async fn a_rescheduled_task_runs_at_its_new_time() {
    reschedule(&Stack::start().await).await;
}

pub(super) async fn reschedule(stack: &Stack) {
    let id = enqueued(stack, &scripted(json!({}))).await;
    let later = stack.now() + Duration::from_secs(7200);
    assert_eq!(act(stack, &id, "reschedule", json!({"run_at": later})).await["run_at"], json!(later));
    // Its first message speaks of a time that no longer counts, too far off to hide it until the new one.
    let delivered = stack.deliver(MEDIUM).await;
    assert_eq!((delivered.messages.len(), delivered.again.len()), (1, 0));
    assert_eq!(task(stack, &id).await["executions"], 0);
    stack.clock.set(later);
    assert_eq!(stack.poll().await.notified, 1);
    stack.deliver(MEDIUM).await;
    assert_eq!(task(stack, &id).await["status"], "completed");
}

#[tokio::test]
async fn a_retry_by_an_operator_happens_once_for_each_key() {
    retry(&Stack::start().await).await;
}

pub(super) async fn retry(stack: &Stack) {
    let acts = json!({"acts": [{"fail_for_good": "no"}, {"fail_for_good": "still no"}]});
    let id = enqueued(stack, &scripted(acts)).await;
    stack.deliver(MEDIUM).await;
    let again = Call::post(&format!("/v1/tasks/{id}/retry"), &json!({"note": "mended"}));
    let again = again.header("idempotency-key", "once").signed_by("arn:aws:iam::1:user/ada");
    let redriven = stack.call(&again).await.body(200);
    assert_eq!((&redriven["status"], &redriven["redrive_note"]), (&json!("pending"), &json!("mended")));
    stack.deliver(MEDIUM).await;
    // The same request, its answer lost, comes again when the task has failed once more.
    let same = stack.call(&again).await.body(200);
    assert_eq!((&same["status"], &same["redrives"]), (&json!("failed"), &json!(1)));
    assert_eq!(
        log(stack, &id).await,
        rows(&[("execution", "failed"), ("redrive", "pending"), ("execution", "failed")])
    );
    assert_eq!(stack.depth(QueueName::DeadLetter).await.visible, 2);
}

#[tokio::test]
async fn failed_tasks_of_every_queue_are_redriven_with_one_call() {
    redrive(&Stack::start().await).await;
}

pub(super) async fn redrive(stack: &Stack) {
    let mut tasks = Vec::new();
    for (queue, request) in on_every_queue(&scripted(json!({"acts": [{"fail_for_good": "no"}, "complete"]}))) {
        tasks.push((queue, enqueued(stack, &request).await));
        stack.deliver(queue).await;
    }
    let listed = stack.call(&Call::get("/v1/dead-letters?failure_kind=handler")).await.body(200);
    assert_eq!((&listed["count"], &listed["items"][0]["failure"]["message"]), (&json!(5), &json!("no")));
    let failures = stack.call(&Call::get("/v1/failures")).await.body(200);
    assert_eq!((&failures["count"], &failures["items"][0]["tasks"]), (&json!(1), &json!(5)));
    let redrive = |body: Value| Call::post("/v1/dead-letters/redrive", &body);
    let shown = stack.call(&redrive(json!({"dry_run": true}))).await.body(200);
    assert_eq!((&shown["matched"], &shown["items"][0]["message"]), (&json!(5), &json!("no")));
    let call = redrive(json!({"all": true, "note": "mended"}))
        .header("idempotency-key", "once")
        .signed_by("arn:aws:iam::1:user/ada");
    for _ in 0..2 {
        assert_eq!(stack.call(&call).await.body(200), json!({"done": 5, "skipped": 0, "cursor": null}));
    }
    for (queue, id) in tasks {
        stack.deliver(queue).await;
        let done = task(stack, &id).await;
        assert_eq!((&done["status"], &done["redrives"]), (&json!("completed"), &json!(1)), "{queue:?}");
    }
}

#[tokio::test]
async fn a_poll_that_is_asked_for_sends_what_is_due_and_says_so() {
    let mut stack = Stack::start().await;
    stack.polls = Lambda::Control;
    let id = enqueued(&stack, &with(scripted(json!({})), json!({"delay_s": 3600}))).await;
    assert_eq!(stack.poll().await.notified, 0);
    stack.clock.advance(Duration::from_secs(3600));
    assert_eq!(stack.poll().await.notified, 1);
    stack.deliver(MEDIUM).await;
    assert_eq!(task(&stack, &id).await["status"], "completed");
    let health = stack.call(&Call::get("/v1/health")).await.body(200);
    assert_eq!(health["last_poll"]["notified"], 1);
    let wrong = stack.call(&Call::post("/v1/poll", &json!({"shard": 1}))).await.error();
    assert_eq!((wrong.0, wrong.2.as_str()), (400, "shard"));
}

#[tokio::test]
async fn a_record_is_changed_only_from_the_version_that_is_named() {
    records(&Stack::start().await).await;
}

pub(super) async fn records(stack: &Stack) {
    let path = "/v1/records/user/ada";
    let new = stack.call(&Call::put(path, &json!({"first_name": "Ada"}))).await.body(201);
    let patch = Call::patch(path, &json!({"company": "Analytical"}));
    let version = new["version"].as_str().unwrap();
    let patched = stack.call(&patch.clone().header("if-match", &format!("\"{version}\""))).await.body(200);
    assert_eq!((&patched["first_name"], &patched["company"]), (&json!("Ada"), &json!("Analytical")));
    stack.call(&patch.clone().header("if-match", version)).await.body(409);
    stack.call(&Call::put(path, &json!({"first_name": "Augusta"}))).await.body(200);
    let read = stack.call(&Call::get(path)).await.body(200);
    assert_eq!((&read["first_name"], &read["company"]), (&json!("Augusta"), &Value::Null));
    stack.call(&Call::to("DELETE", path).header("if-match", version)).await.body(409);
    let gone = stack.call(&Call::to("DELETE", path)).await.body(200);
    assert_eq!(gone, read, "it is answered as it was");
    stack.call(&Call::get(path)).await.body(404);
}

#[tokio::test]
async fn a_worker_outside_does_tasks_of_a_type_that_is_a_record() {
    claims(&Stack::start().await).await;
}

pub(super) async fn claims(stack: &Stack) {
    stack.call(&Call::put("/v1/task-types/resize", &json!({"run": {"kind": "worker"}}))).await.body(201);
    let ids = [0, 1].map(async |n| enqueued(stack, &json!({"task_type": "resize", "payload": {"n": n}})).await);
    let [first, second] = ids;
    let (first, second) = (first.await, second.await);
    let ask = Call::post("/v1/claims", &json!({"worker_id": "w", "task_types": ["resize"], "max": 5, "wait_s": 20}));
    let claims = stack.call(&ask.clone().header("idempotency-key", "k")).await.body(200);
    assert_eq!(claims["count"], 2, "{claims:#}");
    assert_eq!(stack.call(&ask.clone().header("idempotency-key", "k")).await.body(200), claims);
    // Nobody waits in a function.
    assert_eq!(stack.call(&ask).await.body(200)["poll_after_s"], 1);
    let leases: Vec<Value> = claims["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| json!({"task_id": item["task_id"], "lease_token": item["lease_token"]}))
        .collect();
    let beat = Call::post("/v1/claims/heartbeat", &json!({"worker_id": "w", "leases": leases}));
    let news = stack.call(&beat).await.body(200);
    assert!(news["items"][0].get("lost").is_none(), "{news:#}");
    let ends: Vec<Value> = leases
        .into_iter()
        .map(|mut end| {
            end["status"] = "completed".into();
            end["events"] = json!([{"type": "picture.made"}]);
            end
        })
        .collect();
    let ended = stack.call(&Call::post("/v1/claims/finish", &json!({"items": ends}))).await.body(200);
    assert_eq!((&ended["items"][0]["task_status"], &ended["items"][1]["status"]), (&json!("completed"), &json!(200)));
    for id in [first, second] {
        assert_eq!(log(stack, &id).await, rows(&[("execution", "completed")]));
    }
}
