//! What is wanted of a run that goes on: commands, each under a key once.

use crate::{
    Command, CommandAction, Run,
    api::{CancelCommandRequest, CommandRequest, EntityView, Given, fits},
    journal::{self, NewCommand, Place},
};
use errand::App;
use errand_http::{Answer, ApiError, Request};

/// `POST /v1/runs/{id}/commands {kind, payload?, idempotency_key?}`.
pub(crate) async fn give(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: CommandRequest = request.json()?;
    let idempotency_key = request.key_beside(body.idempotency_key)?;
    fits("payload", &body.payload)?;
    let run = request.found::<Run>(app).await?;
    let by = request.caller.principal.clone();
    let new = NewCommand { kind: body.kind, payload: body.payload, idempotency_key, by };
    let given = journal::give(app, &request.caller.tenant, &run.id, &new).await?;
    let status = if given.deduplicated { 200 } else { 201 };
    let view = EntityView { id: &given.id, version: None, fields: &given.command };
    Ok(Answer::json(status, &Given { given: view, deduplicated: given.deduplicated }))
}

/// `POST /v1/commands/{id}/cancel {reason?}`: takes it back. One that has ended stays as it is.
pub(crate) async fn cancel(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let CancelCommandRequest { reason } = request.json()?;
    let command = request.found::<Command>(app).await?;
    let place = Place::of_run(request.caller.tenant.clone(), command.value.run_id.clone());
    let changed = journal::change_command(app, &place, &command.id, &CommandAction::Cancel(reason)).await?;
    Ok(Answer::json(200, &EntityView { id: &command.id, version: None, fields: &changed }))
}
