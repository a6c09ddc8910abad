//! One task, and its action log.

use crate::{Answer, ApiError, Listed, Request, TaskView, limit};
use errand::{
    App, State,
    spi::{json::Json, lifecycle::log::LogEntry},
};
use serde::Serialize;

/// `GET /v1/tasks/{id}`.
pub(crate) async fn task(app: &App, request: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::json(200, &TaskView::of(&request.task(app).await?, &app.types)))
}

/// A task's log: its rows, with the task's payload and output beside them.
#[derive(Serialize, schemars::JsonSchema)]
pub(crate) struct Log<'t> {
    #[serde(flatten)]
    rows: Listed<LogEntry>,
    payload: &'t Json,
    output: Option<&'t Json>,
}

/// `GET /v1/tasks/{id}/log`: oldest first; the cursor is the last row's `seq`.
pub(crate) async fn log(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let after = request.query.get("cursor").map_or(Ok(0), |text| text.parse());
    let after = after.map_err(|_| ApiError::bad_cursor("cursor"))?;
    let limit = limit(request)?;
    let task = request.task(app).await?;
    let page = app.store.log(&task, after, limit).await?;
    let rows = Listed::new(page.items, page.next.map(|seq| seq.to_string()));
    let output = match &task.state {
        State::Completed { output } => Some(output),
        _ => None,
    };
    Ok(Answer::json(200, &Log { rows, payload: &task.payload, output }))
}
