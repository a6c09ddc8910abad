//! Tasks that are pushed to a target on this machine: to one that answers at once, and to some that do not answer.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::{Router, http::StatusCode, routing::post};
use serde_json::{Value, json};

use super::{Options, bar, child::Server, open_more_files, report::Report};
use crate::client::Client;

const TASKS: u64 = 20_000;
const BATCH: u64 = 100;

/// So many types whose target does not answer, each with so many tasks.
const SLOW_TYPES: u64 = 20;
const OF_EACH: u64 = 50;

pub(super) async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(options, "push")?;
    let client = Client::new(&server.url, None)?;
    let target = Router::new().route("/", post(async || StatusCode::NO_CONTENT));
    let run = json!({"kind": "http", "url": listen(target).await?});
    client.put("/v1/task-types/pushed", json!({"run": run}).to_string()).await?;
    let tasks: Vec<Value> = (0..BATCH).map(|n| json!({"task_type": "pushed", "payload": {"n": n}})).collect();
    let batch = json!({"tasks": tasks}).to_string();
    let bar = bar(TASKS, "pushed to a target, 64 at once");
    let begin = Instant::now();
    for _ in 0..TASKS / BATCH {
        client.post("/v1/tasks/batch", batch.clone()).await?;
    }
    loop {
        let completed = client.completed().await?;
        bar.set_position(completed);
        if completed >= TASKS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = begin.elapsed().as_secs_f64();
    bar.finish();
    #[allow(clippy::cast_precision_loss)] // some ten thousand
    let per_s = TASKS as f64 / seconds;
    report.pushed_tasks_per_s = Some(per_s);
    drop(server);
    report.rss_1000_calls_mb = Some(unanswered(options).await?);
    Ok(())
}

/// What the server's memory grows by while 1,000 calls are not answered.
async fn unanswered(options: &Options) -> anyhow::Result<f64> {
    open_more_files()?;
    let server = Server::start(options, "slow")?;
    let client = Client::new(&server.url, None)?;
    let before = server.rss_mb()?;
    let called = Arc::new(AtomicU64::new(0));
    let counted = called.clone();
    let hang = move || {
        counted.fetch_add(1, Relaxed);
        pending::<StatusCode>()
    };
    let run = json!({"kind": "http", "url": listen(Router::new().route("/", post(hang))).await?});
    for n in 0..SLOW_TYPES {
        let task_type = format!("slow{n}");
        client.put(&format!("/v1/task-types/{task_type}"), json!({"run": run, "timeout_s": 300}).to_string()).await?;
        let tasks: Vec<Value> = (0..OF_EACH).map(|n| json!({"task_type": task_type, "payload": {"n": n}})).collect();
        client.post("/v1/tasks/batch", json!({"tasks": tasks}).to_string()).await?;
    }
    while called.load(Relaxed) < SLOW_TYPES * OF_EACH {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(server.rss_mb()? - before)
}

/// Has a target listen: its URL.
async fn listen(router: Router) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}
