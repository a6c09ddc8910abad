//! What a runner tells of a run: events, what became of commands, how it ended.

use crate::{
    Agents, Command, CommandAction, ExecutionUse, JobEnd, Run, RunOutside, RunnerJob, Terminal,
    api::{
        AppendRequest, Appended, BACKEND_NAME_BYTES, CommandEnd, EntityView, FinishCommandRequest, FinishFailure,
        FinishJobRequest, FinishRequest, LeaseRequest, LeaseToken, NewEvent, RunView, Used, fits,
    },
    budget::Budgets,
    event::{self, EventBody},
    journal::{self, UsedByRunner},
};
use errand::{
    App, FailureKind, FieldError, Handler, Stored, Task, Timestamp,
    spi::{
        change::{With, change},
        json::{Json, read::read_strict},
        lifecycle::{KeptFailure, Report, Settlement, Trigger, retry::after_failure},
        redact,
        store::{BODY_BYTES, RecordKey},
    },
};
use errand_http::{Answer, ApiError, Request, found::missing};
use errand_models::Usage;
use serde_json::Value;

use super::{explained, held};
use crate::routes::control::runs::task_of;

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
        EventBody::TerminalStatus(_) => Err(FieldError::at("type", "a run ends by POST /v1/runs/{id}/finish alone")),
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

/// `POST /v1/jobs/{id}/finish {lease_token, status, result?, error?}`: by the runner that holds the job's run.
pub(crate) async fn finish_job(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let FinishJobRequest { lease_token, status, result, error } = request.json()?;
    fits("result", &result)?;
    let end = match status {
        CommandEnd::Completed => JobEnd::Completed(result),
        CommandEnd::Failed => JobEnd::Failed(error.unwrap_or_default()),
    };
    let job = request.found::<RunnerJob>(app).await?;
    let run = request.find::<Run>(app, &job.value.run_id).await?.ok_or_else(missing::<Run>)?;
    let place = held(request, &run, lease_token)?;
    if let Some(of) = &job.value.runner_id
        && run.value.claimed_by.as_deref() != Some(of.as_str())
    {
        return Err(ApiError::conflict(format!("the job is for the runner {of}")));
    }
    match journal::finish_job(app, &place, &job.id, &end).await {
        Ok(ended) => Ok(Answer::json(200, &EntityView { id: &job.id, version: None, fields: &ended })),
        Err(error) => Err(explained(app, &place, error).await),
    }
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

/// `POST /v1/runs/{id}/finish {lease_token, status, output?, failure?, reason?, thread_id?, turn_id?, used?}`: settles the
/// task, and all ends with it. Said again by the runner that said it, it is answered as it is; a failed one that waits for
/// another try is nobody's any more.
pub(crate) async fn finish(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: FinishRequest = request.json()?;
    let LeaseToken(fence) = body.lease_token;
    let run = request.found::<Run>(app).await?;
    let answer = |run: &Stored<Run>| Answer::json(200, &RunView::of(&request.caller.tenant, &run.id, &run.value));
    if run.value.attempt == fence.executions && run.value.status == body.status.into() {
        return Ok(answer(&run));
    }
    let place = held(request, &run, body.lease_token)?;
    let task = task_of(app, request, run.value.task_id).await?;
    let (used, report) = used(&body)?;
    let settlement = settlement(body, app, &task)?;
    if used != UsedByRunner::default() {
        let rules = &Agents::of(app)?.rules;
        let agent = (&run.value.spender(), Budgets::default());
        let holders = rules.budgets.holders(&task.key.tenant, agent, task.user_id.as_ref());
        let counters: Vec<RecordKey> = holders.into_iter().map(|holder| holder.counter).collect();
        let by = (fence.executions, counters.as_slice());
        if let Err(error) = journal::used(app, &place, by, &used, rules.zone()).await {
            return Err(explained(app, &place, error).await);
        }
    }
    change(app, &task, Trigger::Settle { fence, settlement, report }, With::nothing()).await?;
    Ok(answer(&request.found::<Run>(app).await?))
}

/// What the runner says that it has used: for the run and its agent's budgets, and for the task's log.
fn used(body: &FinishRequest) -> Result<(UsedByRunner, Report), ApiError> {
    let model = body.used.as_ref().and_then(|used| used.model.clone());
    for (field, name) in [("thread_id", &body.thread_id), ("turn_id", &body.turn_id), ("used", &model)] {
        if name.as_ref().is_some_and(|name| name.len() > BACKEND_NAME_BYTES) {
            return Err(ApiError::invalid(field, format!("expected at most {BACKEND_NAME_BYTES} bytes")));
        }
    }
    let (thread_id, turn_id) = (body.thread_id.clone(), body.turn_id.clone());
    let Some(used) = &body.used else {
        return Ok((UsedByRunner { thread_id, turn_id, ..UsedByRunner::default() }, Report::default()));
    };
    let Used { tokens_in, tokens_out, cost_usd: cost, .. } = *used;
    let report = Report {
        model: model.clone(),
        tokens_in: Some(tokens_in),
        tokens_out: Some(tokens_out),
        cost_nano_usd: Some(cost.nanos()),
    };
    let used = ExecutionUse { model, usage: Some(Usage { tokens_in, tokens_out }), cost_usd: cost };
    Ok((UsedByRunner { thread_id, turn_id, used }, report))
}

fn settlement(body: FinishRequest, app: &App, task: &Task) -> Result<Settlement, ApiError> {
    let reason = body.reason.filter(|reason| !reason.is_empty());
    let needed = |what: &str| ApiError::invalid(what, format!("say it, for a run that ends so: `{what}`"));
    Ok(match body.status {
        Terminal::Completed => Settlement::Complete(fitting(body.output)?),
        Terminal::Failed => {
            let FinishFailure { kind, message } = body.failure.ok_or_else(|| needed("failure"))?;
            let kind = kind.unwrap_or(FailureKind::Handler);
            failed(KeptFailure::new(kind, &message, app.clock.now(), task.executions), task, app.clock.now())
        }
        Terminal::Blocked => Settlement::Block { reason: reason.ok_or_else(|| needed("reason"))? },
        Terminal::Cancelled => {
            Settlement::Cancel { reason: reason.unwrap_or_else(|| "called off by its runner".to_owned()) }
        }
    })
}

/// Tried again as a worker's failure is: while its task has retries left, unless no other try can mend it.
fn failed(failure: KeptFailure, task: &Task, now: Timestamp) -> Settlement {
    let policy = RunOutside::settings().retry;
    let again = if failure.kind.is_permanent() { None } else { after_failure(task, &policy, None, 0.0, now) };
    match again {
        Some(run_at) => Settlement::Retry { run_at, failure, hinted: false },
        None => Settlement::Fail { failure },
    }
}

fn fitting(mut output: Value) -> Result<Json, ApiError> {
    redact::own_value(&mut output);
    let output = Json::new(&output);
    let bytes = output.as_str().len();
    if bytes > BODY_BYTES {
        return Err(ApiError::too_large("output", format!("it has {bytes} bytes; at most {BODY_BYTES} are kept")));
    }
    Ok(output)
}
