//! Processes what the work queues deliver, puts aside what cannot be read, and reports which messages must come again.

#[cfg(feature = "lambda")]
mod run;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use errand::{
    App, FieldError, Timestamp,
    spi::{
        json::read::read_lenient,
        meter,
        processor::{Delivery, Verdict, process_each},
        queue::{QueueName, TRACE_ATTRIBUTE},
    },
};
use errand_http::{RefusedMessage, put_aside};
use futures::future::join;
use tracing::error;

#[cfg(feature = "lambda")]
pub use run::run;

/// The queues this function uses. It hides and sends hints, and sends dead letters.
pub const QUEUES: &[QueueName] = &QueueName::WORK_AND_DEAD_LETTER;

/// Processes a batch. What no reader understands is put aside at once. `deadline`: when Lambda stops this process.
pub async fn handle(app: &App, event: SqsEvent, deadline: Option<Timestamp>) -> SqsBatchResponse {
    handle_each(app, event, deadline, |_, _| {}).await
}

/// The same; `ended` is told what becomes of a message that names a task, by its id, as soon as that is known.
pub async fn handle_each(
    app: &App,
    event: SqsEvent,
    deadline: Option<Timestamp>,
    ended: impl Fn(&str, Verdict) + Sync,
) -> SqsBatchResponse {
    let (mut again, mut refused) = (Vec::new(), Vec::new());
    let (mut ids, mut deliveries) = (Vec::new(), Vec::new());
    for message in event.records {
        match delivery(app, &message) {
            Ok(delivery) => {
                ids.push(message.message_id);
                deliveries.push(delivery);
            }
            Err(Unreadable::Body(why)) => {
                // The reason goes with the message only: what the reader says of a body may repeat some of it.
                error!(message_id = message.message_id, "a message names no task and is put aside");
                meter::count(meter::UNREADABLE);
                let (id, body) = (message.message_id, message.body.unwrap_or_default());
                refused.push(RefusedMessage { id, body, tenant: None, why: why.into() });
            }
            Err(Unreadable::Queue) => {
                // Not ours to take off it. Its own limit, if it has one, ends it.
                error!(message_id = message.message_id, "a message comes from no queue of ours");
                meter::count(meter::UNREADABLE);
                again.extend(message.message_id);
            }
        }
    }
    // Together, so that neither waits for the other's requests.
    let aside = put_aside(app, QueueName::DeadLetter, refused);
    let of_place = |place: usize| ids.get(place).and_then(Option::as_deref).unwrap_or_default();
    let verdicts = process_each(app, deliveries, deadline, |place, verdict| ended(of_place(place), verdict));
    let (verdicts, not_aside) = join(verdicts, aside).await;
    again.extend(not_aside);
    for (id, verdict) in ids.into_iter().zip(verdicts) {
        if verdict == Verdict::Again {
            again.extend(id);
        }
    }
    let mut response = SqsBatchResponse::default();
    // Only those with an id: without one Lambda could not tell which message is meant, and would have all again.
    again.into_iter().for_each(|id| response.add_failure(id));
    response
}

/// Why a message is not a delivery.
enum Unreadable {
    /// Another system's, or another version's.
    Body(FieldError),
    /// Somebody has mapped another queue to this function.
    Queue,
}

fn delivery(app: &App, message: &SqsMessage) -> Result<Delivery, Unreadable> {
    let arn = message.event_source_arn.as_deref().unwrap_or_default();
    let queue = app.queue.by_arn(arn).ok_or(Unreadable::Queue)?;
    let read = read_lenient(message.body.as_deref().unwrap_or_default()).map_err(Unreadable::Body)?;
    let receipt = message.receipt_handle.clone().unwrap_or_default();
    Ok(Delivery { message: read, queue, receipt, trace: message.attributes.get(TRACE_ATTRIBUTE).cloned() })
}
