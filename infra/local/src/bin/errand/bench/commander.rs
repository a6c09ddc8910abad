//! How long an agent commander's snapshot takes, beside whatever the file holds.

use std::time::Instant;

use anyhow::{Context, ensure};
use errand::App;
use serde_json::{Value, json};

use super::{batch::batch_body, call::Call};

const SNAPSHOTS: usize = 100;

/// Open tasks put there for it, and how many of those shown are marked as read.
const OPEN: u64 = 100;
const MARKED: usize = 10;

/// The slowest of [`SNAPSHOTS`], in milliseconds, through the function library.
pub(super) async fn measure(app: &App) -> anyhow::Result<f64> {
    Call::of("EnqueueBatch").body(batch_body(OPEN, r#","delay_s":800"#)).answer(app).await?;
    for task in
        snapshot(app).await?.pointer("/tasks/items").and_then(Value::as_array).into_iter().flatten().take(MARKED)
    {
        let id = task.get("id").and_then(Value::as_str).context("a task without id")?;
        Call::of("ReadTask").id(id).body(json!({"reader_id": "bench"})).answer(app).await?;
    }
    let mut slowest = 0.0_f64;
    for _ in 0..SNAPSHOTS {
        let begin = Instant::now();
        let snapshot = snapshot(app).await?;
        slowest = slowest.max(begin.elapsed().as_secs_f64() * 1000.0);
        ensure!(snapshot.get("unread") == Some(&json!(20 - MARKED)), "{snapshot}");
    }
    Ok(slowest)
}

async fn snapshot(app: &App) -> anyhow::Result<Value> {
    Call::of("Commander").query(&[("reader_id", "bench")]).answer(app).await
}
