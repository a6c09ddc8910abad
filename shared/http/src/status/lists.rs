//! Lists: of tasks, of events.

mod chain;

use super::ALL_QUEUES;
use crate::{
    Answer, ApiError, DeadLetterFilter, DeadLetters, Listed, Order, Request, TaskView, cursor_of, fitting, limit,
    place_of,
};
use chain::Chain;
use errand::{
    App, Published, Status,
    spi::{
        event::EventTypes,
        outbox::EventFilter,
        store::{Bucket, Filter, ListQuery, Listing, Position},
    },
};
use serde::Serialize;
use uuid::Uuid;

/// All statuses, as the parameter `status` says it.
const ALL_STATUSES: &str = "all";

/// `GET /v1/tasks`: one queue's or all queues' (by default the queue `default`, its open tasks), or one user's or one
/// task's children (by default all).
pub(crate) async fn tasks(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let query = match asked(request)? {
        Asked::Several(chain) => return chain.page(app, request).await,
        Asked::One(query) => query,
    };
    let page = app.store.list(&query, cursor(request)?, limit(request)?).await?;
    let items = page.items.iter().filter_map(|task| {
        // A task that has left the list since its index was read has no place to go on from.
        Some((TaskView::of(task, &app.types), query.listing.position(task)?.to_cursor()))
    });
    Ok(Answer::json(200, &fitting(items, page.next.map(Position::to_cursor))))
}

/// One list, or several.
enum Asked {
    One(ListQuery),
    Several(Chain),
}

fn asked(request: &Request) -> Result<Asked, ApiError> {
    let is = |name: &str, value: &str| request.query.get(name).is_some_and(|asked| asked == value);
    // `open` is pending and running together. It is what a queue's list shows if nothing else is asked for.
    let (open, all) = (is("status", "open"), is("status", ALL_STATUSES));
    let status = if open || all { None } else { request.query_as::<Status>("status")? };
    let filter = Filter {
        bucket: open.then_some(Bucket::Open),
        status,
        lane: request.query_name("lane")?,
        task_type: request.query_name("type")?,
        updated_after: request.query_as("updated_after")?,
        ..Filter::default()
    };
    let of_queue = request.query.contains_key("project") || request.query.contains_key("queue");
    let user = request.query_as("user_id")?.map(Listing::User);
    let children = request.query_as("parent_id")?.map(Listing::Children);
    let listing = match (user, children) {
        (Some(_), None) if of_queue => return Err(ApiError::invalid("user_id", "name user_id or queue, not both")),
        (_, Some(_)) if of_queue => return Err(ApiError::invalid("parent_id", "name parent_id or queue, not both")),
        (Some(_), Some(_)) => return Err(ApiError::invalid("parent_id", "name parent_id or user_id, not both")),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return of_queues(request, (status, all), filter),
    };
    Ok(Asked::One(ListQuery { tenant: request.caller.tenant.clone(), listing, filter }))
}

/// What is asked of queues: of one, in one bucket, or of more.
fn of_queues(request: &Request, (status, all): (Option<Status>, bool), filter: Filter) -> Result<Asked, ApiError> {
    let project = request.query_name("project")?.unwrap_or_default();
    let every = request.query.get("queue").is_some_and(|queue| queue == ALL_QUEUES);
    let queue = if every { None } else { Some(request.query_name("queue")?.unwrap_or_default()) };
    let bucket = status.map_or(Bucket::Open, Bucket::of);
    Ok(match queue {
        Some(queue) if !all => {
            let listing = Listing::Queue { project, queue, bucket };
            Asked::One(ListQuery { tenant: request.caller.tenant.clone(), listing, filter })
        }
        queue => {
            let buckets = if all { Bucket::ALL.to_vec() } else { vec![bucket] };
            Asked::Several(Chain { project, queue, buckets, filter })
        }
    })
}

/// `GET /v1/dead-letters`: the failed tasks of a queue.
pub(crate) async fn dead_letters(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let filter = DeadLetterFilter {
        project: request.query_name("project")?,
        queue: request.query_name("queue")?,
        lane: request.query_name("lane")?,
        r#type: request.query_name("type")?,
        failure_kind: request.query_as("failure_kind")?,
        fingerprint: request.query_as("fingerprint")?,
        ended_after: request.query_as("ended_after")?,
        ended_before: request.query_as("ended_before")?,
    };
    let letters = DeadLetters::of(request.caller.tenant.clone(), filter);
    let page = letters.page(&*app.store, cursor(request)?, limit(request)?).await?;
    let items = page.items.iter().map(|task| (TaskView::of(task, &app.types), Position::in_queue(task).to_cursor()));
    Ok(Answer::json(200, &fitting(items, page.next.map(Position::to_cursor))))
}

/// An event in the list of what was published.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Published")]
pub(crate) struct EventView {
    #[serde(flatten)]
    event: Published,
    /// What to go on after, once it was seen: the parameter `after`.
    cursor: String,
}

/// `GET /v1/events?after=&types=&task_id=`: what was told, oldest first. The cursor of the last page goes on with what
/// comes.
pub(crate) async fn events(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let after = request.query.get("after").filter(|after| !after.is_empty());
    let after = after.map(|cursor| place_of("after", cursor, Order::EVENTS)).transpose()?;
    let types = request.query.get("types").map(|types| types.parse::<EventTypes>()).transpose();
    let types = types.map_err(|error| ApiError::invalid("types", error.to_string()))?;
    let subject = request.query_as::<Uuid>("task_id")?.map(|id| id.to_string());
    let wanted = EventFilter { types, subject };
    let page = wanted.page(app, &request.caller.tenant, after.as_deref(), limit(request)?).await?;
    let view = |(event, place): (Published, String)| EventView { event, cursor: cursor_of(&place) };
    let items = page.items.into_iter().map(view).collect();
    Ok(Answer::json(200, &Listed::new(items, page.next.as_deref().map(cursor_of))))
}

fn cursor(request: &Request) -> Result<Option<Position>, ApiError> {
    let bad = || ApiError::bad_cursor("cursor");
    request.query.get("cursor").map(|text| Position::from_cursor(text).ok_or_else(bad)).transpose()
}
