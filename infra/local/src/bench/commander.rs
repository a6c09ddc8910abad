//! How long an agent commander's snapshot takes, beside whatever the file holds.

use std::{collections::HashMap, time::Instant};

use anyhow::{Context, ensure};
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use serde_json::{Value, json};
use shared::{
    api::{ROUTES, Route},
    app::App,
};

use super::batch::batch_body;

const SNAPSHOTS: usize = 100;

/// Open tasks put there for it, and how many of those shown are marked as read.
const OPEN: u64 = 100;
const MARKED: usize = 10;

/// The slowest of [`SNAPSHOTS`], in milliseconds, through the function library.
pub(super) async fn measure(app: &App) -> anyhow::Result<f64> {
    let body = batch_body(OPEN, r#","delay_s":800"#);
    read(enqueue::http(app, event(Route::EnqueueBatch, Some(body))?).await)?;
    for task in
        snapshot(app).await?.pointer("/tasks/items").and_then(Value::as_array).into_iter().flatten().take(MARKED)
    {
        let mut event = event(Route::ReadTask, Some(json!({"reader_id": "bench"}).to_string()))?;
        let id = task.get("id").and_then(Value::as_str).context("a task without id")?;
        event.path_parameters.insert("id".to_owned(), id.to_owned());
        read(control::http(app, event).await)?;
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
    let mut event = event(Route::Commander, None)?;
    event.query_string_parameters = HashMap::from([("reader_id".to_owned(), "bench".to_owned())]).into();
    read(status::http(app, event).await)
}

fn event(route: Route, body: Option<String>) -> anyhow::Result<ApiGatewayV2httpRequest> {
    let info = ROUTES.iter().find(|info| info.route == route).context("no such route")?;
    let mut event = ApiGatewayV2httpRequest::default();
    (event.route_key, event.body) = (Some(info.key()), body);
    Ok(event)
}

fn read(answer: ApiGatewayV2httpResponse) -> anyhow::Result<Value> {
    ensure!(answer.status_code == 200, "refused: {:?}", answer.body);
    let Some(aws_lambda_events::encodings::Body::Text(text)) = answer.body else { anyhow::bail!("no text") };
    Ok(serde_json::from_str(&text)?)
}
