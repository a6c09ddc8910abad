//! `errand demo`: users and conversations, one task of each type that needs nothing else, with the example of its schema,
//! and how they end.

mod seed;

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use errand::{
    Timestamp,
    spi::clock::{Clock, SystemClock},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::Value;

use crate::client::Client;

/// Which server to show it on.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The server
    #[arg(long, env = "ERRAND_URL", default_value = "http://127.0.0.1:8787")]
    url: String,

    /// Its token, if it demands one
    #[arg(long, env = "ERRAND_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// How long all of them together may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Seeds, enqueues, waits, and prints what became of each task.
#[allow(clippy::print_stdout)] // the result is what standard output is for
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let client = Client::new(&options.url, options.token.clone())?;
    client.get("/v1/health").await?;
    for (path, doc) in seed::records()? {
        client.put(&path, doc.to_string()).await?;
    }
    for (path, doc) in seed::of_verifiers()? {
        // Without the right to, the demo shows a task that waits for a person.
        let _ = client.put(&path, doc.to_string()).await;
    }
    let mut waiting = Vec::new();
    for task in seed::tasks() {
        let accepted = client.post("/v1/tasks", task.to_string()).await?;
        waiting.push(accepted.get("id").and_then(Value::as_str).context("a task without id")?.to_owned());
    }
    let bar = ProgressBar::new(waiting.len() as u64).with_message("tasks");
    let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let ended = tokio::time::timeout(PATIENCE, async {
        let mut ended = Vec::new();
        for id in &waiting {
            ended.push(wait(&client, id).await?);
            bar.inc(1);
        }
        anyhow::Ok(ended)
    });
    let ended = ended.await.context("some tasks have not ended yet; see GET /v1/tasks")??;
    bar.finish();
    for task in ended {
        let text = |field: &str| task.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let why = task.get("failure").or(task.get("reason")).or(task.get("run_at"));
        let result = task.get("output").or(why).cloned().unwrap_or_default();
        println!("{:28} {:10} {result}", text("task_type"), status(&task));
        println!("{:28} {}/v1/tasks/{}/log", "", options.url, text("id"));
    }
    Ok(())
}

/// The task's status, or `snoozed` for one that waits because it said so.
fn status(task: &Value) -> &str {
    match task.get("status").and_then(Value::as_str).unwrap_or_default() {
        "pending" => "snoozed",
        status => status,
    }
}

/// A task that has ended, or has put itself off for longer than anybody watches.
async fn wait(client: &Client, id: &str) -> anyhow::Result<Value> {
    loop {
        let task = client.get(&format!("/v1/tasks/{id}")).await?;
        let snoozed = task.get("status").is_some_and(|s| s == "pending") && task.get("snoozes") != Some(&0.into());
        let run_at = task.get("run_at").and_then(|at| Timestamp::deserialize(at).ok());
        let put_off = snoozed && run_at.is_some_and(|at| at > SystemClock.now() + PATIENCE);
        if task.get("ended_at").is_some() || put_off {
            return Ok(task);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
