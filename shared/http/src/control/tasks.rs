//! What an operator does to a task. Each is one event, logged with who did it.

use crate::{
    Answer, ApiError, CancelRequest, ProcessRequest, Request, RescheduleRequest, RetryRequest, TaskView, check_note,
};
use errand::{
    app::App,
    change::{With, change},
    lifecycle::{Event, Status, Task},
    notify::notify,
};

use super::once::Once;

/// `POST /v1/tasks/{id}/cancel {reason?}`. One that runs is stopped at its worker's next write. A task that is
/// cancelled already answers as it is.
pub(crate) async fn cancel(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: CancelRequest = request.json()?;
    let task = request.task(app).await?;
    if task.status() == Status::Cancelled {
        return Ok(answer(&task));
    }
    let reason = body.reason.unwrap_or_else(|| "cancelled by an operator".to_owned());
    operate(app, request, &task, Event::Cancel { reason, by: request.caller.principal.clone() }).await
}

/// `POST /v1/tasks/{id}/retry {note?}`: sets a failed, cancelled or blocked task going again.
pub(crate) async fn retry(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: RetryRequest = request.json()?;
    check_note(body.note.as_deref())?;
    let by = request.caller.principal.clone();
    let event = Event::Redrive { note: body.note, by, failed_at: None, run_at: None };
    operate(app, request, &request.task(app).await?, event).await
}

/// `POST /v1/tasks/{id}/process {force?}`: now, if it is due; before its time only by `force`.
pub(crate) async fn process(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: ProcessRequest = request.json()?;
    let task = request.task(app).await?;
    let by = request.caller.principal.clone();
    let event = Event::Reschedule { run_at: app.clock.now(), by, if_due: !body.force };
    operate(app, request, &task, event).await
}

/// `POST /v1/tasks/{id}/reschedule {run_at}`.
pub(crate) async fn reschedule(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let RescheduleRequest { run_at } = request.json()?;
    let event = Event::Reschedule { run_at, by: request.caller.principal.clone(), if_due: false };
    operate(app, request, &request.task(app).await?, event).await
}

/// Makes the event true, once for each `Idempotency-Key`, and sends the message that the task may now need.
async fn operate(app: &App, request: &Request, task: &Task, event: Event) -> Result<Answer, ApiError> {
    let once = Once::of(request, &task.key.id.to_string());
    if done_before(app, once.as_ref()).await? {
        return Ok(answer(&request.task(app).await?));
    }
    let with = match &once {
        Some(once) => With::nothing().once(once.effect(app.clock.now())),
        None => With::nothing(),
    };
    match change(app, task, event, with).await {
        Ok(changed) => {
            notify(app, std::slice::from_ref(&changed)).await;
            Ok(answer(&changed))
        }
        // The same request, twice at once: the answer is the task as the other left it.
        Err(_) if done_before(app, once.as_ref()).await? => Ok(answer(&request.task(app).await?)),
        Err(error) => Err(error.into()),
    }
}

async fn done_before(app: &App, once: Option<&Once>) -> Result<bool, ApiError> {
    match once {
        Some(once) => Ok(once.recorded(app).await?.is_some()),
        None => Ok(false),
    }
}

fn answer(task: &Task) -> Answer {
    Answer::json(200, &TaskView::from(task))
}
