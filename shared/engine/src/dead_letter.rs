//! The dead letter that a failed task owes.

use tracing::warn;

use crate::{
    app::App,
    change::{With, change},
    lifecycle::{State, Task, Trigger},
    meter::DEAD_LETTERS,
    queue::{OutMessage, QueueError, QueueName},
    redact::chain,
};

/// Sends the dead letter that a failed task owes, then notes it. What does not work here is tried again by the
/// poller, until it is noted: sent at least once.
pub(crate) async fn dead_letter(app: &App, task: &Task) {
    let (State::Failed { failure }, None) = (&task.state, task.dead_lettered_at) else { return };
    let letter = OutMessage::dead_letter(task, &failure.message);
    let sent: Result<(), QueueError> = app.queue.send(QueueName::DeadLetter, vec![letter]).await.into_iter().collect();
    if let Err(error) = sent {
        warn!(task.id = %task.key.id, error = %chain(&error), "a dead letter was not sent; the poller will send it");
        return;
    }
    app.meter.count(DEAD_LETTERS);
    let noted = Trigger::DeadLettered { redrives: task.redrives };
    if let Err(error) = change(app, task, noted, With::nothing()).await {
        warn!(task.id = %task.key.id, error = %chain(&error), "a sent dead letter was not noted; it may be sent again");
    }
}
