//! Direct invoke: the body of `POST /v1/tasks`, with `tenant` and `traceparent` beside it, as a plain Lambda invoke.

use errand::{App, Name, spi::json::read::read_strict};
use errand_http::{
    Answer, ApiError, Caller, TRACE_HEADER, TaskRequest,
    enqueue::{accept_one, status, view},
};
use serde_json::{Value, json};

/// Takes one request. `invocation_id` is the key if the request names none, since asynchronous invokes are retried.
/// What is wrong with the request is an answer; only what another try may mend is an error.
pub async fn invoke(app: &App, event: Value, invocation_id: &str) -> Result<Value, ApiError> {
    let answer = match take(app, event, invocation_id).await {
        Ok(answer) => answer,
        Err(error) if error.is_temporary() => return Err(error),
        Err(error) => Answer::error(&error, invocation_id),
    };
    Ok(serde_json::from_str(&answer.body).unwrap_or_default())
}

async fn take(app: &App, mut event: Value, invocation_id: &str) -> Result<Answer, ApiError> {
    let mut beside = |name: &str| event.as_object_mut().and_then(|fields| fields.remove(name));
    let tenant = beside("tenant").unwrap_or(json!("default"));
    // As the header is: ignored, if it is none.
    let traceparent = beside(TRACE_HEADER).and_then(|text| text.as_str()?.parse().ok());
    let tenant = Name::new(tenant.as_str().unwrap_or_default()).map_err(|error| ApiError::name("tenant", error))?;
    let mut task: TaskRequest = read_strict(&event.to_string())?;
    task.idempotency_key.get_or_insert_with(|| format!("invoke:{invocation_id}"));
    let (principal, request_id) = ("invoke".to_owned(), invocation_id.to_owned());
    let caller = Caller::trusted(tenant, principal, request_id).traced(traceparent);
    let accepted = accept_one(app, caller, task).await?;
    Ok(Answer::json(status(&accepted), &view(app, &accepted)))
}
