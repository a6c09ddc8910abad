//! What is told of what happens: log lines, as they are written, and counts.

mod counts;
mod secrecy;
mod trace;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use errand::{
    Priority,
    spi::{
        queue::{MemoryQueue, OutMessage, QueueName},
        telemetry,
    },
};
use integration_tests::{
    in_memory::process,
    world::{VISIBILITY, World},
};
use serde_json::{Value, json};
use tracing::{Dispatch, subscriber::DefaultGuard};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};
use uuid::Uuid;

pub(crate) use secrecy::ALL;

const MEDIUM: QueueName = QueueName::Work(Priority::Medium);

/// What is written to the log.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Written {
    /// What this thread logs from here on, as the functions write it, at these levels.
    pub(crate) fn on(levels: &str) -> (Self, DefaultGuard) {
        // With one subscriber only, a place in the code that another thread, which has none, comes by first is switched
        // off for good.
        static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| subscriber("trace", Written::default()));
        LazyLock::force(&ANOTHER);
        let written = Self::default();
        let guard = tracing::dispatcher::set_default(&subscriber(levels, written.clone()));
        (written, guard)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines, without their times, and with the tasks' ids replaced in the order they appear in.
    fn lines(&self) -> Vec<Value> {
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        let text = self.text();
        let lines = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            line.as_object_mut().unwrap().remove("timestamp").unwrap();
            if let Some(id) = line["task.id"].as_str() {
                let (id, nth) = (id.to_owned(), ids.len() + 1);
                line["task.id"] = ids.entry(id).or_insert_with(|| format!("task {nth}")).clone().into();
            }
            // The span says the same again.
            line.as_object_mut().unwrap().remove("span");
            line
        });
        lines.collect()
    }
}

fn subscriber(levels: &str, to: Written) -> Dispatch {
    Dispatch::new(telemetry::json(EnvFilter::new(levels), to))
}

/// A task that runs for so long, in the hands of a worker that has begun and is then passed by while `meanwhile` happens.
async fn while_it_runs(world: &World, sleep_s: u64, meanwhile: impl AsyncFnOnce(Uuid)) {
    let id = world.scripted(&json!({"acts": [{"sleep": sleep_s * 1000}]})).await;
    let received = world.queue.receive(MEDIUM, 1, VISIBILITY);
    let mut work = std::pin::pin!(process(&world.app, &world.queue, MEDIUM, received));
    while world.task(id).await.executions == 0 {
        assert!(futures::poll!(work.as_mut()).is_pending());
    }
    meanwhile(id).await;
    world.run(work).await;
}

async fn operator(world: &World, id: Uuid, action: &str, body: Value) {
    let (status, answer) = world.request(&format!("POST /v1/tasks/{{id}}/{action}"), Some(id), &body, None).await;
    assert_eq!(status, 200, "{answer}");
}

/// A run of every outcome there is.
async fn everything_happens(world: &World) {
    for acts in [
        json!(["complete"]),
        json!([{"fail": "not yet"}, "complete"]),
        json!([{"fail_for_good": "no"}]),
        json!([{"snooze": 30}, "complete"]),
        json!(["panic", "complete"]),
        json!(["hang", "complete"]),
        json!([{"block": "ask somebody"}]),
        json!([{"cancel": "not needed"}]),
        json!([{"output": 300_000}]),
    ] {
        world.scripted(&json!({"acts": acts})).await;
        world.drain().await;
    }
    // Told of twice, called off and given up on under way; waiting for ever; and what an operator does.
    while_it_runs(world, 5, async |id| {
        let again = OutMessage::hint(&world.task(id).await, Duration::ZERO, None);
        assert!(world.app.queue.send(MEDIUM, vec![again]).await.iter().all(Result::is_ok));
        world.deliver(MEDIUM).await;
    })
    .await;
    while_it_runs(world, 10, async |id| operator(world, id, "cancel", json!({"reason": "off"})).await).await;
    while_it_runs(world, 20, async |_| {
        world.advance(130);
        world.poll().await;
    })
    .await;
    world.drain().await;
    let expires_at = world.now() + Duration::from_secs(60);
    world.enqueue(&json!({"task_type": "scripted", "payload": {}, "expires_at": expires_at})).await;
    world.lose_messages();
    world.advance(60);
    world.drain().await;
    let body = json!({"task_type": "scripted", "payload": {}, "delay_s": 3600});
    let id = world.enqueue(&body).await;
    operator(world, id, "reschedule", json!({"run_at": world.now() + Duration::from_secs(7200)})).await;
    operator(world, id, "cancel", json!({})).await;
    operator(world, id, "retry", json!({"note": "now"})).await;
    world.drain().await;
}

#[tokio::test]
async fn every_execution_leaves_one_line_that_says_how_it_ended() {
    let (written, _guard) = Written::on("info");
    let world = World::new();
    everything_happens(&world).await;
    let lines = written.lines();
    insta::assert_json_snapshot!(lines);

    let ended = |line: &&Value| !line["duration_ms"].is_null() && line["outcome"] != "lease_lost";
    let mut told: Vec<(String, Value)> = Vec::new();
    for line in lines.iter().filter(ended) {
        told.push((line["task.id"].to_string(), line["task.execution"].clone()));
    }
    let executions: u32 = world.tasks().await.iter().map(|task| task.executions).sum();
    assert_eq!(told.len(), executions as usize, "one line for each execution");
    told.sort_by_key(|(id, execution)| (id.clone(), execution.as_u64()));
    told.dedup();
    assert_eq!(told.len(), executions as usize, "and no execution has two");
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_that_does_not_repeat_it() {
    let (written, _guard) = Written::on("info");
    let world = World::new();
    let mut event = aws_lambda_events::sqs::SqsEvent::default();
    let mut message = aws_lambda_events::sqs::SqsMessage::default();
    message.message_id = Some("m-1".to_owned());
    message.body = Some(r#"{"tenant": 7, "card": "4111 1111"}"#.to_owned());
    message.event_source_arn = Some(MemoryQueue::arn(MEDIUM));
    event.records = vec![message];
    let answer = process_task::handle(&world.app, event, None).await;
    assert!(answer.batch_item_failures.is_empty());
    let message = "a message names no task and is put aside";
    let line = json!({"level": "ERROR", "message": message, "message_id": "m-1"});
    assert_eq!(written.lines(), [line]);
}
