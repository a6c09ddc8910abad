//! The intake queue: other services publish the body of `POST /v1/tasks`.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use shared::{
    api::{ApiError, Caller, TaskRequest, read::read_strict},
    app::App,
    ids::Name,
    notify::chain,
    queue::{OutMessage, QueueName},
};
use tracing::error;

use crate::accept;

/// Takes each message for itself, all with as few requests as that takes. What cannot be accepted goes to the
/// intake's dead-letter queue with the reason; what the store or that queue did not take comes again.
pub async fn intake(app: &App, event: SqsEvent) -> SqsBatchResponse {
    let accepted = accept(app, event.records.iter().map(read).collect()).await;
    let (mut again, mut refused, mut letters) = (Vec::new(), Vec::new(), Vec::new());
    for (message, accepted) in event.records.into_iter().zip(accepted) {
        match accepted {
            Ok(_) => {}
            Err(error) if matches!(error.status, 429 | 500..) => again.push(message.message_id),
            Err(error) => {
                letters.push(letter(message.body.unwrap_or_default(), &error));
                refused.push(message.message_id);
            }
        }
    }
    let put_aside = app.queue.send(QueueName::IntakeDeadLetter, letters).await;
    for (id, sent) in refused.into_iter().zip(put_aside) {
        if let Err(error) = sent {
            error!(message_id = id, error = %chain(&error), "a refused message was not put aside; it will come again");
            again.push(id);
        }
    }
    let mut response = SqsBatchResponse::default();
    // Without an id Lambda could not tell which message is meant, and would have the whole batch again.
    again.into_iter().flatten().for_each(|id| response.add_failure(id));
    response
}

fn letter(body: String, error: &ApiError) -> OutMessage {
    let attributes = vec![("error_code", error.code.to_owned()), ("error_message", explain(error))];
    OutMessage { body, delay: Duration::ZERO, group: None, attributes }
}

/// The request in a message. Its own id is the key if it names none, so a redelivery cannot make a second task.
fn read(message: &SqsMessage) -> Result<(Caller, TaskRequest), ApiError> {
    let attribute = message.message_attributes.get("tenant").and_then(|value| value.string_value.as_deref());
    let tenant = attribute.map(Name::new).transpose().map_err(|error| ApiError::name("tenant", error))?;
    let principal = message.attributes.get("SenderId").cloned().unwrap_or_else(|| "intake".to_owned());
    let mut task: TaskRequest = read_strict(message.body.as_deref().unwrap_or_default())?;
    task.idempotency_key = task.idempotency_key.or(message.message_id.as_ref().map(|id| format!("sqs:{id}")));
    let request_id = message.message_id.clone().unwrap_or_default();
    Ok((Caller { tenant: tenant.unwrap_or_default(), principal, request_id }, task))
}

fn explain(error: &ApiError) -> String {
    match &error.field {
        Some(field) => format!("{field}: {}", error.message),
        None => error.message.clone(),
    }
}
