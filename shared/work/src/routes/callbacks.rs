//! What those answer later who were called.

use errand::{App, Status};
use errand_http::{Answer, ApiError, Request};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    WorkOutcome,
    callback::{self, CallbackHeartbeat},
};

/// What is told of a task to who was called with it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Called {
    /// Which task.
    pub task_id: Uuid,
    /// Where it is now in its life.
    pub task_status: Status,
}

/// `POST /v1/callbacks/{token}`.
pub(super) async fn finish(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let outcome: WorkOutcome = request.json()?;
    let task = callback::finish(app, token(request), outcome).await?;
    Ok(Answer::json(200, &Called { task_id: task.key.id, task_status: task.status() }))
}

/// `POST /v1/callbacks/{token}/heartbeat`.
pub(super) async fn heartbeat(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let beat: CallbackHeartbeat = request.json()?;
    Ok(Answer::json(200, &callback::heartbeat(app, token(request), &beat).await?))
}

fn token(request: &Request) -> &str {
    request.path.get("token").map_or("", String::as_str)
}
