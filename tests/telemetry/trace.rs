//! An X-Ray header goes from the request to the queue's message to the execution, and on to what follows from it.

use errand::spi::queue::TRACE_ATTRIBUTE;
use integration_tests::{events::Call, in_memory::process, world::VISIBILITY, world::World};
use serde_json::json;

use super::{MEDIUM, Written};

const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";

fn header() -> String {
    format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1")
}

#[tokio::test]
async fn a_trace_goes_with_the_message_to_the_execution_and_its_follow_ups() {
    let (written, _guard) = Written::on("info");
    let world = World::new();
    let traced = world.app.traced(Some(&header()));
    let request = json!({"task_type": "scripted", "payload": {"then": {}}});
    Call::post("/v1/tasks", &request).answer(&traced).await.body(201);
    Call::post("/v1/tasks/batch", &json!({"tasks": [request]})).answer(&traced).await.body(200);
    // What came with no trace gets none of its neighbours'.
    Call::post("/v1/tasks", &json!({"task_type": "scripted", "payload": {}})).answer(&world.app).await.body(201);
    for (messages, traces) in [(3, 2), (2, 2)] {
        let received = world.queue.receive(MEDIUM, 10, VISIBILITY);
        let with = |(name, value): &(&str, String)| *name == TRACE_ATTRIBUTE && *value == header();
        let with = received.iter().filter(|message| message.attributes.iter().any(with)).count();
        assert_eq!((received.len(), with), (messages, traces));
        process(&world.app, &world.queue, MEDIUM, received).await;
    }
    let lines = written.lines();
    let of = lines.iter().filter(|line| line["outcome"] == "completed").map(|line| line["xray_trace_id"].as_str());
    let (with, without): (Vec<_>, Vec<_>) = of.partition(|id| id.is_some_and(|id| id == ROOT));
    assert_eq!((with.len(), without), (4, vec![None]));
}
