//! Queues in memory with SQS's semantics: delay, visibility, receive count, dead letters at the next receive, fairness
//! between tenants.

mod fair;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;

pub use fair::Tenants;

use crate::{
    clock::{Clock, Timestamp},
    queue::{OutMessage, Queue, QueueError, QueueName},
};
use fair::Messages;

/// Receives after which a message that keeps coming back is moved to its dead-letter queue. Far above any
/// retry count: a backstop for what nothing can read.
const MAX_RECEIVES: u32 = 250;

/// A message as its receiver gets it.
#[derive(Clone, Debug)]
pub struct Received {
    /// The message's id, the same at every delivery.
    pub id: String,
    /// What to delete or hide it with; a new one at every delivery.
    pub receipt: String,
    /// What was sent, as JSON text.
    pub body: String,
    /// Its string attributes.
    pub attributes: Vec<(&'static str, String)>,
    /// How often it has been delivered, this one included.
    pub receives: u32,
}

/// See the module.
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    queues: Mutex<BTreeMap<QueueName, Messages>>,
    arrived: Notify,
}

impl MemoryQueue {
    /// Queues with no message in them, which tell the time by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, queues: Mutex::default(), arrived: Notify::new() }
    }

    /// Up to `max` visible messages, hidden from others for `visibility`. Does not wait.
    pub fn receive(&self, from: QueueName, max: usize, visibility: Duration) -> Vec<Received> {
        self.receive_of(Tenants::All, from, max, visibility)
    }

    /// The same of these tenants alone.
    pub fn receive_of(&self, whose: Tenants, from: QueueName, max: usize, visibility: Duration) -> Vec<Received> {
        let now = self.clock.now();
        let mut queues = self.queues();
        let queue = queues.entry(from).or_default();
        let dead = queue.show_due(now);
        let taken = std::iter::from_fn(|| queue.receive(whose, now + visibility)).take(max).collect();
        if !dead.is_empty() {
            let to = if from == QueueName::Intake { QueueName::IntakeDeadLetter } else { QueueName::DeadLetter };
            let letters = queues.entry(to).or_default();
            dead.into_iter().for_each(|message| letters.put(message, now));
            self.arrived.notify_waiters();
        }
        taken
    }

    /// Deletes a received message. A stale receipt is no error, as on SQS.
    pub fn delete(&self, on: QueueName, receipt: &str) {
        if self.queues().entry(on).or_default().delete(receipt) {
            self.arrived.notify_waiters(); // who waits for an idle tenant's message has one
        }
    }

    /// Returns when one of `queues` may have a visible message of `whose`; it may have been taken already.
    pub async fn ready(&self, whose: Tenants, queues: &[QueueName]) {
        let arrived = self.arrived.notified();
        tokio::pin!(arrived);
        arrived.as_mut().enable(); // before looking, or a message sent in between would be slept through
        let next = self.next_of(whose, queues);
        if next.is_some_and(|at| at <= self.clock.now()) {
            return;
        }
        let far = Timestamp::from_millis(i64::MAX);
        tokio::select! {
            () = arrived => {}
            () = self.clock.sleep_until(next.unwrap_or(far)), if next.is_some() => {}
        }
    }

    /// The ARN by which events name a queue of this sort.
    pub fn arn(queue: QueueName) -> String {
        format!("arn:local:sqs:::{}", queue.as_str())
    }

    /// How many messages a queue has, in flight and delayed ones included.
    pub fn depth(&self, of: QueueName) -> usize {
        self.queues().get(&of).map_or(0, Messages::len)
    }

    /// When the next message of `among` is, or becomes, visible.
    pub fn next_visible(&self, among: &[QueueName]) -> Option<Timestamp> {
        self.next_of(Tenants::All, among)
    }

    fn next_of(&self, whose: Tenants, among: &[QueueName]) -> Option<Timestamp> {
        let queues = self.queues();
        among.iter().filter_map(|name| queues.get(name)?.next_visible(whose)).min()
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<QueueName, Messages>> {
        // What a panic can leave behind here is a lost or doubled hint, which the table makes good.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, to: QueueName, messages: Vec<OutMessage>) -> Vec<Result<(), QueueError>> {
        let now = self.clock.now();
        let count = messages.len();
        let mut queues = self.queues();
        let queue = queues.entry(to).or_default();
        messages.into_iter().for_each(|message| queue.put(message, now));
        drop(queues);
        self.arrived.notify_waiters();
        (0..count).map(|_| Ok(())).collect()
    }

    async fn hide(&self, on: QueueName, receipt: &str, wait: Duration) -> Result<(), QueueError> {
        let until = self.clock.now() + wait;
        if !self.queues().entry(on).or_default().hide(receipt, until) {
            return Err(QueueError::Stale);
        }
        self.arrived.notify_waiters(); // it may now be the next to become visible
        Ok(())
    }

    fn by_arn(&self, arn: &str) -> Option<QueueName> {
        QueueName::ALL.into_iter().chain([QueueName::Pushed]).find(|queue| Self::arn(*queue) == arn)
    }

    async fn check(&self) -> Result<(), QueueError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
