//! What is told of tasks, whoever makes them and wherever they are done.

use serde_json::{Value, json};

use super::{Receiver, SpanKind, failed, hex, number, said};
use crate::process::{Server, scripted};

const FLAGS: [&str; 2] = ["--poll-interval-ms", "20"];

/// A server whose spans `receiver` gets.
fn server_of(receiver: &Receiver) -> Server {
    Server::start_with(&FLAGS, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &*receiver.endpoint)])
}

/// How many tasks were made at a time within this span, in order.
fn made_in(receiver: &Receiver, span_id: &[u8]) -> Vec<i64> {
    let enqueues = receiver.named("enqueue").into_iter().filter(|span| span.parent_span_id == span_id);
    enqueues.map(|span| number(&span, "messaging.batch.message_count").unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_makes_tasks_is_told_of_within_the_request_or_the_execution_that_makes_them() {
    let receiver = Receiver::start().await;
    let server = server_of(&receiver);
    let later = json!({"task_type": "scripted", "payload": {}, "delay_s": 600});
    let (_, group) = server.post("/v1/groups", json!({"tasks": [later, later, later], "then": later})).await;
    let (status, _) =
        server.post(&format!("/v1/groups/{}/tasks", group["id"].as_str().unwrap()), json!({"tasks": [later]})).await;
    assert_eq!(status, 200);
    let run = json!({"prompt": "say something", "executor": "runner"});
    assert_eq!(server.post("/v1/runs", run).await.0, 201);
    assert_eq!(server.write("DELETE", "/v1/users/ada", Value::Null, None).await.0, 202);
    let parent = server.run(scripted(json!({"acts": [{"fan_out": 2}], "member": {}, "then": {}}))).await;
    assert_eq!(parent["status"], "completed", "{parent:#}");
    assert_eq!(server.terminate().0, Some(0));

    for (route, made) in [
        ("POST /v1/groups", vec![1, 3]),
        ("POST /v1/groups/{id}/tasks", vec![1]),
        ("POST /v1/runs", vec![1]),
        ("DELETE /v1/users/{id}", vec![1]),
        ("POST /v1/tasks", vec![1]),
    ] {
        assert_eq!(made_in(&receiver, &receiver.one(route).span_id), made, "{route}");
    }
    let own = |span: &_| said(span, "errand.task.id").as_deref() == parent["id"].as_str();
    let executions: Vec<_> = receiver.named("execute scripted").into_iter().filter(own).collect();
    let made: Vec<_> = executions.iter().map(|span| made_in(&receiver, &span.span_id)).collect();
    assert_eq!(made, [vec![2], vec![1]], "its members, then what follows from it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_outside_does_is_told_of_at_its_end() {
    let receiver = Receiver::start().await;
    let server = server_of(&receiver);
    server.put("/v1/task-types/resize", json!({"run": {"kind": "worker"}})).await;
    let mut given = Vec::new();
    let resize = json!({"task_type": "resize", "payload": {}, "max_retries": 0});
    for _ in 0..2 {
        given.push(server.enqueue(resize.clone()).await);
    }
    let (_, group) = server.post("/v1/groups", json!({"tasks": [resize], "policy": "fail_fast"})).await;
    let members = format!("/v1/groups/{}/tasks", group["id"].as_str().unwrap());
    given.push(server.get(&members).await["items"][0]["task"].clone());
    let claim = json!({"worker_id": "w", "task_types": ["resize"], "max": 3});
    let (_, claimed) = server.post("/v1/claims", claim).await;
    let ends = [json!({"status": "completed"}), json!({"status": "failed", "failure": {"message": "no picture"}})];
    for (task, end) in given.iter().zip(ends) {
        let items = claimed["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["task_id"] == task["id"]).unwrap();
        let mut end = end;
        end["lease_token"] = item["lease_token"].clone();
        let path = format!("/v1/tasks/{}/finish", task["id"].as_str().unwrap());
        let (status, answer) = server.post(&path, end).await;
        assert_eq!(status, 200, "{answer}");
    }
    // Another member calls it off while its worker has it.
    let fails = scripted(json!({"acts": [{"fail_for_good": "no picture"}]}));
    assert_eq!(server.post(&members, json!({"tasks": [fails]})).await.0, 200);
    let mut tasks = Vec::new();
    for task in &given {
        tasks.push(server.ended(task).await);
    }
    assert_eq!(server.terminate().0, Some(0));

    let spans = receiver.named("execute resize");
    assert_eq!(spans.len(), 3, "{spans:#?}");
    for (task, (outcome, wrong)) in
        tasks.iter().zip([("completed", None), ("failed", Some("handler")), ("cancelled", None)])
    {
        let of_task = |span: &&_| said(span, "errand.task.id").as_deref() == task["id"].as_str();
        let span = spans.iter().find(of_task).unwrap();
        assert_eq!(said(span, "errand.task.outcome").as_deref(), Some(outcome));
        assert_eq!((failed(span), said(span, "error.type").as_deref()), (wrong.is_some(), wrong));
        assert_eq!((span.kind(), number(span, "errand.task.attempt")), (SpanKind::Consumer, Some(1)));
        assert!(span.parent_span_id.is_empty(), "it is no part of what ended it");
        assert_eq!(hex(&span.links[0].trace_id), task["traceparent"].as_str().unwrap()[3..35]);
        let began_at: errand::Timestamp = serde_json::from_value(task["last_attempted_at"].clone()).unwrap();
        assert_eq!(i64::try_from(span.start_time_unix_nano / 1_000_000).unwrap(), began_at.as_millis());
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
}
