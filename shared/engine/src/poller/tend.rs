//! Looks after due records that are no events, within a poll.

use futures::future::join_all;
use tracing::warn;

use crate::{app::App, poller::PollReport, redact::chain, store::Record};

/// Has each looked after by whoever keeps it. What no version here knows stays due: another one does.
pub(super) async fn tend(app: &App, due: Vec<Record>) -> PollReport {
    let Some(open) = app.types.open_types() else { return PollReport { failed: due.len(), ..PollReport::default() } };
    let tended = due.into_iter().map(async |record| {
        let (kind, id) = (record.key.kind.clone(), record.key.id.clone());
        match open.look_after(app, record).await {
            Ok(()) => PollReport::default(),
            Err(problem) => {
                warn!(%kind, %id, error = %chain(&problem), "a due record was not looked after; the next poll tries again");
                PollReport { failed: 1, ..PollReport::default() }
            }
        }
    });
    join_all(tended).await.into_iter().fold(PollReport::default(), PollReport::plus)
}
