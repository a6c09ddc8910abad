//! Groups, and their members page by page.

use errand::{App, spi::group};

use crate::{
    Answer, ApiError, Request, cursor, cursor_of, fitting,
    groups::{GroupView, MemberView},
    limit,
};

/// `GET /v1/groups?limit=&cursor=`: the newest first.
pub(super) async fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let page = group::list(app, &request.caller.tenant, cursor(request)?.as_deref(), limit(request)?).await?;
    let shown = page.items.into_iter().map(|(group, place)| (GroupView::from(group), cursor_of(&place)));
    Ok(Answer::json(200, &fitting(shown, page.next.as_deref().map(cursor_of))))
}

/// `GET /v1/groups/{id}`.
pub(super) async fn group(app: &App, request: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::json(200, &GroupView::from(request.group(app).await?)))
}

/// `GET /v1/groups/{id}/tasks?limit=&cursor=`: in the order in which they were asked for.
pub(super) async fn members(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let limit = u32::try_from(limit(request)?).unwrap_or(u32::MAX);
    let from = match request.query.get("cursor") {
        Some(cursor) => cursor.parse::<u32>().map_err(|_| ApiError::bad_cursor("cursor"))?,
        None => 0,
    };
    let found = request.group(app).await?;
    let members = group::members(app, &found, from, limit).await?;
    let end = members.last().map_or(from, |(index, _)| index + 1);
    let shown = members
        .iter()
        .map(|(index, task)| (MemberView::of(*index, task.as_ref(), &app.types), (index + 1).to_string()));
    let next = (end < found.total).then(|| end.to_string());
    Ok(Answer::json(200, &fitting(shown, next)))
}
