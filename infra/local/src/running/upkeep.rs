//! What one machine does beside answering and running tasks, each in a loop of its own until the server stops.

use std::{sync::Arc, time::Duration};

use errand::{
    App, StoreError,
    spi::{
        clock::Clock,
        queue::{MemoryQueue, QueueName, TaskMessage, Tenants},
        store::Retention,
    },
};
use tracing::warn;

use crate::sqlite::{Pruned, SqliteStore};

/// How many ended tasks are removed in one transaction, and how long others may write in between.
const PRUNE_BATCH: usize = 500;
const PRUNE_PAUSE: Duration = Duration::from_millis(50);
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// Dead letters taken at a time.
const LETTERS: usize = 100;

/// Looks after what is due, at once and then after each `interval`.
pub(super) async fn poll(app: App, interval: Duration, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    loop {
        errand::spi::poller::look(&app, None).await;
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(interval) => {}
        }
    }
}

/// Beside the poller: a webhook that is slow, or does not answer, keeps it from nothing. As long as one takes events, the
/// next run follows at once.
pub(super) async fn post(app: App, interval: Duration, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    loop {
        let posted = errand::spi::poller::post(&app, None).await;
        let pause = if posted.taken > 0 { Duration::ZERO } else { interval };
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// On AWS dead letters wait in their queue for an operator. Here they are told, and found by `?status=failed`: in
/// memory they would only pile up.
pub(super) async fn letters(queue: Arc<MemoryQueue>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = queue.ready(Tenants::All, &[QueueName::DeadLetter]) => {}
        }
        for letter in queue.receive(QueueName::DeadLetter, LETTERS, Duration::from_secs(60)) {
            let message = serde_json::from_str::<TaskMessage>(&letter.body).ok();
            warn!(task.id = message.map(|message| message.key.id.to_string()), "dead letter");
            queue.delete(QueueName::DeadLetter, &letter.receipt);
        }
    }
}

/// Removes what is past its retention, a little at a time.
pub(super) async fn prune(
    clock: Arc<dyn Clock>,
    store: Arc<SqliteStore>,
    retention: Retention,
    stop: impl Future<Output = ()>,
) {
    tokio::pin!(stop);
    loop {
        let now = clock.now();
        let pruned = async {
            let expired = store.prune_expired(now, PRUNE_BATCH).await?;
            let pruned = store.prune(now - retention.tasks, now - retention.log, PRUNE_BATCH).await?;
            Ok::<_, StoreError>(expired > 0 || pruned != Pruned::default())
        };
        let pause = match pruned.await {
            Ok(true) => PRUNE_PAUSE,
            Ok(false) => PRUNE_EVERY,
            Err(problem) => {
                warn!(error = %errand::spi::redact::chain(&problem), "what is past its retention was not removed");
                PRUNE_EVERY
            }
        };
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
