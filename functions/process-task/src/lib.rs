//! Processes what the work queues deliver, puts aside what cannot be read, and reports which messages must come again.

#[cfg(feature = "lambda")]
mod run;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use errand::{
    App, FieldError, Timestamp,
    spi::{
        json::read::read_lenient,
        meter::UNREADABLE,
        poller::tend_one,
        processor::{Delivery, Verdict, process_each},
        queue::{DueMessage, QueueName, TRACE_ATTRIBUTE},
        store::RecordKey,
    },
};
use errand_http::{RefusedMessage, put_aside};
use futures::future::{join_all, join3};
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
    let (mut ids, mut deliveries, mut due) = (Vec::new(), Vec::new(), Vec::new());
    for message in event.records {
        match delivery(app, &message) {
            Ok(Read::Task(delivery)) => {
                ids.push(message.message_id);
                deliveries.push(*delivery);
            }
            Ok(Read::Due(record)) => due.push((message.message_id, record)),
            Err(Unreadable::Body(why)) => {
                // The reason goes with the message only: what the reader says of a body may repeat some of it.
                error!(message_id = message.message_id, "a message names no task and is put aside");
                app.meter.count(UNREADABLE);
                let (id, body) = (message.message_id, message.body.unwrap_or_default());
                refused.push(RefusedMessage { id, body, tenant: None, why: why.into() });
            }
            Err(Unreadable::Queue) => {
                // Not ours to take off it. Its own limit, if it has one, ends it.
                error!(message_id = message.message_id, "a message comes from no queue of ours");
                app.meter.count(UNREADABLE);
                again.extend(message.message_id);
            }
        }
    }
    // Together, so that neither waits for the other's requests.
    let aside = put_aside(app, QueueName::DeadLetter, refused);
    let of_place = |place: usize| ids.get(place).and_then(Option::as_deref).unwrap_or_default();
    let verdicts = process_each(app, deliveries, deadline, |place, verdict| ended(of_place(place), verdict));
    let looked = join_all(due.iter().map(async |(id, record)| {
        tend_one(app, record).await;
        ended(id.as_deref().unwrap_or_default(), Verdict::Done);
    }));
    let (verdicts, not_aside, _) = join3(verdicts, aside, looked).await;
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

/// What a message is about.
enum Read {
    Task(Box<Delivery>),
    /// A record whose time has come.
    Due(RecordKey),
}

/// Why a message is not a delivery.
enum Unreadable {
    /// Another system's, or another version's.
    Body(FieldError),
    /// Somebody has mapped another queue to this function.
    Queue,
}

fn delivery(app: &App, message: &SqsMessage) -> Result<Read, Unreadable> {
    let arn = message.event_source_arn.as_deref().unwrap_or_default();
    let queue = app.queue.by_arn(arn).ok_or(Unreadable::Queue)?;
    let body = message.body.as_deref().unwrap_or_default();
    // A task's first: nearly all are, and to say what is wrong with a body costs more than to read it. What is neither is
    // told as one about a task.
    let read = match read_lenient(body) {
        Ok(read) => read,
        Err(problem) => {
            let due = read_lenient::<DueMessage>(body).map_err(|_| Unreadable::Body(problem))?;
            return Ok(Read::Due(due.due));
        }
    };
    let receipt = message.receipt_handle.clone().unwrap_or_default();
    let trace = message.attributes.get(TRACE_ATTRIBUTE).cloned();
    Ok(Read::Task(Box::new(Delivery { message: read, queue, receipt, trace })))
}
