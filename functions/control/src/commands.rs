//! What is wanted of a run that goes on: commands, and jobs for its runner. Each under a key once.

use serde_json::Value;
use shared::{
    agent::{
        Admitted, Command, CommandAction, CommandStatus, Run, RunnerJob, admit, create,
        journal::{self, NewCommand, Place},
        keyed_id,
    },
    api::{
        Answer, ApiError, CancelCommandRequest, CommandRequest, EntityView, Given, JobRequest, Request, found::missing,
    },
    app::App,
    json::Json,
    store::{self, Commit, StoreError},
};

/// The most bytes that a command or a job may carry.
const PAYLOAD_BYTES: usize = 64 * 1024;

/// `POST /v1/runs/{id}/commands {kind, payload?, idempotency_key?}`.
pub(crate) async fn give(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: CommandRequest = request.json()?;
    let idempotency_key = request.key_beside(body.idempotency_key)?;
    within("payload", &body.payload)?;
    let run = request.found::<Run>(app).await?;
    let by = request.caller.principal.clone();
    let new = NewCommand { kind: body.kind, payload: body.payload, idempotency_key, by };
    let given = journal::give(app, &request.caller.tenant, &run.id, &new).await?;
    let status = if given.deduplicated { 200 } else { 201 };
    let view = EntityView { id: &given.id, version: None, fields: &given.command };
    Ok(Answer::json(status, &Given { given: view, deduplicated: given.deduplicated }))
}

/// `POST /v1/commands/{id}/cancel`: takes it back. One that has ended stays as it is.
pub(crate) async fn cancel(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let CancelCommandRequest {} = request.json()?;
    let command = request.found::<Command>(app).await?;
    let place = Place::of_run(request.caller.tenant.clone(), command.value.run_id.clone());
    let changed = journal::change_command(app, &place, &command.id, &CommandAction::Cancel).await?;
    Ok(Answer::json(200, &EntityView { id: &command.id, version: None, fields: &changed }))
}

/// `POST /v1/runs/{id}/jobs {kind, payload?, runner_id?, idempotency_key?}`.
pub(crate) async fn job(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: JobRequest = request.json()?;
    let idempotency_key = request.key_beside(body.idempotency_key)?;
    within("payload", &body.payload)?;
    let run = request.found::<Run>(app).await?;
    let id = keyed_id("runner_job", &run.id, idempotency_key.as_deref());
    let payload_hash = Json::new(&serde_json::json!([body.kind, body.runner_id, body.payload])).hash();
    let there = request.find::<RunnerJob>(app, &id).await?;
    let known = there.as_ref().map(|there| there.value.payload_hash.as_str());
    if let (Admitted::Deduplicated, Some(there)) = (admit(run.value.status, known, &payload_hash)?, &there) {
        return Ok(Answer::json(200, &Given { given: EntityView::from(there), deduplicated: true }));
    }
    let job = RunnerJob {
        run_id: run.id,
        runner_id: body.runner_id,
        kind: body.kind,
        payload: body.payload,
        payload_hash,
        idempotency_key,
        status: CommandStatus::Pending,
        error: None,
        created_at: app.clock.now(),
        ended_at: None,
    };
    let records = vec![create(&request.caller.tenant, &id, &job, job.created_at)];
    match store::commit(&*app.store, Commit { records, ..Commit::default() }).await {
        Ok(()) => {
            let view = EntityView { id: &id, version: None, fields: &job };
            Ok(Answer::json(201, &Given { given: view, deduplicated: false }))
        }
        // The same request at the same time.
        Err(StoreError::Conflict { .. }) => {
            let there = request.find::<RunnerJob>(app, &id).await?.ok_or_else(missing::<RunnerJob>)?;
            admit(run.value.status, Some(&there.value.payload_hash), &job.payload_hash)?;
            Ok(Answer::json(200, &Given { given: EntityView::from(&there), deduplicated: true }))
        }
        Err(error) => Err(error.into()),
    }
}

fn within(field: &str, payload: &Value) -> Result<(), ApiError> {
    let bytes = payload.to_string().len();
    if bytes <= PAYLOAD_BYTES {
        return Ok(());
    }
    Err(ApiError::too_large(field, format!("it has {bytes} bytes; at most {PAYLOAD_BYTES} are taken")))
}
