//! The faults of the system that Errand takes the place of: one test for each, named after it.

use std::collections::BTreeSet;

use errand::{
    Asked, Id, Name, Priority, State, Status, Task,
    spi::{
        ids,
        json::Json,
        lifecycle::log::LogKind,
        queue::QueueName,
        store::{self, RelationKind, StatsScope},
    },
};
use integration_tests::{
    faults::{Fault, Faults},
    in_memory::process,
    world::{VISIBILITY, World, key},
};
use serde_json::{Value, json};
use shared::domain::{Conversation, ConversationStatus, User};
use uuid::Uuid;

const MEDIUM: QueueName = QueueName::Work(Priority::Medium);

async fn with_conversation() -> World {
    let world = World::new();
    world.put("u", &User { first_name: Some("Ada".into()), ..User::default() }).await;
    let user_id = Id::new("u").unwrap();
    let status = ConversationStatus::Active;
    world.put("c", &Conversation { user_id, status, last_message_at: None, messages_since_summary: 0 }).await;
    world
}

async fn followup(world: &World) -> Uuid {
    world.enqueue(&json!({"task_type": "schedule_followup", "user_id": "u", "payload": {"reason": "tea"}})).await
}

async fn messages(world: &World) -> usize {
    world.records("message", RelationKind::Parent, "c").await.len()
}

/// A worker takes the next medium message and meets `fault` at its `nth` call.
async fn work_with(world: &World, nth: usize, fault: Fault) {
    let faults = Faults::at(nth, fault);
    let app = faults.around(&world.app);
    let received = world.queue.receive(MEDIUM, 10, VISIBILITY);
    world.run_unless(|| faults.crashed(), process(&app, &world.queue, MEDIUM, received)).await;
}

#[tokio::test]
async fn text_sort_put_urgent_last() {
    let world = World::new();
    for priority in ["low", "medium", "urgent", "high"] {
        let body = json!({"task_type": "scripted", "payload": {}, "priority": priority});
        world.enqueue(&body).await;
    }
    let (_, list) = world.request("GET /v1/tasks", None, &Value::Null, None).await;
    let order: Vec<&str> = list["items"].as_array().unwrap().iter().map(|t| t["priority"].as_str().unwrap()).collect();
    assert_eq!(order, ["urgent", "high", "medium", "low"]);
}

#[tokio::test]
async fn an_unconditional_claim_ran_a_task_twice() {
    let world = World::new();
    let id = world.scripted(&json!({"mark": "m"})).await;
    let received = world.queue.receive(MEDIUM, 1, VISIBILITY);
    let faults = [Faults::stepping(), Faults::stepping()];
    let apps = faults.each_ref().map(|faults| faults.around(&world.app));
    let [first, second] = apps.each_ref().map(|app| Box::pin(process(app, &world.queue, MEDIUM, received.clone())));
    let mut workers = vec![first, second];
    while !workers.is_empty() {
        faults.iter().for_each(|faults| faults.go());
        let mut left = Vec::new();
        for mut worker in workers {
            if futures::poll!(worker.as_mut()).is_pending() {
                left.push(worker); // each makes one call in turn: both have read the task before either claims it
            }
        }
        workers = left;
    }
    let task = world.task(id).await;
    assert_eq!((task.status(), task.executions, world.marks("m").await), (Status::Completed, 1, 1));
}

#[tokio::test]
async fn a_crash_left_a_task_processing_for_ever() {
    let world = World::new();
    let id = world.scripted(&json!({})).await;
    work_with(&world, 2, Fault::CrashBefore).await;
    assert_eq!(world.task(id).await.status(), Status::Running);
    world.drain().await;
    assert_eq!(world.task(id).await.status(), Status::Completed);
}

#[tokio::test]
async fn process_now_ran_a_deferred_task_early() {
    let world = World::new();
    let id = world.enqueue(&json!({"task_type": "scripted", "payload": {}, "delay_s": 3600})).await;
    let process = "POST /v1/tasks/{id}/process";
    let (status, answer) = world.request(process, Some(id), &json!({}), None).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("not_due")));
    world.deliver_all().await;
    assert_eq!(world.task(id).await.executions, 0);
    let (status, _) = world.request(process, Some(id), &json!({"force": true}), None).await;
    world.deliver_all().await;
    assert_eq!((status, world.task(id).await.status()), (200, Status::Completed));
}

#[tokio::test]
async fn an_explicit_zero_became_the_default_of_three() {
    let world = World::new();
    let body = |retries: Option<u32>| {
        let mut body = json!({"task_type": "scripted", "payload": {"acts": [{"fail": "no"}]}});
        retries.into_iter().for_each(|retries| body["max_retries"] = json!(retries));
        body
    };
    let (none, default) = (world.enqueue(&body(Some(0))).await, world.enqueue(&body(None)).await);
    world.drain().await;
    assert_eq!((world.task(none).await.executions, world.task(default).await.executions), (1, 4));
}

