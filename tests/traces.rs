//! `traceparent`: taken from who asks for a task, kept with it, and handed to who does it.

use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use errand::{
    Task,
    spi::queue::{MemoryQueue, QueueName},
};
use integration_tests::{
    events::{Call, sqs_event},
    world::{World, id_of},
};
use serde_json::{Value, json};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// What nobody may take for a trace.
const NONE: [&str; 4] = [
    "",
    "nonsense",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
];

fn traced(path: &str, body: &Value, trace: &str) -> Call {
    Call::post(path, body).header("traceparent", trace)
}

fn trace_of(task: &Task) -> Option<String> {
    task.traceparent.map(|trace| trace.to_string())
}

/// The traces of all tasks.
async fn traces(world: &World) -> Vec<Option<String>> {
    world.tasks().await.iter().map(trace_of).collect()
}

#[tokio::test]
async fn every_request_that_makes_tasks_has_them_in_its_trace() {
    let task = json!({"task_type": "scripted", "payload": {}});
    for (path, body, tasks) in [
        ("/v1/tasks", task.clone(), 1),
        ("/v1/tasks/batch", json!({"tasks": [task, task]}), 2),
        (
            "/v1/tasks/batch",
            {
                let (first, second) = (json!({"name": "a"}), json!({"after": ["a"]}));
                let with = |more: &Value| {
                    let mut task = task.clone();
                    task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                    task
                };
                json!({"tasks": [with(&first), with(&second)]})
            },
            2,
        ),
        ("/v1/groups", json!({"tasks": [task, task], "then": task}), 3),
        ("/v1/runs", json!({"prompt": "say something"}), 1),
    ] {
        let world = World::new();
        let answer = traced(path, &body, TRACE).answer(&world.app).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        assert_eq!(traces(&world).await, vec![Some(TRACE.to_owned()); tasks], "{path}");
    }
    let world = World::new();
    let group = traced("/v1/groups", &json!({"tasks": [task]}), TRACE).answer(&world.app).await.body(201);
    let path = format!("/v1/groups/{}/tasks", group["id"].as_str().unwrap());
    traced(&path, &json!({"tasks": [task]}), OTHER).answer(&world.app).await.body(200);
    let mut found = traces(&world).await;
    found.sort();
    assert_eq!(found, [Some(OTHER.to_owned()), Some(TRACE.to_owned())]);
}

#[tokio::test]
async fn a_task_shows_its_trace_and_what_is_no_trace_is_ignored() {
    let (world, body) = (World::new(), json!({"task_type": "scripted", "payload": {}}));
    let made = traced("/v1/tasks", &body, TRACE).answer(&world.app).await.body(201);
    let shown = Call::get(&format!("/v1/tasks/{}", id_of(&made))).answer(&world.app).await.body(200);
    assert_eq!((&made["traceparent"], &shown["traceparent"]), (&json!(TRACE), &json!(TRACE)));
    for none in NONE {
        let made = traced("/v1/tasks", &body, none).answer(&world.app).await.body(201);
        assert_eq!(made.get("traceparent"), None, "{none}");
    }
    let made = Call::post("/v1/tasks", &body).answer(&world.app).await.body(201);
    assert_eq!(made.get("traceparent"), None);
}

#[tokio::test]
async fn a_trace_is_no_part_of_what_is_asked_for_under_a_key() {
    let (world, task) = (World::new(), json!({"task_type": "scripted", "payload": {}}));
    for (path, body) in [("/v1/tasks", task.clone()), ("/v1/groups", json!({"tasks": [task]}))] {
        let first = traced(path, &body, TRACE).header("idempotency-key", "k").answer(&world.app).await.body(201);
        let again = traced(path, &body, OTHER).header("idempotency-key", "k").answer(&world.app).await.body(200);
        assert_eq!(first["id"], again["id"], "{path}");
    }
    assert_eq!(traces(&world).await, vec![Some(TRACE.to_owned()); 2], "the first one stays");
}

