//! What an operator does to a task. Each is one event, logged with who did it.

use std::time::Duration;

use serde::Deserialize;
use shared::{
    api::{Answer, ApiError, Request, TaskView},
    app::App,
    change::{With, change},
    clock::Timestamp,
    effects::Effect,
    ids::{self, Id, Name},
    json::Json,
    lifecycle::{ERROR_BYTES, Event, Status, Task},
    notify::notify,
    store::{self, Doc, RecordKey},
};

/// How long a request under an `Idempotency-Key` is not carried out again.
const KEEP_KEYS: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Deserialize)]
struct Cancel {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Retry {
    #[serde(default)]
    note: Option<String>,
}

#[derive(Deserialize)]
struct Process {
    #[serde(default)]
    force: bool,
}

#[derive(Deserialize)]
struct Reschedule {
    run_at: Timestamp,
}

/// `POST /v1/tasks/{id}/cancel {reason?}`. One that runs is stopped at its worker's next write. A task that is
/// cancelled already answers as it is.
pub(crate) async fn cancel(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: Cancel = request.json()?;
    let task = found(app, request).await?;
    if task.status() == Status::Cancelled {
        return Ok(answer(&task));
    }
    let reason = body.reason.unwrap_or_else(|| "cancelled by an operator".to_owned());
    operate(app, request, &task, Event::Cancel { reason, by: request.caller.principal.clone() }).await
}

/// `POST /v1/tasks/{id}/retry {note?}`: sets a failed, cancelled or blocked task going again.
pub(crate) async fn retry(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: Retry = request.json()?;
    if body.note.as_ref().is_some_and(|note| note.len() > ERROR_BYTES) {
        return Err(ApiError::too_large("note", format!("at most {ERROR_BYTES} bytes are taken")));
    }
    let by = request.caller.principal.clone();
    let event = Event::Redrive { note: body.note, by, failed_at: None };
    operate(app, request, &found(app, request).await?, event).await
}

/// `POST /v1/tasks/{id}/process {force?}`: now, if it is due; before its time only by `force`.
pub(crate) async fn process(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let body: Process = request.json()?;
    let task = found(app, request).await?;
    let by = request.caller.principal.clone();
    let event = Event::Reschedule { run_at: app.clock.now(), by, if_due: !body.force };
    operate(app, request, &task, event).await
}

/// `POST /v1/tasks/{id}/reschedule {run_at}`.
pub(crate) async fn reschedule(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let Reschedule { run_at } = request.json()?;
    let event = Event::Reschedule { run_at, by: request.caller.principal.clone(), if_due: false };
    operate(app, request, &found(app, request).await?, event).await
}

/// Makes the event true, once for each `Idempotency-Key`, and sends the message that the task may now need.
async fn operate(app: &App, request: &Request, task: &Task, event: Event) -> Result<Answer, ApiError> {
    let once = request.idempotency_key.as_ref().map(|key| once_key(request, task, key));
    if done_before(app, request, once.as_ref()).await? {
        return Ok(answer(&found(app, request).await?));
    }
    let with = match &once {
        Some(key) => {
            let until = app.clock.now() + KEEP_KEYS;
            With::what_ends().once(Effect::once(key.kind.clone(), key.id.clone(), body_of(request), until))
        }
        None => With::what_ends(),
    };
    match change(app, task, event, with).await {
        Ok(changed) => {
            notify(app, std::slice::from_ref(&changed)).await;
            Ok(answer(&changed))
        }
        // The same request, twice at once: the answer is the task as the other left it.
        Err(_) if done_before(app, request, once.as_ref()).await? => Ok(answer(&found(app, request).await?)),
        Err(error) => Err(error.into()),
    }
}

/// The record that says that this request was carried out.
fn once_key(request: &Request, task: &Task, key: &str) -> RecordKey {
    let parts = [&*format!("{:?}", request.route), &*task.key.id.to_string(), key];
    let tenant = request.caller.tenant.clone();
    RecordKey { tenant, kind: Name::of("idempotency"), id: Id::from(ids::derived(&parts)) }
}

/// Whether this request was carried out before; another one under its key is refused.
async fn done_before(app: &App, request: &Request, once: Option<&RecordKey>) -> Result<bool, ApiError> {
    let Some(key) = once else { return Ok(false) };
    match app.store.record(key).await? {
        None => Ok(false),
        Some(done) if done.doc == body_of(request) => Ok(true),
        Some(_) => Err(ApiError::conflict("this Idempotency-Key was used with another body")),
    }
}

/// What tells one request from another under the same key.
fn body_of(request: &Request) -> Doc {
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
    [("body".to_owned(), Json::new(&body).hash().into())].into_iter().collect()
}

pub(crate) async fn found(app: &App, request: &Request) -> Result<Task, ApiError> {
    let task = store::task(&*app.store, &request.task_key()?).await?;
    task.ok_or_else(|| ApiError::not_found("no such task"))
}

fn answer(task: &Task) -> Answer {
    Answer::json(200, &TaskView::from(task))
}
