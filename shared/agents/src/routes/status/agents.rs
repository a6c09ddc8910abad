//! Agents, and the model backends there are.

use crate::{Agent, Agents, api::EntityView};
use errand::{App, Id, spi::store::RelationKind};
use errand_http::{Answer, ApiError, Listed, Request};

use super::runs::listed;

/// `GET /v1/agents?project=` or `?task_id=`: newest first.
pub(crate) async fn agents(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let (by, of) = match (request.query_name("project")?, request.query_as::<Id>("task_id")?) {
        (Some(_), Some(_)) => return Err(ApiError::invalid("task_id", "name task_id or project, not both")),
        (project, None) => (RelationKind::Owner, Id::from(&project.unwrap_or_default())),
        (None, Some(task)) => (RelationKind::Parent, task),
    };
    listed::<Agent>(app, request, (by, &of, true), Some).await
}

/// `GET /v1/agents/{id}`.
pub(crate) async fn agent(app: &App, request: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::json(200, &EntityView::from(&request.found::<Agent>(app).await?)))
}

/// `GET /v1/backends`: the model profiles, without anything secret.
pub(crate) async fn backends(app: &App, _: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::json(200, &Listed::new(Agents::of(app)?.backends(), None)))
}
