//! Processes what the work queues deliver, and reports which messages must come again.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use shared::{
    api::read::read_lenient,
    app::App,
    clock::Timestamp,
    meter,
    processor::{Delivery, Verdict, process},
    queue::{QueueName, TRACE_ATTRIBUTE},
};
use tracing::error;

/// The queues this function uses. It hides and sends hints, and sends dead letters.
pub const QUEUES: &[QueueName] = &QueueName::WORK_AND_DEAD_LETTER;

/// Processes a batch. `deadline`: when Lambda stops this process.
pub async fn handle(app: &App, event: SqsEvent, deadline: Option<Timestamp>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    let (mut ids, mut deliveries) = (Vec::new(), Vec::new());
    for message in event.records {
        match delivery(app, &message) {
            Ok(delivery) => {
                ids.push(message.message_id);
                deliveries.push(delivery);
            }
            Err(problem) => {
                // Another system's, or another version's: not ours to delete. The queue's own limit ends it.
                error!(message_id = message.message_id, problem, "a message cannot be read");
                meter::count(meter::UNREADABLE);
                message.message_id.into_iter().for_each(|id| response.add_failure(id));
            }
        }
    }
    let verdicts = process(app, deliveries, deadline).await;
    for (id, verdict) in ids.into_iter().zip(verdicts) {
        // Without an id Lambda could not tell which message is meant, and would have the whole batch again.
        if let (Verdict::Again, Some(id)) = (verdict, id) {
            response.add_failure(id);
        }
    }
    response
}

fn delivery(app: &App, message: &SqsMessage) -> Result<Delivery, &'static str> {
    let body = message.body.as_deref().unwrap_or_default();
    // What the reader says of the body may repeat some of it.
    let read = read_lenient(body).map_err(|_| "it names no task")?;
    let arn = message.event_source_arn.as_deref().unwrap_or_default();
    let queue = app.queue.by_arn(arn).ok_or("it comes from no queue of ours")?;
    let receipt = message.receipt_handle.clone().unwrap_or_default();
    Ok(Delivery { message: read, queue, receipt, trace: message.attributes.get(TRACE_ATTRIBUTE).cloned() })
}
