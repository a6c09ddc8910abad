//! The word that the newest poll left, for `GET /v1/health`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::PollReport;
use crate::{
    app::App,
    clock::Timestamp,
    ids::{self, Id, Name},
    notify::chain,
    store::{self, Commit, Expect, RecordKey, RecordWrite, StoreError},
};

/// How often polls that did nothing leave word.
const QUIET: Duration = Duration::from_secs(60);

/// When and how the newest poll ended, for `GET /v1/health`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LastPoll {
    /// When it ended.
    pub at: Timestamp,
    /// How far it came.
    #[serde(flatten)]
    pub report: PollReport,
}

/// Nobody's and everybody's: what is the installation's own.
fn mark_key() -> RecordKey {
    RecordKey { tenant: Name::of("_errand"), kind: Name::of("poll"), id: Id::from(ids::derived(&["last poll"])) }
}

/// Leaves word that a poll has ended so. A poll that did nothing says so once a minute: on one machine there is
/// one every second.
pub async fn mark(app: &App, report: &PollReport) {
    let now = app.clock.now();
    if report.acted() == 0 && last_poll(app).await.is_ok_and(|last| last.is_some_and(|l| now < l.at + QUIET)) {
        return;
    }
    let last = LastPoll { at: now, report: report.clone() };
    let doc = serde_json::to_value(&last).ok().and_then(|doc| doc.as_object().cloned()).unwrap_or_default();
    let put = RecordWrite::put(mark_key(), doc, Expect::Any, now);
    if let Err(problem) = store::commit(&*app.store, Commit { records: vec![put], ..Commit::default() }).await {
        warn!(error = %chain(&problem), "the end of a poll was not noted");
    }
}

/// The newest poll, if there was one.
pub async fn last_poll(app: &App) -> Result<Option<LastPoll>, StoreError> {
    let record = app.store.record(&mark_key()).await?;
    Ok(record.and_then(|record| serde_json::from_value(record.doc.into()).ok()))
}
