//! Sends messages about tasks: that they are due.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use tracing::warn;

use crate::{
    app::App,
    clock::Timestamp,
    group::Announce,
    lifecycle::{Hint, Priority, Task, hint},
    queue::{OutMessage, QueueError, QueueName},
    redact::chain,
    store::RecordKey,
};

/// Sends the message of every one of `tasks` that is pending and due soon; the rest is the poller's. Answers for
/// each task whether its message is on its way. Nobody is told of a task that is pulled, but the bell rings.
pub async fn notify(app: &App, tasks: &[Task]) -> Vec<bool> {
    let now = app.clock.now();
    let mut by_queue: BTreeMap<QueueName, (Vec<usize>, Vec<OutMessage>)> = BTreeMap::new();
    for (place, task) in tasks.iter().enumerate().filter(|(_, task)| !task.is_pulled()) {
        if let Some(Hint::Message(delay)) = task.run_at().map(|run_at| hint(run_at, now)) {
            let (places, messages) = by_queue.entry(app.queue_of(task)).or_default();
            places.push(place);
            messages.push(OutMessage::hint(task, delay, app.trace.as_deref()));
        }
    }
    if let Some(bell) = app.bell.as_ref().filter(|_| tasks.iter().any(Task::is_pulled)) {
        bell.ring();
    }
    let mut on_its_way: Vec<bool> = tasks.iter().map(Task::is_pulled).collect();
    for (queue, (places, messages)) in by_queue {
        for (place, sent) in places.into_iter().zip(app.queue.send(queue, messages).await) {
            match (sent, on_its_way.get_mut(place)) {
                (Ok(()), Some(answer)) => *answer = true,
                (Ok(()), None) => {}
                // Nothing is lost: the task's `wake_at` brings the poller.
                (Err(error), _) => warn!(queue = queue.as_str(), error = %chain(&error), "a message was not sent"),
            }
        }
    }
    on_its_way
}

/// Sends the message that brings a record at its time to who looks after it, if that is within 15 minutes; a later one is the
/// poller's to send. A second one does no harm, and one that is lost is made good by the record's `wake_at`.
pub async fn notify_due(app: &App, record: &RecordKey, at: Timestamp, priority: Priority) {
    let Hint::Message(delay) = hint(at, app.clock.now()) else { return };
    let queue = QueueName::Work(priority);
    let sent: Result<(), QueueError> =
        app.queue.send(queue, vec![OutMessage::due(record, delay)]).await.into_iter().collect();
    if let Err(error) = sent {
        warn!(queue = queue.as_str(), error = %chain(&error), "a message was not sent; the poller will look in time");
    }
}

#[async_trait]
impl Announce for App {
    async fn announce(&self, tasks: &[Task]) {
        notify(self, tasks).await;
    }
}

/// Sends the message of a task that will be due in `delay`, before that is committed; whether it is on its way.
pub(crate) async fn send_delayed(app: &App, task: &Task, delay: Duration) -> bool {
    let queue = app.queue_of(task);
    let message = OutMessage::hint(task, delay, app.trace.as_deref());
    let sent: Result<(), QueueError> = app.queue.send(queue, vec![message]).await.into_iter().collect();
    if let Err(error) = &sent {
        warn!(queue = queue.as_str(), error = %chain(error), "a message was not sent; the poller will send it");
    }
    sent.is_ok()
}
