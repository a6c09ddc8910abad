//! Lists: of tasks, of events.

use shared::{
    api::{
        Answer, ApiError, DeadLetterFilter, DeadLetters, Listed, Order, Request, TaskView, cursor_of, fitting, limit,
        place_of,
    },
    app::App,
    ids::Id,
    lifecycle::Status,
    outbox,
    store::{Bucket, Filter, ListQuery, Listing, Position},
};

/// `GET /v1/tasks`: one queue's (by default the queue `default`, its open tasks), or one user's (by default all).
pub(crate) async fn tasks(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let known = ["queue", "project", "status", "lane", "user_id", "type", "updated_after", "cursor", "limit"];
    request.only_query(&known)?;
    let query = query(request)?;
    let page = app.store.list(&query, cursor(request)?, limit(request)?).await?;
    let items = page.items.iter().filter_map(|task| {
        // A task that has left the list since its index was read has no place to go on from.
        Some((TaskView::from(task), query.listing.position(task)?.to_cursor()))
    });
    Ok(Answer::json(200, &fitting(items, page.next.map(Position::to_cursor))))
}

fn query(request: &Request) -> Result<ListQuery, ApiError> {
    // `open` is pending and running together. It is what a queue's list shows if nothing else is asked for.
    let open = request.query.get("status").is_some_and(|status| status == "open");
    let status = if open { None } else { request.query_as::<Status>("status")? };
    let filter = Filter {
        bucket: open.then_some(Bucket::Open),
        status,
        lane: request.query_name("lane")?,
        task_type: request.query_name("type")?,
        updated_after: request.query_as("updated_after")?,
        ..Filter::default()
    };
    let (project, queue) = (request.query_name("project")?, request.query_name("queue")?);
    let listing = match request.query_as::<Id>("user_id")? {
        Some(_) if project.is_some() || queue.is_some() => {
            return Err(ApiError::invalid("user_id", "name user_id or queue, not both"));
        }
        Some(user) => Listing::User(user),
        None => Listing::Queue {
            project: project.unwrap_or_default(),
            queue: queue.unwrap_or_default(),
            bucket: status.map_or(Bucket::Open, Bucket::of),
        },
    };
    Ok(ListQuery { tenant: request.caller.tenant.clone(), listing, filter })
}

/// `GET /v1/dead-letters`: the failed tasks of a queue.
pub(crate) async fn dead_letters(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let known = ["queue", "project", "lane", "type", "failure_kind", "ended_after", "ended_before", "cursor", "limit"];
    request.only_query(&known)?;
    let filter = DeadLetterFilter {
        project: request.query_name("project")?,
        queue: request.query_name("queue")?,
        lane: request.query_name("lane")?,
        r#type: request.query_name("type")?,
        failure_kind: request.query_as("failure_kind")?,
        ended_after: request.query_as("ended_after")?,
        ended_before: request.query_as("ended_before")?,
    };
    let letters = DeadLetters::of(request.caller.tenant.clone(), filter);
    let page = letters.page(&*app.store, cursor(request)?, limit(request)?).await?;
    let items = page.items.iter().map(|task| (TaskView::from(task), Position::in_queue(task).to_cursor()));
    Ok(Answer::json(200, &fitting(items, page.next.map(Position::to_cursor))))
}

/// `GET /v1/events?after=`: what was published, oldest first. The cursor of the last page goes on with what comes.
pub(crate) async fn events(app: &App, request: &Request) -> Result<Answer, ApiError> {
    request.only_query(&["after", "limit"])?;
    let after = request.query.get("after").filter(|after| !after.is_empty());
    let after = after.map(|cursor| place_of("after", cursor, Order::EVENTS)).transpose()?;
    let page = outbox::published(app, &request.caller.tenant, after.as_deref(), limit(request)?).await?;
    Ok(Answer::json(200, &Listed::new(page.items, page.next.as_deref().map(cursor_of))))
}

fn cursor(request: &Request) -> Result<Option<Position>, ApiError> {
    let bad = || ApiError::bad_cursor("cursor");
    request.query.get("cursor").map(|text| Position::from_cursor(text).ok_or_else(bad)).transpose()
}
