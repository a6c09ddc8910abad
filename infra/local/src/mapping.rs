//! Feeds `process-task` from the queues in memory, as Lambda's event source mappings do from SQS.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage, SqsMessageAttribute};
use errand::{
    App,
    spi::{
        processor::Verdict,
        queue::{MemoryQueue, QueueName, Received, TRACE_ATTRIBUTE, Tenants},
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tracing::error;

/// Messages in one batch at the most. More than SQS's ten: a group here is one transaction.
const BATCH: usize = 100;

/// How long a batch keeps its messages from others: longer than anything on the queue may run.
const VISIBILITY: Duration = Duration::from_secs(120);
const LONG_VISIBILITY: Duration = Duration::from_secs(1000);

/// One slot in so many is kept for tenants that have nothing in hand: tasks that hang, however many, keep no other
/// tenant's from starting.
const KEPT: usize = 10;

/// One queue's deliveries. Each queue has its own, so that a flood of low work cannot delay urgent work.
pub struct Mapping {
    /// What the function needs.
    pub app: App,
    /// Where messages come from.
    pub queue: Arc<MemoryQueue>,
    /// Which of its queues.
    pub from: QueueName,
    /// Tasks at the same time.
    pub concurrency: u16,
}

/// How many tasks may run besides those that do.
struct Slots {
    /// Of any tenant.
    shared: Arc<Semaphore>,
    /// Of tenants that have none in hand.
    kept: Arc<Semaphore>,
}

impl Slots {
    fn new(concurrency: u16) -> Self {
        let all = usize::from(concurrency);
        let kept = all / KEPT;
        Self { shared: Arc::new(Semaphore::new(all - kept)), kept: Arc::new(Semaphore::new(kept)) }
    }
}

impl Mapping {
    /// Delivers until `stop` completes; then returns the batches that still run.
    pub async fn run(self, stop: impl Future<Output = ()>) -> JoinSet<()> {
        let mapping = Arc::new(self);
        let slots = Slots::new(mapping.concurrency);
        let mut running = JoinSet::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return running,
                Some(ended) = running.join_next() => report(ended),
                Some((messages, slots)) = mapping.next(&slots) => {
                    let mapping = mapping.clone();
                    running.spawn(async move { mapping.deliver(messages, slots).await });
                }
            }
        }
    }

    /// The next batch, with a slot for each of its messages. (A semaphore is never closed: there is always one.)
    async fn next(&self, slots: &Slots) -> Option<(Vec<Received>, OwnedSemaphorePermit)> {
        tokio::select! {
            biased; // the kept ones are for when there is no other
            batch = self.take(&slots.shared, Tenants::All) => batch,
            batch = self.take(&slots.kept, Tenants::Idle) => batch,
        }
    }

    /// The next batch of messages of `whose`, once there is a slot.
    async fn take(&self, slots: &Arc<Semaphore>, whose: Tenants) -> Option<(Vec<Received>, OwnedSemaphorePermit)> {
        let mut held = slots.clone().acquire_owned().await.ok()?;
        // A long task has a batch of its own: those of one batch share a thread, which one that computes keeps.
        let (batch, visibility) = match self.from {
            QueueName::Long | QueueName::Pushed => (1, LONG_VISIBILITY),
            _ => (BATCH, VISIBILITY),
        };
        let messages = loop {
            self.queue.ready(whose, &[self.from]).await;
            let free = 1 + slots.available_permits();
            let messages = self.queue.receive_of(whose, self.from, free.min(batch), visibility);
            if !messages.is_empty() {
                break messages;
            }
        };
        // Nobody else takes slots: those that were free still are.
        let more = u32::try_from(messages.len() - 1).ok()?;
        held.merge(slots.clone().try_acquire_many_owned(more).ok()?);
        Some((messages, held))
    }

    /// Each message has its slot until it is known what becomes of it: one that takes long keeps no other's.
    async fn deliver(&self, messages: Vec<Received>, mut slots: OwnedSemaphorePermit) {
        let in_hand = messages.iter().map(|message| (message.id.clone(), (message.receipt.clone(), slots.split(1))));
        let in_hand: Mutex<HashMap<_, _>> = Mutex::new(in_hand.collect());
        let ended = |id: &str, verdict: Verdict| {
            let message = in_hand.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
            if let (Some((receipt, _slot)), Verdict::Done) = (message, verdict) {
                self.queue.delete(self.from, &receipt);
            }
        };
        let mut event = SqsEvent::default();
        event.records = messages.into_iter().map(|message| sqs_message(self.from, message)).collect();
        let response = process_task::handle_each(&self.app, event, None, &ended).await;
        let again = response.batch_item_failures.iter().map(|item| item.item_identifier.as_str());
        again.for_each(|id| ended(id, Verdict::Again));
        // Those that name no task and were put aside.
        let aside: Vec<String> = in_hand.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        aside.iter().for_each(|id| ended(id, Verdict::Done));
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(failed) = ended {
        // Its messages come again when their visibility timeout ends.
        error!(error = %failed, "a batch was not processed to its end");
    }
}

/// A message as SQS delivers it to Lambda.
pub fn sqs_message(from: QueueName, message: Received) -> SqsMessage {
    let mut sqs = SqsMessage::default();
    sqs.message_id = Some(message.id);
    sqs.receipt_handle = Some(message.receipt);
    sqs.body = Some(message.body);
    sqs.event_source = Some("aws:sqs".to_owned());
    sqs.event_source_arn = Some(MemoryQueue::arn(from));
    sqs.attributes.insert("ApproximateReceiveCount".to_owned(), message.receives.to_string());
    for (name, value) in message.attributes {
        if name == TRACE_ATTRIBUTE {
            sqs.attributes.insert(name.to_owned(), value);
            continue;
        }
        let mut attribute = SqsMessageAttribute::default();
        attribute.data_type = Some("String".to_owned());
        attribute.string_value = Some(value);
        sqs.message_attributes.insert(name.to_owned(), attribute);
    }
    sqs
}

#[cfg(test)]
mod tests;
