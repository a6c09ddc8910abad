//! Read marks: what a reader has seen.

use crate::{Answer, ApiError, Marked, ReadRequest, Request};
use errand::{
    App, Id, Timestamp,
    spi::read_marks::{Reader, Subject, unread},
};

/// `POST /v1/tasks/{id}/read {reader_id, revision?}`. A mark never moves back, and never ahead of the task.
pub(crate) async fn task(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: ReadRequest = request.json()?;
    let task = request.task(app).await?;
    let (newest, subject) = (task.revision, Subject::task(task.key.id));
    let (reader_id, revision) = mark(app, request, body, (&subject, newest, task.run_at())).await?;
    let unread = unread(newest, Some(revision));
    Ok(Answer::json(200, &Marked { task_id: task.key.id, reader_id, revision, unread }))
}

/// Marks what is of revision `newest` now, and of use until then, as `body` says: the reader, and where the mark stands.
pub async fn mark(
    app: &App,
    request: &Request,
    body: ReadRequest,
    (subject, newest, of_use_until): (&Subject, u64, Option<Timestamp>),
) -> Result<(Id, u64), ApiError> {
    let seen = body.revision.unwrap_or(newest);
    if seen > newest {
        return Err(ApiError::invalid("revision", format!("it is at revision {newest}")));
    }
    let reader = Reader { tenant: request.caller.tenant.clone(), id: body.reader_id };
    let now = app.clock.now();
    let of_use_until = of_use_until.map_or(now, |at| at.max(now));
    let revision = reader.mark(&*app.store, subject, seen, (now, of_use_until)).await?;
    Ok((reader.id, revision))
}