#[tokio::test]
async fn what_follows_from_a_task_is_in_its_trace_after_every_try_and_redrive() {
    let world = World::new();
    let acts = json!(["panic", {"fail_for_good": "no"}, {"fan_out": 2}]);
    let payload = json!({"acts": acts, "member": {}, "then": {"then": {}}});
    let body = json!({"task_type": "scripted", "payload": payload});
    let made = traced("/v1/tasks", &body, TRACE).answer(&world.app).await.body(201);
    world.drain().await;
    let retry = traced(&format!("/v1/tasks/{}/retry", id_of(&made)), &json!({}), OTHER);
    retry.answer(&world.app).await.body(200);
    world.drain().await;
    let tasks = world.tasks().await;
    assert!(tasks.len() >= 3, "{tasks:#?}");
    assert!(tasks.iter().all(|task| trace_of(task).as_deref() == Some(TRACE)), "{tasks:#?}");
    assert!(tasks.iter().any(|task| task.executions >= 3), "{tasks:#?}");
}

#[tokio::test]
async fn a_worker_is_told_the_trace_and_what_it_asks_for_is_in_it() {
    let world = World::new();
    Call::put("/v1/task-types/resize", &json!({"run": {"kind": "worker"}})).answer(&world.app).await.body(201);
    for trace in [TRACE, NONE[0]] {
        traced("/v1/tasks", &json!({"task_type": "resize", "payload": {}}), trace).answer(&world.app).await.body(201);
    }
    let claim = json!({"worker_id": "w", "task_types": ["resize"], "max": 2});
    let claimed = Call::post("/v1/claims", &claim).answer(&world.app).await.body(200);
    let told: Vec<_> = claimed["items"].as_array().unwrap().iter().map(|item| item.get("traceparent")).collect();
    assert!(told.contains(&Some(&json!(TRACE))) && told.contains(&None), "{told:?}");
    let item = claimed["items"].as_array().unwrap().iter().find(|item| item["traceparent"] == TRACE).unwrap();
    let end = json!({
        "lease_token": item["lease_token"], "status": "completed",
        "follow_up": [{"task_type": "resize", "payload": {"again": true}}],
    });
    let path = format!("/v1/tasks/{}/finish", item["task_id"].as_str().unwrap());
    // The worker's own trace is not that of what it was asked for.
    traced(&path, &end, OTHER).answer(&world.app).await.body(200);
    let follow_up = world.tasks().await.into_iter().find(|task| task.parent_id.is_some()).unwrap();
    assert_eq!(trace_of(&follow_up).as_deref(), Some(TRACE));
}

/// A message of the intake queue, with this attribute.
fn message(id: &str, trace: &str) -> Message {
    let value = MessageAttributeValue::builder().data_type("String").string_value(trace).build().unwrap();
    let body = json!({"task_type": "scripted", "payload": {}}).to_string();
    let message = Message::builder().message_id(id).receipt_handle(id).body(body);
    message.message_attributes("traceparent", value).build()
}

#[tokio::test]
async fn the_intake_queue_and_an_invoke_say_it_beside_the_request() {
    let world = World::new();
    let messages = [message("m-1", TRACE), message("m-2", NONE[1])];
    let event = sqs_event(&MemoryQueue::arn(QueueName::Intake), &messages);
    let answer = enqueue::intake(&world.app, event).await;
    assert!(answer.batch_item_failures.is_empty(), "{answer:?}");
    let body = |trace: Value| json!({"task_type": "scripted", "payload": {}, "traceparent": trace});
    for (nth, (trace, expected)) in
        [(json!(OTHER), Some(json!(OTHER))), (json!(NONE[2]), None), (json!(7), None), (Value::Null, None)]
            .into_iter()
            .enumerate()
    {
        let made = enqueue::invoke(&world.app, body(trace), &format!("i-{nth}")).await.unwrap();
        assert_eq!(made.get("traceparent"), expected.as_ref(), "{made:#}");
    }
    let mut found: Vec<_> = traces(&world).await.into_iter().flatten().collect();
    found.sort();
    assert_eq!(found, [OTHER, TRACE]);
}
