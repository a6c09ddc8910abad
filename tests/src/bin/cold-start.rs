//! Measures functions as Lambda starts them. By hand, with release builds:
//! `cargo run -p integration-tests --bin cold-start -- target/release/enqueue target/release/status`
//!
//! For each it prints the best of 20 times from exec to the first request for an event, and the memory in use then and
//! after 100 events. The events are reads that no store has to answer, or that find it missing: what counts is the
//! function's own.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // a tool for people at a terminal

use std::{collections::BTreeMap, path::Path, time::Duration};

use errand::spi::queue::QueueName;
use errand_aws::queue_variable;
use integration_tests::{
    events::{Call, sqs_json},
    runtime_api::Function,
};

const STARTS: usize = 20;
const EVENTS: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: &str| _ = variables.insert(name.to_owned(), value.to_owned());
    set("ERRAND_TASKS_TABLE", "tasks");
    set("ERRAND_LOG_TABLE", "log");
    set("ERRAND_STACK", "errand");
    QueueName::ALL.into_iter().for_each(|queue| set(&queue_variable(queue), "https://sqs.example/1/queue"));
    for binary in std::env::args().skip(1) {
        let binary = Path::new(&binary);
        let mut best = Duration::MAX;
        for _ in 0..STARTS {
            best = best.min(Function::start(binary, &variables).await.cold_start);
        }
        let mut function = Function::start(binary, &variables).await;
        let first = function.resident_kib();
        let event = event_for(binary);
        for _ in 0..EVENTS {
            let _ = function.invoke(&event).await;
        }
        let (first, then) = (first as f64 / 1024.0, function.resident_kib() as f64 / 1024.0);
        let (name, ms) = (binary.display(), best.as_secs_f64() * 1000.0);
        println!("{name}: {ms:.1} ms to the first request, {first:.1} MiB then, {then:.1} MiB after {EVENTS} events");
    }
}

/// One that the function answers by itself.
fn event_for(binary: &Path) -> serde_json::Value {
    match binary.file_name().and_then(|name| name.to_str()) {
        Some("enqueue") => Call::post("/v1/tasks", &serde_json::json!({})).json(),
        Some("status") => Call::get("/v1/tasks?limit=0").json(),
        Some("control") => Call::post("/v1/tasks/none/cancel", &serde_json::json!({})).json(),
        _ => sqs_json("", &[]),
    }
}
