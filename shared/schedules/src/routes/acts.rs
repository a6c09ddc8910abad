//! What is done to a schedule: it is paused, resumed, triggered, removed.

use errand::{
    App, OfSchedule, StoreError, Task, TaskKey,
    spi::{
        accept::check_key,
        ids, redact,
        store::{self, MAX_TRIES},
    },
};
use errand_http::{Answer, ApiError, Request, TaskView, check_note};

use super::{carried, missing};
use crate::{
    kept::{self, Beside, commit},
    life::{ScheduleAct, apply},
    made::{self, ToMake},
    schedule::triggered_id,
    view::{PauseRequest, ResumeRequest, ScheduleView},
};

/// `POST /v1/schedules/{id}/pause`.
pub(super) async fn pause(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let PauseRequest { note } = request.json()?;
    check_note(note.as_deref())?;
    let note = note.map(|note| redact::text(&note).into_owned());
    act(app, request, &ScheduleAct::Pause { by: request.caller.principal.clone(), note }).await
}

/// `POST /v1/schedules/{id}/resume`: one that is not paused stays as it is.
pub(super) async fn resume(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let ResumeRequest {} = request.json()?;
    act(app, request, &ScheduleAct::Resume).await
}

/// `DELETE /v1/schedules/{id}`.
pub(super) async fn remove(app: &App, request: &Request) -> Result<Answer, ApiError> {
    act(app, request, &ScheduleAct::Remove).await
}

async fn act(app: &App, request: &Request, act: &ScheduleAct) -> Result<Answer, ApiError> {
    let id = request.path_id("id").map_err(|_| missing())?;
    let key = kept::place(&request.caller.tenant, &id);
    for _ in 0..MAX_TRIES {
        let (there, now) = (kept::stored(app, &key).await?.ok_or_else(missing)?, app.clock.now());
        if there.value.carried && matches!(act, ScheduleAct::Remove) {
            return Err(carried());
        }
        let step = apply(&there.value, &key, act.clone(), now);
        match commit(app, (&key, Some(&there)), step, Beside::default(), now).await {
            Err(StoreError::Conflict { .. }) => {}
            acted => {
                let acted = acted?;
                let plan = kept::plan(&key, &acted.value).ok();
                return Ok(Answer::json(200, &ScheduleView::of(acted, plan.as_ref(), now)));
            }
        }
    }
    Err(StoreError::Busy.into())
}

/// `POST /v1/schedules/{id}/trigger`: 201, or 200 if the same key has made a task of it before.
pub(super) async fn trigger(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let ResumeRequest {} = request.json()?;
    let id = request.path_id("id").map_err(|_| missing())?;
    let key = kept::place(&request.caller.tenant, &id);
    request.idempotency_key.as_deref().map_or(Ok(()), check_key)?;
    for _ in 0..MAX_TRIES {
        let (there, now) = (kept::stored(app, &key).await?.ok_or_else(missing)?, app.clock.now());
        let of_key = |by: &str| triggered_id(&key, there.value.made_at, by);
        let task = TaskKey {
            tenant: key.tenant.clone(),
            id: request.idempotency_key.as_deref().map_or_else(ids::fresh, of_key),
        };
        if let (Some(_), Some(task)) = (&request.idempotency_key, store::task(&*app.store, &task).await?) {
            return Ok(shown(app, 200, &task));
        }
        let payload = kept::payload(app, &key).await?;
        let of = OfSchedule { previous: there.value.previous(&key), ..OfSchedule::of(id.clone(), now) };
        let wanted = ToMake { id: task.id, of };
        let tasks = made::tasks(app, (&key, &there.value), &payload, vec![wanted], now).await?;
        let act = ScheduleAct::Trigger { task: task.id };
        let step = apply(&there.value, &key, act, now);
        let made = tasks.first().cloned();
        match commit(app, (&key, Some(&there)), step, Beside { tasks, payload: None }, now).await {
            Err(StoreError::Conflict { .. }) => {}
            triggered => {
                triggered?;
                return made.map(|task| shown(app, 201, &task)).ok_or_else(missing);
            }
        }
    }
    Err(StoreError::Busy.into())
}

fn shown(app: &App, status: u16, task: &Task) -> Answer {
    Answer::json(status, &TaskView::of(task, &app.types))
}
