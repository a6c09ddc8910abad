//! `POST /v1/tasks/batch`: up to 100 requests, each answered for itself.

use crate::{Answer, ApiError, BATCH_KEY_BYTES, BatchAnswer, BatchItem, BatchRequest, Request, TaskRequest, TaskView};
use errand::{
    App,
    spi::{
        accept::KEY_FIELD,
        json::read::{read_outside, read_strict},
    },
};

use super::{
    accept::{accept, status, view},
    after::accept_linked,
};

pub(crate) async fn answer(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let batch: BatchRequest = read_outside(request.text()?)?;
    let key = request.idempotency_key.as_deref();
    if key.is_some_and(|key| key.len() > BATCH_KEY_BYTES) {
        return Err(ApiError::invalid(KEY_FIELD, format!("expected at most {BATCH_KEY_BYTES} bytes for a batch")));
    }
    let requests = batch.tasks.iter().enumerate().map(|(nth, raw)| {
        let mut task: TaskRequest = read_strict(raw.get())?;
        task.idempotency_key = task.idempotency_key.or_else(|| key.map(|key| format!("{key}.{nth}")));
        Ok::<_, ApiError>(task)
    });
    let requests: Vec<Result<TaskRequest, ApiError>> = requests.collect();
    let are_linked = requests.iter().flatten().any(|task| !task.after.is_empty());
    let accepted = if are_linked {
        accept_linked(app, &request.caller, requests).await
    } else {
        accept(app, requests.into_iter().map(|task| Ok((request.caller.clone(), task?))).collect()).await
    };
    let items: Vec<BatchItem<'_>> = accepted
        .iter()
        .map(|answer| match answer {
            Ok(accepted) => {
                // Without the payloads, which the caller has: a hundred of them would be more than Lambda answers.
                let task = TaskView { payload: None, ..view(app, accepted) };
                BatchItem { status: status(accepted), task: Some(task), error: None }
            }
            Err(error) => BatchItem { status: error.status, task: None, error: Some(error) },
        })
        .collect();
    Ok(Answer::json(200, &BatchAnswer { count: items.len(), items }))
}
