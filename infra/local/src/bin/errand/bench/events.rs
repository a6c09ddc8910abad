//! Events of agent runs: how fast workers outside append them, and how soon a page of a long run is answered.
//!
//! Each request is what a worker sends to `POST /v1/runs/{id}/events`, through the function library: read and checked,
//! redacted, and on the disk before it is answered, with the run and its session as they are after it, under the fence
//! of the worker's lease. A worker sends its next request when its last is answered.

use std::time::Instant;

use anyhow::{Context, ensure};
use errand::App;
use errand_agents::event::APPEND_EVENTS;
use futures::future::try_join_all;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::{Options, bar, batch::Bench, call::Call, report::Report};

/// What each measurement by many appends.
const EVENTS: u64 = 100_000;

/// The same one by one, to one run and to many: so many that a slow disk is through with them before a lease is over.
const SINGLE_EVENTS: u64 = 5_000;
const SINGLE_EVENTS_OF_MANY: u64 = 50_000;

/// Runs that are appended to at the same time.
const RUNS: u64 = 100;

/// Bytes of an event's text.
const TEXT_BYTES: usize = 200;

/// Events of a page that is read, and how often it is read at each of several places.
const PAGE: u64 = 100;
const PAGES: u64 = 100;

/// A run that a worker has taken.
struct Held {
    id: String,
    lease: String,
}

pub(super) async fn measure(options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let bench = Bench::start(options, "events").await?;
    let app = bench.app();
    let by_many = APPEND_EVENTS as u64;

    let run = [Held::claim(app).await?];
    report.events_per_s_one_run = Some(append(app, &run, SINGLE_EVENTS, 1, "events of one run, one by one").await?);
    let run = [Held::claim(app).await?];
    report.events_per_s_one_run_by_50 = Some(append(app, &run, EVENTS, by_many, "events of one run, by 50").await?);
    let [long] = &run;
    let pages = pages(app, long).await?;
    report.page_ms_of_100k = pages.get(pages.len() / 2).copied();
    report.slowest_page_ms_of_100k = pages.last().copied();

    let runs = try_join_all((0..RUNS).map(|_| Held::claim(app))).await?;
    report.events_per_s_many_runs =
        Some(append(app, &runs, SINGLE_EVENTS_OF_MANY, 1, "events of 100 runs, one by one").await?);
    let runs = try_join_all((0..RUNS).map(|_| Held::claim(app))).await?;
    report.events_per_s_many_runs_by_50 = Some(append(app, &runs, EVENTS, by_many, "events of 100 runs, by 50").await?);
    bench.stop().await;
    Ok(())
}

impl Held {
    async fn claim(app: &App) -> anyhow::Result<Self> {
        Call::of("StartRun").body(json!({"prompt": "be measured", "executor": "runner"})).answer(app).await?;
        // Longer than a measurement.
        let body = json!({"worker_id": "bench", "task_types": ["run_outside"], "pool": "default", "lease_s": 85});
        let mut given = Call::of("ClaimTasks").body(body).answer(app).await?;
        let claimed = given.pointer_mut("/items/0").map(Value::take).context("no run was given")?;
        let id = claimed.pointer("/details/run_id").and_then(Value::as_str).context("no run in a claim")?.to_owned();
        Ok(Self { lease: text(&claimed, "lease_token")?, id })
    }
}

/// Appends `events` in all to `runs`, `size` at a time; how many in a second.
async fn append(app: &App, runs: &[Held], events: u64, size: u64, what: &str) -> anyhow::Result<f64> {
    let bar = bar(events, what);
    let requests = events / size / runs.len() as u64;
    let begin = Instant::now();
    try_join_all(runs.iter().map(|run| append_to(app, run, requests, size, &bar))).await?;
    let seconds = begin.elapsed().as_secs_f64();
    bar.finish();
    for run in runs {
        let page = Call::of("RunEvents").id(&run.id).query(&[("limit", "1")]).answer(app).await?;
        // Two were there: that it was made, and that it was claimed.
        ensure!(page.get("last_seq") == Some(&json!(requests * size + 2)), "not every event is there: {page}");
    }
    #[allow(clippy::cast_precision_loss)] // some hundred thousand
    Ok(events as f64 / seconds)
}

async fn append_to(app: &App, run: &Held, requests: u64, size: u64, bar: &ProgressBar) -> anyhow::Result<()> {
    let event = json!({"type": "assistant_message", "payload": {"text": "x".repeat(TEXT_BYTES)}});
    let events: Vec<&Value> = (0..size).map(|_| &event).collect();
    let body = json!({"lease_token": run.lease, "events": events}).to_string();
    let call = Call::of("AppendEvents").id(&run.id).body(body);
    for _ in 0..requests {
        call.clone().answer(app).await?;
        bar.inc(size);
    }
    Ok(())
}

/// How long pages take at the start, in the middle and at the end of a run of [`EVENTS`] events, in milliseconds, the
/// slowest last.
async fn pages(app: &App, run: &Held) -> anyhow::Result<Vec<f64>> {
    let mut took = Vec::new();
    for after in [0, EVENTS / 2, EVENTS - PAGE] {
        let (after, limit) = (after.to_string(), PAGE.to_string());
        let call = Call::of("RunEvents").id(&run.id).query(&[("after_seq", &after), ("limit", &limit)]);
        for _ in 0..PAGES {
            let begin = Instant::now();
            let page = call.clone().answer(app).await?;
            took.push(begin.elapsed().as_secs_f64() * 1000.0);
            ensure!(page.get("count") == Some(&json!(PAGE)), "a page is short: {page}");
        }
    }
    took.sort_unstable_by(f64::total_cmp);
    Ok(took)
}

fn text(answer: &Value, field: &str) -> anyhow::Result<String> {
    let text = answer.get(field).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("no {field} in an answer"))
}
