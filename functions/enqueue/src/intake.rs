//! The intake queue: other services publish the body of `POST /v1/tasks`.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use errand::{
    App, Name,
    spi::{
        json::read::read_strict,
        queue::{QueueName, TENANT_ATTRIBUTE},
    },
};
use errand_http::{ApiError, Caller, RefusedMessage, TRACE_HEADER, TaskRequest, enqueue::accept, put_aside};

/// Takes each message for itself, all with as few requests as that takes. What cannot be accepted goes to the
/// intake's dead-letter queue with the reason; what the store or that queue did not take comes again.
pub async fn intake(app: &App, event: SqsEvent) -> SqsBatchResponse {
    let accepted = accept(app, event.records.iter().map(read).collect()).await;
    let (mut again, mut refused) = (Vec::new(), Vec::new());
    for (message, accepted) in event.records.into_iter().zip(accepted) {
        match accepted {
            Ok(_) => {}
            // Without an id Lambda could not tell which message is meant, and would have the whole batch again.
            Err(error) if error.is_temporary() => again.extend(message.message_id),
            Err(why) => {
                let tenant = tenant(&message).map(str::to_owned);
                refused.push(RefusedMessage {
                    id: message.message_id,
                    body: message.body.unwrap_or_default(),
                    tenant,
                    why,
                });
            }
        }
    }
    again.extend(put_aside(app, QueueName::IntakeDeadLetter, refused).await);
    let mut response = SqsBatchResponse::default();
    again.into_iter().for_each(|id| response.add_failure(id));
    response
}

/// The request in a message. Its own id is the key if it names none, so a redelivery cannot make a second task.
fn read(message: &SqsMessage) -> Result<(Caller, TaskRequest), ApiError> {
    let tenant = tenant(message).map(Name::new).transpose();
    let tenant = tenant.map_err(|error| ApiError::name(TENANT_ATTRIBUTE, error))?;
    let principal = message.attributes.get("SenderId").cloned().unwrap_or_else(|| "intake".to_owned());
    let mut task: TaskRequest = read_strict(message.body.as_deref().unwrap_or_default())?;
    task.idempotency_key = task.idempotency_key.or(message.message_id.as_ref().map(|id| format!("sqs:{id}")));
    let request_id = message.message_id.clone().unwrap_or_default();
    let traceparent = attribute(message, TRACE_HEADER).and_then(|text| text.parse().ok());
    Ok((Caller::trusted(tenant.unwrap_or_default(), principal, request_id).traced(traceparent), task))
}

fn tenant(message: &SqsMessage) -> Option<&str> {
    attribute(message, TENANT_ATTRIBUTE)
}

fn attribute<'m>(message: &'m SqsMessage, name: &str) -> Option<&'m str> {
    message.message_attributes.get(name)?.string_value.as_deref()
}
