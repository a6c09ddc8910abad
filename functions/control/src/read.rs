//! Read marks: what a reader has seen.

use shared::{
    agent::Session,
    api::{Answer, ApiError, Marked, ReadRequest, Request, SessionMarked},
    app::App,
    read_marks::{Reader, Subject, unread},
};

use crate::tasks::found;

/// `POST /v1/tasks/{id}/read {reader_id, revision?}`. A mark never moves back, and never ahead of the task.
pub(crate) async fn task(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: ReadRequest = request.json()?;
    let task = found(app, request).await?;
    let seen = body.revision.unwrap_or(task.revision);
    if seen > task.revision {
        return Err(ApiError::invalid("revision", format!("the task is at revision {}", task.revision)));
    }
    let reader = Reader { tenant: request.caller.tenant.clone(), id: body.reader_id };
    let now = app.clock.now();
    let of_use_until = task.run_at().map_or(now, |run_at| run_at.max(now));
    let subject = Subject::task(task.key.id);
    let revision = reader.mark(&*app.store, &subject, seen, (now, of_use_until)).await?;
    let marked =
        Marked { task_id: task.key.id, reader_id: reader.id, revision, unread: unread(task.revision, Some(revision)) };
    Ok(Answer::json(200, &marked))
}

/// `POST /v1/sessions/{id}/read {reader_id, revision?}`: the same of a session.
pub(crate) async fn session(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: ReadRequest = request.json()?;
    let session = request.found::<Session>(app).await?;
    let newest = session.value.revision;
    let seen = body.revision.unwrap_or(newest);
    if seen > newest {
        return Err(ApiError::invalid("revision", format!("the session is at revision {newest}")));
    }
    let reader = Reader { tenant: request.caller.tenant.clone(), id: body.reader_id };
    let now = app.clock.now();
    let of_use_until = session.value.expires_at.map_or(now, |at| at.max(now));
    let subject = Subject::session(session.id.clone());
    let revision = reader.mark(&*app.store, &subject, seen, (now, of_use_until)).await?;
    let unread = unread(newest, Some(revision));
    Ok(Answer::json(200, &SessionMarked { session_id: &session.id, reader_id: reader.id, revision, unread }))
}
