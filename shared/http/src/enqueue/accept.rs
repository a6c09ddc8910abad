//! The way of every request, however it came: made a task of its caller's, and accepted as any other.

use futures::future::join_all;

use crate::{ApiError, Caller, TaskRequest, TaskView};
use errand::{Accepted, App, spi::accept};

/// Takes one request, as [`accept()`] does.
pub async fn accept_one(app: &App, caller: Caller, request: TaskRequest) -> Result<Accepted, ApiError> {
    let accepted = accept(app, vec![Ok((caller, request))]).await.pop();
    accepted.unwrap_or_else(|| Err(ApiError::conflict("nothing was asked for")))
}

/// Takes each request for itself, in order; what is wrong with one harms no other.
pub async fn accept(
    app: &App,
    requests: Vec<Result<(Caller, TaskRequest), ApiError>>,
) -> Vec<Result<Accepted, ApiError>> {
    let now = app.clock.now();
    let asked = requests.into_iter().map(async |request| {
        let (caller, request) = request?;
        accept::check_may_stand_alone(app, &request.task_type)?;
        request.accept(&caller, app, now).await
    });
    accept::accept(app, join_all(asked).await, now).await
}

/// 201 for a new task, 200 for one that was there.
pub fn status(accepted: &Accepted) -> u16 {
    if accepted.deduplicated { 200 } else { 201 }
}

/// The task as the API answers it.
pub fn view<'a>(app: &App, accepted: &'a Accepted) -> TaskView<'a> {
    TaskView { deduplicated: Some(accepted.deduplicated), ..TaskView::of(&accepted.task, &app.types) }
}
