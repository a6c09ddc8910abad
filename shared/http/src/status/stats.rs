//! What was counted, as it is answered: one queue's, every queue's, and what health tells of them all.

use std::collections::BTreeMap;

use crate::{Answer, ApiError, Listed, Request, limit};
use errand::{
    App, Name, Timestamp,
    spi::{
        registry::LeftAlone,
        store::{Counts, QueuePlace, Stats, StatsScope},
    },
};
use futures::try_join;
use serde::Serialize;

/// Tasks, not executions; a restart forgets nothing, and what was removed for its age stays counted.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Counted {
    /// How many are pending and running, and how many ended in each way since the installation began.
    #[serde(flatten)]
    now: Counts,
    /// Pending and running.
    open: u64,
    /// Completed and failed.
    processed: u64,
    succeeded: u64,
    success_rate: Option<f64>,
    last_processed_at: Option<Timestamp>,
    last_hours: LastHours,
}

/// What happened in this and the previous UTC hour.
#[derive(Serialize, schemars::JsonSchema)]
struct LastHours {
    since: Timestamp,
    /// How many entered each status; a task that is retried enters some of them again.
    #[serde(flatten)]
    entered: Counts,
    success_rate: Option<f64>,
    processed_per_hour: f64,
}

/// What was counted of one queue.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct QueueView {
    project: Name,
    queue: Name,
    #[serde(flatten)]
    counted: Counted,
    lanes: BTreeMap<Name, Counts>,
    types: BTreeMap<Name, Counts>,
    /// How many changes of a status were counted: only rises, and whenever it has not, no status has changed.
    revision: u64,
}

/// How a queue is, and how long work waits.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct QueueNow {
    #[serde(flatten)]
    queue: QueueView,
    /// The earliest `run_at` of the pending tasks that are due; null if none is.
    oldest_due_at: Option<Timestamp>,
}

/// What is answered of one queue.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct QueueAnswer {
    #[serde(flatten)]
    now: QueueNow,
    /// Which of its types wait because their target has too much to do, or does not answer, and is left alone.
    left_alone: Vec<LeftAlone>,
}

impl Counted {
    pub(crate) fn of(stats: &Stats, now: Timestamp) -> Self {
        let last_hours = LastHours {
            since: stats.since,
            entered: stats.last_hours,
            success_rate: stats.last_hours.success_rate(),
            processed_per_hour: stats.processed_per_hour(now),
        };
        Self {
            now: stats.now,
            open: stats.now.open(),
            processed: stats.now.processed(),
            succeeded: stats.now.completed,
            success_rate: stats.now.success_rate(),
            last_processed_at: stats.last_processed_at,
            last_hours,
        }
    }
}

impl QueueView {
    fn of(project: Name, queue: Name, stats: Stats, now: Timestamp) -> Self {
        let counted = Counted::of(&stats, now);
        Self { project, queue, counted, lanes: stats.lanes, types: stats.types, revision: stats.changes }
    }
}

/// `GET /v1/queues/{queue}/stats?project=`.
pub(crate) async fn queue(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let project = request.query_name("project")?.unwrap_or_default();
    let tenant = &request.caller.tenant;
    let (now, left_alone) = try_join!(now(app, tenant, project, request.path_name("queue")?), async {
        Ok(app.left_alone(Some(tenant)).await?)
    },)?;
    let is_here = |left: &LeftAlone| now.queue.types.contains_key(&left.task_type);
    let left_alone = left_alone.into_iter().filter(is_here).collect();
    Ok(Answer::json(200, &QueueAnswer { now, left_alone }))
}

/// A queue as it stands.
pub(crate) async fn now(app: &App, tenant: &Name, project: Name, queue: Name) -> Result<QueueNow, ApiError> {
    let scope = StatsScope::Queue { tenant: tenant.clone(), project: project.clone(), queue: queue.clone() };
    let now = app.clock.now();
    let (stats, oldest_due_at) = try_join!(app.store.stats(&scope, now), app.store.oldest_due(&scope, now))?;
    Ok(QueueNow { queue: QueueView::of(project, queue, stats, now), oldest_due_at })
}

/// `GET /v1/queues`: every queue that ever had a task of the tenant's, by project and queue.
pub(crate) async fn queues(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let limit = limit(request)?;
    let after = request.query.get("cursor").map(|cursor| place(cursor)).transpose()?;
    let now = app.clock.now();
    let page = app.store.queues(&request.caller.tenant, after.as_ref(), limit, now).await?;
    let cursor = page.next.and_then(|(project, queue)| Some(format!("{project}/{}", queue?)));
    let items = page.items.into_iter().map(|q| QueueView::of(q.project, q.queue, q.stats, now)).collect();
    Ok(Answer::json(200, &Listed::new(items, cursor)))
}

fn place(cursor: &str) -> Result<QueuePlace, ApiError> {
    let names = cursor.split_once('/').and_then(|(p, q)| Some((Name::new(p).ok()?, Some(Name::new(q).ok()?))));
    names.ok_or_else(|| ApiError::bad_cursor("cursor"))
}
