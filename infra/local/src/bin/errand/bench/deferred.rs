//! Deferred tasks: never before their time, and how long after it.

use std::time::Duration;

use anyhow::Context;
use errand::{
    Timestamp,
    spi::clock::{Clock, SystemClock},
};
use serde_json::Value;

use super::{Options, bar, batch::task_body, child::Server, report::Report};
use crate::client::Client;

const TASKS: u64 = 500;

/// Their times lie between these, from now.
const FROM_MS: u64 = 2_000;
const TO_MS: u64 = 12_000;

pub(super) async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(options, "deferred")?;
    let client = Client::new(&server.url, None)?;
    let bar = bar(TASKS, "deferred tasks");
    let mut ids = Vec::new();
    for _ in 0..TASKS {
        let at = SystemClock.now() + Duration::from_millis(fastrand::u64(FROM_MS..TO_MS));
        let task = client.post("/v1/tasks", task_body(&format!(r#","scheduled_for":"{at}""#))).await?;
        ids.push(task.get("id").and_then(Value::as_str).context("a task without id")?.to_owned());
    }
    while client.completed().await? < TASKS {
        bar.set_position(client.completed().await?);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bar.finish();
    let (mut latest, mut early) = (0, 0);
    for id in ids {
        let task = client.get(&format!("/v1/tasks/{id}")).await?;
        let time = |field: &str| -> anyhow::Result<Timestamp> {
            Ok(serde_json::from_value(task.get(field).cloned().unwrap_or_default())?)
        };
        let late = time("last_attempted_at")?.as_millis() - time("scheduled_for")?.as_millis();
        latest = latest.max(late);
        early += u64::from(late < 0);
    }
    #[allow(clippy::cast_precision_loss)] // milliseconds
    let latest = latest as f64;
    (report.deferred_max_late_ms, report.deferred_early) = (Some(latest), Some(early));
    Ok(())
}
