//! The intake queue: other services publish the body of `POST /v1/tasks`.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures::future::join_all;
use shared::{
    api::{ApiError, Caller, TaskRequest, read::read_strict},
    app::App,
    ids::Name,
    notify::chain,
    queue::{OutMessage, QueueName},
};
use tracing::error;

use crate::accept;

/// Takes each message for itself. What cannot be accepted goes to the intake's dead-letter queue with the reason;
/// what the store or that queue did not take comes again.
pub async fn intake(app: &App, event: SqsEvent) -> SqsBatchResponse {
    let taken = join_all(event.records.iter().map(|message| take(app, message))).await;
    let mut response = SqsBatchResponse::default();
    for (message, taken) in event.records.into_iter().zip(taken) {
        // Without an id Lambda could not tell which message is meant, and would have the whole batch again.
        if let (false, Some(id)) = (taken, message.message_id) {
            response.add_failure(id);
        }
    }
    response
}

async fn take(app: &App, message: &SqsMessage) -> bool {
    let refused = match read(message) {
        Ok((caller, task)) => match accept(app, &caller, vec![Ok(task)]).await.pop() {
            Some(Ok(_)) | None => return true,
            Some(Err(error)) => error,
        },
        Err(error) => error,
    };
    if matches!(refused.status, 429 | 500..) {
        return false;
    }
    let letter = OutMessage {
        body: message.body.clone().unwrap_or_default(),
        delay: Duration::ZERO,
        group: None,
        attributes: vec![("error_code", refused.code.to_owned()), ("error_message", explain(&refused))],
    };
    let sent: Result<(), _> = app.queue.send(QueueName::IntakeDeadLetter, vec![letter]).await.into_iter().collect();
    if let Err(error) = &sent {
        error!(error = %chain(error), "a refused message was not put aside; it will come again");
    }
    sent.is_ok()
}

/// The request in a message. Its own id is the key if it names none, so a redelivery cannot make a second task.
fn read(message: &SqsMessage) -> Result<(Caller, TaskRequest), ApiError> {
    let attribute = message.message_attributes.get("tenant").and_then(|value| value.string_value.as_deref());
    let tenant = attribute.map(Name::new).transpose().map_err(|error| ApiError::name("tenant", error))?;
    let principal = message.attributes.get("SenderId").cloned().unwrap_or_else(|| "intake".to_owned());
    let mut task: TaskRequest = read_strict(message.body.as_deref().unwrap_or_default())?;
    task.idempotency_key = task.idempotency_key.or(message.message_id.as_ref().map(|id| format!("sqs:{id}")));
    Ok((Caller { tenant: tenant.unwrap_or_default(), principal }, task))
}

fn explain(error: &ApiError) -> String {
    match &error.field {
        Some(field) => format!("{field}: {}", error.message),
        None => error.message.clone(),
    }
}
