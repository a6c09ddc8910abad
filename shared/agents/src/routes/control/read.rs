//! Read marks of sessions: what a reader has seen.

use errand::{
    App,
    spi::read_marks::{Subject, unread},
};
use errand_http::{Answer, ApiError, ReadRequest, Request, SessionMarked, control::mark};

use crate::Session;

/// `POST /v1/sessions/{id}/read {reader_id, revision?}`. A mark never moves back, and never ahead of the
/// session.
pub(crate) async fn session(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: ReadRequest = request.json()?;
    let session = request.found::<Session>(app).await?;
    let (newest, subject) = (session.value.revision, Subject::session(session.id.clone()));
    let (reader_id, revision) = mark(app, request, body, (&subject, newest, session.value.expires_at)).await?;
    let unread = unread(newest, Some(revision));
    Ok(Answer::json(200, &SessionMarked { session_id: &session.id, reader_id, revision, unread }))
}
