//! Looks after due records that are no events: those that a poll finds, and one that a message speaks of.

use futures::future::join_all;
use tracing::warn;

use crate::{
    app::App,
    change::follow,
    group::{self, GROUP},
    lifecycle::{Priority, Trigger},
    notify::notify_due,
    poller::PollReport,
    redact::chain,
    store::{Record, RecordKey, StoreError},
};

pub(super) async fn tend(app: &App, due: Vec<Record>) -> PollReport {
    let tended = due.into_iter().map(async |record| {
        let (kind, id) = (record.key.kind.clone(), record.key.id.clone());
        match look(app, record).await {
            Ok(()) => PollReport::default(),
            Err(problem) => {
                warn!(%kind, %id, error = %chain(&problem), "a due record was not looked after; the next poll tries again");
                PollReport { failed: 1, ..PollReport::default() }
            }
        }
    });
    join_all(tended).await.into_iter().fold(PollReport::default(), PollReport::plus)
}

/// Looks after the record that a message speaks of, if it is there. What does not work now the poller does later: the
/// record's `wake_at` brings it.
pub async fn tend_one(app: &App, key: &RecordKey) {
    let looked = async {
        match app.store.record(key).await? {
            Some(record) => look(app, record).await,
            None => Ok(()),
        }
    };
    if let Err(problem) = looked.await {
        warn!(kind = %key.kind, id = %key.id, error = %chain(&problem), "a record was not looked after; the poller will");
    }
}

/// The one place that finds who looks after a record.
async fn look(app: &App, record: Record) -> Result<(), StoreError> {
    if record.key.kind.as_str() == GROUP {
        return look_at_group(app, record).await;
    }
    match app.types.tends(&record.key.kind) {
        Some(by) => by.look_after(app, &app.types, record).await,
        // Of a kind that this version does not know: another one's.
        None => Err(StoreError::Invalid(format!("nobody here looks after a `{}`", record.key.kind))),
    }
}

/// Where members are called off there may be more: those come right after them.
async fn look_at_group(app: &App, record: Record) -> Result<(), StoreError> {
    let key = record.key.clone();
    let next = group::look(app, record).await?;
    let sweeps = next.iter().any(|next| matches!(next.trigger, Trigger::Cancel { .. }));
    // If none could be called off, the next poll tries again.
    if follow(app, next).await > 0 && sweeps {
        notify_due(app, &key, app.clock.now(), Priority::default()).await;
    }
    Ok(())
}
