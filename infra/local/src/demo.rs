//! `errand demo`: users and conversations, one task of each type, and how they end.

use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::client::Client;

/// Which server to show it on.
#[derive(Args, Clone, Debug)]
pub struct Options {
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
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let client = Client::new(&options.url, options.token.clone())?;
    client.get("/v1/health").await.context("start a server first: errand serve")?;
    for (path, record) in records() {
        client.put(&path, record.to_string()).await?;
    }
    let mut waiting = Vec::new();
    for task in tasks() {
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
        let result = task.get("output").or(task.get("failure")).cloned().unwrap_or_default();
        println!("{:24} {:10} {result}", text("task_type"), text("status"));
        println!("{:24} {}/v1/tasks/{}/log", "", options.url, text("id"));
    }
    Ok(())
}

async fn wait(client: &Client, id: &str) -> anyhow::Result<Value> {
    loop {
        let task = client.get(&format!("/v1/tasks/{id}")).await?;
        if task.get("ended_at").is_some() {
            return Ok(task);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn records() -> Vec<(String, Value)> {
    let record = |kind: &str, id: &str, doc: Value| (format!("/v1/records/{kind}/{id}"), doc);
    vec![
        record(
            "user",
            "demo-ada",
            json!({"first_name": "Ada", "company": "Analytical Engines", "timezone": "Europe/London"}),
        ),
        record("user", "demo-ben", json!({"first_name": "Ben", "poc_agent_type": "bouncer"})),
        record("conversation", "demo-ada-1", json!({"user_id": "demo-ada"})),
        record("conversation", "demo-ben-1", json!({"user_id": "demo-ben"})),
    ]
}

fn tasks() -> Vec<Value> {
    vec![
        json!({
            "task_type": "schedule_followup", "user_id": "demo-ada",
            "payload": {"reason": "you asked for a cheaper way to store punched cards"},
        }),
        json!({
            "task_type": "research_solution", "user_id": "demo-ada", "priority": "high",
            "payload": {"description": "punched cards take too much room", "category": "storage"},
        }),
        json!({
            "task_type": "update_user_profile", "user_id": "demo-ada",
            "payload": {"field": "title", "value": "Countess"},
        }),
        json!({
            "task_type": "re_engagement_check", "user_id": "demo-ben", "agent_type": "bouncer",
            "payload": {"attempt_count": 0, "missing_fields": ["email"]},
        }),
        json!({"task_type": "scripted", "payload": {"acts": ["complete"]}}),
    ]
}
