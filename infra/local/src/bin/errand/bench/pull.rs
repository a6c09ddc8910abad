//! Tasks of workers outside: as many as go by four workers, then one at a time to a worker that waits.

use std::time::Instant;

use anyhow::Context;
use futures::future::try_join_all;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::{Options, bar, child::Server, report::Report};
use crate::client::Client;

const TASKS: u64 = 20_000;
const WORKERS: u64 = 4;
const BATCH: u64 = 50;
const SINGLE: usize = 300;

pub(super) async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(options, "pull")?;
    let client = Client::new(&server.url, None)?;
    client.put("/v1/task-types/pulled", json!({"run": {"kind": "worker"}}).to_string()).await?;
    backlog(&client, report).await?;
    idle(&client, report).await
}

/// Four workers, each ending what it has and claiming the next in one request.
async fn backlog(client: &Client, report: &mut Report) -> anyhow::Result<()> {
    let tasks: Vec<Value> = (0..100).map(|n| json!({"task_type": "pulled", "payload": {"n": n}})).collect();
    let batch = json!({"tasks": tasks}).to_string();
    for _ in 0..TASKS / 100 {
        client.post("/v1/tasks/batch", batch.clone()).await?;
    }
    let bar = bar(TASKS, "4 workers outside, 50 in a request");
    let begin = Instant::now();
    let workers = (0..WORKERS).map(|n| {
        let (client, bar) = (client.clone(), bar.clone());
        tokio::spawn(async move { worker(&client, n, &bar).await })
    });
    try_join_all(workers).await?.into_iter().collect::<anyhow::Result<()>>()?;
    let seconds = begin.elapsed().as_secs_f64();
    bar.finish();
    #[allow(clippy::cast_precision_loss)] // some ten thousand
    let per_s = TASKS as f64 / seconds;
    report.pulled_tasks_per_s = Some(per_s);
    Ok(())
}

/// Works until a claim finds nothing.
async fn worker(client: &Client, n: u64, bar: &ProgressBar) -> anyhow::Result<()> {
    let claim = json!({"worker_id": format!("w-{n}"), "task_types": ["pulled"], "max": BATCH});
    let mut given = client.post("/v1/claims", claim.to_string()).await?;
    loop {
        let items = given.get("items").and_then(Value::as_array).context("a claim without items")?;
        if items.is_empty() {
            return Ok(());
        }
        let ends = items.iter().map(|item| {
            json!({"task_id": item.get("task_id"), "lease_token": item.get("lease_token"), "status": "completed"})
        });
        let body = json!({"items": ends.collect::<Vec<_>>(), "claim": claim});
        bar.inc(items.len() as u64);
        let mut answer = client.post("/v1/claims/finish", body.to_string()).await?;
        given = answer.get_mut("claim").context("no claim in the answer")?.take();
    }
}

/// From sending the request to the answer of the claim that waits for it.
async fn idle(client: &Client, report: &mut Report) -> anyhow::Result<()> {
    let claim = json!({"worker_id": "w", "task_types": ["pulled"], "wait_s": 20}).to_string();
    let task = json!({"task_type": "pulled", "payload": {}}).to_string();
    let mut latencies = Vec::new();
    let bar = bar(SINGLE as u64, "one at a time to a worker that waits");
    for _ in 0..SINGLE {
        let waiting = tokio::spawn({
            let (client, claim) = (client.clone(), claim.clone());
            async move { client.post("/v1/claims", claim).await.map(|given| (Instant::now(), given)) }
        });
        // Until it waits; how long that takes is not measured.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        let sent = Instant::now();
        client.post("/v1/tasks", task.clone()).await?;
        let (given_at, given) = waiting.await??;
        latencies.push(given_at.duration_since(sent).as_secs_f64() * 1000.0);
        let item = given.pointer("/items/0").context("nothing was given")?;
        let id = item.get("task_id").and_then(Value::as_str).context("a task without id")?;
        let end = json!({"lease_token": item.get("lease_token"), "status": "completed"});
        client.post(&format!("/v1/tasks/{id}/finish"), end.to_string()).await?;
        bar.inc(1);
    }
    bar.finish();
    latencies.sort_unstable_by(f64::total_cmp);
    let percentile = |p: usize| latencies.get(latencies.len() * p / 100).copied();
    (report.claim_ms_p50, report.claim_ms_p99) = (percentile(50), percentile(99));
    Ok(())
}