#[tokio::test]
async fn a_crash_between_side_effect_and_status_doubled_the_message() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        for nth in 0..10 {
            let world = with_conversation().await;
            let id = followup(&world).await;
            work_with(&world, nth, fault).await;
            world.drain().await;
            assert_eq!(world.task(id).await.status(), Status::Completed, "{fault:?} at {nth}");
            assert_eq!(messages(&world).await, 1, "{fault:?} at {nth}");
        }
    }
}

#[tokio::test]
async fn a_log_write_after_the_side_effect_repeated_it() {
    for nth in 0..10 {
        for fault in [Fault::Unavailable, Fault::LostAnswer, Fault::Busy] {
            let world = with_conversation().await;
            let id = followup(&world).await;
            work_with(&world, nth, fault).await;
            world.drain().await;
            let completed = world.log(id).await.into_iter().filter(|row| row.output_excerpt.is_some()).count();
            assert_eq!((messages(&world).await, completed), (1, 1), "{fault:?} at {nth}");
        }
    }
}

#[tokio::test]
async fn the_log_had_no_row_for_a_missing_handler_and_two_for_a_normal_run() {
    let world = World::new();
    let normal = world.scripted(&json!({})).await;
    let missing = ids::fresh();
    let new = Asked::of_type(key(missing), Name::of("make_tea"), Json::new(&json!({})), "me".into(), world.now());
    store::insert(&*world.app.store, Task::accept(new, ids::fresh(), world.now())).await.unwrap();
    world.drain().await;
    let kinds = async |id| -> Vec<LogKind> { world.log(id).await.iter().map(|row| row.kind).collect() };
    assert_eq!((kinds(normal).await, kinds(missing).await), (vec![LogKind::Execution], vec![LogKind::Expire]));
}

#[tokio::test]
async fn statistics_counted_attempts_and_were_lost_at_restart() {
    let world = World::new();
    world.scripted(&json!({"acts": [{"fail": "no"}, {"fail": "no"}, "complete"]})).await;
    world.scripted(&json!({"acts": [{"fail": "no"}]})).await;
    world.drain().await;
    let restarted = World::on(world.app.store.clone());
    for scope in [
        StatsScope::All,
        StatsScope::Queue { tenant: Name::default(), project: Name::default(), queue: Name::default() },
    ] {
        let stats = restarted.app.store.stats(&scope, restarted.now()).await.unwrap().now;
        assert_eq!((stats.open(), stats.completed, stats.failed), (0, 1, 1), "{scope:?}");
    }
}

#[tokio::test]
async fn an_update_that_matched_no_row_reported_success() {
    let world = World::new();
    let payload = json!({"field": "company", "value": "Analytical Engines"});
    let id = world.enqueue(&json!({"task_type": "update_user_profile", "user_id": "u", "payload": payload})).await;
    world.deliver_all().await;
    let task = world.task(id).await;
    assert_eq!((task.status(), task.executions), (Status::Failed, 1));
    assert_eq!(world.get::<User>("u").await, None);
}

#[tokio::test]
async fn the_same_missing_conversation_was_success_retry_and_failure() {
    let world = World::new();
    world.put("u", &User::default()).await;
    let mut answers = BTreeSet::new();
    for (task_type, agent, payload) in [
        ("schedule_followup", "concierge", json!({"reason": "tea"})),
        ("re_engagement_check", "bouncer", json!({"attempt_count": 0})),
        ("re_engagement_check", "concierge", json!({"attempt_count": 0})),
        ("re_engagement_check", "innovator", json!({"attempt_count": 0})),
    ] {
        let body = json!({"task_type": task_type, "agent_type": agent, "user_id": "u", "payload": payload});
        let id = world.enqueue(&body).await;
        world.deliver_all().await;
        let State::Completed { output } = world.task(id).await.state else { panic!("{task_type} by {agent}") };
        answers.insert(output.as_str().to_owned());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.contains(r#""skipped":true"#)));
}

#[tokio::test]
async fn one_type_carried_two_payloads() {
    let world = World::new();
    let payload = json!({"workflow_id": "w", "findings": "found", "conversation_id": "c"});
    let body = json!({"task_type": "research_solution", "user_id": "u", "payload": payload});
    let (status, answer) = world.request("POST /v1/tasks", None, &body, None).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("invalid")));
    assert!(answer["error"]["field"].as_str().unwrap().starts_with("payload"), "{answer}");
}
