//! What a worker outside writes to the run that it has: events, and what became of commands.
//!
//! Its claim, its heartbeats and its end are its task's, as all work's outside. By the claim's fence it writes here, too; who
//! has lost it is told `lease_conflict`, whatever the run has become since.

use crate::{
    Command, CommandAction, Run,
    api::{AppendRequest, Appended, CommandEnd, EntityView, FinishCommandRequest, LeaseRequest, LeaseToken, NewEvent},
    event::{self, EventBody},
    journal::{self, JournalError, Place},
};
use errand::{
    App, FieldError, Stored, TaskKey,
    spi::{json::read::read_strict, store},
};
use errand_http::{Answer, ApiError, Request, found::missing};

/// `POST /v1/runs/{id}/events {lease_token, events}`: appended together or not at all; under an `Idempotency-Key` once.
pub(crate) async fn append(app: &App, request: &Request) -> Result<Answer, ApiError> {
    // Each event is read for itself.
    let AppendRequest { lease_token, events } = read_strict(request.text()?)?;
    let bodies = events.iter().enumerate().map(|(nth, event)| {
        read_event(event).map_err(|error: FieldError| ApiError::from(error.within(&format!("events[{nth}]"))))
    });
    let bodies: Vec<EventBody> = bodies.collect::<Result<_, _>>()?;
    let run = request.found::<Run>(app).await?;
    let place = held(request, &run, lease_token)?;
    let batch = match journal::append(app, &place, request.idempotency_key.as_deref(), bodies).await {
        Ok(batch) => batch,
        Err(error) => return Err(explained(app, &place, error).await),
    };
    let journal::AppendedEvents { first_seq, last_seq, deduplicated } = batch;
    let count = (last_seq + 1).saturating_sub(first_seq);
    Ok(Answer::json(200, &Appended { first_seq, last_seq, count, deduplicated }))
}

fn read_event(event: &NewEvent) -> Result<EventBody, FieldError> {
    match event::read(&event.event_type, event.payload.get())? {
        EventBody::TerminalStatus(_) => {
            Err(FieldError::at("type", "a run ends with its task: POST /v1/tasks/{id}/finish"))
        }
        body => Ok(body),
    }
}

/// `POST /v1/commands/{id}/ack {lease_token}`.
pub(crate) async fn acknowledge(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let LeaseRequest { lease_token } = request.json()?;
    on_command(app, request, lease_token, CommandAction::Acknowledge).await
}

/// `POST /v1/commands/{id}/finish {lease_token, status, error?}`, after it was acknowledged.
pub(crate) async fn finish_command(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let FinishCommandRequest { lease_token, status, error } = request.json()?;
    let action = match status {
        CommandEnd::Completed => CommandAction::Complete,
        CommandEnd::Failed => CommandAction::Fail(error.unwrap_or_default()),
    };
    on_command(app, request, lease_token, action).await
}

async fn on_command(
    app: &App,
    request: &Request,
    lease_token: LeaseToken,
    action: CommandAction,
) -> Result<Answer, ApiError> {
    let command = request.found::<Command>(app).await?;
    let run = request.find::<Run>(app, &command.value.run_id).await?.ok_or_else(missing::<Run>)?;
    let place = held(request, &run, lease_token)?;
    match journal::change_command(app, &place, &command.id, &action).await {
        Ok(changed) => Ok(Answer::json(200, &EntityView { id: &command.id, version: None, fields: &changed })),
        Err(error) => Err(explained(app, &place, error).await),
    }
}

/// Where a worker writes: nothing once it has lost the run.
fn held(request: &Request, run: &Stored<Run>, LeaseToken(fence): LeaseToken) -> Result<Place, ApiError> {
    if run.value.attempt != fence.executions {
        return Err(ApiError::lease_conflict("the lease was lost: another worker has taken the run"));
    }
    if let Some(ended) = run.value.status.terminal() {
        return Err(ApiError::lease_conflict(format!("the lease is over: the run is {}", ended.as_str())));
    }
    let tenant = request.caller.tenant.clone();
    let key = TaskKey { tenant: tenant.clone(), id: run.value.task_id };
    Ok(Place { tenant, run: run.id.clone(), task: Some((key, fence)) })
}

/// What a worker is told of a write that was refused: before anything else, that it has no lease.
async fn explained(app: &App, place: &Place, error: JournalError) -> ApiError {
    if let (JournalError::Refused(_), Some((key, fence))) = (&error, &place.task) {
        match store::task(&*app.store, key).await {
            Ok(Some(task)) if task.fence() == Some(*fence) => {}
            Ok(_) => return JournalError::LeaseLost.into(),
            Err(problem) => return problem.into(),
        }
    }
    error.into()
}
