//! Queues in memory with SQS's semantics: delay, visibility, receive count, dead letters at the next receive.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{OutMessage, Queue, QueueError, QueueName};
use crate::clock::{Clock, Timestamp};

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
    /// Its body.
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

/// Messages by when they become visible; a message in flight is one that becomes visible later.
#[derive(Default)]
struct Messages {
    by_time: BTreeMap<(Timestamp, u64), Message>,
    in_flight: HashMap<String, (Timestamp, u64)>,
    next: u64,
}

struct Message {
    received: Received,
    number: u64,
}

impl Messages {
    fn put(&mut self, body: String, attributes: Vec<(&'static str, String)>, visible_at: Timestamp) {
        self.next += 1;
        let number = self.next;
        let received = Received { id: format!("m-{number}"), receipt: String::new(), body, attributes, receives: 0 };
        self.by_time.insert((visible_at, number), Message { received, number });
    }

    /// Takes out the first message that is visible at `now`.
    fn pop(&mut self, now: Timestamp) -> Option<Message> {
        let first = self.by_time.first_entry().filter(|e| e.key().0 <= now)?;
        let message = first.remove();
        self.in_flight.remove(&message.received.receipt);
        Some(message)
    }

    fn hide(&mut self, mut message: Message, until: Timestamp) -> Received {
        message.received.receives += 1;
        message.received.receipt = format!("{}-{}", message.received.id, message.received.receives);
        let received = message.received.clone();
        self.in_flight.insert(received.receipt.clone(), (until, message.number));
        self.by_time.insert((until, message.number), message);
        received
    }
}

impl MemoryQueue {
    /// Empty queues.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, queues: Mutex::default(), arrived: Notify::new() }
    }

    /// Up to `max` visible messages, hidden from others for `visibility`. Does not wait.
    pub fn receive(&self, from: QueueName, max: usize, visibility: Duration) -> Vec<Received> {
        let now = self.clock.now();
        let mut queues = self.queues();
        let mut taken = Vec::new();
        let mut dead = Vec::new();
        let queue = queues.entry(from).or_default();
        while taken.len() < max
            && let Some(message) = queue.pop(now)
        {
            if message.received.receives >= MAX_RECEIVES {
                dead.push(message);
            } else {
                taken.push(queue.hide(message, now + visibility));
            }
        }
        let to = if from == QueueName::Intake { QueueName::IntakeDeadLetter } else { QueueName::DeadLetter };
        for message in dead {
            queues.entry(to).or_default().put(message.received.body, message.received.attributes, now);
        }
        taken
    }

    /// Deletes a received message. A stale receipt is no error, as on SQS.
    pub fn delete(&self, on: QueueName, receipt: &str) {
        let mut queues = self.queues();
        let queue = queues.entry(on).or_default();
        if let Some(place) = queue.in_flight.remove(receipt) {
            queue.by_time.remove(&place);
        }
    }

    /// Returns when one of `queues` may have a visible message; it may have been taken already.
    pub async fn ready(&self, queues: &[QueueName]) {
        let arrived = self.arrived.notified();
        tokio::pin!(arrived);
        arrived.as_mut().enable(); // before looking, or a message sent in between would be slept through
        let next = self.next_visible(queues);
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
        self.queues().get(&of).map_or(0, |queue| queue.by_time.len())
    }

    /// When the next message of `among` is, or becomes, visible.
    pub fn next_visible(&self, among: &[QueueName]) -> Option<Timestamp> {
        let queues = self.queues();
        among.iter().filter_map(|name| queues.get(name)?.by_time.first_key_value()).map(|((at, _), _)| *at).min()
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
        for OutMessage { body, delay, attributes, .. } in messages {
            queue.put(body, attributes, now + delay);
        }
        drop(queues);
        self.arrived.notify_waiters();
        (0..count).map(|_| Ok(())).collect()
    }

