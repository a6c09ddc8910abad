//! A worker: is given messages of one queue, and processes them together, by the code of the function that does.

use std::{rc::Rc, time::Duration};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use errand::{
    App, Timestamp,
    spi::queue::{MemoryQueue, QueueName, Received},
};

use crate::{
    actors::{Actor, Work},
    pick::Pick,
    world::{PROCESSED, VISIBILITY, World},
};

/// See the module.
pub struct Processor;

impl Actor for Processor {
    fn name(&self) -> &'static str {
        "processor"
    }

    fn weight(&self) -> u32 {
        30
    }

    fn begin(&self, app: App, world: Rc<World>, mut pick: Pick) -> Option<Work> {
        let most = pick.of_these(&[1, 1, 3]);
        let deadline = pick.percent(10).then(|| app.clock.now() + Duration::from_secs(pick.of_these(&[5, 40, 900])));
        let (from, received) = PROCESSED.into_iter().find_map(|from| {
            let received = world.queue.receive(from, most, VISIBILITY);
            (!received.is_empty()).then_some((from, received))
        })?;
        Some(Box::pin(async move { process(&app, &world, from, received, deadline).await }))
    }
}

/// Processes `received` until `deadline`, and deletes what is not to come again.
pub async fn process(app: &App, world: &World, from: QueueName, received: Vec<Received>, deadline: Option<Timestamp>) {
    let mut event = SqsEvent::default();
    event.records = received.iter().map(|message| as_lambda_has_it(from, message)).collect();
    let again = process_task::handle(app, event, deadline).await.batch_item_failures;
    for message in received {
        if !again.iter().any(|failure| failure.item_identifier == message.id) {
            world.queue.delete(from, &message.receipt);
        }
    }
}

fn as_lambda_has_it(from: QueueName, received: &Received) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(received.id.clone());
    message.receipt_handle = Some(received.receipt.clone());
    message.body = Some(received.body.clone());
    message.event_source_arn = Some(MemoryQueue::arn(from));
    message
}
