//! No payload, output, key or secret is in any log line, however much is logged.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use errand::spi::queue::{MemoryQueue, QueueName};
use integration_tests::{
    events::Call,
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};

use super::Written;

/// Everything of ours, and of others what is logged in production.
pub(crate) const ALL: &str = "info,shared=trace,gateway=trace,enqueue=trace,process_task=trace,poller=trace,status=trace,\
    control=trace,errand=trace";

const MARKER: &str = "Xq7-do-not-log-me";

/// As somebody else's service may publish it.
fn message(id: &str, body: &Value, from: QueueName) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(id.to_owned());
    message.body = Some(body.as_str().map_or_else(|| body.to_string(), str::to_owned));
    message.event_source_arn = Some(MemoryQueue::arn(from));
    message
}

fn batch(messages: Vec<SqsMessage>) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = messages;
    event
}

/// A request that has the marker wherever a caller may put a text that is not a name.
fn request(acts: Value, key: &str) -> Value {
    json!({
        "task_type": "scripted", "idempotency_key": format!("{MARKER}.{key}"),
        "payload": {"acts": acts, "ballast": MARKER, "publish": "thing.happened"},
    })
}

async fn answer(world: &World, call: Call) -> Value {
    let secret = format!("Bearer {MARKER}");
    world.run(call.header("authorization", &secret).header("x-secret", MARKER).answer(&world.app)).await.body
}

#[tokio::test]
async fn no_line_of_any_function_tells_a_payload_an_output_a_key_or_a_secret() {
    let (written, _guard) = Written::on(ALL);
    let world = World::new();
    let mut ids: Vec<String> = Vec::new();
    for (nth, acts) in [
        json!(["complete"]),
        json!([{"fail": MARKER}, {"fail": MARKER}, "complete"]),
        json!([{"fail_for_good": MARKER}]),
        json!([{"cancel": MARKER}]),
        json!([{"block": MARKER}]),
        json!(["panic", "hang", "step", "step"]),
        json!([{"output": 300_000}]),
    ]
    .into_iter()
    .enumerate()
    {
        let task = answer(&world, Call::post("/v1/tasks", &request(acts, &nth.to_string()))).await;
        ids.push(task["id"].as_str().unwrap().to_owned());
        world.drain().await;
    }
    // Refused and repeated requests, by every way in.
    answer(&world, Call::post("/v1/tasks", &request(json!([MARKER]), "bad"))).await;
    answer(&world, Call::post("/v1/tasks", &request(json!(["hang"]), "0"))).await;
    answer(&world, Call::post("/v1/tasks", &json!({})).text(MARKER)).await;
    let tasks = [request(json!([]), "b"), request(json!([MARKER]), "c"), json!({MARKER: MARKER})];
    answer(&world, Call::post("/v1/tasks/batch", &json!({"tasks": tasks})).header("idempotency-key", MARKER)).await;
    let published = [request(json!([]), "i"), request(json!([MARKER]), "j"), json!(MARKER)];
    let published = published.iter().map(|body| message("m", body, QueueName::Intake)).collect();
    enqueue::intake(&world.app, batch(published)).await;
    enqueue::invoke(&world.app, request(json!([]), "v"), "invocation").await.unwrap();
    enqueue::invoke(&world.app, json!({"payload": MARKER}), "invocation").await.unwrap();
    let foreign = [json!(MARKER), json!({"tenant": MARKER}), json!({MARKER: 1})];
    let foreign = foreign.iter().map(|body| message("m", body, super::MEDIUM)).collect();
    process_task::handle(&world.app, batch(foreign), None).await;
    // Records, reads, and what operators say.
    answer(&world, Call::put("/v1/records/user/u", &json!({"first_name": MARKER}))).await;
    answer(&world, Call::patch("/v1/records/user/u", &json!({"goals": MARKER, MARKER: 1}))).await;
    for id in &ids {
        for path in ["", "/log"] {
            answer(&world, Call::get(&format!("/v1/tasks/{id}{path}"))).await;
        }
        for action in ["reschedule", "process", "cancel", "retry", "cancel"] {
            let body = json!({"note": MARKER, "reason": MARKER});
            answer(&world, Call::post(&format!("/v1/tasks/{id}/{action}"), &json!({}))).await;
            answer(&world, Call::post(&format!("/v1/tasks/{id}/{action}"), &body)).await;
        }
    }
    // Whom nothing is to be left of.
    answer(&world, Call::put(&format!("/v1/records/user/{MARKER}"), &json!({"first_name": MARKER}))).await;
    answer(&world, Call::to("DELETE", &format!("/v1/users/{MARKER}"))).await;
    answer(&world, Call::get("/v1/tasks?queue=default&status=failed")).await;
    answer(&world, Call::get(&format!("/v1/tasks?queue=default&cursor={MARKER}"))).await;
    for queue in QueueName::WORK {
        process(&world.app, &world.queue, queue, world.queue.receive(queue, 1, VISIBILITY)).await;
    }
    world.drain().await;

    let text = written.text();
    assert!(text.lines().count() >= 25, "{} lines\n{text}", text.lines().count());
    for line in text.lines() {
        assert!(!line.contains(MARKER), "{line}");
    }
}