    async fn hide(&self, on: QueueName, receipt: &str, wait: Duration) -> Result<(), QueueError> {
        let until = self.clock.now() + wait;
        let mut queues = self.queues();
        let queue = queues.entry(on).or_default();
        let place = queue.in_flight.get_mut(receipt).ok_or(QueueError::Stale)?;
        let message = queue.by_time.remove(place).ok_or(QueueError::Stale)?;
        *place = (until, message.number);
        queue.by_time.insert(*place, message);
        drop(queues);
        self.arrived.notify_waiters(); // it may now be the next to become visible
        Ok(())
    }

    fn by_arn(&self, arn: &str) -> Option<QueueName> {
        QueueName::ALL.into_iter().find(|queue| Self::arn(*queue) == arn)
    }

    async fn check(&self) -> Result<(), QueueError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const ON: QueueName = QueueName::Long;
    const VISIBILITY: Duration = Duration::from_secs(30);

    fn setup() -> (Arc<ManualClock>, MemoryQueue) {
        let clock = Arc::new(ManualClock::at(Timestamp::default()));
        (clock.clone(), MemoryQueue::new(clock))
    }

    async fn send(queue: &MemoryQueue, body: &str, delay_s: u64) {
        let delay = Duration::from_secs(delay_s);
        let message = OutMessage { body: body.into(), delay, group: None, attributes: vec![] };
        assert!(queue.send(ON, vec![message]).await.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn a_delayed_message_is_not_visible_before_its_time() {
        let (clock, queue) = setup();
        send(&queue, "later", 10).await;
        clock.advance(Duration::from_secs(9));
        assert!(queue.receive(ON, 10, VISIBILITY).is_empty());
        clock.advance(Duration::from_secs(1));
        assert_eq!(queue.receive(ON, 10, VISIBILITY).len(), 1);
    }

    #[tokio::test]
    async fn what_is_not_deleted_comes_again_with_a_new_receipt() {
        let (clock, queue) = setup();
        send(&queue, "a", 0).await;
        let first = queue.receive(ON, 1, VISIBILITY).remove(0);
        assert!(queue.receive(ON, 1, VISIBILITY).is_empty());
        clock.advance(VISIBILITY);
        let again = queue.receive(ON, 1, VISIBILITY).remove(0);
        assert_eq!((again.id, again.receives), (first.id, 2));
        queue.delete(ON, &first.receipt); // stale: no effect
        assert_eq!(queue.depth(ON), 1);
        queue.delete(ON, &again.receipt);
        assert_eq!(queue.depth(ON), 0);
    }

    #[tokio::test]
    async fn hiding_moves_the_next_delivery_and_a_stale_receipt_cannot() {
        let (clock, queue) = setup();
        send(&queue, "a", 0).await;
        let first = queue.receive(ON, 1, VISIBILITY).remove(0);
        queue.hide(ON, &first.receipt, Duration::from_secs(300)).await.unwrap();
        clock.advance(Duration::from_secs(299));
        assert!(queue.receive(ON, 1, VISIBILITY).is_empty());
        clock.advance(Duration::from_secs(1));
        assert_eq!(queue.receive(ON, 1, VISIBILITY).len(), 1);
        assert!(matches!(queue.hide(ON, &first.receipt, VISIBILITY).await, Err(QueueError::Stale)));
    }

    #[tokio::test]
    async fn a_message_that_keeps_coming_back_ends_in_the_dead_letter_queue() {
        let (clock, queue) = setup();
        send(&queue, "unreadable", 0).await;
        for _ in 0..MAX_RECEIVES {
            assert_eq!(queue.receive(ON, 1, VISIBILITY).len(), 1);
            clock.advance(VISIBILITY);
        }
        assert!(queue.receive(ON, 1, VISIBILITY).is_empty());
        assert_eq!((queue.depth(ON), queue.depth(QueueName::DeadLetter)), (0, 1));
    }
}
