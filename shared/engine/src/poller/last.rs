//! The word that the newest poll left, for `GET /v1/health`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{
    app::App,
    clock::Timestamp,
    ids::{self, Id, Name},
    outbox::{self, Owed},
    poller::{PollReport, Polled},
    redact::chain,
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
    /// What the webhook was owed then; null if that could not be told.
    #[serde(default)]
    pub owed: Option<Owed>,
}

/// What is stored of it.
#[derive(Serialize, Deserialize)]
struct Mark {
    #[serde(flatten)]
    last: LastPoll,
    /// The shard that the next poll begins with.
    #[serde(default)]
    next_shard: u16,
}

fn mark_key() -> RecordKey {
    RecordKey { tenant: Name::installation(), kind: Name::of("poll"), id: Id::from(ids::derived(&["last poll"])) }
}

/// Leaves word that a poll has ended so. A poll that did nothing says so once a minute: on one machine there is
/// one every second.
pub async fn mark(app: &App, polled: &Polled) {
    let (now, report) = (app.clock.now(), &polled.report);
    if report.acted() == 0 && last_poll(app).await.is_ok_and(|last| last.is_some_and(|l| now < l.at + QUIET)) {
        return;
    }
    let owed = outbox::owed(app).await.ok();
    let mark = Mark { last: LastPoll { at: now, report: report.clone(), owed }, next_shard: polled.next };
    let doc = serde_json::to_value(&mark).ok().and_then(|doc| doc.as_object().cloned()).unwrap_or_default();
    let put = RecordWrite::put(mark_key(), doc, Expect::Any, now);
    if let Err(problem) = store::commit(&*app.store, Commit { records: vec![put], ..Commit::default() }).await {
        warn!(error = %chain(&problem), "the end of a poll was not noted");
    }
}

/// The newest poll, if there was one.
pub async fn last_poll(app: &App) -> Result<Option<LastPoll>, StoreError> {
    Ok(stored(app).await?.map(|mark| mark.last))
}

/// The shard that a poll begins with: where the newest one had to stop.
pub async fn first_shard(app: &App) -> u16 {
    match app.store.shards() {
        1 => 0,
        // A store that cannot be read will say so to the poll.
        _ => stored(app).await.ok().flatten().map_or(0, |mark| mark.next_shard),
    }
}

async fn stored(app: &App) -> Result<Option<Mark>, StoreError> {
    let record = app.store.record(&mark_key()).await?;
    Ok(record.and_then(|record| serde_json::from_value(record.doc.into()).ok()))
}
