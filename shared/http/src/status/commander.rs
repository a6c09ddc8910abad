//! `GET /v1/commander`: what an agent that looks after a queue wants to know, in one answer.

use crate::{Answer, ApiError, Listed, Request, TaskView, fitting};
use errand::{
    App, Id,
    spi::{
        read_marks::{Reader, Subject, unread},
        store::{Bucket, Filter, ListQuery, Listing, Position},
    },
};
use futures::try_join;
use serde::Serialize;
use serde_json::value::RawValue;

use super::stats::{self, QueueNow};

/// How many open tasks are shown.
const SHOWN: usize = 20;

#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Snapshot {
    stats: QueueNow,
    /// The first open tasks, by priority, then age; the cursor goes on in `GET /v1/tasks`.
    #[schemars(with = "Listed<Shown<'static>>")]
    tasks: Listed<Box<RawValue>>,
    /// How many of these the reader has not seen as they are now.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<usize>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Shown<'t> {
    #[serde(flatten)]
    task: TaskView<'t>,
    /// Whether it has changed since the reader saw it, or was never seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<bool>,
}

/// `GET /v1/commander?queue=&project=&reader_id=`: the queue's counts and its first open tasks, read at about the
/// same time.
pub(crate) async fn answer(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let project = request.query_name("project")?.unwrap_or_default();
    let queue = request.query_name("queue")?.unwrap_or_default();
    let tenant = request.caller.tenant.clone();
    let reader = request.query_as::<Id>("reader_id")?.map(|id| Reader { tenant: tenant.clone(), id });

    let listing = Listing::Queue { project: project.clone(), queue: queue.clone(), bucket: Bucket::Open };
    let query = ListQuery { tenant: tenant.clone(), listing, filter: Filter::default() };
    let list = async { Ok(app.store.list(&query, None, SHOWN).await?) };
    let (stats, page) = try_join!(stats::now(app, &tenant, project, queue), list)?;
    let flags: Vec<Option<bool>> = match &reader {
        Some(reader) => {
            let subjects: Vec<Subject> = page.items.iter().map(|task| Subject::task(task.key.id)).collect();
            let seen = reader.seen(&*app.store, &subjects).await?;
            page.items.iter().zip(seen).map(|(task, seen)| Some(unread(task.revision, seen))).collect()
        }
        None => vec![None; page.items.len()],
    };
    let items = page.items.iter().zip(&flags).filter_map(|(task, unread)| {
        let place = query.listing.position(task)?;
        Some((Shown { task: TaskView::of(task, &app.types), unread: *unread }, place.to_cursor()))
    });
    let tasks = fitting(items, page.next.map(Position::to_cursor));
    let unread = reader.map(|_| flags.iter().take(tasks.count).filter(|unread| **unread == Some(true)).count());
    Ok(Answer::json(200, &Snapshot { stats, tasks, unread }))
}
