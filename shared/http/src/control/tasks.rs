//! What an operator does to a task.

use crate::{
    Answer, ApiError, CancelRequest, ProcessRequest, Request, RescheduleRequest, RetryRequest, TaskView, check_note,
};
use errand::{
    App, Operation, Task,
    spi::{change::With, operate},
};

use crate::once::Once;

/// `POST /v1/tasks/{id}/cancel {reason?}`. One that runs is stopped at its worker's next write. A task that is
/// cancelled already answers as it is.
pub(crate) async fn cancel(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let CancelRequest { reason } = request.json()?;
    operate(app, request, Operation::Cancel { reason }).await
}

/// `POST /v1/tasks/{id}/retry {note?}`: sets a failed, cancelled or blocked task going again.
pub(crate) async fn retry(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let RetryRequest { note } = request.json()?;
    check_note(note.as_deref())?;
    operate(app, request, Operation::Retry { note }).await
}

/// `POST /v1/tasks/{id}/process {force?}`: now, if it is due; before its time only by `force`.
pub(crate) async fn process(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let ProcessRequest { force } = request.json()?;
    operate(app, request, Operation::Process { force }).await
}

/// `POST /v1/tasks/{id}/reschedule {run_at}`.
pub(crate) async fn reschedule(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let RescheduleRequest { run_at } = request.json()?;
    operate(app, request, Operation::Reschedule { run_at }).await
}

/// Once for each `Idempotency-Key`.
async fn operate(app: &App, request: &Request, operation: Operation) -> Result<Answer, ApiError> {
    let task = request.task(app).await?;
    if operation.is_done(&task) {
        return Ok(answer(app, &task));
    }
    let once = Once::of(request, &task.key.id.to_string());
    if done_before(app, once.as_ref()).await? {
        return Ok(answer(app, &request.task(app).await?));
    }
    let with = match &once {
        Some(once) => With::nothing().once(once.effect(app.clock.now())),
        None => With::nothing(),
    };
    match operate::operate(app, &task, operation, request.caller.principal.clone(), with).await {
        Ok(changed) => Ok(answer(app, &changed)),
        // The same request, twice at once: the answer is the task as the other left it.
        Err(_) if done_before(app, once.as_ref()).await? => Ok(answer(app, &request.task(app).await?)),
        Err(error) => Err(error.into()),
    }
}

async fn done_before(app: &App, once: Option<&Once>) -> Result<bool, ApiError> {
    match once {
        Some(once) => Ok(once.recorded(app).await?.is_some()),
        None => Ok(false),
    }
}

fn answer(app: &App, task: &Task) -> Answer {
    Answer::json(200, &TaskView::of(task, &app.types))
}
