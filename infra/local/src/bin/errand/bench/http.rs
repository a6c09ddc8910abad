//! Tasks one by one over HTTP: as many as go, then at an even 500 a second.

use std::time::Duration;

use anyhow::{Context, ensure};
use errand::{
    Timestamp,
    spi::clock::{Clock, SystemClock},
};
use futures::future::try_join_all;
use indicatif::ProgressBar;
use serde_json::Value;

use super::{Options, bar, batch::task_body, child::Server, report::Report};
use crate::client::Client;

const CONNECTIONS: u64 = 32;
const TASKS: u64 = 40_000;
const PER_S: u64 = 500;
const PACED_TASKS: u64 = 5_000;

pub(super) async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(options, "http")?;
    let client = Client::new(&server.url, None)?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    report.rss_idle_mb = Some(server.rss_mb()?);
    closed_loop(&server, &client, report).await?;
    paced(&client, report).await
}

/// 32 connections, each sending its next request when the last is answered.
async fn closed_loop(server: &Server, client: &Client, report: &mut Report) -> anyhow::Result<()> {
    let bar = bar(TASKS, "one by one over HTTP, 32 connections");
    let (cpu, begin) = (server.cpu_us()?, SystemClock.now());
    try_join_all((0..CONNECTIONS).map(|_| {
        let (client, bar) = (client.clone(), bar.clone());
        tokio::spawn(async move { connection(&client, &bar).await })
    }))
    .await?
    .into_iter()
    .collect::<anyhow::Result<()>>()?;
    while client.completed().await? < TASKS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seconds = SystemClock.now().since(begin).as_secs_f64();
    bar.finish();
    #[allow(clippy::cast_precision_loss)] // some ten thousand
    let tasks = TASKS as f64;
    report.http_tasks_per_s = Some(tasks / seconds);
    report.cpu_us_per_task = Some((server.cpu_us()? - cpu) / tasks);
    Ok(())
}

async fn connection(client: &Client, bar: &ProgressBar) -> anyhow::Result<()> {
    let body = task_body("");
    for _ in 0..TASKS / CONNECTIONS {
        client.post("/v1/tasks", body.clone()).await?;
        bar.inc(1);
    }
    Ok(())
}

/// Requests at even distances, whatever the answers do; from the time each was due to its task's end.
async fn paced(client: &Client, report: &mut Report) -> anyhow::Result<()> {
    let bar = bar(PACED_TASKS, "at 500 a second");
    let body = task_body("");
    let mut sent = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / PER_S));
    for _ in 0..PACED_TASKS {
        ticks.tick().await;
        let (client, body, bar) = (client.clone(), body.clone(), bar.clone());
        let at = SystemClock.now();
        sent.push(tokio::spawn(async move {
            let task = client.post("/v1/tasks", body).await?;
            bar.inc(1);
            let id = task.get("id").and_then(Value::as_str).context("a task without id")?.to_owned();
            anyhow::Ok((at, id))
        }));
    }
    bar.finish();
    let mut latencies = Vec::new();
    for request in sent {
        let (at, id) = request.await??;
        latencies.push(ended_at(client, &id).await?.as_millis() - at.as_millis());
    }
    latencies.sort_unstable();
    let percentile = |p: usize| latencies.get(latencies.len() * p / 100).copied();
    #[allow(clippy::cast_precision_loss)] // milliseconds
    let ms = |p| percentile(p).map(|ms| ms as f64);
    (report.p50_ms_at_500, report.p99_ms_at_500) = (ms(50), ms(99));
    Ok(())
}

async fn ended_at(client: &Client, id: &str) -> anyhow::Result<Timestamp> {
    for _ in 0..1000 {
        let task = client.get(&format!("/v1/tasks/{id}")).await?;
        if let Some(at) = task.get("ended_at") {
            ensure!(task.get("status").and_then(Value::as_str) == Some("completed"), "a task has failed: {task}");
            return Ok(serde_json::from_value(at.clone())?);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("task {id} does not end")
}
